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
