//! The walls: which crate may know which, and the habits of the source that a program can check.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .expect("the tests lie one below the root")
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .expect("cargo metadata reads the workspace")
}

/// What a crate is allowed to know of our own, as `architecture` in the README draws it. `None`: nobody drew this crate.
fn allowed(package: &str, services: &BTreeSet<String>) -> Option<Vec<String>> {
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    Some(match package {
        "kernel" | "vietnam" => Vec::new(),
        "triage" => names(&["kernel", "vietnam"]),
        "contracts" | "readmodel" => names(&["kernel"]),
        "chassis" => names(&["kernel", "contracts"]),
        "testkit" | "hoiam" => {
            let edges = names(&["kernel", "vietnam", "triage", "contracts", "chassis", "readmodel"]);
            let domains = services.iter().map(|service| format!("{service}-domain"));
            edges
                .into_iter()
                .chain(domains)
                .chain(services.iter().cloned())
                .collect()
        }
        "hoiam-tests" => names(&["kernel", "vietnam", "contracts", "chassis", "testkit", "hoiam"]),
        domain if domain.ends_with("-domain") => names(&["kernel", "vietnam"]),
        service if services.contains(service) => {
            let mut edges = names(&["kernel", "vietnam", "contracts", "chassis", "readmodel"]);
            edges.push(format!("{service}-domain"));
            if service == "intake" {
                edges.push("triage".to_owned()); // the few words that mean danger are looked for before the append
            }
            edges
        }
        _ => return None,
    })
}

/// Crates of others that say: this is an edge. Decisions have none of them.
const EDGES: [&str; 9] = [
    "tokio",
    "tonic",
    "sqlx",
    "async-nats",
    "axum",
    "reqwest",
    "rand",
    "getrandom",
    "tracing",
];

fn is_pure(package: &str) -> bool {
    matches!(package, "kernel" | "vietnam" | "triage") || package.ends_with("-domain")
}

/// Every arrow that must not be.
fn forbidden(packages: &[Package]) -> Vec<String> {
    let ours: BTreeSet<String> = packages.iter().map(|p| p.name.to_string()).collect();
    let services: BTreeSet<String> = packages
        .iter()
        .filter(|p| p.manifest_path.as_str().contains("/services/") && !p.name.ends_with("-domain"))
        .map(|p| p.name.to_string())
        .collect();
    let mut wrong = Vec::new();
    for package in packages {
        let name = package.name.as_str();
        let Some(mut may) = allowed(name, &services) else {
            wrong.push(format!(
                "{name} is not in the picture: say in this test what it may know"
            ));
            continue;
        };
        for dependency in &package.dependencies {
            let target = dependency.name.as_str();
            if dependency.kind == DependencyKind::Development {
                // Tests meet the real ledger, and the loop a real read model.
                may.extend(["testkit", "ledger", "readmodel"].map(str::to_owned));
            }
            if ours.contains(target) && !may.iter().any(|m| m == target) {
                wrong.push(format!("{name} -> {target}"));
            }
            if target == "async-nats" && !matches!(name, "ledger" | "chassis") {
                wrong.push(format!(
                    "{name} -> async-nats: only ledger and chassis speak to the broker themselves"
                ));
            }
            if is_pure(name) && dependency.kind != DependencyKind::Development && EDGES.contains(&target) {
                wrong.push(format!("{name} -> {target}: decisions are pure"));
            }
        }
    }
    wrong
}

#[test]
fn dependencies_point_one_way() {
    let metadata = metadata();
    let packages: Vec<Package> = metadata.workspace_packages().into_iter().cloned().collect();
    assert!(packages.len() > 15, "the workspace was read");
    assert_eq!(forbidden(&packages), [""; 0]);
}

#[test]
fn an_arrow_that_must_not_be_is_found() {
    let metadata = metadata();
    let mut packages: Vec<Package> = metadata.workspace_packages().into_iter().cloned().collect();
    let arrow = |packages: &[Package], from: &str, to: &str| {
        let has = |p: &&Package| {
            p.dependencies
                .iter()
                .any(|d| d.name == to && d.kind == DependencyKind::Normal)
        };
        packages
            .iter()
            .filter(|p| p.name.as_str() == from)
            .find(has)
            .map(|p| {
                p.dependencies
                    .iter()
                    .find(|d| d.name == to)
                    .expect("just seen")
                    .clone()
            })
    };
    let broker = arrow(&packages, "chassis", "async-nats").expect("chassis names async-nats");
    let routing = arrow(&packages, "hoiam", "routing").expect("hoiam runs routing");
    for package in &mut packages {
        match package.name.as_str() {
            "intake" => package.dependencies.push(routing.clone()),
            "routing-domain" => package.dependencies.push(broker.clone()),
            _ => {}
        }
    }
    assert_eq!(
        forbidden(&packages),
        [
            "intake -> routing",
            "routing-domain -> async-nats: only ledger and chassis speak to the broker themselves",
            "routing-domain -> async-nats: decisions are pure",
        ]
    );
}

#[test]
fn no_crate_repeats_a_version_or_a_lint_of_the_workspace() {
    for package in metadata().workspace_packages() {
        let manifest = fs::read_to_string(&package.manifest_path).expect("the manifest is there");
        let wrong: Vec<&str> = manifest
            .lines()
            .filter(|line| line.contains("version = \"") || line.contains("path = \"../"))
            .collect();
        assert_eq!(
            wrong, [""; 0],
            "{}: versions and paths are in the root Cargo.toml",
            package.name
        );
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{}: the lints are the workspace's",
            package.name
        );
        let publish = package.publish.as_ref().is_some_and(Vec::is_empty);
        assert!(publish, "{}: nothing is published by accident", package.name);
    }
}

/// Every Rust file of ours, by its path below the root.
fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the entry can be read").path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() && !matches!(name.as_str(), "target" | "node_modules") {
                walk(&path, found);
            } else if name.ends_with(".rs") {
                found.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    for folder in ["crates", "services", "tests"] {
        walk(&root().join(folder), &mut paths);
    }
    let read = |path: PathBuf| {
        let below = path
            .strip_prefix(root())
            .expect("it is below the root")
            .to_string_lossy()
            .into_owned();
        (below, fs::read_to_string(&path).expect("source is UTF-8"))
    };
    paths.into_iter().map(read).collect()
}

/// Files that break a rule, with the line where they do.
fn breaking(rule: impl Fn(&str, &str) -> bool, excepted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| !excepted(path)) {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim_start().starts_with("//"));
        found.extend(
            lines
                .filter(|(_, line)| rule(path, line))
                .map(|(n, line)| format!("{path}:{}: {}", n + 1, line.trim())),
        );
    }
    found
}

fn in_tests(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.starts_with("crates/testkit/")
}

#[test]
fn every_file_says_what_it_is_for_and_is_short_enough_to_read() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if !text.starts_with("//! ") {
            wrong.push(format!("{path} opens without `//!` and a sentence"));
        }
        let lines = text.lines().count();
        if lines > 500 {
            wrong.push(format!("{path} has {lines} lines: split it (500 at most)"));
        }
        let name = path.rsplit('/').next().unwrap_or_default();
        if matches!(
            name,
            "mod.rs" | "utils.rs" | "util.rs" | "helpers.rs" | "common.rs" | "manager.rs"
        ) {
            wrong.push(format!("{path}: a name that says what is in it"));
        }
        let service_main = path.starts_with("services/") && path.ends_with("/src/main.rs");
        if service_main && text.lines().count() > 15 {
            wrong.push(format!(
                "{path}: a service's main is about five lines; its life is in chassis::service"
            ));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn sql_is_only_where_the_tables_are() {
    let sql = |_: &str, line: &str| {
        ["sqlx::query", "sqlx::raw_sql", "QueryBuilder::"]
            .iter()
            .any(|call| line.contains(call))
    };
    let store = |path: &str| {
        path.ends_with("/store.rs")
            || path.contains("/store/")
            || path.starts_with("crates/readmodel/")
            || in_tests(path)
    };
    assert_eq!(breaking(sql, store), [""; 0]);
}

#[test]
fn a_subject_is_spelt_in_contracts_only() {
    let literal = |_: &str, line: &str| {
        ["evt.", "cases.", "desk.", "submit.", "out.", "park.", "in.*"]
            .iter()
            .any(|start| {
                line.match_indices(&format!("\"{start}")).any(|(at, _)| {
                    // A subject goes on after the dot; a sentence would not, and a page is none.
                    let after = line[at + 1 + start.len()..].chars().next();
                    let on = after
                        .is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '{' | '*' | '>' | '.'));
                    on && !line.contains(".html\"")
                })
            })
    };
    assert_eq!(
        breaking(literal, |path| path.starts_with("crates/contracts/")
            || in_tests(path)),
        [""; 0]
    );
}

#[test]
fn no_test_sleeps_and_no_service_logs_words() {
    // A look every few milliseconds at what has no other way to be waited for is no sleep that hopes.
    let hopes = |path: &str, line: &str| {
        let pause = line.split_once("time::sleep(").map(|(_, rest)| rest);
        let polls = pause.and_then(|rest| {
            rest.strip_prefix("Duration::from_millis(")?
                .split(')')
                .next()?
                .parse()
                .ok()
        });
        in_tests(path) && pause.is_some() && polls.is_none_or(|millis: u32| millis > 50)
    };
    // The harness of the whole system polls pages and programs, with pauses of its own.
    let harness = |path: &str| path.starts_with("tests/src/") || path.ends_with("architecture.rs");
    assert_eq!(breaking(hopes, harness), [""; 0]);
    let logged = |_: &str, line: &str| {
        ["info!(", "warn!(", "error!(", "debug!("]
            .iter()
            .any(|log| line.contains(log))
            && [
                "text =", "phone =", "email =", "name = %", "%content", "?content", "body =",
            ]
            .iter()
            .any(|word| line.contains(word))
    };
    assert_eq!(breaking(logged, in_tests), [""; 0]);
}

#[test]
fn a_newcomer_finds_a_readme_in_every_folder_they_land_in() {
    let mut folders: Vec<PathBuf> = metadata()
        .workspace_packages()
        .iter()
        .map(|p| {
            p.manifest_path
                .parent()
                .expect("a manifest lies in a folder")
                .as_std_path()
                .to_owned()
        })
        .filter(|folder| !folder.ends_with("domain")) // a domain's rules are told in its service's README
        .collect();
    folders.extend([root(), root().join("proto"), root().join("deploy")]);
    let missing: Vec<String> = folders
        .iter()
        .filter(|folder| !folder.join("README.md").is_file())
        .map(|folder| {
            folder
                .strip_prefix(root())
                .unwrap_or(folder)
                .display()
                .to_string()
        })
        .collect();
    assert_eq!(missing, [""; 0]);
}
