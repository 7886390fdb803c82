//! A labelled report: what the model learns from and what is measured on. One JSON object a line, as the labelling guide has it; where it is a
//! citizen's, the line says where its text is sealed instead of the text.

use kernel::CaseId;
use kernel::taxonomy::{Field, Kind, Level, Topic, Urgency};
use serde::{Deserialize, Serialize};

use crate::model::{Learning, Model};

/// A report and what a person says it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Stable id.
    pub id: String,
    /// As it arrived; empty where it is sealed and not opened.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Where the text is sealed, instead of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Sealed>,
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Named {
    /// Street, alley, bridge, canal or park.
    pub street: Option<String>,
    /// Ward or commune.
    pub ward: Option<String>,
    /// District of before July 2025.
    pub district: Option<String>,
}

/// Where the text of a citizen's report is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Position of its `report_received`.
    pub position: u64,
    /// Its case.
    pub case: CaseId,
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
            if record.text.is_empty() != record.sealed.is_some() {
                return Err(bad("it has neither `text` nor `sealed`, or both".to_owned()));
            }
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

    /// The records of lines whose sealed texts are handed in, by position, and the version of the model they give. Who is not there was erased:
    /// the line is left out, and what is learnt without it is another model.
    ///
    /// # Errors
    /// As `read_all`.
    pub fn opened(
        lines: &str,
        mut text_of: impl FnMut(u64) -> Option<String>,
    ) -> Result<Learnable, BadRecord> {
        let (mut kept, mut records) = (String::with_capacity(lines.len()), Vec::new());
        let all = Self::read_all(lines)?;
        let before = all.len();
        let full = lines.split_inclusive('\n').filter(|line| !line.trim().is_empty());
        for (line, mut record) in full.zip(all) {
            if let Some(sealed) = record.sealed {
                let Some(text) = text_of(sealed.position) else {
                    continue;
                };
                record.text = text;
            }
            kept.push_str(line);
            records.push(record);
        }
        Ok(Learnable {
            version: Model::version_of(
                if records.len() == before { lines } else { &kept },
                &Learning::default(),
            ),
            left_out: before - records.len(),
            lines: kept,
            records,
        })
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

/// What a model can learn from today.
#[derive(Clone, Debug, PartialEq)]
pub struct Learnable {
    /// The version of the model they give.
    pub version: String,
    /// With their texts.
    pub records: Vec<Record>,
    /// How many are not there any more.
    pub left_out: usize,
    /// The lines they come from.
    pub lines: String,
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
            (
                &GOOD.replace("\"text\":\"ngập\",", ""),
                "neither `text` nor `sealed`",
            ),
        ] {
            let bad = Record::read_all(&format!("{GOOD}\n{second}")).expect_err("no record");
            assert_eq!(bad.line, 2);
            assert!(bad.why.contains(said) && !bad.why.contains("ngập"), "{}", bad.why);
        }
    }

    #[test]
    fn what_was_erased_is_left_out_and_the_rest_is_another_model() {
        let sealed = |id: &str, position: u64| {
            let case = "01900000-0000-7000-8000-000000000001";
            let place = format!("\"sealed\":{{\"position\":{position},\"case\":\"{case}\"}},");
            GOOD.replace("\"text\":\"ngập\",", &place)
                .replace("\"id\":\"a\"", &format!("\"id\":\"{id}\""))
        };
        let lines = format!("{GOOD}\n{}\n{}\n", sealed("b", 7), sealed("c", 9));
        let all = Record::opened(&lines, |position| Some(format!("at {position}"))).unwrap();
        assert_eq!((all.records.len(), all.left_out), (3, 0));
        assert_eq!(all.version, Model::version_of(&lines, &Learning::default()));
        assert_eq!(all.records[2].text, "at 9");
        let fewer = Record::opened(&lines, |position| (position != 7).then(|| "còn".to_owned())).unwrap();
        assert_eq!((fewer.records.len(), fewer.left_out), (2, 1));
        assert_eq!(
            fewer.version,
            Model::version_of(&fewer.lines, &Learning::default())
        );
        assert_ne!(fewer.version, all.version);
        let again = Record::opened(&fewer.lines, |_| Some("còn".to_owned())).unwrap();
        assert_eq!(
            again.version, fewer.version,
            "trained again without it, it is that very model"
        );
        assert!(!fewer.lines.contains("còn"));
    }
}
