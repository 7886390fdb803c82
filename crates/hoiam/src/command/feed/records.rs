//! Reads the lines of a feed and makes of each what a gateway may send: never a label.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use contracts::wire::{ReportIn, ReporterIn};
use kernel::taxonomy::Channel;
use serde::Deserialize;

/// A message ready to be sent.
#[derive(Clone)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) channel: Channel,
    pub(super) body: bytes::Bytes,
}

/// What is read of a line; whatever else it holds (labels above all) is passed over.
#[derive(Deserialize)]
struct Line {
    id: String,
    channel: Channel,
    text: String,
    occurred_at: Option<String>,
    line: Option<String>,
    from: Option<ReporterIn>,
}

pub(super) fn read(files: &[PathBuf], repeat: u32) -> anyhow::Result<Vec<Record>> {
    let mut records = Vec::new();
    for round in 1..=repeat {
        for file in files {
            read_file(file, round, &mut records)?;
        }
    }
    Ok(records)
}

fn read_file(path: &Path, round: u32, records: &mut Vec<Record>) -> anyhow::Result<()> {
    let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("{} cannot be read", path.display()))?;
        if line.trim().is_empty() {
            continue;
        }
        let number = index + 1;
        // What serde says may quote the report.
        let line: Line = serde_json::from_str(&line)
            .map_err(|e| anyhow!("{} line {number}: not an object with `id`, `channel` (phone, sms, email, web) and `text` (column {})", path.display(), e.column()))?;
        let id = if round == 1 {
            line.id
        } else {
            format!("{}-{round}", line.id)
        };
        let report = ReportIn {
            id: id.clone(),
            text: line.text,
            occurred_at: line.occurred_at,
            line: line.line,
            from: line.from,
            place: None,
            incomplete: false,
            channel: None,
        };
        records.push(Record {
            id,
            channel: line.channel,
            body: serde_json::to_vec(&report)?.into(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_never_sent() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a.jsonl");
        let line = r#"{"id":"1","channel":"sms","text":"Ngập","kind":"reflection","topic":"flooding","level":2,"place":{"street":"X"},"complete":false}"#;
        std::fs::write(&path, format!("{line}\n\n")).unwrap();
        let records = read(&[path], 2).unwrap();
        let bodies: Vec<_> = records
            .iter()
            .map(|r| String::from_utf8(r.body.to_vec()).unwrap())
            .collect();
        assert_eq!(
            bodies,
            [
                r#"{"id":"1","text":"Ngập","incomplete":false}"#,
                r#"{"id":"1-2","text":"Ngập","incomplete":false}"#
            ]
        );
    }

    #[test]
    fn a_bad_line_is_named_without_being_quoted() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a.jsonl");
        std::fs::write(&path, "{\"id\":\"1\",\"channel\":\"bí mật\",\"text\":\"x\"}\n").unwrap();
        let Err(error) = read(&[path], 1) else {
            panic!("a bad channel was taken")
        };
        assert!(
            error.to_string().contains("line 1") && !error.to_string().contains("bí mật"),
            "{error}"
        );
    }
}
