//! What is on record, as `hoiam replay --json` prints it, and the multiset by which two runs are compared.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

/// One event on record.
#[derive(Clone, Debug)]
pub struct Event {
    /// The one number.
    pub position: u64,
    /// `routing.case_routed.v1`.
    pub kind: String,
    /// The case, if any.
    pub case: Option<String>,
    /// Who is answerable.
    pub actor: String,
    /// The facts.
    pub data: Value,
    /// The whole line.
    pub json: Value,
}

impl Event {
    /// Whether it is of a type, with or without its version.
    #[must_use]
    pub fn is(&self, kind: &str) -> bool {
        self.kind == kind || self.kind.rsplit_once('.').is_some_and(|(name, _)| name == kind)
    }
}

/// A stretch of history.
#[derive(Clone, Debug)]
pub struct Story(pub Vec<Event>);

impl Story {
    /// Reads what `hoiam replay --json` printed.
    ///
    /// # Panics
    /// When a line is no event.
    #[must_use]
    pub fn parse(lines: &str) -> Self {
        Self(
            lines
                .lines()
                .map(|line| {
                    let json: Value = serde_json::from_str(line)
                        .unwrap_or_else(|e| panic!("not a JSON line ({e}): {line}"));
                    Event {
                        position: json["position"].as_u64().expect("a position"),
                        kind: json["type"].as_str().expect("a type").to_owned(),
                        case: json["case"].as_str().map(str::to_owned),
                        actor: json["actor"].as_str().expect("an actor").to_owned(),
                        data: json["data"].clone(),
                        json,
                    }
                })
                .collect(),
        )
    }

    /// The events of a type (with or without version).
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Event> {
        self.0.iter().filter(move |e| e.is(kind))
    }

    /// How many of a type.
    #[must_use]
    pub fn count(&self, kind: &str) -> usize {
        self.of(kind).count()
    }

    /// The events of each case, by position.
    #[must_use]
    pub fn by_case(&self) -> HashMap<&str, Vec<&Event>> {
        let mut cases: HashMap<&str, Vec<&Event>> = HashMap::new();
        for event in &self.0 {
            if let Some(case) = &event.case {
                cases.entry(case).or_default().push(event);
            }
        }
        cases
    }

    /// Positions are dense from 1.
    ///
    /// # Panics
    /// At the first gap or repetition.
    pub fn assert_dense(&self) {
        for (i, event) in self.0.iter().enumerate() {
            assert_eq!(
                event.position,
                i as u64 + 1,
                "position {} stands where {} belongs",
                event.position,
                i + 1
            );
        }
    }

    /// How often each (type, case, data without times, positions and random values) occurs.
    #[must_use]
    pub fn multiset(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        // Which of two reports of one matter finds the other depends on which came first.
        let told = self.0.iter().filter(|event| !event.is(SUSPICION));
        for event in told {
            let mut data = event.data.clone();
            without_times(&mut data);
            *counts
                .entry(format!(
                    "{} {} {data}",
                    event.kind,
                    event.case.as_deref().unwrap_or("-")
                ))
                .or_insert(0) += 1;
        }
        counts
    }
}

/// That a report may be of the same matter as another.
pub const SUSPICION: &str = "classification.duplicate_suspected";

/// Members of `data` that hold a time, a position, or an id derived from one.
const VARYING: [&str; 10] = [
    "at",
    "from",
    "due",
    "arithmetic",
    "review",
    "routing",
    "positions",
    "carrier_id",
    "obligation",
    "message",
];

fn without_times(data: &mut Value) {
    if let Value::Object(members) = data {
        members.retain(|name, _| !VARYING.contains(&name.as_str()));
    }
}

/// What one multiset has more than the other, for a failure that can be read.
#[must_use]
pub fn differences(ours: &BTreeMap<String, usize>, theirs: &BTreeMap<String, usize>) -> Vec<String> {
    let mut lines = Vec::new();
    for key in ours
        .keys()
        .chain(theirs.keys().filter(|k| !ours.contains_key(*k)))
    {
        let (a, b) = (
            ours.get(key).copied().unwrap_or(0),
            theirs.get(key).copied().unwrap_or(0),
        );
        if a != b {
            lines.push(format!("{a} against {b}: {key}"));
        }
    }
    lines
}
