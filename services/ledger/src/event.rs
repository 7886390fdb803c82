//! An event as the ledger stores it, and what a reader may ask for.

use contracts::grpc::ledger as wire;
use uuid::Uuid;

use crate::error::Refused;
use crate::request::{self, MAX_PARTS};

/// One committed event with its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// The one number: ledger position = stream sequence = Merkle leaf index + 1.
    pub position: u64,
    /// UUIDv5 of the request's id and the event's index in it.
    pub id: Uuid,
    /// The stream is `<category>/<stream_id>`.
    pub category: String,
    /// See `category`.
    pub stream_id: Uuid,
    /// Within the stream, from 1.
    pub version: u64,
    /// The case it belongs to, if any.
    pub case_id: Option<Uuid>,
    /// Without its version: `routing.case_routed`.
    pub name: String,
    /// The version of the type: 1 of `.v1`.
    pub revision: u32,
    /// Microseconds since the epoch, UTC: when it happened.
    pub occurred_at: i64,
    /// When the ledger committed it; never goes back.
    pub recorded_at: i64,
    /// Who is answerable.
    pub actor: String,
    /// What started it all.
    pub correlation: String,
    /// The causing event.
    pub causation: Option<Uuid>,
    /// W3C trace context, or empty.
    pub traceparent: String,
    /// The append request it came in.
    pub request_id: Uuid,
    /// JSON facts; empty when erased.
    pub data: Vec<u8>,
    /// Random, so that a hash of few possible facts tells nothing; empty when erased.
    pub salt: Vec<u8>,
    /// SHA-256(salt ‖ data).
    pub data_hash: Vec<u8>,
    /// SHA-256(nonce ‖ ciphertext ‖ tag); empty when nothing is sealed.
    pub sealed_hash: Vec<u8>,
    /// The Merkle leaf hash.
    pub leaf: Vec<u8>,
}

impl StoredEvent {
    /// The full type: `routing.case_routed.v1`.
    #[must_use]
    pub fn type_(&self) -> String {
        format!("{}.v{}", self.name, self.revision)
    }

    /// Whether there is content to be opened.
    #[must_use]
    pub fn has_sealed(&self) -> bool {
        !self.sealed_hash.is_empty()
    }
}

impl From<StoredEvent> for wire::Event {
    fn from(event: StoredEvent) -> Self {
        Self {
            r#type: event.type_(),
            has_sealed: event.has_sealed(),
            position: event.position,
            id: bytes(event.id),
            category: event.category,
            stream_id: bytes(event.stream_id),
            version: event.version,
            case_id: event.case_id.map(bytes),
            occurred_at: event.occurred_at,
            recorded_at: event.recorded_at,
            actor: event.actor,
            correlation: event.correlation,
            causation: event.causation.map(bytes),
            traceparent: event.traceparent,
            data: event.data.into(),
            salt: event.salt.into(),
            sealed_hash: event.sealed_hash.into(),
            request_id: bytes(event.request_id),
            data_hash: event.data_hash.into(),
        }
    }
}

/// The 16 bytes of an id, as on the wire.
pub(crate) fn bytes(id: Uuid) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(id.as_bytes())
}

/// Which events a reader wants; empty means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Any of these categories.
    pub categories: Vec<String>,
    /// Any of these types, without their version (`report.report_received`).
    pub names: Vec<String>,
    /// Only events of this case.
    pub case_id: Option<Uuid>,
    /// Only events of this actor.
    pub actor: Option<String>,
    /// Only what happened within these times.
    pub occurred: Between,
}

/// Two instants in microseconds, UTC; each is within, and where there is none there is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Between {
    /// The first.
    pub from: Option<i64>,
    /// The last.
    pub until: Option<i64>,
}

impl TryFrom<wire::Filter> for Filter {
    type Error = Refused;

    /// Recorded time is not part of it: that is found as positions.
    fn try_from(filter: wire::Filter) -> Result<Self, Refused> {
        Refused::over(
            "the number of categories of a filter",
            MAX_PARTS,
            filter.categories.len(),
        )?;
        Refused::over("the number of types of a filter", MAX_PARTS, filter.types.len())?;
        filter
            .categories
            .iter()
            .try_for_each(|name| request::category("filter.categories", name))?;
        filter
            .types
            .iter()
            .try_for_each(|name| request::type_name("filter.types", name))?;
        if let Some(actor) = &filter.actor {
            request::actor("filter.actor", actor)?;
        }
        let case_id = filter
            .case_id
            .map(|id| request::id("filter.case_id", &id))
            .transpose()?;
        Ok(Self {
            categories: filter.categories,
            names: filter.types,
            case_id,
            actor: filter.actor,
            occurred: Between {
                from: filter.occurred_from,
                until: filter.occurred_until,
            },
        })
    }
}
