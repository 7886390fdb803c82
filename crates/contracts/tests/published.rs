//! What `proto/` says in words, addresses and examples is what the code does.

use std::path::{Path, PathBuf};
use std::{env, fs};

use contracts::events::CATALOGUE;
use contracts::{subjects, wire};
use kernel::CaseId;
use kernel::taxonomy::{Channel, Office};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn proto(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../proto")
        .join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(proto(path)).unwrap_or_else(|e| panic!("proto/{path}: {e}"))
}

/// The service that owns a category: it alone may append to it.
fn owner(category: &str) -> &str {
    match category {
        "report" => "intake",
        "obligation" => "escalation",
        "sla-policy" => "escalation",
        "message" => "feedback",
        "access" | "ledger" => "ledger",
        "directory" => "console",
        "routing-outlet" => "routing",
        other => other.strip_suffix("-policy").unwrap_or(other),
    }
}

/// The catalogue as the README shows it: type, owner, and the first sentence of the type's description.
fn catalogue() -> String {
    let mut table = "| event | stated by | says |\n|---|---|---|\n".to_owned();
    for entry in CATALOGUE {
        let schema = (entry.schema)();
        let description = schema
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let words = description.split_whitespace().collect::<Vec<_>>().join(" ");
        let words = words.replace("[`crate::sealed::", "`").replace("`]", "`");
        table.push_str(&format!(
            "| [`{kind}`](events/{kind}.schema.json) | {} | {words} |\n",
            owner(entry.category),
            kind = entry.kind
        ));
    }
    table
}

#[test]
fn the_readme_lists_every_event_as_the_code_describes_it() {
    let readme = read("README.md");
    let (before, rest) = readme.split_once("<!-- generated: the catalogue -->\n").unwrap();
    let (found, after) = rest.split_once("<!-- end -->").unwrap();
    if env::var_os("UPDATE_SCHEMAS").is_some() {
        let text = format!(
            "{before}<!-- generated: the catalogue -->\n{}<!-- end -->{after}",
            catalogue()
        );
        fs::write(proto("README.md"), text).unwrap();
        return;
    }
    assert_eq!(
        found,
        catalogue(),
        "UPDATE_SCHEMAS=1 cargo test -p contracts writes it"
    );
}

/// Names and payloads of the examples in `asyncapi.yaml`; each is one line of JSON after its name.
fn examples() -> Vec<(String, Value)> {
    let text = read("asyncapi.yaml");
    let mut found = Vec::new();
    let mut name = String::new();
    for line in text.lines().map(str::trim) {
        if let Some(next) = line.strip_prefix("- name: ") {
            name = next.to_owned();
        } else if let Some(payload) = line.strip_prefix("payload: {\"") {
            let payload = format!("{{\"{payload}");
            found.push((
                name.clone(),
                serde_json::from_str(&payload).unwrap_or_else(|e| panic!("{name}: {e}")),
            ));
        }
    }
    found
}

fn reread<T: DeserializeOwned + Serialize>(name: &str, example: &Value) -> Value {
    let read: T = serde_json::from_value(example.clone()).unwrap_or_else(|e| panic!("{name}: {e}"));
    serde_json::to_value(read).expect("our own types are always JSON")
}

#[test]
fn every_example_is_a_message_that_we_read_and_write() {
    let examples = examples();
    for (name, example) in &examples {
        let mut back = match name.split(',').next().unwrap() {
            "ReportIn" => reread::<wire::ReportIn>(name, example),
            "ReceiptOut" => reread::<wire::ReceiptOut>(name, example),
            "CaseNotice" => reread::<wire::CaseNotice>(name, example),
            "DeskRequest" => reread::<wire::DeskRequest>(name, example),
            "DeskReply" => reread::<wire::DeskReply>(name, example),
            other => panic!("{name}: there is no message {other}"),
        };
        if example.get("incomplete").is_none() {
            back.as_object_mut().unwrap().remove("incomplete"); // false when it is not said
        }
        assert_eq!(&back, example, "{name}");
    }
    for name in ["ReportIn", "ReceiptOut", "CaseNotice", "DeskRequest", "DeskReply"] {
        assert!(
            examples.iter().any(|(found, _)| found.starts_with(name)),
            "{name} has no example"
        );
    }
}

/// Whether a subject fits an address of `asyncapi.yaml` like `in.{channel}.{gateway}`.
fn fits(subject: &str, address: &str) -> bool {
    let (subject, address): (Vec<_>, Vec<_>) = (subject.split('.').collect(), address.split('.').collect());
    subject.len() == address.len()
        && address
            .iter()
            .zip(&subject)
            .all(|(a, s)| a.starts_with('{') || a == s)
}

#[test]
fn every_subject_of_outsiders_has_its_address_and_every_address_its_subject() {
    let case = CaseId(uuid::Uuid::from_u128(7));
    let subjects = [
        subjects::inbox(Channel::Sms, "gw1"),
        subjects::inbox_express("gw1"),
        subjects::submit("sms", "gw1"),
        subjects::receipts("sms", "gw1"),
        subjects::case_notice(Office::PeoplesCommittee, "so_xd", case, 1),
        subjects::desk("so_xd", "open"),
    ];
    let text = read("asyncapi.yaml");
    let addresses: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("address: "))
        .filter(|a| *a != "null")
        .collect();
    for subject in &subjects {
        assert!(
            addresses.iter().any(|address| fits(subject, address)),
            "{subject} has no address"
        );
    }
    for address in addresses {
        assert!(
            subjects.iter().any(|subject| fits(subject, address)),
            "{address} is no subject of ours"
        );
    }
}

#[test]
fn every_channel_that_the_code_takes_is_published() {
    let codes = Channel::ALL
        .iter()
        .map(|channel| channel.code())
        .collect::<Vec<_>>()
        .join(", ");
    assert!(
        read("asyncapi.yaml").contains(&format!("enum: [{codes}]")),
        "the channels are {codes}"
    );
}
