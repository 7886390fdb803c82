//! Escalation as it runs: a real broker, a real ledger, and a clock that the test moves.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests; clippy.toml allows it in the tests themselves"
)]

use std::sync::Arc;
use std::time::Duration;

use chassis::clock::ManualClock;
use chassis::config::Secret;
use chassis::ledger::{Append, Expected, Filter, LedgerClient, NewEvent, StreamWrite};
use chassis::service::Life;
use contracts::events::classification::{Finding, ReportClassified};
use contracts::events::obligation::{ObligationMet, ObligationMissed, ObligationOpened};
use contracts::events::routing::{CaseAccepted, CaseDispatched, ResultReported};
use contracts::{Code, Payload, Recorded};
use futures::{StreamExt, TryStreamExt};
use kernel::taxonomy::{Kind, Level, Office, Topic, Urgency};
use kernel::{Actor, CaseId, Clock, Instant, Position, RequestId, StreamId};
use testkit::ledger::TestLedger;
use testkit::nats::NatsServer;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A Friday before a swapped Saturday: acceptance is due on Saturday at nine, the result on Thursday at five.
const FRIDAY: &str = "2026-08-21T09:00:00+07:00";
const ACCEPTANCE_DUE: &str = "2026-08-22T09:00:00+07:00";
const RESULT_DUE: &str = "2026-08-27T17:00:00+07:00";

fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

struct World {
    _nats: NatsServer,
    ledger: TestLedger,
    client: LedgerClient,
    clock: Arc<ManualClock>,
    service: Option<(CancellationToken, JoinHandle<anyhow::Result<()>>)>,
    tables: u32,
}

impl World {
    async fn start() -> Self {
        let nats = NatsServer::start().await.unwrap();
        let clock = Arc::new(ManualClock::new(at(FRIDAY)));
        let ledger = TestLedger::start_with(&nats.url(), None, 1, clock.clone())
            .await
            .unwrap();
        let client = ledger.client("test").await.unwrap();
        let mut world = Self {
            _nats: nats,
            ledger,
            client,
            clock,
            service: None,
            tables: 0,
        };
        world.start_service().await;
        world
    }

    /// Starts escalation with an empty table: whatever it must know it finds in the ledger.
    async fn start_service(&mut self) {
        let mut service = self.ledger.service_config("escalation").unwrap();
        self.tables += 1;
        let url = service
            .database
            .as_ref()
            .unwrap()
            .reveal()
            .replace(".db", &format!("{}.db", self.tables));
        service.database = Some(Secret::new(url));
        let shutdown = CancellationToken::new();
        let (life, ready) = Life::under(&shutdown);
        let task = tokio::spawn(escalation::run(
            escalation::Config { service },
            life.with_clock(self.clock.clone()),
        ));
        assert!(ready.await.is_ok(), "escalation did not start");
        self.service = Some((shutdown, task));
    }

    async fn stop_service(&mut self) {
        let (shutdown, task) = self.service.take().unwrap();
        shutdown.cancel();
        task.await.unwrap().unwrap();
    }

    /// Another service states a fact of the case.
    async fn state<P: Payload>(&self, case: CaseId, payload: &P) {
        let event = NewEvent::of(payload, Actor::service("test"), self.clock.now());
        let write = StreamWrite::new(StreamId::new(P::CATEGORY, case.0), Expected::Any, vec![event]);
        let request = RequestId(Uuid::new_v4());
        self.client
            .append(Append::client(request, b"", Some(case), vec![write]))
            .await
            .unwrap();
    }

    /// A flooded street of a case is dispatched to a unit.
    async fn dispatch(&self, case: CaseId) {
        let finding = Finding {
            field: Some(Topic::Flooding.field()),
            topic: Some(Topic::Flooding),
            also: Vec::new(),
            kind: Kind::Reflection,
            urgency: Urgency::Normal,
            level: Level::TWO,
            complete: true,
            wards: Vec::new(),
            place: Vec::new(),
        };
        let policy = Code::lossy("test");
        let classified = ReportClassified {
            finding,
            confidence: 900,
            evidence: Vec::new(),
            policy,
            model: Code::default(),
        };
        self.state(case, &classified).await;
        let unit = Code::lossy("so_xd");
        let office = Office::PeoplesCommittee;
        self.state(
            case,
            &CaseDispatched {
                unit,
                office,
                revision: 1,
                basis: Code::lossy("level_2"),
            },
        )
        .await;
    }

    async fn accept(&self, case: CaseId) {
        self.state(
            case,
            &CaseAccepted {
                unit: Code::lossy("so_xd"),
                revision: 1,
            },
        )
        .await;
    }

    /// What escalation has said of a case, as soon as that is `count` events.
    async fn said(&self, case: CaseId, count: usize) -> Vec<Recorded> {
        let filter = Filter {
            categories: vec!["obligation".to_owned()],
            case_id: Some(case.to_vec().into()),
            ..Filter::default()
        };
        let events = self
            .client
            .follow(Position(1), filter)
            .take(count)
            .try_collect::<Vec<_>>();
        match tokio::time::timeout(Duration::from_secs(30), events).await {
            Ok(events) => events.unwrap(),
            Err(_) => {
                let story = self.client.read_case(case).await.unwrap();
                let kinds: Vec<_> = story.iter().map(|e| e.kind.as_str()).collect();
                panic!("waited for {count} events of escalation; the case has {kinds:?}")
            }
        }
    }

    async fn all<P: Payload>(&self, case: CaseId) -> Vec<(P, Recorded)> {
        let story = self.client.read_case(case).await.unwrap();
        story
            .into_iter()
            .filter_map(|e| Some((e.decode::<P>().unwrap()?, e)))
            .collect()
    }
}

fn case(n: u128) -> CaseId {
    CaseId(Uuid::from_u128(n))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_stays_silent_misses_each_deadline_once_even_while_the_service_is_away() {
    let mut world = World::start().await;
    let silent = case(1);
    world.dispatch(silent).await;
    world.said(silent, 2).await;
    let opened = world.all::<ObligationOpened>(silent).await;
    let dues: Vec<_> = opened
        .iter()
        .map(|(o, _)| (o.what.as_str(), o.owner.as_str(), o.due))
        .collect();
    let unit = "unit:so_xd";
    assert_eq!(
        dues,
        [
            ("acceptance", unit, at(ACCEPTANCE_DUE)),
            ("result", unit, at(RESULT_DUE))
        ]
    );
    assert_eq!(opened[0].0.from, opened[0].1.occurred_at);

    world.clock.set(at(ACCEPTANCE_DUE).plus_micros(1));
    world.said(silent, 3).await;
    world.stop_service().await;
    world.clock.set(at(RESULT_DUE).plus_micros(Instant::SECOND));
    world.start_service().await;
    world.said(silent, 4).await;

    let missed = world.all::<ObligationMissed>(silent).await;
    let found: Vec<_> = missed
        .iter()
        .map(|(m, e)| (m.obligation, m.due, e.occurred_at))
        .collect();
    assert_eq!(
        found,
        [
            (opened[0].0.obligation, at(ACCEPTANCE_DUE), at(ACCEPTANCE_DUE)),
            (opened[1].0.obligation, at(RESULT_DUE), at(RESULT_DUE)),
        ]
    );

    // The answer comes after all: met, late, and the misses stay.
    world
        .state(
            silent,
            &ResultReported {
                unit: Code::lossy("so_xd"),
                revision: 1,
                outcome: Code::lossy("done"),
                attachments: 0,
            },
        )
        .await;
    world.said(silent, 6).await;
    let met = world.all::<ObligationMet>(silent).await;
    assert!(met.len() == 2 && met.iter().all(|(met, _)| met.late), "{met:?}");
    world.stop_service().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_in_time_while_the_service_was_away_is_met_and_never_missed() {
    let mut world = World::start().await;
    let (prompt, silent) = (case(1), case(2));
    world.dispatch(prompt).await;
    world.dispatch(silent).await;
    world.said(prompt, 2).await;
    world.said(silent, 2).await;
    world.stop_service().await;

    world.clock.set(at(ACCEPTANCE_DUE));
    world.accept(prompt).await;
    world
        .clock
        .set(at(ACCEPTANCE_DUE).plus_micros(60 * Instant::SECOND));
    world.start_service().await;
    // The timer looks in the order of deadlines and both are due at once: when the one is on record, the other was looked at.
    world.said(silent, 3).await;
    world.said(prompt, 3).await;
    assert_eq!(world.all::<ObligationMissed>(silent).await.len(), 1);
    assert_eq!(world.all::<ObligationMissed>(prompt).await.len(), 0);
    let met = world.all::<ObligationMet>(prompt).await;
    assert!(
        matches!(&met[..], [(met, _)] if !met.late && met.at == at(ACCEPTANCE_DUE)),
        "{met:?}"
    );
    world.stop_service().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_policy_is_on_record_once_and_every_deadline_names_its_version() {
    let mut world = World::start().await;
    world.stop_service().await;
    world.start_service().await;
    world.dispatch(case(1)).await;
    world.said(case(1), 2).await;
    let policy = world
        .client
        .read_stream(&StreamId::named("sla-policy", "city"))
        .await
        .unwrap();
    assert_eq!(policy.len(), 1, "a restart publishes nothing");
    let published = policy[0]
        .decode::<contracts::events::policy::SlaPolicyPublished>()
        .unwrap()
        .unwrap();
    for (opened, _) in world.all::<ObligationOpened>(case(1)).await {
        assert_eq!(opened.policy, published.version);
    }
    world.stop_service().await;
}
