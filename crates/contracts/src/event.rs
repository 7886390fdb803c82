//! An event as it is read back: the envelope in our own types, and its payload decoded by type.

use kernel::{Actor, CaseId, EventId, Instant, Position, Reached, RequestId, StreamId};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::grpc;

/// One Rust type per event and version.
pub trait Payload: Serialize + DeserializeOwned + JsonSchema {
    /// Category of the stream: who states it.
    const CATEGORY: &'static str;
    /// Name and version without the category: `case_routed.v1`.
    const NAME: &'static str;
    /// `<category>.<name>.v<version>`.
    const TYPE: &'static str;
}

/// An event on record.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The one number.
    pub position: Position,
    /// Derived from the request's id.
    pub id: EventId,
    /// Whose stream.
    pub stream: StreamId,
    /// Version in the stream, from 1.
    pub version: u64,
    /// The case, if any.
    pub case: Option<CaseId>,
    /// `routing.case_routed.v1`.
    pub kind: String,
    /// When it happened.
    pub occurred_at: Instant,
    /// When the ledger committed it.
    pub recorded_at: Instant,
    /// Who is answerable.
    pub actor: Actor,
    /// What started it all.
    pub correlation: String,
    /// The event that caused it.
    pub causation: Option<EventId>,
    /// W3C trace context, or empty.
    pub traceparent: String,
    /// JSON facts; empty when erased.
    pub data: Vec<u8>,
    /// Whether there is sealed content to be opened.
    pub has_sealed: bool,
    /// The request it was appended by.
    pub request: RequestId,
}

/// Why an event could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A field of the envelope that the ledger never writes so.
    #[error("the event's {0} cannot be read")]
    Envelope(&'static str),
    /// The data does not fit its type.
    #[error("the data of {kind} does not fit its type")]
    Data {
        /// The type.
        kind: String,
        /// What serde says (positions and field names, no content).
        #[source]
        source: serde_json::Error,
    },
}

impl Recorded {
    /// As the mark of whoever has followed the record up to this event.
    #[must_use]
    pub fn reached(&self) -> Reached {
        Reached {
            position: self.position,
            event: Some(self.id),
        }
    }

    /// The payload, if the event is of type `P`; `None` if it is of another.
    ///
    /// # Errors
    /// `DecodeError::Data` when it is of the type but does not fit it.
    pub fn decode<P: Payload>(&self) -> Result<Option<P>, DecodeError> {
        if self.kind != P::TYPE {
            return Ok(None);
        }
        serde_json::from_slice(&self.data)
            .map(Some)
            .map_err(|source| DecodeError::Data {
                kind: self.kind.clone(),
                source,
            })
    }

    /// Whether it is of type `P`.
    #[must_use]
    pub fn is<P: Payload>(&self) -> bool {
        self.kind == P::TYPE
    }
}

impl TryFrom<grpc::ledger::Event> for Recorded {
    type Error = DecodeError;
    fn try_from(e: grpc::ledger::Event) -> Result<Self, DecodeError> {
        let bad = DecodeError::Envelope;
        Ok(Self {
            position: Position(e.position),
            id: EventId::from_slice(&e.id).ok_or(bad("id"))?,
            stream: StreamId {
                category: e.category,
                id: Uuid::from_slice(&e.stream_id).map_err(|_| bad("stream"))?,
            },
            version: e.version,
            case: e
                .case_id
                .map(|c| CaseId::from_slice(&c).ok_or(bad("case")))
                .transpose()?,
            kind: e.r#type,
            occurred_at: Instant(e.occurred_at),
            recorded_at: Instant(e.recorded_at),
            actor: Actor::parse(&e.actor).map_err(|_| bad("actor"))?,
            correlation: e.correlation,
            causation: e
                .causation
                .map(|c| EventId::from_slice(&c).ok_or(bad("causation")))
                .transpose()?,
            traceparent: e.traceparent,
            data: e.data.to_vec(),
            has_sealed: e.has_sealed,
            request: RequestId::from_slice(&e.request_id).ok_or(bad("request id"))?,
        })
    }
}
