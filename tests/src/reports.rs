//! The project's 480 reports, and feed files made from them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// One labelled report.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its id in the file.
    pub id: String,
    /// The whole record.
    pub json: Value,
}

impl Record {
    /// All 480, in the order of the files.
    ///
    /// # Panics
    /// When `tests/data/reports` is damaged.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let folder = crate::programs::root().join("tests/data/reports");
        let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
            .expect("tests/data/reports is there")
            .map(|e| e.expect("readable").path())
            .collect();
        files.sort();
        files
            .iter()
            .flat_map(|file| {
                std::fs::read_to_string(file)
                    .expect("a readable file")
                    .lines()
                    .map(|line| {
                        let json: Value = serde_json::from_str(line).expect("one JSON object a line");
                        Self {
                            id: json["id"].as_str().expect("an id").to_owned(),
                            json,
                        }
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

/// A file for `hoiam feed`.
pub struct Feed;

impl Feed {
    /// Writes `count` records, going round the 480 with a suffix on the id, so that each is a report of its own.
    ///
    /// # Panics
    /// When the file cannot be written.
    #[must_use]
    pub fn write(folder: &Path, name: &str, count: usize) -> PathBuf {
        let records = Record::all();
        let mut text = String::new();
        for i in 0..count {
            let mut json = records[i % records.len()].json.clone();
            json["id"] = format!("{name}-{i:05}").into();
            writeln!(text, "{json}").expect("a String takes everything");
        }
        let path = folder.join(format!("{name}.jsonl"));
        std::fs::write(&path, text).expect("the temporary folder is writable");
        path
    }
}
