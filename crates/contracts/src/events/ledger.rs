//! What the ledger states of itself: `ledger/<nil>`.

use kernel::Instant;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::payload;

/// An operator's word that the wall clock is right, although it was behind the last event on record or far ahead of it. The actor is who said so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClockAccepted {
    /// What the wall clock showed.
    pub wall_at: Instant,
    /// When the last event before was recorded.
    pub last_recorded_at: Instant,
}
payload!(ClockAccepted, "ledger", "clock_accepted.v1");
