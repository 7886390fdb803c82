//! The shape of a policy file as TOML has it, before anything is checked.

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
