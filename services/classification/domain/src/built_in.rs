//! What the product comes with: the policy, and the labelled reports its model learns from.

use std::sync::Arc;

use crate::model::{Learning, Model};
use crate::policy::{BUILT_IN, Policy, PolicyError};
use crate::record::Record;

/// Labelled reports by the version of the model they give. A set that a policy on record may name is never taken out again.
const DATA: [&str; 2] = [
    concat!(
        include_str!("../data/reports-2026-a.jsonl"),
        include_str!("../data/reports-2026-b.jsonl"),
        include_str!("../data/reports-2026-c.jsonl"),
        include_str!("../data/reports-2026-d.jsonl"),
    ),
    concat!(
        include_str!("../data/reports-2026-a.jsonl"),
        include_str!("../data/reports-2026-b.jsonl"),
        include_str!("../data/reports-2026-c.jsonl"),
        include_str!("../data/reports-2026-d.jsonl"),
        include_str!("../data/reports-2026-e.jsonl"),
        include_str!("../data/reports-2026-f.jsonl"),
    ),
];

/// The labelled reports of the newest model the product comes with.
#[must_use]
pub const fn newest() -> &'static str {
    DATA[DATA.len() - 1]
}

/// The labelled reports of a model the product comes with.
#[must_use]
pub fn records(version: &str) -> Option<&'static str> {
    DATA.into_iter()
        .find(|data| Model::version_of(data, &Learning::default()) == version)
}

impl Policy {
    /// Reads a policy and lets the model it names learn: both voices. One that names none speaks by its rules alone. `records` finds the labelled reports of a model by its version; what
    /// it finds must give that very version.
    ///
    /// # Errors
    /// `PolicyError`: as `parse`; a model nobody has the records of; records that do not read.
    pub fn speaking<'a>(
        text: &str,
        records: impl Fn(&str) -> Option<std::borrow::Cow<'a, str>>,
    ) -> Result<Self, PolicyError> {
        let policy = Self::parse(text)?;
        let Some(version) = policy.model_version().map(str::to_owned) else {
            return Ok(policy);
        };
        let lines = records(&version)
            .filter(|lines| Model::version_of(lines, &Learning::default()) == version)
            .ok_or_else(|| PolicyError::UnknownModel(version.clone()))?;
        let records = Record::read_all(&lines)?;
        Ok(policy.learning(&records, &version))
    }

    /// The same rules with a model that learns from records: one to two seconds of CPU. `version` is what they give.
    #[must_use]
    pub fn learning(self, records: &[Record], version: &str) -> Self {
        let records: Vec<&Record> = records.iter().collect();
        let model = Model::learn(&self, &records, version, &Learning::default());
        self.with_model(Arc::new(model))
    }

    /// The policy the product comes with, with both voices.
    ///
    /// # Panics
    /// Never: a test reads it.
    #[must_use]
    pub fn built_in() -> Self {
        #[expect(clippy::expect_used, reason = "constant text and data, read by a test")]
        Self::speaking(BUILT_IN, |version| records(version).map(Into::into))
            .expect("the built-in policy reads")
    }
}
