//! An append request as the writer takes it: checked against every limit, so that nothing accepted can be refused by the stream.

use bytes::Bytes;
use contracts::event::Payload;
use contracts::grpc::ledger as wire;
use kernel::Actor;
use uuid::Uuid;
use wire::stream_append::Expected as WireExpected;

use crate::error::{Refused, StoreError};

/// JSON facts of one event.
pub const MAX_DATA: usize = 64 * 1024;
/// Plaintext of one event's sealed part.
pub const MAX_SEALED: usize = 256 * 1024;
/// Everything of one event but its data and its sealed part.
pub const MAX_ENVELOPE: usize = 16 * 1024;
/// Events of one request.
pub const MAX_EVENTS: usize = 1_000;
/// Streams, and guards, of one request.
pub const MAX_PARTS: usize = 1_000;
/// Everything of one request together.
pub const MAX_REQUEST: usize = 16 * 1024 * 1024;
/// A category, and the name of an event in it.
const MAX_NAME: usize = 64;
/// A correlation or a trace context: they travel as headers.
const MAX_HEADER: usize = 256;
/// 0001-01-01 and 9999-12-31 in microseconds: what RFC 3339 can write.
const TIMES: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;
/// The ledger's own category: openings of content.
pub const ACCESS: &str = "access";
/// The event whose commit takes a case's ciphertext with it.
pub(crate) const CONTENT_ERASED: &str = "access.content_erased";

/// The ledger's own category for itself: its clock.
pub const LEDGER: &str = "ledger";
/// What only the ledger itself states.
pub const OWN: [&str; 2] = [ACCESS, LEDGER];

/// A checked append request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) id: Uuid,
    pub(crate) origin: Origin,
    pub(crate) streams: Vec<StreamAppend>,
    pub(crate) unless: Vec<Guard>,
    pub(crate) express: bool,
    pub(crate) correlation: String,
    pub(crate) causation: Option<Uuid>,
    pub(crate) traceparent: String,
}

/// What decides whether a repeated request is the same.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// The first wins.
    Reaction,
    /// SHA-256 of what the client sent.
    Client([u8; 32]),
}

#[derive(Clone, Debug)]
pub(crate) struct StreamAppend {
    pub(crate) category: String,
    pub(crate) id: Uuid,
    pub(crate) case: Option<Uuid>,
    pub(crate) expected: Expected,
    pub(crate) events: Vec<NewEvent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Any,
    /// The stream's version; 0: it must not exist.
    Version(u64),
}

#[derive(Clone, Debug)]
pub(crate) struct NewEvent {
    pub(crate) name: String,
    pub(crate) revision: u32,
    pub(crate) occurred_at: i64,
    pub(crate) actor: String,
    pub(crate) data: Bytes,
    pub(crate) sealed: Option<Bytes>,
}

/// Refuse if an event of the case in one of the categories was committed after the position.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    pub(crate) case: Uuid,
    pub(crate) after: u64,
    pub(crate) categories: Vec<String>,
}

impl Request {
    /// What the ledger itself puts on record; the first with an id wins, as for a reaction.
    pub(crate) fn ours(id: Uuid, streams: Vec<StreamAppend>, traceparent: String) -> Self {
        Self {
            id,
            origin: Origin::Reaction,
            streams,
            unless: Vec::new(),
            express: true,
            correlation: String::new(),
            causation: None,
            traceparent,
        }
    }

    pub(crate) fn events(&self) -> usize {
        self.streams.iter().map(|stream| stream.events.len()).sum()
    }

    /// Rough size in memory, for the cap of a batch.
    pub(crate) fn weight(&self) -> usize {
        let of_event =
            |event: &NewEvent| event.data.len() + event.sealed.as_ref().map_or(0, Bytes::len) + 512;
        self.streams
            .iter()
            .flat_map(|stream| &stream.events)
            .map(of_event)
            .sum()
    }

    /// The case that this request erases. Only the ledger itself appends to `access`.
    pub(crate) fn erases(&self) -> Option<Uuid> {
        let erases = |stream: &&StreamAppend| {
            stream.category == ACCESS && stream.events.iter().any(|event| event.name == CONTENT_ERASED)
        };
        self.streams.iter().find(erases).and_then(|stream| stream.case)
    }

    /// Whose key seals the events of a stream: the case's, or without a case the stream's own.
    pub(crate) fn key_owner(stream: &StreamAppend) -> Uuid {
        stream.case.unwrap_or(stream.id)
    }
}

impl TryFrom<wire::AppendRequest> for Request {
    type Error = Refused;

    fn try_from(request: wire::AppendRequest) -> Result<Self, Refused> {
        let id = id("request_id", &request.request_id)?;
        let origin = match request.origin {
            Some(wire::append_request::Origin::Reaction(_)) => Origin::Reaction,
            Some(wire::append_request::Origin::Client(client)) => {
                Origin::Client(client.sent_sha256.as_ref().try_into().map_err(|_| {
                    Refused::invalid("client.sent_sha256", "it must be the 32 bytes of a SHA-256")
                })?)
            }
            None => {
                return Err(Refused::invalid(
                    "origin",
                    "say whether a reaction or a client caused the request",
                ));
            }
        };
        let case = request
            .case_id
            .map(|case| self::id("case_id", &case))
            .transpose()?;
        let causation = request
            .causation
            .map(|cause| self::id("causation", &cause))
            .transpose()?;
        header("correlation", &request.correlation)?;
        header("traceparent", &request.traceparent)?;
        Refused::over("the number of streams", MAX_PARTS, request.streams.len())?;
        Refused::over("the number of guards", MAX_PARTS, request.unless.len())?;
        let streams = request
            .streams
            .into_iter()
            .enumerate()
            .map(|(index, stream)| StreamAppend::check(&format!("streams[{index}]"), stream, case))
            .collect::<Result<Vec<_>, _>>()?;
        let unless = request
            .unless
            .into_iter()
            .map(Guard::try_from)
            .collect::<Result<_, _>>()?;
        let lane = wire::Lane::try_from(request.lane);
        let lane = lane.map_err(|_| Refused::invalid("lane", "it must be bulk or express"))?;
        let request = Self {
            id,
            origin,
            streams,
            unless,
            express: lane == wire::Lane::Express,
            correlation: request.correlation,
            causation,
            traceparent: request.traceparent,
        };
        Refused::over("the number of events", MAX_EVENTS, request.events())?;
        Refused::over("the request", MAX_REQUEST, request.weight())?;
        Ok(request)
    }
}

impl StreamAppend {
    /// One fact that the ledger itself states, in the category of its type.
    ///
    /// # Errors
    /// `Damaged` when the fact is no JSON, which no fact of ours is.
    pub(crate) fn fact<P: Payload>(
        fact: &P,
        id: Uuid,
        case: Option<Uuid>,
        actor: &str,
        occurred_at: i64,
    ) -> Result<Self, StoreError> {
        const ODD: StoreError = StoreError::Damaged("a fact of ours is no fact");
        let data = serde_json::to_vec(fact).map_err(|_| ODD)?;
        let (category, _) = P::TYPE.split_once('.').ok_or(ODD)?;
        let (name, revision) = type_(P::TYPE, category).ok_or(ODD)?;
        let event = NewEvent {
            name: name.to_owned(),
            revision,
            occurred_at,
            actor: actor.to_owned(),
            data: data.into(),
            sealed: None,
        };
        Ok(Self {
            category: category.to_owned(),
            id,
            case,
            expected: Expected::Any,
            events: vec![event],
        })
    }

    fn check(field: &str, stream: wire::StreamAppend, case: Option<Uuid>) -> Result<Self, Refused> {
        category(&format!("{field}.category"), &stream.category)?;
        let expected = match stream.expected {
            Some(WireExpected::Any(true)) => Expected::Any,
            Some(WireExpected::None(true)) => Expected::Version(0),
            Some(WireExpected::Version(version)) => Expected::Version(version),
            Some(WireExpected::Any(false) | WireExpected::None(false)) | None => {
                return Err(Refused::invalid(
                    format!("{field}.expected"),
                    "say any, none or a version",
                ));
            }
        };
        let events = stream
            .events
            .into_iter()
            .enumerate()
            .map(|(index, event)| {
                NewEvent::check(&format!("{field}.events[{index}]"), event, &stream.category)
            })
            .collect::<Result<_, _>>()?;
        let id = id(&format!("{field}.stream_id"), &stream.stream_id)?;
        Ok(Self {
            category: stream.category,
            id,
            case,
            expected,
            events,
        })
    }
}

impl NewEvent {
    fn check(field: &str, event: wire::NewEvent, category: &str) -> Result<Self, Refused> {
        let envelope = event.r#type.len() + event.actor.len();
        Refused::over("the envelope of an event", MAX_ENVELOPE, envelope)?;
        Refused::over("the data of an event", MAX_DATA, event.data.len())?;
        Refused::over(
            "the sealed part of an event",
            MAX_SEALED,
            event.sealed.as_ref().map_or(0, Bytes::len),
        )?;
        let (name, revision) = type_(&event.r#type, category).ok_or_else(|| {
            let must = "it must be <category>.<snake_case>.v<number>, with the category of its stream";
            Refused::invalid(format!("{field}.type"), must)
        })?;
        if !TIMES.contains(&event.occurred_at) {
            let must = "it must be microseconds between the years 1 and 9999";
            return Err(Refused::invalid(format!("{field}.occurred_at"), must));
        }
        actor(&format!("{field}.actor"), &event.actor)?;
        if !is_json_object(&event.data) {
            return Err(Refused::invalid(
                format!("{field}.data"),
                "it must be one JSON object in UTF-8",
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            revision,
            occurred_at: event.occurred_at,
            actor: event.actor,
            data: event.data,
            sealed: event.sealed,
        })
    }
}

impl TryFrom<wire::Unless> for Guard {
    type Error = Refused;

    fn try_from(guard: wire::Unless) -> Result<Self, Refused> {
        Refused::over(
            "the number of categories of a guard",
            MAX_PARTS,
            guard.categories.len(),
        )?;
        guard
            .categories
            .iter()
            .try_for_each(|name| category("unless.categories", name))?;
        Ok(Self {
            case: id("unless.case_id", &guard.case_id)?,
            after: guard.after,
            categories: guard.categories,
        })
    }
}

pub(crate) fn id(field: &str, bytes: &[u8]) -> Result<Uuid, Refused> {
    Uuid::from_slice(bytes).map_err(|_| Refused::invalid(field, "it must be 16 bytes"))
}

pub(crate) fn category(field: &str, name: &str) -> Result<(), Refused> {
    let good = (1..=MAX_NAME).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
    good.then_some(())
        .ok_or_else(|| Refused::invalid(field, "it must be 1 to 64 lower-case letters, digits, '-' or '_'"))
}

pub(crate) fn actor(field: &str, text: &str) -> Result<(), Refused> {
    let must = "it must be `citizen` or `<role>:<id>`, an id and never a name";
    Actor::parse(text)
        .map(|_| ())
        .map_err(|_| Refused::invalid(field, must))
}

/// The name of a type as readers ask for it: `routing.case_routed`, without its version.
pub(crate) fn type_name(field: &str, name: &str) -> Result<(), Refused> {
    let good = name
        .split_once('.')
        .is_some_and(|(of, event)| category(field, of).is_ok() && is_snake(event));
    good.then_some(())
        .ok_or_else(|| Refused::invalid(field, "it must be <category>.<snake_case>, without the version"))
}

fn is_snake(event: &str) -> bool {
    (1..=MAX_NAME).contains(&event.len())
        && event.starts_with(|first: char| first.is_ascii_lowercase())
        && event
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// A word of ours that travels in a subject or names a consumer: letters, digits, `-`, `_`, `.`.
pub(crate) fn word(field: &str, text: &str) -> Result<(), Refused> {
    let good = (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'/' | b'@'));
    good.then_some(())
        .ok_or_else(|| Refused::invalid(field, "it must be 1 to 128 letters, digits or '-_.:/@'"))
}

/// Splits `routing.case_routed.v1` into `routing.case_routed` and 1.
fn type_<'a>(text: &'a str, category: &str) -> Option<(&'a str, u32)> {
    let (name, revision) = text.rsplit_once(".v")?;
    let event = name.strip_prefix(category)?.strip_prefix('.')?;
    // No leading zero or sign: a type has one spelling.
    let revision: u32 = revision
        .parse()
        .ok()
        .filter(|n: &u32| *n > 0 && n.to_string() == revision)?;
    is_snake(event).then_some((name, revision))
}

/// What travels as a header of the stream: printable ASCII.
fn header(field: &'static str, text: &str) -> Result<(), Refused> {
    Refused::over(field, MAX_HEADER, text.len())?;
    let good = text.bytes().all(|b| b.is_ascii_graphic());
    good.then_some(())
        .ok_or_else(|| Refused::invalid(field, "it must be printable ASCII without spaces"))
}

fn is_json_object(data: &[u8]) -> bool {
    std::str::from_utf8(data).is_ok_and(|text| {
        text.trim_start().starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_one_spelling_and_the_category_of_its_stream() {
        assert_eq!(
            type_("routing.case_routed.v12", "routing"),
            Some(("routing.case_routed", 12))
        );
        for bad in [
            "routing.case_routed",
            "routing.case_routed.v0",
            "routing.case_routed.v01",
            "routing.case_routed.v+1",
        ] {
            assert_eq!(type_(bad, "routing"), None, "{bad}");
        }
        for bad in [
            "routing.Case.v1",
            "routing.a.b.v1",
            "routing..v1",
            "feedback.told.v1",
            "routing.a*.v1",
            "routing.>.v1",
        ] {
            assert_eq!(type_(bad, "routing"), None, "{bad}");
        }
    }

    #[test]
    fn data_is_one_json_object() {
        assert!(is_json_object(br#" {"a": [1, null]} "#));
        for bad in [
            &b""[..],
            b"[]",
            b"{",
            b"{}{}",
            b"{\"a\":\"\xff\"}",
            b"\"{}\"",
            b"{\"a\":1,}",
        ] {
            assert!(!is_json_object(bad), "{bad:?}");
        }
    }

    #[test]
    fn what_travels_as_a_header_is_printable_ascii() {
        assert_eq!(header("correlation", "00-abc"), Ok(()));
        assert!(header("correlation", "a\r\nNats-Expected-Last-Sequence:1").is_err());
        assert!(header("correlation", &"a".repeat(257)).is_err());
    }
}
