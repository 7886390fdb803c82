//! What the ledger itself states: `access/<case>`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::payload;
use crate::Code;

/// A person or an outside body read sealed content; committed before the content was handed out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContentOpened {
    /// Who: an actor.
    pub reader: Code,
    /// In which role.
    pub role: Code,
    /// `handle`, `review`, `inspect`, `answer` …
    pub purpose: Code,
    /// Which events' content.
    #[schemars(length(max = 1000))]
    pub positions: Vec<u64>,
}
payload!(ContentOpened, "access", "content_opened.v1");

/// A person opened the reports of a range, to let a model learn or to decide them again under another policy; committed before the first was
/// handed out. `access/<the run>`; which of them were opened is not said, so all may have been.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportsOpened {
    /// Who: an actor.
    pub reader: Code,
    /// In which role.
    pub role: Code,
    /// `learn` or `backtest`.
    pub purpose: Code,
    /// First position of the range.
    pub from: u64,
    /// Last position of the range.
    pub to: u64,
}
payload!(ReportsOpened, "access", "reports_opened.v1");

/// What was sealed for a case was erased: its ciphertext is gone and its key destroyed. Facts and proofs stay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContentErased {
    /// The legal basis: `subject_request`, `consent_withdrawn`, `purpose_fulfilled`, `retention_expired`, `unlawful_processing`, `court_order`.
    pub basis: Code,
    /// Who ordered it, or the number of the order.
    pub ordered_by: Code,
}
payload!(ContentErased, "access", "content_erased.v1");

/// A person or an outside body searched sealed content; committed before the answer. What was searched for is not said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContentSearched {
    /// Who: an actor.
    pub reader: Code,
    /// In which role.
    pub role: Code,
    /// `handle`, `review`, `inspect`, `answer`.
    pub purpose: Code,
    /// Of each term: `word`, `phone`, `email`, `id`.
    #[schemars(length(max = 16))]
    pub kinds: Vec<Code>,
    /// How many cases were shown.
    pub found: u32,
}
payload!(ContentSearched, "access", "content_searched.v1");

/// The key-encryption key was rotated: all data keys are wrapped by another. `access/<the new key's fingerprint>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeyRotated {
    /// Fingerprint of the old key.
    pub from: Code,
    /// Fingerprint of the new key.
    pub to: Code,
    /// Who ordered it.
    pub ordered_by: Code,
    /// How many data keys were rewrapped.
    pub keys: u64,
}
payload!(KeyRotated, "access", "key_rotated.v1");
