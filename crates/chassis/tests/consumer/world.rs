//! A broker, a ledger, and a reaction whose behaviour a test chooses.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chassis::clock::SystemClock;
use chassis::consumer::{Delivered, Deps, Failure, Reaction, run_reactor};
use chassis::ledger::{Append, Expected, LedgerClient, NewEvent, Opened, Purpose, StreamWrite};
use chassis::nats::Nats;
use contracts::events::routing::{CaseAccepted, ProgressReported};
use contracts::{Code, Recorded};
use kernel::{Actor, CaseId, Clock, Position, RequestId, StreamId};
use testkit::ledger::{TestLedger, token};
use testkit::nats::NatsServer;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) struct World {
    pub(crate) nats: NatsServer,
    pub(crate) ledger: TestLedger,
    pub(crate) client: LedgerClient,
    pub(crate) shards: u32,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with_shards(1).await
    }

    pub(crate) async fn with_shards(shards: u32) -> Self {
        let nats = NatsServer::start().await.unwrap();
        let ledger = TestLedger::start_with(&nats.url(), None, shards, Arc::new(SystemClock))
            .await
            .unwrap();
        let client = ledger.client("test").await.unwrap();
        Self {
            nats,
            ledger,
            client,
            shards,
        }
    }

    pub(crate) async fn deps(&self, holder: &str) -> Deps {
        Deps {
            nats: self.nats.connect().await.unwrap(),
            // A service may open content by itself; `test`, who acts for people, would have to name a reader.
            ledger: self.ledger.client("routing").await.unwrap(),
            clock: Arc::new(SystemClock),
            shards: self.shards,
            holder: holder.to_owned(),
        }
    }

    /// The same from another process, under the name `dying`.
    pub(crate) async fn of(nats_url: &str, ledger_url: &str) -> Deps {
        Deps {
            nats: Nats::connect_as(nats_url, None, "test").await.unwrap(),
            ledger: LedgerClient::connect(ledger_url, &token("test")).await.unwrap(),
            clock: Arc::new(SystemClock),
            shards: 1,
            holder: "dying".to_owned(),
        }
    }

    /// Runs a reaction as a replica of its own.
    pub(crate) async fn replica(&self, holder: &str, reaction: &Arc<Echo>) -> Replica {
        let shutdown = CancellationToken::new();
        let reaction: Arc<dyn Reaction> = Arc::clone(reaction) as _;
        let task = tokio::spawn(run_reactor(reaction, self.deps(holder).await, shutdown.clone()));
        Replica { shutdown, task }
    }

    /// `acceptances` events of each case, cases taking turns; gives the head.
    pub(crate) async fn accept(&self, cases: &[CaseId], acceptances: std::ops::Range<u32>) -> Position {
        let mut last = Position(0);
        for revision in acceptances {
            let appends = cases
                .iter()
                .map(|case| self.client.append(accepted(*case, revision)));
            for appended in futures::future::join_all(appends).await {
                last = last.max(appended.unwrap().position);
            }
        }
        last
    }

    /// `how_many` acceptances of one case, in one request.
    pub(crate) async fn accept_often(&self, case: CaseId, how_many: u32) {
        let mut append = accepted(case, 0);
        append.request = RequestId::client("test", &Uuid::new_v4().to_string());
        for revision in 1..how_many {
            append.streams.extend(accepted(case, revision).streams);
        }
        self.client.append(append).await.unwrap();
    }

    /// All answers of the reaction on record, in order.
    pub(crate) async fn answers(&self) -> Vec<Recorded> {
        use futures::TryStreamExt;
        let all: Vec<Recorded> = self
            .client
            .read_all(Default::default(), Default::default())
            .try_collect()
            .await
            .unwrap();
        all.into_iter().filter(|e| e.is::<ProgressReported>()).collect()
    }

    pub(crate) async fn cursor(&self, consumer: &str) -> Position {
        let (cursors, _) = self.client.list_cursors().await.unwrap();
        Position(
            cursors
                .iter()
                .filter(|c| c.consumer == consumer)
                .map(|c| c.position)
                .min()
                .unwrap_or(0),
        )
    }

    /// Waits until the consumer's saved cursor is at the head.
    pub(crate) async fn caught_up(&self, consumer: &str) {
        let wait = async {
            loop {
                let head = self.client.head(Position(0)).await.unwrap().position;
                if self.cursor(consumer).await.0 == head {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            panic!(
                "{consumer} stays at {}: {:?}",
                self.cursor(consumer).await,
                self.client.list_cursors().await
            );
        }
    }

    /// What is parked for a consumer.
    pub(crate) async fn parked(&self, consumer: &str, how_many: usize) -> Vec<Vec<u8>> {
        let nats = self.nats.connect().await.unwrap();
        let mut queue = nats.work_queue(
            "PARK",
            &format!("see-{}", Uuid::new_v4().simple()),
            Default::default(),
        );
        let mut parked = Vec::new();
        while parked.len() < how_many {
            let work = tokio::time::timeout(PATIENCE, queue.next())
                .await
                .expect("something is parked");
            assert_eq!(work.message.subject, format!("park.{consumer}"));
            parked.push(work.message.payload.to_vec());
        }
        parked
    }
}

pub(crate) struct Replica {
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Replica {
    /// As a service is stopped.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .expect("it stops")
            .unwrap();
    }

    /// As if its process had died.
    pub(crate) fn die(self) {
        self.task.abort();
    }
}

pub(crate) fn cases(how_many: u128) -> Vec<CaseId> {
    (0..how_many)
        .map(|n| CaseId(Uuid::from_u128(0x1000 + n)))
        .collect()
}

pub(crate) fn accepted(case: CaseId, revision: u32) -> Append {
    let payload = CaseAccepted {
        unit: Code::new("so_xd").unwrap(),
        revision,
    };
    let event = NewEvent::of(&payload, Actor::of("unit", "so_xd").unwrap(), SystemClock.now())
        .sealed(format!("words {revision}").into_bytes());
    let request = RequestId::client("test", &format!("{case}/{revision}"));
    let write = StreamWrite::new(StreamId::new("routing", case.0), Expected::Any, vec![event]);
    Append::client(request, &revision.to_be_bytes(), Some(case), vec![write])
}

type Behaviour = Box<dyn Fn(CaseId, u32, usize) -> Step + Send + Sync>;

/// What the reaction does at an attempt (counted from 1).
pub(crate) enum Step {
    Answer,
    /// Nothing follows.
    Pass,
    Fail,
    Poison,
    Panic,
    /// Answers after the gate has opened.
    WaitThenAnswer,
}

/// Answers each acceptance with a progress report, one request per event.
pub(crate) struct Echo {
    name: &'static str,
    client: LedgerClient,
    behaviour: Behaviour,
    opens: Option<Purpose>,
    pub(crate) gate: watch::Sender<bool>,
    /// What was handled, in order.
    pub(crate) handled: Mutex<Vec<(CaseId, u32, Position)>>,
    pub(crate) contents: Mutex<Vec<Option<Opened>>>,
    attempts: Mutex<HashMap<Position, usize>>,
    at_work: AtomicUsize,
    pub(crate) most_at_work: AtomicUsize,
    changed: watch::Sender<usize>,
}

impl Echo {
    pub(crate) fn new(
        world: &World,
        name: &'static str,
        behaviour: impl Fn(CaseId, u32, usize) -> Step + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self::of(&world.client, name, None, behaviour))
    }

    pub(crate) fn of(
        client: &LedgerClient,
        name: &'static str,
        opens: Option<Purpose>,
        behaviour: impl Fn(CaseId, u32, usize) -> Step + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            client: client.clone(),
            behaviour: Box::new(behaviour),
            opens,
            gate: watch::Sender::new(false),
            handled: Mutex::default(),
            contents: Mutex::default(),
            attempts: Mutex::default(),
            at_work: AtomicUsize::new(0),
            most_at_work: AtomicUsize::new(0),
            changed: watch::Sender::new(0),
        }
    }

    pub(crate) fn attempts(&self) -> usize {
        self.attempts.lock().unwrap().values().sum()
    }

    /// How many different events were attempted.
    pub(crate) fn positions(&self) -> usize {
        self.attempts.lock().unwrap().len()
    }

    /// Waits until so many attempts were made.
    pub(crate) async fn attempted(&self, how_many: usize) {
        self.wait(|| self.attempts() >= how_many).await;
    }

    /// Waits until so many events were handled.
    pub(crate) async fn has_handled(&self, how_many: usize) {
        self.wait(|| self.handled.lock().unwrap().len() >= how_many).await;
    }

    async fn wait(&self, until: impl Fn() -> bool) {
        let mut changed = self.changed.subscribe();
        let wait = changed.wait_for(|_| until());
        assert!(
            tokio::time::timeout(PATIENCE, wait).await.is_ok(),
            "handled {}, attempts {}",
            self.handled.lock().unwrap().len(),
            self.attempts()
        );
    }

    async fn answer(&self, delivered: &Delivered, accepted: &CaseAccepted) -> Result<(), Failure> {
        let event = &delivered.event;
        let payload = ProgressReported {
            unit: accepted.unit.clone(),
            revision: accepted.revision,
            committed_date: None,
            attachments: 0,
        };
        let progress = NewEvent::of(&payload, Actor::service("routing"), SystemClock.now());
        let stream = StreamWrite::new(event.stream.clone(), Expected::Any, vec![progress]);
        self.client
            .append(Append::reaction(event, self.name, vec![stream]))
            .await?;
        self.handled
            .lock()
            .unwrap()
            .push((event.case.unwrap(), accepted.revision, event.position));
        self.contents.lock().unwrap().push(delivered.content.clone());
        Ok(())
    }
}

#[async_trait]
impl Reaction for Echo {
    fn consumer(&self) -> &'static str {
        self.name
    }

    fn wants(&self) -> &[&'static str] {
        &["routing.case_accepted"]
    }

    fn opens(&self) -> Option<Purpose> {
        self.opens
    }

    async fn react(&self, delivered: &Delivered) -> Result<(), Failure> {
        let accepted: CaseAccepted = delivered.event.decode()?.expect("only what is wanted arrives");
        let attempt = {
            let mut attempts = self.attempts.lock().unwrap();
            let attempt = attempts.entry(delivered.event.position).or_default();
            *attempt += 1;
            *attempt
        };
        self.changed.send_modify(|n| *n += 1);
        let at_work = self.at_work.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_work.fetch_max(at_work, Ordering::SeqCst);
        let result = match (self.behaviour)(delivered.event.case.unwrap(), accepted.revision, attempt) {
            Step::Answer => self.answer(delivered, &accepted).await,
            Step::Pass => Ok(()),
            Step::Fail => Err(Failure::transient(anyhow::anyhow!("not now"))),
            Step::Poison => Err(Failure::poison("unknown_unit", "no such unit")),
            Step::Panic => {
                self.at_work.fetch_sub(1, Ordering::SeqCst);
                panic!("words 4711 must not be seen")
            }
            Step::WaitThenAnswer => {
                let _ = self.gate.subscribe().wait_for(|open| *open).await;
                self.answer(delivered, &accepted).await
            }
        };
        self.at_work.fetch_sub(1, Ordering::SeqCst);
        self.changed.send_modify(|n| *n += 1);
        result
    }
}
