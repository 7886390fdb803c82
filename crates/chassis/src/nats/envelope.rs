//! An event on the stream: CloudEvents binary mode, its envelope in the headers and its facts as the body.

use async_nats::HeaderMap;
use async_nats::header::HeaderValue;
use bytes::Bytes;
use contracts::Recorded;
use contracts::grpc::ledger::Event;
use contracts::subjects::headers;
use kernel::{Actor, CaseId, EventId, Instant, Position, RequestId, StreamId};
use uuid::Uuid;

/// A header that the relay always writes is missing or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the header {0} of a message on the stream is missing or cannot be read")]
pub struct EnvelopeError(pub &'static str);

/// The headers of an event.
#[must_use]
pub fn to_headers(event: &Event) -> HeaderMap {
    let mut map = HeaderMap::new();
    let uuid = |bytes: &Bytes| {
        Uuid::from_slice(bytes)
            .unwrap_or_default()
            .hyphenated()
            .to_string()
    };
    map.insert(headers::SPEC_VERSION, "1.0");
    map.insert(headers::ID, uuid(&event.id));
    map.insert(headers::SOURCE, format!("/hoiam/{}", event.category));
    map.insert(headers::TYPE, event.r#type.as_str());
    map.insert(
        headers::SUBJECT,
        format!("{}/{}", event.category, uuid(&event.stream_id)),
    );
    map.insert(headers::TIME, Instant(event.occurred_at).to_string());
    map.insert(headers::CONTENT_TYPE, "application/json");
    map.insert(headers::POSITION, event.position.to_string());
    map.insert(headers::STREAM_VERSION, event.version.to_string());
    map.insert(headers::OCCURRED_AT, event.occurred_at.to_string());
    map.insert(headers::RECORDED_AT, event.recorded_at.to_string());
    map.insert(headers::ACTOR, event.actor.as_str());
    map.insert(headers::CORRELATION, event.correlation.as_str());
    map.insert(headers::REQUEST, uuid(&event.request_id));
    map.insert(headers::SALT, hex::encode(&event.salt));
    map.insert(headers::DATA_HASH, hex::encode(&event.data_hash));
    if let Some(case) = &event.case_id {
        map.insert(headers::CASE, uuid(case));
    }
    if let Some(causation) = &event.causation {
        map.insert(headers::CAUSATION, uuid(causation));
    }
    if event.has_sealed || !event.sealed_hash.is_empty() {
        map.insert(headers::SEALED_HASH, hex::encode(&event.sealed_hash));
    }
    if !event.traceparent.is_empty() {
        map.insert(headers::TRACEPARENT, event.traceparent.as_str());
    }
    map
}

/// The event of a message.
///
/// # Errors
/// Which header is missing or cannot be read.
pub fn from_headers(map: &HeaderMap, data: &Bytes) -> Result<Recorded, EnvelopeError> {
    let optional = |name: &'static str| map.get(name).map(HeaderValue::as_str);
    let text = |name: &'static str| optional(name).ok_or(EnvelopeError(name));
    let uuid = |name: &'static str| Uuid::parse_str(text(name)?).map_err(|_| EnvelopeError(name));
    let number = |name: &'static str| text(name)?.parse::<u64>().map_err(|_| EnvelopeError(name));
    let instant = |name: &'static str| {
        text(name)?
            .parse::<i64>()
            .map(Instant)
            .map_err(|_| EnvelopeError(name))
    };
    let maybe_uuid = |name: &'static str| optional(name).map(|_| uuid(name)).transpose();
    let (category, id) = text(headers::SUBJECT)?
        .split_once('/')
        .ok_or(EnvelopeError(headers::SUBJECT))?;
    Ok(Recorded {
        position: Position(number(headers::POSITION)?),
        id: EventId(uuid(headers::ID)?),
        stream: StreamId::new(
            category,
            Uuid::parse_str(id).map_err(|_| EnvelopeError(headers::SUBJECT))?,
        ),
        version: number(headers::STREAM_VERSION)?,
        case: maybe_uuid(headers::CASE)?.map(CaseId),
        kind: text(headers::TYPE)?.to_owned(),
        occurred_at: instant(headers::OCCURRED_AT)?,
        recorded_at: instant(headers::RECORDED_AT)?,
        actor: Actor::parse(text(headers::ACTOR)?).map_err(|_| EnvelopeError(headers::ACTOR))?,
        correlation: optional(headers::CORRELATION).unwrap_or_default().to_owned(),
        causation: maybe_uuid(headers::CAUSATION)?.map(EventId),
        traceparent: optional(headers::TRACEPARENT).unwrap_or_default().to_owned(),
        data: data.to_vec(),
        has_sealed: optional(headers::SEALED_HASH).is_some(),
        request: RequestId(uuid(headers::REQUEST)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        let bytes = |n: u8| Bytes::copy_from_slice(&[n; 16]);
        Event {
            position: 42,
            id: bytes(1),
            category: "routing".to_owned(),
            stream_id: bytes(2),
            version: 3,
            case_id: Some(bytes(4)),
            r#type: "routing.case_routed.v1".to_owned(),
            occurred_at: 1_700_000_000_123_456,
            recorded_at: 1_700_000_000_223_456,
            actor: "service:routing".to_owned(),
            correlation: "abc".to_owned(),
            causation: Some(bytes(5)),
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
            data: Bytes::from_static(br#"{"office":"vp_tu"}"#),
            has_sealed: true,
            salt: bytes(6),
            sealed_hash: bytes(7),
            request_id: bytes(8),
            data_hash: bytes(9),
        }
    }

    #[test]
    fn what_the_relay_writes_is_what_a_consumer_reads() {
        for event in [
            event(),
            Event {
                case_id: None,
                causation: None,
                has_sealed: false,
                sealed_hash: Bytes::new(),
                ..event()
            },
        ] {
            let read = from_headers(&to_headers(&event), &event.data).unwrap();
            assert_eq!(read, Recorded::try_from(event).unwrap());
        }
    }

    #[test]
    fn a_missing_header_is_named() {
        let event = event();
        let mut map = to_headers(&event);
        map = map
            .iter()
            .filter(|(n, _)| n.to_string() != headers::POSITION)
            .fold(HeaderMap::new(), |mut m, (n, v)| {
                m.insert(n.clone(), v[0].clone());
                m
            });
        assert_eq!(
            from_headers(&map, &event.data),
            Err(EnvelopeError(headers::POSITION))
        );
    }
}
