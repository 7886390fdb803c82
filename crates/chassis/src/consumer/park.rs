//! Setting aside what cannot be handled, with why, and never with content.

use bytes::Bytes;
use contracts::{Recorded, subjects};
use kernel::{CaseId, Clock, EventId, Instant, Position};
use serde::{Deserialize, Serialize};

use crate::nats::{Headers, Nats, NatsError};

/// What lies on `park.<consumer>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Who could not handle it.
    pub consumer: String,
    /// The event's number.
    pub position: Position,
    /// Its id.
    pub event: EventId,
    /// Its type.
    pub kind: String,
    /// Its case.
    pub case: Option<CaseId>,
    /// A code: `panicked`, `undecodable`, or the reaction's own.
    pub reason: String,
    /// For the operator; nothing personal.
    pub detail: String,
    /// When it was parked.
    pub at: Instant,
}

/// Parks an event; stored when it returns. The same event parked again within the stream's window is stored once.
pub(super) async fn park(
    nats: &Nats,
    clock: &dyn Clock,
    consumer: &str,
    event: &Recorded,
    reason: &str,
    detail: &str,
) -> Result<(), NatsError> {
    let parked = Parked {
        consumer: consumer.to_owned(),
        position: event.position,
        event: event.id,
        kind: event.kind.clone(),
        case: event.case,
        reason: reason.to_owned(),
        detail: detail.chars().take(500).collect(),
        at: clock.now(),
    };
    #[expect(clippy::expect_used, reason = "a struct of texts and numbers")]
    let body = serde_json::to_vec(&parked).expect("it is always JSON");
    let id = format!("{consumer}-{}", event.id);
    nats.publish_stored(
        &subjects::park(consumer),
        Some(&id),
        &Headers::new(),
        Bytes::from(body),
    )
    .await
    .map(|_| ())
}
