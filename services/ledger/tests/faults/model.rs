//! Random sequences of commands against a ledger and against a model of it: whatever is asked in whatever order, and however often it is
//! killed in between, both answer the same. A failure shrinks to the shortest sequence; `HOIAM_FAULT_SEED` chooses the course.

use std::collections::HashMap;
use std::time::Duration;

use contracts::grpc::ledger as wire;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use sha2::{Digest as _, Sha256};
use testkit::chance::{Chance, rounds};
use testkit::postgres::Postgres;
use testkit::process::Process;
use uuid::Uuid;
use wire::refusal::Reason;

use crate::world::{Client, PATIENCE, Site, id, reason};

const CATEGORIES: [&str; 2] = ["routing", "routing-policy"];

#[derive(Clone, Debug)]
enum Command {
    Append(Append),
    /// The same, by a ledger that dies at this step if it comes there, and is asked again after it has started anew.
    DieAt(&'static str, Append),
    ReadStream {
        stream: u8,
        from: u64,
        limit: u64,
    },
    ReadCase {
        case: u8,
        from: u64,
    },
    ReadAll {
        from: u64,
        to: u64,
        limit: u64,
        category: Option<u8>,
    },
    Kill,
    Restart,
}

#[derive(Clone, Debug)]
struct Append {
    /// Few, so that they repeat.
    request: u8,
    client: bool,
    case: Option<u8>,
    parts: Vec<Part>,
    guard: Option<Guard>,
    express: bool,
}

#[derive(Clone, Debug)]
struct Part {
    stream: u8,
    expected: Expected,
    events: usize,
    sealed: bool,
}

#[derive(Clone, Copy, Debug)]
enum Expected {
    Any,
    None,
    /// Its version, and so much more.
    Off(u64),
}

#[derive(Clone, Debug)]
struct Guard {
    case: u8,
    /// So far behind the head.
    back: u64,
    category: Option<u8>,
}

fn commands() -> impl Strategy<Value = Vec<Command>> {
    let expected = prop_oneof![
        3 => Just(Expected::Any),
        2 => Just(Expected::None),
        4 => Just(Expected::Off(0)),
        1 => (1..3_u64).prop_map(Expected::Off),
    ];
    let part =
        (0..5_u8, expected, 0..4_usize, any::<bool>()).prop_map(|(stream, expected, events, sealed)| Part {
            stream,
            expected,
            events,
            sealed,
        });
    let guard = (0..3_u8, 0..4_u64, prop::option::of(0..2_u8)).prop_map(|(case, back, category)| Guard {
        case,
        back,
        category,
    });
    let append = (
        0..24_u8,
        any::<bool>(),
        prop::option::weighted(0.9, 0..3_u8),
        prop::collection::vec(part, 0..4),
        prop::option::weighted(0.3, guard),
        any::<bool>(),
    )
        .prop_map(|(request, client, case, parts, guard, express)| Append {
            request,
            client,
            case,
            parts,
            guard,
            express,
        });
    let step = prop::sample::select(vec![
        "ledger.before_lock",
        "ledger.after_lock",
        "ledger.after_keys",
        "ledger.before_commit",
        "ledger.after_commit_before_reply",
    ]);
    let command = prop_oneof![
        20 => append.clone().prop_map(Command::Append),
        2 => (step, append).prop_map(|(step, append)| Command::DieAt(step, append)),
        3 => (0..5_u8, 0..6_u64, 0..4_u64).prop_map(|(stream, from, limit)| Command::ReadStream { stream, from, limit }),
        2 => (0..3_u8, 0..20_u64).prop_map(|(case, from)| Command::ReadCase { case, from }),
        3 => (0..40_u64, 0..40_u64, 0..6_u64, prop::option::of(0..2_u8))
            .prop_map(|(from, to, limit, category)| Command::ReadAll { from, to, limit, category }),
        1 => Just(Command::Kill),
        1 => Just(Command::Restart),
    ];
    prop::collection::vec(command, 1..60)
}

/// What an event is, as far as the model knows.
#[derive(Clone, Debug, PartialEq)]
struct Event {
    request: u8,
    stream: u8,
    version: u64,
    case: Option<u8>,
}

/// What a ledger is, in a few lines.
#[derive(Default)]
struct Model {
    events: Vec<Event>,
    /// First position, how many, and what a client sent.
    requests: HashMap<u8, (u64, u64, Option<Vec<u8>>)>,
}

impl Model {
    fn head(&self) -> u64 {
        self.events.len() as u64
    }

    fn version(&self, stream: u8) -> u64 {
        self.events.iter().filter(|it| it.stream == stream).count() as u64
    }

    /// Identity first, then versions, then guards; the positions of the request's events, or why not.
    fn append(&mut self, append: &Append, wire: &wire::AppendRequest) -> Result<Vec<u64>, Reason> {
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

fn digest(wire: &wire::AppendRequest) -> Option<Vec<u8>> {
    match &wire.origin {
        Some(wire::append_request::Origin::Client(client)) => Some(client.sent_sha256.to_vec()),
        _ => None,
    }
}

fn category(stream: u8) -> &'static str {
    CATEGORIES[usize::from(stream >= 3)]
}

fn kind(stream: u8) -> String {
    format!("{}.something_happened.v1", category(stream))
}

fn stream_id(stream: u8) -> bytes::Bytes {
    id(Uuid::from_u128(u128::from(stream) + 100))
}

fn case_id(case: u8) -> bytes::Bytes {
    id(Uuid::from_u128(u128::from(case) + 200))
}

/// The ledger and its model, side by side.
struct Pair {
    site: Site,
    process: Process,
    client: Client,
    model: Model,
    acknowledged: Vec<wire::Appended>,
}

impl Pair {
    async fn new(site: Site) -> Self {
        Self {
            process: site.start(&[]).await,
            client: site.client(),
            site,
            model: Model::default(),
            acknowledged: Vec::new(),
        }
    }

    fn wire(&self, append: &Append) -> wire::AppendRequest {
        let mut within: HashMap<u8, u64> = HashMap::new();
        let part = |part: &Part| {
            use wire::stream_append::Expected as Wire;
            let version = within
                .entry(part.stream)
                .or_insert_with(|| self.model.version(part.stream));
            let expected = match part.expected {
                Expected::Any => Wire::Any(true),
                Expected::None => Wire::None(true),
                Expected::Off(by) => Wire::Version(*version + by),
            };
            *version += part.events as u64;
            let event = wire::NewEvent {
                r#type: kind(part.stream),
                occurred_at: 1,
                actor: "citizen".to_owned(),
                data: "{}".into(),
                sealed: part.sealed.then(|| "words".into()),
            };
            wire::StreamAppend {
                category: category(part.stream).to_owned(),
                stream_id: stream_id(part.stream),
                expected: Some(expected),
                events: vec![event; part.events],
            }
        };
        let streams = append.parts.iter().map(part).collect();
        let unless = append.guard.iter().map(|guard| wire::Unless {
            case_id: case_id(guard.case),
            after: self.model.head().saturating_sub(guard.back),
            categories: guard
                .category
                .iter()
                .map(|it| CATEGORIES[usize::from(*it)].to_owned())
                .collect(),
        });
        let origin = if append.client {
            let sent = Sha256::digest(format!("{append:?}")).to_vec();
            wire::append_request::Origin::Client(wire::Client {
                sent_sha256: sent.into(),
            })
        } else {
            let consumer = "routing".to_owned();
            wire::append_request::Origin::Reaction(wire::Reaction { consumer })
        };
        wire::AppendRequest {
            request_id: id(Uuid::from_u128(u128::from(append.request) + 1)),
            origin: Some(origin),
            case_id: append.case.map(case_id),
            streams,
            unless: unless.collect(),
            lane: if append.express {
                wire::Lane::Express
            } else {
                wire::Lane::Bulk
            }
            .into(),
            ..Default::default()
        }
    }

    /// Asks until the ledger writes: it has just started, and the session of the one that was killed may still hold the pen.
    async fn ask(
        &mut self,
        request: &wire::AppendRequest,
    ) -> Result<tonic::Response<wire::Appended>, tonic::Status> {
        let asked = async {
            loop {
                match self.client.append(request.clone()).await {
                    Err(status)
                        if !status.details().is_empty()
                            && matches!(reason(&status), Reason::NotLeader(_)) =>
                    {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    answer => return answer,
                }
            }
        };
        tokio::time::timeout(PATIENCE, asked)
            .await
            .expect("a ledger that writes")
    }

    async fn run(&mut self, command: &Command) -> Result<(), TestCaseError> {
        match command {
            Command::Append(append) => {
                let request = self.wire(append);
                let answer = self.ask(&request).await;
                self.same(append, &request, answer, None)?;
            }
            Command::DieAt(step, append) => {
                self.process.kill9();
                self.process = self.site.start(&[("HOIAM_FAIL_POINT", step)]).await;
                let request = self.wire(append);
                let died = self.ask(&request).await;
                let known = match died {
                    Ok(answer) => Some(Ok(answer)),
                    Err(status) if !status.details().is_empty() => Some(Err(status)),
                    Err(_) => {
                        self.process.wait(PATIENCE).await.unwrap();
                        None
                    }
                };
                self.process.kill9();
                self.process = self.site.start(&[]).await;
                let answer = match known {
                    Some(answer) => answer,
                    None => self.ask(&request).await,
                };
                // Asked again after the commit it says that it was there; asked again before, that it is new.
                let stored = *step == "ledger.after_commit_before_reply";
                self.same(append, &request, answer, Some(stored))?;
            }
            Command::ReadStream { stream, from, limit } => {
                let request = wire::ReadStreamRequest {
                    category: category(*stream).to_owned(),
                    stream_id: stream_id(*stream),
                    from_version: *from,
                    limit: *limit,
                    ..Default::default()
                };
                let found = events(self.client.read_stream(request).await).await;
                let expected = self.positions(|_, it| it.stream == *stream && it.version >= *from, *limit);
                prop_assert_eq!(found, expected);
            }
            Command::ReadCase { case, from } => {
                let request = wire::ReadCaseRequest {
                    case_id: case_id(*case),
                    from: *from,
                    ..Default::default()
                };
                let found = events(self.client.read_case(request).await).await;
                let expected = self.positions(|position, it| it.case == Some(*case) && position >= *from, 0);
                prop_assert_eq!(found, expected);
            }
            Command::ReadAll {
                from,
                to,
                limit,
                category: wanted,
            } => {
                let wanted = wanted.map(|it| CATEGORIES[usize::from(it)]);
                let filter = wire::Filter {
                    categories: wanted.iter().map(|it| (*it).to_owned()).collect(),
                    ..Default::default()
                };
                let request = wire::ReadAllRequest {
                    from: *from,
                    to: *to,
                    limit: *limit,
                    filter: Some(filter),
                    ..Default::default()
                };
                let found = events(self.client.read_all(request).await).await;
                let expected = self.positions(
                    |position, it| {
                        position >= *from
                            && (*to == 0 || position <= *to)
                            && wanted.is_none_or(|wanted| category(it.stream) == wanted)
                    },
                    *limit,
                );
                prop_assert_eq!(found, expected);
            }
            Command::Kill => {
                self.process.kill9();
                self.process = self.site.start(&[]).await;
            }
            Command::Restart => {
                self.process.terminate();
                self.process.wait(PATIENCE).await.unwrap();
                self.process = self.site.start(&[]).await;
            }
        }
        Ok(())
    }

    /// The ledger answers what the model answers. `again` says whether what is asked twice had been stored at the first time.
    fn same(
        &mut self,
        append: &Append,
        request: &wire::AppendRequest,
        answer: Result<tonic::Response<wire::Appended>, tonic::Status>,
        again: Option<bool>,
    ) -> Result<(), TestCaseError> {
        let known = self.model.requests.contains_key(&append.request);
        let head = self.model.head();
        match (self.model.append(append, request), answer) {
            (Ok(positions), Ok(answer)) => {
                let answer = answer.into_inner();
                let answered: Vec<u64> = answer.events.iter().map(|it| it.position).collect();
                prop_assert_eq!(&answered, &positions);
                prop_assert_eq!(answer.head, positions.last().copied().unwrap_or(head));
                for event in &answer.events {
                    let model = &self.model.events[event.position as usize - 1];
                    prop_assert_eq!(
                        (model.version, &stream_id(model.stream)),
                        (event.version, &event.stream_id)
                    );
                }
                if !positions.is_empty() {
                    prop_assert_eq!(answer.already, known || again.unwrap_or(false));
                    self.acknowledged.push(answer);
                }
            }
            (Err(expected), Err(status)) => prop_assert_eq!(reason(&status), expected),
            (expected, found) => prop_assert!(false, "expected {expected:?}, found {found:?}"),
        }
        Ok(())
    }

    fn positions(&self, wanted: impl Fn(u64, &Event) -> bool, limit: u64) -> Vec<u64> {
        let limit = if limit == 0 { usize::MAX } else { limit as usize };
        (1..)
            .zip(&self.model.events)
            .filter(|(position, event)| wanted(*position, event))
            .map(|(position, _)| position)
            .take(limit)
            .collect()
    }
}

async fn events(answer: Result<tonic::Response<tonic::Streaming<wire::Event>>, tonic::Status>) -> Vec<u64> {
    let mut events = answer.unwrap().into_inner();
    let mut found = Vec::new();
    while let Some(event) = events.message().await.unwrap() {
        found.push(event.position);
    }
    found
}

/// Runs `cases` random sequences, each on an empty ledger.
fn agree(postgres: bool, cases: u64) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = postgres.then(|| runtime.block_on(Postgres::start()).unwrap());
    let config = Config {
        cases: u32::try_from(cases).unwrap(),
        failure_persistence: None,
        max_shrink_iters: 300,
        ..Config::default()
    };
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&Chance::seeded().next().to_be_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let databases = std::cell::Cell::new(0);
    let outcome = runner.run(&commands(), |commands| {
        runtime.block_on(async {
            let site = match &server {
                Some(server) => {
                    databases.set(databases.get() + 1);
                    Site::on(
                        server
                            .database(&format!("model_{}", databases.get()))
                            .await
                            .unwrap(),
                    )
                }
                None => Site::sqlite(),
            };
            let mut pair = Pair::new(site).await;
            for command in &commands {
                pair.run(command).await?;
            }
            let record = pair.site.in_order(&pair.acknowledged).await;
            prop_assert_eq!(record.len() as u64, pair.model.head());
            Ok(())
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn sqlite_and_the_model_answer_the_same_whatever_is_asked() {
    agree(false, 6);
}

#[test]
fn postgres_and_the_model_answer_the_same_whatever_is_asked() {
    agree(true, 3);
}

#[test]
#[ignore = "minutes: HOIAM_FAULT_ROUNDS sequences on each engine"]
fn both_engines_and_the_model_answer_the_same_through_many_sequences() {
    agree(false, rounds(200));
    agree(true, rounds(200));
}
