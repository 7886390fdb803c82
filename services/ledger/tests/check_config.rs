//! What is wrong with a configuration is said at once, one line for each, before anything is opened.
#![expect(clippy::unwrap_used, reason = "test code in functions of its own")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

fn check(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hoiam-ledger"))
        .env_clear()
        .current_dir(folder)
        .args(arguments)
        .arg("check-config")
        .output()
        .unwrap()
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8(output.stderr.clone())
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_problem_is_one_line_and_all_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("kek"), "no key").unwrap();
    std::fs::set_permissions(folder.path().join("kek"), PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::write(folder.path().join("callers.json"), "{").unwrap();
    let output = check(
        folder.path(),
        &[
            "--database=mysql://db",
            "--kek=kek",
            "--shards=0",
            "--grpc-listen=nowhere",
            "--http-listen=127.0.0.1",
            "--callers=callers.json",
            "--nats-url=here",
            "--nats-credential=missing.json",
            "--otlp-endpoint=collector:4317",
        ],
    );
    assert_eq!(output.status.code(), Some(2));
    let told = lines(&output);
    let options: Vec<&str> = told
        .iter()
        .filter_map(|line| line.split_once(": ").map(|(o, _)| o))
        .collect();
    assert_eq!(
        options,
        [
            "--database",
            "--kek",
            "--shards",
            "--grpc-listen",
            "--http-listen",
            "--callers",
            "--nats-url",
            "--nats-credential",
            "--otlp-endpoint",
        ],
        "{told:#?}"
    );
    assert!(
        told.iter()
            .any(|line| line.starts_with("--nats-credential") && line.contains("No such file")),
        "the reason is told too: {told:#?}"
    );
}

#[test]
fn a_good_configuration_is_printed_with_its_secrets_hidden() {
    let folder = tempfile::tempdir().unwrap();
    ledger::vault::create_kek_file(&folder.path().join("kek")).unwrap();
    std::fs::write(folder.path().join("callers.json"), r#"{"callers": []}"#).unwrap();
    let good = [
        "--database=postgres://ledger:mat-khau@db/ledger",
        "--kek=kek",
        "--callers=callers.json",
    ];
    let output = check(folder.path(), &good);
    assert_eq!(output.status.code(), Some(0), "{:#?}", lines(&output));
    let told = lines(&output).join("\n");
    assert!(told.contains("(hidden)") && !told.contains("mat-khau"), "{told}");

    // A key that others may read is no secret.
    std::fs::set_permissions(folder.path().join("kek"), PermissionsExt::from_mode(0o644)).unwrap();
    let output = check(folder.path(), &good);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        lines(&output).join("\n").contains("0600"),
        "{:#?}",
        lines(&output)
    );
}
