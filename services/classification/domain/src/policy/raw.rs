//! The shape of a policy file as TOML has it, before anything is checked.

use std::collections::BTreeMap;

use kernel::Instant;
use kernel::taxonomy::Topic;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) settings: Settings,
    pub(super) words: Vec<RawWords>,
    #[serde(default)]
    pub(super) count: Vec<RawCount>,
    pub(super) rule: Vec<RawRule>,
}

/// Numbers a city may turn.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Below this share of certainty (percent) a person confirms.
    pub sure: u16,
    /// A further topic needs at least this score…
    pub also_score: u32,
    /// …and this share (percent) of the main topic's.
    pub also_share: u32,
    /// Words that deny what follows them within two words.
    pub denial: Vec<String>,
    /// Words after which, to the end of the clause, somebody is addressed and not spoken of.
    pub address: Vec<String>,
    /// The second voice; a policy without one speaks by its rules alone, as those before there was a model.
    pub model: Option<ModelSettings>,
    /// Which reports may be the same; a policy without it looks for none.
    pub duplicates: Option<DuplicateSettings>,
}

/// When two reports may tell of the same matter. Scores are in thousandths.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DuplicateSettings {
    /// From this score on a person is asked.
    pub suggest: u16,
    /// From this score on the policy merges, where it may.
    pub merge: u16,
    /// Topics whose common reports the policy merges.
    pub merged_by_policy: Vec<Topic>,
    /// How long one matter goes on being reported, in hours.
    pub window_hours: u32,
    /// The same, for topics of which that is not true.
    pub windows: BTreeMap<Topic, u32>,
    /// Groups of topics under which people report the same matter.
    pub neighbours: Vec<Vec<Topic>>,
}

impl DuplicateSettings {
    /// How long apart two reports of a topic may be, in microseconds.
    #[must_use]
    pub fn window(&self, topic: Topic) -> i64 {
        let hours = self.windows.get(&topic).copied().unwrap_or(self.window_hours);
        i64::from(hours) * 3_600 * Instant::SECOND
    }

    /// The longest of them: what is older is compared with nothing any more.
    #[must_use]
    pub fn longest_window(&self) -> i64 {
        Topic::ALL
            .iter()
            .map(|topic| self.window(*topic))
            .max()
            .unwrap_or(0)
    }

    /// Whether people report the same matter under either.
    #[must_use]
    pub fn are_neighbours(&self, a: Topic, b: Topic) -> bool {
        self.neighbours
            .iter()
            .any(|group| group.contains(&a) && group.contains(&b))
    }

    /// The topic and its neighbours.
    #[must_use]
    pub fn around(&self, topic: Topic) -> Vec<Topic> {
        let near = |other: &&Topic| **other == topic || self.are_neighbours(topic, **other);
        Topic::ALL.iter().filter(near).copied().collect()
    }

    pub(super) fn is_sound(&self) -> bool {
        let hours = |hours: u32| (1..=2_160).contains(&hours);
        self.suggest <= self.merge
            && (1..=1_000).contains(&self.suggest)
            && self.merge <= 1_000
            && hours(self.window_hours)
            && self.windows.values().all(|h| hours(*h))
    }
}

/// Which model speaks beside the rules, and when it is believed. Thousandths are of its calibrated shares.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSettings {
    /// Its version: the hash of the labelled reports it learns from, and of how it learns.
    pub version: String,
    /// What its scores of topics are multiplied by before they become shares, so that of those at 0.9 nine in ten are right.
    pub sharpness_topic: f32,
    /// The same for kinds.
    pub sharpness_kind: f32,
    /// The same for whether it concerns an official's conduct.
    pub sharpness_sensitive: f32,
    /// Below this share of the topic a person confirms.
    pub topic_sure: u16,
    /// Below this share of the kind a person confirms.
    pub kind_sure: u16,
    /// From this share on a person looks whether it is an emergency.
    pub emergency_suspected: u16,
    /// From this share on it is called one, and a person looks first, if the rules see none.
    pub emergency_called: u16,
    /// Below this share one that the rules see is doubted: a person looks first.
    pub emergency_doubted: u16,
    /// From this share on a person confirms that it accuses no official.
    pub sensitive_suspected: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWords {
    pub(super) id: String,
    pub(super) says: String,
    #[serde(default = "one")]
    pub(super) weight: u32,
    #[serde(default = "one_usize")]
    pub(super) min: usize,
    pub(super) first: Option<usize>,
    #[serde(default = "yes")]
    pub(super) deny: bool,
    #[serde(default)]
    pub(super) spoken_of: bool,
    #[serde(default)]
    pub(super) blind: bool,
    pub(super) phrases: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCount {
    pub(super) id: String,
    pub(super) says: String,
    pub(super) at_least: u32,
    pub(super) units: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    pub(super) id: String,
    pub(super) says: String,
    #[serde(default = "hundred")]
    pub(super) sure: u16,
    #[serde(default)]
    pub(super) all: Vec<String>,
    #[serde(default)]
    pub(super) any: Vec<String>,
    #[serde(default)]
    pub(super) none: Vec<String>,
}

const fn one() -> u32 {
    1
}
const fn one_usize() -> usize {
    1
}
const fn yes() -> bool {
    true
}
const fn hundred() -> u16 {
    100
}
