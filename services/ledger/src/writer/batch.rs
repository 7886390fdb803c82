//! What a batch of requests comes to: decided in arrival order against what is stored and what the batch itself adds. Pure.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use bytes::Bytes;
use uuid::Uuid;

use crate::error::Refused;
use crate::event::StoredEvent;
use crate::request::{Expected, Guard, Origin, Request, StreamAppend};
use crate::store::insert::{RequestRow, StreamRow as StreamOut};
use crate::store::session::{StoredRequest, StreamRow};

/// What the database says about everything that a batch touches.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) requests: HashMap<Uuid, StoredRequest>,
    pub(crate) streams: HashMap<(String, Uuid), StreamRow>,
    /// By the request's place in the batch: the event that moved the case of one of its guards.
    pub(crate) moved: HashMap<usize, (u64, String)>,
    /// Owners whose key was destroyed.
    pub(crate) destroyed: HashSet<Uuid>,
}

/// Where the numbers stand.
#[derive(Clone, Copy)]
pub(crate) struct Numbers {
    pub(crate) position: u64,
    pub(crate) streams: u64,
    pub(crate) recorded_at: i64,
}

/// What one request comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Its events are these of the batch.
    Appended {
        /// Places in `Batch::events`.
        events: Range<usize>,
        /// An earlier request of the same batch with the same id stored them.
        already: bool,
    },
    /// It was stored before the batch.
    Stored {
        /// Of its first event.
        position: u64,
        /// Of its events.
        count: u64,
    },
}

/// An event whose envelope is decided, not yet sealed and hashed.
pub(crate) struct Planned {
    pub(crate) event: StoredEvent,
    pub(crate) stream: u64,
    pub(crate) sealed: Option<Bytes>,
    pub(crate) key_owner: Uuid,
}

struct Overlay {
    number: u64,
    version: u64,
    stored: bool,
    touched: bool,
}

/// A batch as it grows.
pub(crate) struct Batch {
    known: Known,
    pub(crate) numbers: Numbers,
    streams: HashMap<(String, Uuid), Overlay>,
    requests: HashMap<Uuid, (Range<usize>, Option<Vec<u8>>)>,
    pub(crate) events: Vec<Planned>,
    pub(crate) request_rows: Vec<RequestRow>,
}

impl Batch {
    pub(crate) fn new(mut known: Known, numbers: Numbers) -> Self {
        let overlay = |row: StreamRow| Overlay {
            number: row.number,
            version: row.version,
            stored: true,
            touched: false,
        };
        let streams = known
            .streams
            .drain()
            .map(|(key, row)| (key, overlay(row)))
            .collect();
        Self {
            known,
            numbers,
            streams,
            requests: HashMap::new(),
            events: Vec::new(),
            request_rows: Vec::new(),
        }
    }

    /// Decides one request. `digest` is of what a client sent. Identity comes first, then versions, then guards; a
    /// refusal leaves no trace in the batch.
    ///
    /// # Errors
    /// The fact that blocks it.
    pub(crate) fn decide(
        &mut self,
        place: usize,
        request: &Request,
        digest: Option<Vec<u8>>,
    ) -> Result<Decision, Refused> {
        if let Some(stored) = self.known.requests.get(&request.id) {
            same(&request.origin, digest.as_deref(), stored.digest.as_deref())?;
            return Ok(Decision::Stored {
                position: stored.position,
                count: stored.count,
            });
        }
        if let Some((events, before)) = self.requests.get(&request.id) {
            same(&request.origin, digest.as_deref(), before.as_deref())?;
            return Ok(Decision::Appended {
                events: events.clone(),
                already: true,
            });
        }
        self.check_versions(request)?;
        self.check_guards(place, request)?;
        self.check_keys(request)?;
        Ok(self.append(request, digest))
    }

    fn check_versions(&self, request: &Request) -> Result<(), Refused> {
        // A stream may stand in a request more than once; then the second part builds on the first.
        let mut within: HashMap<(&str, Uuid), u64> = HashMap::new();
        for stream in &request.streams {
            let version = within
                .entry((&stream.category, stream.id))
                .or_insert_with(|| self.version(stream));
            if let Expected::Version(expected) = stream.expected
                && expected != *version
            {
                let category = stream.category.clone();
                return Err(Refused::WrongExpectedVersion {
                    category,
                    stream_id: stream.id,
                    actual: *version,
                });
            }
            *version += stream.events.len() as u64;
        }
        Ok(())
    }

    fn version(&self, stream: &StreamAppend) -> u64 {
        self.streams
            .get(&(stream.category.clone(), stream.id))
            .map_or(0, |overlay| overlay.version)
    }

    fn check_guards(&self, place: usize, request: &Request) -> Result<(), Refused> {
        if let Some((position, type_)) = self.known.moved.get(&place) {
            return Err(Refused::CaseMoved {
                position: *position,
                type_: type_.clone(),
            });
        }
        if request.unless.is_empty() {
            return Ok(());
        }
        let moves = |event: &StoredEvent, guard: &Guard| {
            event.case_id == Some(guard.case)
                && event.position > guard.after
                && (guard.categories.is_empty() || guard.categories.contains(&event.category))
        };
        let mover = self
            .events
            .iter()
            .find(|it| request.unless.iter().any(|guard| moves(&it.event, guard)));
        match mover {
            Some(it) => Err(Refused::CaseMoved {
                position: it.event.position,
                type_: it.event.type_(),
            }),
            None => Ok(()),
        }
    }

    fn check_keys(&self, request: &Request) -> Result<(), Refused> {
        let seals = |stream: &&StreamAppend| stream.events.iter().any(|event| event.sealed.is_some());
        let erased = |stream: &StreamAppend| self.known.destroyed.contains(&Request::key_owner(stream));
        if request.streams.iter().filter(seals).any(erased) {
            return Err(Refused::invalid(
                "sealed",
                "the content of this case was erased: nothing more is sealed for it",
            ));
        }
        Ok(())
    }

    fn append(&mut self, request: &Request, digest: Option<Vec<u8>>) -> Decision {
        let first = self.events.len();
        let request_id = kernel::RequestId(request.id);
        for stream in &request.streams {
            if stream.events.is_empty() {
                continue;
            }
            let next_number = &mut self.numbers.streams;
            let overlay = self
                .streams
                .entry((stream.category.clone(), stream.id))
                .or_insert_with(|| {
                    *next_number += 1;
                    Overlay {
                        number: *next_number,
                        version: 0,
                        stored: false,
                        touched: true,
                    }
                });
            overlay.touched = true;
            for new in &stream.events {
                overlay.version += 1;
                self.numbers.position += 1;
                let event = StoredEvent {
                    position: self.numbers.position,
                    id: request_id.event_id(self.events.len() - first).0,
                    category: stream.category.clone(),
                    stream_id: stream.id,
                    version: overlay.version,
                    case_id: stream.case,
                    name: new.name.clone(),
                    revision: new.revision,
                    occurred_at: new.occurred_at,
                    recorded_at: self.numbers.recorded_at,
                    actor: new.actor.clone(),
                    correlation: request.correlation.clone(),
                    causation: request.causation,
                    traceparent: request.traceparent.clone(),
                    request_id: request.id,
                    data: new.data.to_vec(),
                    salt: Vec::new(),
                    data_hash: Vec::new(),
                    sealed_hash: Vec::new(),
                    leaf: Vec::new(),
                };
                let sealed = new.sealed.clone();
                let key_owner = Request::key_owner(stream);
                self.events.push(Planned {
                    event,
                    stream: overlay.number,
                    sealed,
                    key_owner,
                });
            }
        }
        let events = first..self.events.len();
        self.requests.insert(request.id, (events.clone(), digest.clone()));
        self.request_rows.push(RequestRow {
            id: request.id,
            position: self.events[first].event.position,
            count: events.len() as u64,
            digest,
            recorded_at: self.numbers.recorded_at,
        });
        Decision::Appended {
            events,
            already: false,
        }
    }

    /// The streams that begin, and those that go on, with their versions after the batch.
    pub(crate) fn stream_rows(&mut self) -> (Vec<StreamOut>, Vec<StreamOut>) {
        let touched = self.streams.drain().filter(|(_, overlay)| overlay.touched);
        let (mut begin, mut go_on) = (Vec::new(), Vec::new());
        for (
            (category, id),
            Overlay {
                number,
                version,
                stored,
                ..
            },
        ) in touched
        {
            let list = if stored { &mut go_on } else { &mut begin };
            list.push(StreamOut {
                number,
                category,
                id,
                version,
            });
        }
        // Ascending keys keep the index's pages together.
        begin.sort_unstable_by_key(|row| row.number);
        go_on.sort_unstable_by_key(|row| row.number);
        (begin, go_on)
    }
}

/// First wins for a reaction; a client's request must be what it was.
fn same(origin: &Origin, digest: Option<&[u8]>, stored: Option<&[u8]>) -> Result<(), Refused> {
    match origin {
        Origin::Reaction => Ok(()),
        Origin::Client(_) if digest == stored => Ok(()),
        Origin::Client(_) => Err(Refused::RequestIdReused),
    }
}
