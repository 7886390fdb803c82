//! Evidence without words: which rule, and where in the sealed text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Code;

/// One rule that matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Id of the rule in its policy.
    pub rule: Code,
    /// First character of the span in the sealed text.
    pub start: u32,
    /// One past its last character.
    pub end: u32,
}
