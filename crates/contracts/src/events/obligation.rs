//! What escalation states: `obligation/<case>`.

use kernel::Instant;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::payload;
use crate::Code;

/// Somebody owes something by a time. The deadline exists from this moment and is written here once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObligationOpened {
    /// Which obligation: derived from the event that opened it and from `what`.
    pub obligation: Uuid,
    /// `review`, `desk_answer`, `opinion`, `dispatch_order`, `acceptance`, `result`.
    pub what: Code,
    /// Who owes it: `unit:<code>`, `office:<code>`, `desk`, `review`.
    pub owner: Code,
    /// When the clock started: the cause's time.
    pub from: Instant,
    /// By when.
    pub due: Instant,
    /// Revision of the due time, from 1.
    pub due_revision: u32,
    /// The rule of the SLA policy.
    pub rule: Code,
    /// Version of the SLA policy.
    pub policy: Code,
    /// How the deadline was computed, step by step: `from=…`, `8_working_hours`, `skip=2026-09-02` …
    #[schemars(length(max = 64))]
    pub arithmetic: Vec<Code>,
    /// Which dispatch it is about; 0 for none.
    pub revision: u32,
}
payload!(ObligationOpened, "obligation", "obligation_opened.v1");

/// It was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObligationMet {
    /// Which.
    pub obligation: Uuid,
    /// When: the time the meeting event was recorded.
    pub at: Instant,
    /// Whether that was after the deadline.
    pub late: bool,
}
payload!(ObligationMet, "obligation", "obligation_met.v1");

/// The deadline passed without it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObligationMissed {
    /// Which.
    pub obligation: Uuid,
    /// The deadline that passed.
    pub due: Instant,
    /// Revision of the due time.
    pub due_revision: u32,
}
payload!(ObligationMissed, "obligation", "obligation_missed.v1");

/// Something else happened that ends the obligation without meeting it (returned, re-dispatched, closed).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObligationOvertaken {
    /// Which.
    pub obligation: Uuid,
    /// Type of the event that overtook it.
    pub by: Code,
}
payload!(ObligationOvertaken, "obligation", "obligation_overtaken.v1");
