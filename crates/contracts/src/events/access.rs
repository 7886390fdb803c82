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
