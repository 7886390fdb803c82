//! What a ledger is, in a few lines: the model that the real one must agree with.

use std::collections::HashMap;

use contracts::grpc::ledger as wire;
use uuid::Uuid;
use wire::refusal::Reason;

use super::command::*;
use crate::world::id;

/// What an event is, as far as the model knows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub(super) request: u8,
    pub(super) stream: u8,
    pub(super) version: u64,
    pub(super) case: Option<u8>,
}

/// What a ledger is, in a few lines.
#[derive(Default)]
pub(super) struct Model {
    pub(super) events: Vec<Event>,
    /// First position, how many, and what a client sent.
    pub(super) requests: HashMap<u8, (u64, u64, Option<Vec<u8>>)>,
}

impl Model {
    pub(super) fn head(&self) -> u64 {
        self.events.len() as u64
    }

    pub(super) fn version(&self, stream: u8) -> u64 {
        self.events.iter().filter(|it| it.stream == stream).count() as u64
    }

    /// Identity first, then versions, then guards; the positions of the request's events, or why not.
    pub(super) fn append(&mut self, append: &Append, wire: &wire::AppendRequest) -> Result<Vec<u64>, Reason> {
        let digest = digest(wire);
        if append.parts.iter().all(|part| part.events == 0) {
            return Ok(Vec::new());
        }
        if let Some((first, count, stored)) = self.requests.get(&append.request) {
            return if !append.client || digest == *stored {
                Ok((*first..first + count).collect())
            } else {
                Err(Reason::RequestIdReused(wire::RequestIdReused {}))
            };
        }
        let mut within: HashMap<u8, u64> = HashMap::new();
        for (part, sent) in append.parts.iter().zip(&wire.streams) {
            let version = within
                .entry(part.stream)
                .or_insert_with(|| self.version(part.stream));
            let wanted = match sent.expected {
                Some(wire::stream_append::Expected::None(_)) => Some(0),
                Some(wire::stream_append::Expected::Version(wanted)) => Some(wanted),
                _ => None,
            };
            if wanted.is_some_and(|wanted| wanted != *version) {
                return Err(Reason::WrongExpectedVersion(wire::WrongExpectedVersion {
                    category: category(part.stream).to_owned(),
                    stream_id: stream_id(part.stream),
                    actual: *version,
                }));
            }
            *version += part.events as u64;
        }
        if let (Some(guard), Some(sent)) = (&append.guard, wire.unless.first()) {
            let mover = (1..).zip(&self.events).find(|(position, event)| {
                *position > sent.after
                    && event.case == Some(guard.case)
                    && guard
                        .category
                        .is_none_or(|it| category(event.stream) == CATEGORIES[usize::from(it)])
            });
            if let Some((position, event)) = mover {
                return Err(Reason::CaseMoved(wire::CaseMoved {
                    position,
                    r#type: kind(event.stream),
                }));
            }
        }
        let first = self.head() + 1;
        for part in &append.parts {
            for _ in 0..part.events {
                let event = Event {
                    request: append.request,
                    stream: part.stream,
                    version: self.version(part.stream) + 1,
                    case: append.case,
                };
                self.events.push(event);
            }
        }
        let count = self.head() + 1 - first;
        self.requests.insert(append.request, (first, count, digest));
        Ok((first..first + count).collect())
    }
}

pub(super) fn digest(wire: &wire::AppendRequest) -> Option<Vec<u8>> {
    match &wire.origin {
        Some(wire::append_request::Origin::Client(client)) => Some(client.sent_sha256.to_vec()),
        _ => None,
    }
}

pub(super) fn category(stream: u8) -> &'static str {
    CATEGORIES[usize::from(stream >= 3)]
}

pub(super) fn kind(stream: u8) -> String {
    format!("{}.something_happened.v1", category(stream))
}

pub(super) fn stream_id(stream: u8) -> bytes::Bytes {
    id(Uuid::from_u128(u128::from(stream) + 100))
}

pub(super) fn case_id(case: u8) -> bytes::Bytes {
    id(Uuid::from_u128(u128::from(case) + 200))
}
