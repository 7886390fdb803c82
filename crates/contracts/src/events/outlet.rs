//! What routing states about how a unit without NATS is told of its cases: `routing-outlet/<unit>` says where to,
//! `routing-outlet/<case>` what became of each notice.

use kernel::Instant;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::payload;
use crate::Code;

/// A person said where a unit's notices go from now on. Sealed (under the stream's own key): [`crate::sealed::Outlet`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutletSet {
    /// Which unit.
    pub unit: Code,
    /// `webhook` or `mail`.
    pub carrier: Code,
    /// First 16 hex digits of the secret's SHA-256: another one means that the secret was rotated.
    pub secret: Code,
}
payload!(OutletSet, "routing-outlet", "outlet_set.v1");

/// A person took it away: nothing goes there any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutletRemoved {
    /// Which unit.
    pub unit: Code,
    /// `webhook` or `mail`.
    pub carrier: Code,
}
payload!(OutletRemoved, "routing-outlet", "outlet_removed.v1");

/// The other side said that nothing must be sent there any more; what waits stays until a person sets it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutletDisabled {
    /// Which unit.
    pub unit: Code,
    /// `webhook` or `mail`.
    pub carrier: Code,
    /// Position of the `outlet_set` that is over.
    pub set: u64,
    /// `gone`: it answered 410.
    pub reason: Code,
}
payload!(OutletDisabled, "routing-outlet", "outlet_disabled.v1");

/// A person has notices sent again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoticesReplayed {
    /// Which unit.
    pub unit: Code,
    /// `webhook` or `mail`.
    pub carrier: Code,
    /// Only this one: position of its `case_dispatched` or `case_recalled`.
    pub notice: Option<u64>,
    /// All since then, those among them that were before the unit before the outlet was set; with neither, all that were given up.
    pub since: Option<Instant>,
}
payload!(NoticesReplayed, "routing-outlet", "notices_replayed.v1");

/// The other side took a notice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoticeDelivered {
    /// Which unit.
    pub unit: Code,
    /// `webhook` or `mail`.
    pub carrier: Code,
    /// Position of the `case_dispatched` or `case_recalled` that it tells.
    pub notice: u64,
    /// Its revision.
    pub revision: u32,
    /// How often it was tried, this time included.
    pub attempts: u32,
}
payload!(NoticeDelivered, "routing-outlet", "notice_delivered.v1");

/// A notice was given up: the unit has not been told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoticeUndelivered {
    /// Which unit.
    pub unit: Code,
    /// `webhook` or `mail`.
    pub carrier: Code,
    /// Position of the `case_dispatched` or `case_recalled` that it tells.
    pub notice: u64,
    /// Its revision.
    pub revision: u32,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last attempt failed: `timeout`, `unreachable`, `forbidden_address`, `status_500` …
    pub reason: Code,
}
payload!(NoticeUndelivered, "routing-outlet", "notice_undelivered.v1");
