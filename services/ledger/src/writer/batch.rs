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
        // Whoever comes later in the batch finds it erased.
        self.known.destroyed.extend(request.erases());
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::request::NewEvent;

    fn request(id: u128, stream: u128, expected: Expected, events: usize, guard: Option<u64>) -> Request {
        let event = NewEvent {
            name: "routing.case_routed".to_owned(),
            revision: 1,
            occurred_at: 0,
            actor: "citizen".to_owned(),
            data: Bytes::from_static(b"{}"),
            sealed: None,
        };
        let (category, stream) = ("routing".to_owned(), Uuid::from_u128(stream));
        let guard = guard.map(|after| Guard {
            case: stream,
            after,
            categories: Vec::new(),
        });
        Request {
            id: Uuid::from_u128(id),
            origin: Origin::Reaction,
            streams: vec![StreamAppend {
                category,
                id: stream,
                case: Some(stream),
                expected,
                events: vec![event; events],
            }],
            unless: guard.into_iter().collect(),
            express: false,
            correlation: String::new(),
            causation: None,
            traceparent: String::new(),
        }
    }

    fn empty(position: u64) -> Batch {
        Batch::new(
            Known::default(),
            Numbers {
                position,
                streams: 0,
                recorded_at: 0,
            },
        )
    }

    proptest! {
        /// Whatever comes in whatever order: positions have no gap, versions of a stream count by one, each id is stored
        /// once, and what is refused leaves nothing.
        #[test]
        fn numbers_have_no_gap_whatever_is_refused(
            start in 0_u64..1_000,
            requests in prop::collection::vec((0_u128..12, 0_u128..4, prop::option::of(0_u64..6), 1_usize..4, prop::option::of(0_u64..1_020)), 0..60),
        ) {
            let mut batch = empty(start);
            let mut versions: HashMap<Uuid, u64> = HashMap::new();
            let mut last_of_case: HashMap<Uuid, u64> = HashMap::new();
            let mut first_answers: HashMap<u128, Range<usize>> = HashMap::new();
            let mut position = start;
            for (place, (id, stream, expected, events, guard)) in requests.into_iter().enumerate() {
                let stream_id = Uuid::from_u128(stream);
                let version = versions.entry(stream_id).or_default();
                let expected = expected.map_or(Expected::Any, Expected::Version);
                let decision = batch.decide(place, &request(id, stream, expected, events, guard), None);
                if let Some(first) = first_answers.get(&id) {
                    prop_assert_eq!(decision, Ok(Decision::Appended { events: first.clone(), already: true }));
                    continue;
                }
                let as_expected = expected == Expected::Any || expected == Expected::Version(*version);
                let moved = guard.is_some_and(|after| last_of_case.get(&stream_id).is_some_and(|last| *last > after));
                let range = match decision {
                    Ok(Decision::Appended { events, already: false }) => events,
                    Err(Refused::WrongExpectedVersion { actual, .. }) => {
                        prop_assert!(!as_expected);
                        prop_assert_eq!(actual, *version);
                        continue;
                    }
                    Err(Refused::CaseMoved { .. }) => {
                        prop_assert!(as_expected && moved);
                        continue;
                    }
                    other => return Err(TestCaseError::fail(format!("{other:?}"))),
                };
                prop_assert!(as_expected && !moved);
                for it in &batch.events[range.clone()] {
                    position += 1;
                    *version += 1;
                    prop_assert_eq!((it.event.position, it.event.version), (position, *version));
                }
                last_of_case.insert(stream_id, position);
                first_answers.insert(id, range);
            }
            prop_assert_eq!(batch.numbers.position, position);
            let (begun, moved_on) = batch.stream_rows();
            prop_assert!(moved_on.is_empty());
            let stored: HashMap<Uuid, u64> = begun.into_iter().map(|row| (row.id, row.version)).collect();
            versions.retain(|_, version| *version > 0);
            prop_assert_eq!(stored, versions);
        }
    }

    #[test]
    fn a_client_who_reuses_the_id_of_a_reaction_is_refused() {
        let mut batch = empty(0);
        batch
            .decide(0, &request(1, 1, Expected::Any, 1, None), None)
            .unwrap();
        let by_client = Request {
            origin: Origin::Client([0; 32]),
            ..request(1, 1, Expected::Any, 1, None)
        };
        assert_eq!(
            batch.decide(1, &by_client, Some(vec![1])),
            Err(Refused::RequestIdReused)
        );
    }
}
