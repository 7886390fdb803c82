//! A labelled report: what the model learns from and what is measured on. One JSON object a line, as the labelling guide has it.

use kernel::taxonomy::{Field, Kind, Level, Topic, Urgency};
use serde::Deserialize;

/// A report and what a person says it is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Record {
    /// Stable id.
    pub id: String,
    /// As it arrived.
    pub text: String,
    /// Whether it can be acted on without asking back.
    pub complete: bool,
    /// None when it is not a report.
    pub field: Option<Field>,
    /// None when it names no matter.
    pub topic: Option<Topic>,
    /// The legal kind.
    pub kind: Kind,
    /// How soon harm comes.
    pub urgency: Urgency,
    /// The level of the answer.
    pub level: Level,
    /// As named in the text.
    #[serde(default)]
    pub place: Named,
    /// Further topics.
    #[serde(default)]
    pub also: Vec<Topic>,
}

/// The parts of a place as a text names them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Named {
    /// Street, alley, bridge, canal or park.
    pub street: Option<String>,
    /// Ward or commune.
    pub ward: Option<String>,
    /// District of before July 2025.
    pub district: Option<String>,
}

/// A line that is no labelled report.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct BadRecord {
    /// From 1.
    pub line: usize,
    /// What is wrong, without the text.
    pub why: String,
}

/// What is wrong and in which column; the line is known better.
fn told(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let what = said.split(" at line ").next().unwrap_or_default();
    format!("{what} (column {})", error.column())
}

impl Record {
    /// Reads records, one a line; empty lines are passed over.
    ///
    /// # Errors
    /// The first line that is no record, or whose field is not its topic's, or whose id was there before.
    pub fn read_all(lines: &str) -> Result<Vec<Self>, BadRecord> {
        let mut ids = std::collections::BTreeSet::new();
        let mut records = Vec::new();
        for (at, line) in lines.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let bad = |why: String| BadRecord { line: at + 1, why };
            let record: Self = serde_json::from_str(line).map_err(|error| bad(told(&error)))?;
            if record.topic.map(Topic::field) != record.field {
                return Err(bad("`field` is not the one its `topic` belongs to".to_owned()));
            }
            if !ids.insert(record.id.clone()) {
                return Err(bad(format!("the id `{}` was there before", record.id)));
            }
            records.push(record);
        }
        Ok(records)
    }

    /// Whether a person must see it before anything leaves the house: a denunciation, corruption, or about an official's conduct.
    #[must_use]
    pub fn is_sensitive(&self) -> bool {
        let about = matches!(
            self.topic,
            Some(Topic::Corruption | Topic::CadreConduct | Topic::OfficialConduct)
        );
        self.kind == Kind::Denunciation
            || (about && !matches!(self.kind, Kind::Thanks | Kind::Suggestion | Kind::Question))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"id":"a","text":"ngập","complete":false,"field":"state_management","topic":"flooding","kind":"reflection","urgency":"normal","level":2}"#;

    #[test]
    fn a_line_that_is_no_record_is_told_by_its_number_and_what_is_wrong_without_the_text() {
        assert_eq!(Record::read_all(&format!("{GOOD}\n\n")).unwrap().len(), 1);
        for (second, said) in [
            ("{", "EOF"),
            (GOOD, "the id `a` was there before"),
            (&GOOD.replace("flooding", "weather"), "unknown variant `weather`"),
            (&GOOD.replace("state_management", "party_building"), "`field`"),
            (&GOOD.replace("\"level\":2", "\"level\":9"), "level"),
            (
                &GOOD.replace("\"kind\":\"reflection\",", ""),
                "missing field `kind`",
            ),
        ] {
            let bad = Record::read_all(&format!("{GOOD}\n{second}")).expect_err("no record");
            assert_eq!(bad.line, 2);
            assert!(bad.why.contains(said) && !bad.why.contains("ngập"), "{}", bad.why);
        }
    }
}
