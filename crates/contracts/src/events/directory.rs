//! What the console's directory states: `directory/<person, unit or gateway>`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::payload;
use crate::Code;

/// Somebody or some system may act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Granted {
    /// `person`, `unit` or `gateway`.
    pub kind: Code,
    /// Their code.
    pub code: Code,
    /// `operator`, `office`, `leader`, `inspector`, `unit`, `gateway`, `admin`.
    #[schemars(length(max = 8))]
    pub roles: Vec<Code>,
}
payload!(Granted, "directory", "granted.v1");

/// No longer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Revoked {
    /// `person`, `unit` or `gateway`.
    pub kind: Code,
    /// Their code.
    pub code: Code,
}
payload!(Revoked, "directory", "revoked.v1");
