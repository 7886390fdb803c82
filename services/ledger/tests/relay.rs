//! The relay against a real nats-server: one number everywhere, whatever is killed, deleted, or run twice.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use chassis::clock::SystemClock;
use chassis::ledger::{Append, Expected, LedgerClient, NewEvent, StreamWrite};
use chassis::nats::{Nats, from_headers};
use contracts::events::routing::CaseAccepted;
use contracts::{Code, Recorded, subjects};
use futures::{StreamExt, TryStreamExt};
use kernel::{Actor, CaseId, Clock, Position, RequestId, StreamId};
use testkit::ledger::TestLedger;
use testkit::nats::NatsServer;
use uuid::Uuid;

struct World {
    nats: NatsServer,
    ledger: TestLedger,
    client: LedgerClient,
}

impl World {
    async fn start() -> Self {
        let nats = NatsServer::start().await.unwrap();
        let ledger = TestLedger::start(&nats).await.unwrap();
        let client = ledger.client("test").await.unwrap();
        Self { nats, ledger, client }
    }

    /// Events with the numbers `range` in their ids, many requests at a time.
    async fn append(&self, range: std::ops::Range<u32>) {
        let appends = futures::stream::iter(range)
            .map(|n| self.client.append(numbered(n)))
            .buffer_unordered(200);
        appends.try_for_each(|_| async { Ok(()) }).await.unwrap();
    }

    async fn on_record(&self) -> Vec<Recorded> {
        self.client
            .read_all(Default::default(), Default::default())
            .try_collect()
            .await
            .unwrap()
    }

    /// Everything in the stream, by sequence.
    async fn on_stream(&self) -> Vec<Recorded> {
        let nats = self.nats.connect().await.unwrap();
        let stream = nats.jetstream().get_stream(subjects::EVENTS).await.unwrap();
        let state = &stream.cached_info().state;
        let mut events = Vec::new();
        for sequence in state.first_sequence..=state.last_sequence {
            let message = stream.direct_get(sequence).await.unwrap();
            let event = from_headers(&message.headers, &message.payload).unwrap();
            assert_eq!(event.position, Position(sequence));
            let subject = subjects::event(1, &event.stream, &event.kind, event.case);
            assert_eq!(message.subject.as_str(), subject);
            events.push(event);
        }
        events
    }

    async fn the_stream_is_the_ledger(&self) {
        self.ledger.relayed().await.unwrap();
        let (stream, ledger) = (self.on_stream().await, self.on_record().await);
        assert_eq!(stream.len(), ledger.len());
        for (message, event) in stream.iter().zip(&ledger) {
            assert_eq!(message, event);
        }
    }

    async fn state(&self) -> String {
        self.client.head(Position(0)).await.unwrap().relay_state
    }

    async fn state_becomes(&self, wanted: &str) {
        let wait = async {
            while !self.state().await.starts_with(wanted) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let became = tokio::time::timeout(Duration::from_secs(30), wait).await;
        assert!(
            became.is_ok(),
            "{wanted} was expected, but it is: {}",
            self.state().await
        );
    }
}

fn numbered(n: u32) -> Append {
    let case = CaseId(Uuid::from_u128(u128::from(n % 50)));
    let payload = CaseAccepted {
        unit: Code::new("so_xd").unwrap(),
        revision: n,
    };
    let event = NewEvent::of(&payload, Actor::of("unit", "so_xd").unwrap(), SystemClock.now());
    let event = if n.is_multiple_of(3) {
        event.sealed(b"words".to_vec())
    } else {
        event
    };
    let write = StreamWrite::new(StreamId::new("routing", case.0), Expected::Any, vec![event]);
    Append::client(
        RequestId::client("test", &n.to_string()),
        &n.to_be_bytes(),
        Some(case),
        vec![write],
    )
}

async fn delete_stream(nats: &Nats) {
    nats.jetstream().delete_stream(subjects::EVENTS).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_stands_in_the_stream_at_its_own_position_alone_or_in_batches() {
    let world = World::start().await;
    for n in 0..5 {
        world.append(n..n + 1).await;
        world.ledger.relayed().await.unwrap();
    }
    world.append(5..3_000).await;
    world.the_stream_is_the_ledger().await;
    world.state_becomes("following").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_streams_are_made_with_the_rules_they_need() {
    let world = World::start().await;
    world.state_becomes("following").await;
    let nats = world.nats.connect().await.unwrap();
    for name in [
        subjects::EVENTS,
        subjects::INBOX,
        subjects::RECEIPTS,
        subjects::CASES,
        subjects::PARK,
    ] {
        assert!(nats.stream_state(name).await.unwrap().is_some(), "{name}");
    }
    // A second notice of the same revision is refused.
    let notice = "cases.vp_ubnd.so_xd.0.1";
    nats.publish_stored(notice, None, &Default::default(), "a".into())
        .await
        .unwrap();
    let refused = nats
        .publish_stored(notice, None, &Default::default(), "b".into())
        .await;
    assert!(refused.is_err(), "{refused:?}");
    // INBOX takes the same message id again: its sender must get the receipt again.
    let first = nats
        .publish_stored("in.sms.gw1", Some("7"), &Default::default(), "a".into())
        .await
        .unwrap();
    // (The window for duplicates is the shortest the server knows, a tenth of a second.)
    let again = async {
        loop {
            let sequence = nats
                .publish_stored("in.sms.gw1", Some("7"), &Default::default(), "a".into())
                .await
                .unwrap();
            if sequence != first {
                return sequence;
            }
        }
    };
    let second = tokio::time::timeout(Duration::from_secs(10), again)
        .await
        .unwrap();
    assert_eq!(second, first + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_stream_is_rebuilt_with_the_same_numbers() {
    let world = World::start().await;
    world.append(0..1_500).await;
    world.the_stream_is_the_ledger().await;
    let nats = world.nats.connect().await.unwrap();
    delete_stream(&nats).await;
    // Also when nothing new comes: an idle relay finds out by itself.
    let back = async {
        while nats
            .stream_state(subjects::EVENTS)
            .await
            .unwrap()
            .is_none_or(|s| s.last < 1_500)
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), back).await.unwrap();
    world.the_stream_is_the_ledger().await;
    delete_stream(&nats).await;
    world.append(1_500..1_600).await;
    world.the_stream_is_the_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_killed_in_the_middle_and_its_data_deleted_leaves_no_gap_and_no_repetition() {
    let mut world = World::start().await;
    for round in 0..3 {
        let first = round * 1_000;
        let (server, client) = (&mut world.nats, &world.client);
        let appending = async {
            let appends = futures::stream::iter(first..first + 1_000)
                .map(|n| client.append(numbered(n)))
                .buffer_unordered(50);
            appends.try_for_each(|_| async { Ok(()) }).await.unwrap();
        };
        let killing = async {
            client.head(Position(u64::from(first) + 200)).await.unwrap();
            server.kill9();
            if round == 1 {
                server.delete_data().unwrap();
            }
            server.restart().await.unwrap();
        };
        tokio::join!(appending, killing);
        world.the_stream_is_the_ledger().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_ahead_or_not_ours_stops_the_relay_and_it_says_why() {
    let mut world = World::start().await;
    world.append(0..3).await;
    world.the_stream_is_the_ledger().await;
    let nats = world.nats.connect().await.unwrap();
    nats.publish_stored(
        "evt.0.routing.case_accepted.x",
        None,
        &Default::default(),
        "{}".into(),
    )
    .await
    .unwrap();
    world
        .state_becomes("stopped: the stream ends at 4, the ledger at 3")
        .await;
    world.append(3..4).await;
    world
        .state_becomes("stopped: the stream's message 4 is not the ledger's event 4")
        .await;
    // Set right by a person, it goes on.
    delete_stream(&nats).await;
    world.state_becomes("following").await;
    world.the_stream_is_the_ledger().await;
    world.ledger.restart().await.unwrap();
    world.append(4..5).await;
    world.the_stream_is_the_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_relays_of_one_ledger_do_no_harm() {
    let world = World::start().await;
    let config = world.ledger.config();
    // A second ledger process on the same database is refused the pen, but its relay runs.
    let second = ledger::Config {
        listen: chassis::config::ListenConfig {
            grpc_listen: "127.0.0.1:0".to_owned(),
            ..config.listen.clone()
        },
        ..config.clone()
    };
    let shutdown = tokio_util::sync::CancellationToken::new();
    let (life, _ready) = chassis::service::Life::under(&shutdown);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let running = tokio::spawn(ledger::run(second, life.with_clock(clock)));
    world.append(0..2_000).await;
    world.the_stream_is_the_ledger().await;
    shutdown.cancel();
    let _ = running.await.unwrap();
}
