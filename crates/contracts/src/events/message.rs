//! What feedback states about one message to a citizen: `message/<id>`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::payload;
use crate::Code;

/// To be handed to a carrier. Sealed: [`crate::sealed::Message`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MessageQueued {
    /// `sms` or `email`.
    pub channel: Code,
    /// What it says: as in `CitizenTold::what`.
    pub what: Code,
    /// Template and version it was made from.
    pub template: Code,
}
payload!(MessageQueued, "message", "message_queued.v1");

/// The carrier took it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MessageHandedOver {
    /// Which transport: `file`.
    pub transport: Code,
    /// The carrier's id of it.
    pub carrier_id: Code,
}
payload!(MessageHandedOver, "message", "message_handed_over.v1");

/// The carrier refused it for good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MessageFailed {
    /// Which transport.
    pub transport: Code,
    /// Why.
    pub reason: Code,
}
payload!(MessageFailed, "message", "message_failed.v1");
