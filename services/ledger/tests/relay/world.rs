//! A ledger whose relay publishes to a real nats-server.

use std::time::Duration;

use chassis::clock::SystemClock;
use chassis::ledger::{Append, Expected, LedgerClient, NewEvent, StreamWrite};
use chassis::nats::{Nats, from_headers};
use contracts::events::routing::CaseAccepted;
use contracts::{Code, Recorded, subjects};
use futures::{StreamExt, TryStreamExt};
use kernel::{Actor, CaseId, Clock, Position, RequestId, StreamId};
use ledger::relay::audit::{Difference, compare};
use ledger::relay::bulk::{self, Held};
use testkit::ledger::TestLedger;
use testkit::nats::NatsServer;
use uuid::Uuid;

pub(crate) struct World {
    pub(crate) nats: NatsServer,
    pub(crate) ledger: TestLedger,
    pub(crate) client: LedgerClient,
}

impl World {
    pub(crate) async fn start() -> Self {
        let nats = NatsServer::start().await.unwrap();
        let ledger = TestLedger::start(&nats).await.unwrap();
        let client = ledger.client("test").await.unwrap();
        Self { nats, ledger, client }
    }

    /// Events with the numbers `range` in their ids, many requests at a time.
    pub(crate) async fn append(&self, range: std::ops::Range<u32>) {
        let appends = futures::stream::iter(range)
            .map(|n| self.client.append(numbered(n)))
            .buffer_unordered(200);
        appends.try_for_each(|_| async { Ok(()) }).await.unwrap();
    }

    pub(crate) async fn on_record(&self) -> Vec<Recorded> {
        self.client
            .read_all(Default::default(), Default::default())
            .try_collect()
            .await
            .unwrap()
    }

    /// Everything in the stream, by sequence.
    pub(crate) async fn on_stream(&self) -> Vec<Recorded> {
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

    pub(crate) async fn the_stream_is_the_ledger(&self) {
        self.ledger.relayed().await.unwrap();
        let (stream, ledger) = (self.on_stream().await, self.on_record().await);
        assert_eq!(stream.len(), ledger.len());
        for (message, event) in stream.iter().zip(&ledger) {
            assert_eq!(message, event);
        }
    }

    pub(crate) async fn state(&self) -> String {
        self.client.head(Position(0)).await.unwrap().relay_state
    }

    pub(crate) async fn state_becomes(&self, wanted: &str) {
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

/// A request that is known by its number.
pub(crate) fn numbered(n: u32) -> Append {
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

pub(crate) async fn delete_stream(nats: &Nats) {
    nats.jetstream().delete_stream(subjects::EVENTS).await.unwrap();
}

/// Every message of the stream, as an auditor reads them.
pub(crate) async fn held(nats: &Nats) -> Vec<Held> {
    let mut all: Vec<Held> = Vec::new();
    loop {
        let next = all.last().map_or(1, |m| m.sequence + 1);
        let more = bulk::read(nats, next).await.unwrap();
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

/// What an auditor finds: positions that the stream lacks, and those where it says something else.
pub(crate) async fn audited(client: &LedgerClient, nats: &Nats) -> (Vec<u64>, Vec<(u64, Difference)>) {
    let events: Vec<_> = client
        .read_all_wire(Default::default(), Default::default())
        .try_collect()
        .await
        .unwrap();
    let mut held = held(nats).await.into_iter().peekable();
    let (mut missing, mut different) = (Vec::new(), Vec::new());
    for event in events {
        let position = event.position;
        match held.next_if(|m| m.sequence == position) {
            None => missing.push(position),
            Some(message) => {
                if let Some(difference) = compare(1, event, &message).unwrap() {
                    different.push((position, difference));
                }
            }
        }
    }
    assert!(held.next().is_none(), "the stream holds more than the record");
    (missing, different)
}
