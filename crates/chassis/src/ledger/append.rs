//! What is appended, in our own types.

use std::time::Instant as Monotonic;

use bytes::Bytes;
use contracts::Payload;
use contracts::grpc::ledger as wire;
use kernel::{Actor, CaseId, EventId, Instant, Position, RequestId, StreamId};
use serde::Serialize;
use tracing::Instrument;

use super::{LedgerClient, LedgerError};
use crate::telemetry::{names, trace};

/// One request: all of it is stored, or nothing.
#[derive(Clone, Debug)]
pub struct Append {
    /// The same id is answered with what was stored the first time.
    pub request: RequestId,
    /// Why it is made, which decides what "the same" means.
    pub origin: Origin,
    /// The case the events belong to and whose key seals them.
    pub case: Option<CaseId>,
    /// What is written where.
    pub streams: Vec<StreamWrite>,
    /// Refuse when one of these cases moved.
    pub unless: Vec<Guard>,
    /// People and emergencies overtake bulk.
    pub express: bool,
    /// What started it all.
    pub correlation: String,
    /// The causing event.
    pub causation: Option<EventId>,
    /// W3C trace context; `None`: the current span's.
    pub traceparent: Option<String>,
}

/// Who makes the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A consumer, because of an event: the first attempt wins, whatever a later one computed.
    Reaction {
        /// Its name.
        consumer: String,
    },
    /// A client: the same id with another content is refused.
    Client {
        /// SHA-256 of exactly what they sent.
        sent_sha256: [u8; 32],
    },
}

/// Events for one stream.
#[derive(Clone, Debug)]
pub struct StreamWrite {
    /// Which stream.
    pub stream: StreamId,
    /// What its version must be.
    pub expected: Expected,
    /// What happened, in order.
    pub events: Vec<NewEvent>,
}

/// What a stream's version must be for the request to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it is.
    Any,
    /// The stream must not exist.
    None,
    /// Exactly this.
    Version(u64),
}

impl Expected {
    /// What was folded: `None` for 0 events, else the version.
    #[must_use]
    pub const fn folded(version: u64) -> Self {
        if version == 0 {
            Self::None
        } else {
            Self::Version(version)
        }
    }
}

/// An event that is not on record yet.
#[derive(Clone)]
pub struct NewEvent {
    kind: &'static str,
    occurred_at: Instant,
    actor: Actor,
    data: Vec<u8>,
    sealed: Option<Vec<u8>>,
}

impl std::fmt::Debug for NewEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewEvent")
            .field("kind", &self.kind)
            .field("sealed", &self.sealed.is_some())
            .finish_non_exhaustive()
    }
}

impl NewEvent {
    /// An event of a payload's type.
    #[must_use]
    pub fn of<P: Payload>(payload: &P, actor: Actor, occurred_at: Instant) -> Self {
        Self {
            kind: P::TYPE,
            occurred_at,
            actor,
            data: json(payload),
            sealed: None,
        }
    }

    /// With what a person typed; the ledger stores it encrypted under the case's key.
    #[must_use]
    pub fn sealed(mut self, plaintext: Vec<u8>) -> Self {
        self.sealed = Some(plaintext);
        self
    }

    /// The same, as JSON.
    #[must_use]
    pub fn sealed_json<T: Serialize>(self, content: &T) -> Self {
        let plaintext = json(content);
        self.sealed(plaintext)
    }

    fn into_wire(self) -> wire::NewEvent {
        wire::NewEvent {
            r#type: self.kind.to_owned(),
            occurred_at: self.occurred_at.0,
            actor: self.actor.to_string(),
            data: Bytes::from(self.data),
            sealed: self.sealed.map(Bytes::from),
        }
    }
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    #[expect(
        clippy::expect_used,
        reason = "our payloads are structs and enums with string keys"
    )]
    serde_json::to_vec(value).expect("a payload is always JSON")
}

/// Refuses the request when an event of the case was committed after the position the decision was made at.
#[derive(Clone, Debug)]
pub struct Guard {
    /// The case.
    pub case: CaseId,
    /// The last position the decision knows.
    pub after: Position,
    /// Only events of these categories count; empty: any.
    pub categories: Vec<&'static str>,
}

/// What was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Whether the request had been stored before.
    pub already: bool,
    /// Position of the request's last event, or the head if it had none.
    pub position: Position,
    /// Its events, in order.
    pub events: Vec<AppendedEvent>,
}

/// One stored event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppendedEvent {
    /// Its id.
    pub id: EventId,
    /// Its number.
    pub position: Position,
    /// Whose stream.
    pub stream: StreamId,
    /// Version in the stream.
    pub version: u64,
    /// When the ledger committed it.
    pub recorded_at: Instant,
}

impl Append {
    /// What a consumer appends because of an event: id, correlation and causation follow from the cause.
    #[must_use]
    pub fn reaction(cause: &contracts::Recorded, consumer: &str, streams: Vec<StreamWrite>) -> Self {
        Self {
            request: RequestId::reaction(cause.id, consumer),
            origin: Origin::Reaction {
                consumer: consumer.to_owned(),
            },
            case: cause.case,
            streams,
            unless: Vec::new(),
            express: false,
            correlation: cause.correlation.clone(),
            causation: Some(cause.id),
            traceparent: None,
        }
    }

    /// What a client asked for. `sent` is exactly what they sent.
    #[must_use]
    pub fn client(request: RequestId, sent: &[u8], case: Option<CaseId>, streams: Vec<StreamWrite>) -> Self {
        use sha2::Digest;
        Self {
            request,
            origin: Origin::Client {
                sent_sha256: sha2::Sha256::digest(sent).into(),
            },
            case,
            streams,
            unless: Vec::new(),
            express: false,
            correlation: request.to_string(),
            causation: None,
            traceparent: None,
        }
    }

    /// People and emergencies first.
    #[must_use]
    pub fn express(mut self, express: bool) -> Self {
        self.express = express;
        self
    }

    /// Refuse when the case moved since.
    #[must_use]
    pub fn unless(mut self, guard: Guard) -> Self {
        self.unless.push(guard);
        self
    }

    fn into_wire(self) -> wire::AppendRequest {
        use wire::append_request::Origin as Wire;
        wire::AppendRequest {
            request_id: Bytes::from(self.request.to_vec()),
            origin: Some(match self.origin {
                Origin::Reaction { consumer } => Wire::Reaction(wire::Reaction { consumer }),
                Origin::Client { sent_sha256 } => Wire::Client(wire::Client {
                    sent_sha256: Bytes::copy_from_slice(&sent_sha256),
                }),
            }),
            case_id: self.case.map(|c| Bytes::from(c.to_vec())),
            streams: self.streams.into_iter().map(StreamWrite::into_wire).collect(),
            unless: self
                .unless
                .into_iter()
                .map(|g| wire::Unless {
                    case_id: Bytes::from(g.case.to_vec()),
                    after: g.after.0,
                    categories: g.categories.into_iter().map(str::to_owned).collect(),
                })
                .collect(),
            lane: if self.express {
                wire::Lane::Express.into()
            } else {
                wire::Lane::Bulk.into()
            },
            correlation: self.correlation,
            causation: self.causation.map(|c| Bytes::from(c.to_vec())),
            traceparent: self.traceparent.unwrap_or_else(trace::current),
        }
    }
}

impl StreamWrite {
    /// Events for a stream at an expected version.
    #[must_use]
    pub fn new(stream: StreamId, expected: Expected, events: Vec<NewEvent>) -> Self {
        Self {
            stream,
            expected,
            events,
        }
    }

    fn into_wire(self) -> wire::StreamAppend {
        use wire::stream_append::Expected as Wire;
        wire::StreamAppend {
            category: self.stream.category,
            stream_id: Bytes::copy_from_slice(self.stream.id.as_bytes()),
            expected: Some(match self.expected {
                Expected::Any => Wire::Any(true),
                Expected::None => Wire::None(true),
                Expected::Version(version) => Wire::Version(version),
            }),
            events: self.events.into_iter().map(NewEvent::into_wire).collect(),
        }
    }
}

impl TryFrom<wire::Appended> for Appended {
    type Error = LedgerError;
    fn try_from(reply: wire::Appended) -> Result<Self, LedgerError> {
        let bad = |what: &str| LedgerError::Answer {
            what: format!("{what} of an appended event"),
        };
        let event = |e: wire::AppendedEvent| {
            Ok(AppendedEvent {
                id: EventId::from_slice(&e.id).ok_or_else(|| bad("id"))?,
                position: Position(e.position),
                stream: StreamId {
                    category: e.category,
                    id: uuid::Uuid::from_slice(&e.stream_id).map_err(|_| bad("stream id"))?,
                },
                version: e.version,
                recorded_at: Instant(e.recorded_at),
            })
        };
        let events = reply
            .events
            .into_iter()
            .map(event)
            .collect::<Result<_, LedgerError>>()?;
        Ok(Self {
            already: reply.already,
            position: Position(reply.head),
            events,
        })
    }
}

pub(super) async fn append(client: &LedgerClient, request: Append) -> Result<Appended, LedgerError> {
    let started = Monotonic::now();
    let span = tracing::info_span!(names::SPAN_APPEND, otel.kind = "client", request.id = %request.request);
    let answer = async { client.appender.append(request.into_wire()).await?.try_into() }
        .instrument(span)
        .await;
    metrics::histogram!(names::APPEND_SECONDS).record(started.elapsed().as_secs_f64());
    answer
}
