//! The relay against a real nats-server: one number everywhere, whatever is killed, deleted, or run twice.
#![allow(clippy::unwrap_used, reason = "tests")]

mod rebuild;
mod world;

use std::sync::Arc;
use std::time::Duration;

use chassis::clock::SystemClock;
use contracts::subjects;
use futures::{StreamExt, TryStreamExt};
use kernel::{Clock, Position};

use crate::world::{World, delete_stream, numbered};

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
