//! One event of each type and version as it was once written still reads, whatever was added since.

use std::fs;
use std::path::{Path, PathBuf};

use contracts::events::{CATALOGUE, Entry};
use serde_json::{Value, json};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn example(entry: &Entry) -> Value {
    let path = golden().join(format!("{}.json", entry.kind));
    let text = fs::read(&path).unwrap_or_else(|e| {
        panic!(
            "{}: {e}: every event type and version has one example, kept for ever",
            path.display()
        )
    });
    serde_json::from_slice(&text).expect("a golden file is JSON")
}

#[test]
fn every_event_ever_written_reads_and_writes_the_same() {
    for entry in CATALOGUE {
        let example = example(entry);
        let read = (entry.reread)(example.to_string().as_bytes());
        assert_eq!(
            read.unwrap_or_else(|e| panic!("{}: {e}", entry.kind)),
            example,
            "{}",
            entry.kind
        );
    }
}

#[test]
fn fields_that_this_reader_does_not_know_are_passed_over() {
    for entry in CATALOGUE {
        let mut newer = example(entry);
        newer
            .as_object_mut()
            .unwrap()
            .insert("of_a_later_version".to_owned(), json!({ "some": ["thing"] }));
        let read = (entry.reread)(newer.to_string().as_bytes());
        assert_eq!(
            read.unwrap_or_else(|e| panic!("{}: {e}", entry.kind)),
            example(entry),
            "{}",
            entry.kind
        );
    }
}

#[test]
fn a_golden_file_of_a_type_that_is_gone_says_so() {
    for file in fs::read_dir(golden()).unwrap() {
        let name = file.unwrap().file_name().to_string_lossy().into_owned();
        let kind = name.strip_suffix(".json").unwrap();
        assert!(
            CATALOGUE.iter().any(|entry| entry.kind == kind),
            "{kind} was once written, so its type must stay in the catalogue"
        );
    }
}

#[test]
fn free_text_in_place_of_a_code_is_refused_when_written_and_when_read() {
    let mut told = json!({ "what": "result", "channel": "sms", "message": null, "revision": 1 });
    let entry = CATALOGUE
        .iter()
        .find(|entry| entry.kind == "feedback.citizen_told.v1")
        .unwrap();
    assert!((entry.reread)(told.to_string().as_bytes()).is_ok());
    told["what"] = json!("Anh Nguyễn Văn A, 0901 234 567");
    assert!((entry.reread)(told.to_string().as_bytes()).is_err());
}
