//! What is killed, deleted, taken over or trimmed: nothing is lost, nothing acts twice.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream;
use chassis::consumer::run_reactor;
use contracts::subjects;
use kernel::Position;
use testkit::process::Process;
use tokio_util::sync::CancellationToken;

use crate::world::{Echo, PATIENCE, Step, World, accepted, cases};

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_consumer_goes_on_where_it_was() {
    let world = World::start().await;
    let cases = cases(5);
    world.accept(&cases, 0..4).await;
    let first = Echo::new(&world, "echo", |_, _, _| Step::Answer);
    let replica = world.replica("a", &first).await;
    first.has_handled(20).await;
    replica.stop().await;
    world.accept(&cases, 4..6).await;
    let second = Echo::new(&world, "echo", |_, _, _| Step::Answer);
    let replica = world.replica("b", &second).await;
    second.has_handled(10).await;
    world.caught_up("echo").await;
    replica.stop().await;
    assert_eq!(second.attempts(), 10, "nothing came again");
    assert_eq!(world.answers().await.len(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_replica_dies_another_takes_its_shard_and_nothing_takes_effect_twice() {
    let world = World::start().await;
    let cases = cases(10);
    world.accept(&cases, 0..10).await;
    let dying = Echo::new(&world, "echo", |_, _, _| Step::Answer);
    let replica = world.replica("a", &dying).await;
    dying.has_handled(30).await;
    let heir = Echo::new(&world, "echo", |_, _, _| Step::Answer);
    let heir_replica = world.replica("b", &heir).await;
    replica.die();
    world.caught_up("echo").await;
    heir_replica.stop().await;
    let answers = world.answers().await;
    assert_eq!(answers.len(), 100, "one answer for each event");
    let causes: std::collections::HashSet<_> = answers.iter().map(|a| a.causation).collect();
    assert_eq!(causes.len(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replicas_one_handles_a_shard_at_a_time() {
    let world = World::start().await;
    let (one, two) = (
        Echo::new(&world, "echo", |_, _, _| Step::Answer),
        Echo::new(&world, "echo", |_, _, _| Step::Answer),
    );
    let a = world.replica("a", &one).await;
    world.accept(&cases(3), 0..1).await;
    one.has_handled(3).await;
    let b = world.replica("b", &two).await;
    world.accept(&cases(3), 1..4).await;
    one.has_handled(12).await;
    assert_eq!(two.attempts(), 0);
    // Given up in order, it is taken over without waiting for the lease to run out.
    a.stop().await;
    world.accept(&cases(3), 4..5).await;
    two.has_handled(3).await;
    b.stop().await;
    assert_eq!(world.answers().await.len(), 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_deleted_under_a_consumer_is_rebuilt_with_the_same_numbers_and_nothing_is_handled_twice() {
    let world = World::start().await;
    let cases = cases(8);
    let echo = Echo::new(&world, "echo", |_, _, _| Step::Answer);
    let replica = world.replica("a", &echo).await;
    world.accept(&cases, 0..5).await;
    echo.has_handled(40).await;
    world.caught_up("echo").await;
    let nats = world.nats.connect().await.unwrap();
    nats.jetstream().delete_stream(subjects::EVENTS).await.unwrap();
    world.accept(&cases, 5..10).await;
    echo.has_handled(80).await;
    world.caught_up("echo").await;
    assert_eq!(echo.attempts(), 80, "nothing came again");
    let head = world.ledger.relayed().await.unwrap();
    let state = nats.stream_state(subjects::EVENTS).await.unwrap().unwrap();
    assert_eq!((state.first, state.last, state.messages), (1, head.0, head.0));
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_killed_and_its_folder_deleted_costs_nothing() {
    let mut world = World::start().await;
    let cases = cases(8);
    let echo = Echo::new(&world, "echo", |_, _, _| Step::Answer);
    let replica = world.replica("a", &echo).await;
    world.accept(&cases, 0..5).await;
    echo.has_handled(40).await;
    world.nats.kill9();
    // The ledger goes on taking reports without the broker.
    world.accept(&cases, 5..6).await;
    world.nats.restart().await.unwrap();
    echo.has_handled(48).await;
    world.nats.kill9();
    world.nats.delete_data().unwrap();
    world.accept(&cases, 6..7).await;
    world.nats.restart().await.unwrap();
    echo.has_handled(56).await;
    world.caught_up("echo").await;
    replica.stop().await;
    let answers = world.answers().await;
    assert_eq!(answers.len(), 56);
    // After a kill an event may be handled again before its cursor was saved; its effect is one.
    let causes: std::collections::HashSet<_> = answers.iter().map(|a| a.causation).collect();
    assert_eq!(causes.len(), 56);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_stream_trims_before_it_is_delivered_is_read_from_the_ledger() {
    let mut world = World::start().await;
    world.ledger.stop().await.unwrap();
    // A stream that holds far less than a consumer may be behind, in place of one that trims by age.
    let nats = world.nats.connect().await.unwrap();
    let _ = nats.jetstream().delete_stream(subjects::EVENTS).await; // if the relay came to make it
    let config = stream::Config {
        name: subjects::EVENTS.to_owned(),
        subjects: vec![subjects::EVENTS_SUBJECTS.to_owned()],
        first_sequence: Some(1),
        allow_atomic_publish: true,
        max_messages: 1_000,
        ..Default::default()
    };
    nats.jetstream().create_stream(config).await.unwrap();
    world.ledger.restart().await.unwrap();
    let case = cases(1)[0];
    let echo = Echo::new(&world, "echo", |_, revision, _| {
        if revision == 0 {
            Step::WaitThenAnswer
        } else {
            Step::Pass
        }
    });
    let replica = world.replica("a", &echo).await;
    // The first keeps the others waiting, until the consumer has its hands full and takes no more.
    for _ in 0..16 {
        world.accept_often(case, 500).await;
    }
    world.ledger.relayed().await.unwrap();
    echo.gate.send_replace(true);
    world.caught_up("echo").await;
    replica.stop().await;
    let different = echo.positions();
    assert_eq!(different, 16 * 500, "each was handled");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_stream_no_longer_holds_is_read_from_the_ledger() {
    let mut world = World::start().await;
    let cases = cases(4);
    world.accept(&cases, 0..5).await;
    world.ledger.relayed().await.unwrap();
    world.ledger.stop().await.unwrap();
    // As if the first 15 had been trimmed by age.
    let nats = world.nats.connect().await.unwrap();
    nats.jetstream().delete_stream(subjects::EVENTS).await.unwrap();
    let config = stream::Config {
        name: subjects::EVENTS.to_owned(),
        subjects: vec![subjects::EVENTS_SUBJECTS.to_owned()],
        first_sequence: Some(16),
        allow_atomic_publish: true,
        ..Default::default()
    };
    nats.jetstream().create_stream(config).await.unwrap();
    world.ledger.restart().await.unwrap();
    let echo = Echo::new(&world, "echo", |_, _, _| Step::Answer);
    let replica = world.replica("a", &echo).await;
    echo.has_handled(20).await;
    world.accept(&cases, 5..6).await;
    echo.has_handled(24).await;
    world.caught_up("echo").await;
    replica.stop().await;
    let positions: Vec<Position> = echo.handled.lock().unwrap().iter().map(|(_, _, p)| *p).collect();
    assert!(
        (1..=20).all(|p| positions.contains(&Position(p))),
        "{positions:?}"
    );
    assert_eq!(
        nats.stream_state(subjects::EVENTS).await.unwrap().unwrap().first,
        16
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_the_relay_never_wrote_is_acted_on_by_nobody() {
    let world = World::start().await;
    let cases = cases(1);
    let echo = Echo::new(&world, "echo", |_, _, _| Step::Answer);
    let replica = world.replica("a", &echo).await;
    world.accept(&cases, 0..1).await;
    echo.has_handled(1).await;
    world.caught_up("echo").await;
    let nats = world.nats.connect().await.unwrap();
    // A true message with its true headers, once more: it stands at another number than its own.
    let events = nats.jetstream().get_stream(subjects::EVENTS).await.unwrap();
    let first = events.get_raw_message(1).await.unwrap();
    let ours = first
        .headers
        .iter()
        .filter(|(name, _)| !name.to_string().starts_with("Nats-"));
    let headers = ours.fold(async_nats::HeaderMap::new(), |mut map, (name, values)| {
        map.insert(name.clone(), values[0].clone());
        map
    });
    let forged = nats
        .jetstream()
        .publish_with_headers(first.subject.to_string(), headers, first.payload)
        .await
        .unwrap();
    assert_eq!(forged.await.unwrap().sequence, 3);
    let stopped = async {
        while !world
            .client
            .head(Position(0))
            .await
            .unwrap()
            .relay_state
            .starts_with("stopped: ")
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, stopped)
        .await
        .expect("the relay says why it stands still");
    world.client.append(accepted(cases[0], 1)).await.unwrap();
    replica.stop().await;
    assert_eq!(echo.attempts(), 1);
    assert_eq!(world.cursor("echo").await, Position(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_durable_is_made_anew() {
    let world = World::start().await;
    let echo = Echo::new(&world, "echo", |_, _, _| Step::Answer);
    let replica = world.replica("a", &echo).await;
    world.accept(&cases(2), 0..2).await;
    echo.has_handled(4).await;
    let nats = world.nats.connect().await.unwrap();
    nats.jetstream()
        .delete_consumer_from_stream("echo-0", subjects::EVENTS)
        .await
        .unwrap();
    world.accept(&cases(2), 2..4).await;
    echo.has_handled(8).await;
    replica.stop().await;
    assert_eq!(world.answers().await.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_restarts_is_waited_for() {
    let mut world = World::start().await;
    let echo = Echo::new(&world, "echo", |_, _, _| Step::Answer);
    let replica = world.replica("a", &echo).await;
    world.accept(&cases(2), 0..2).await;
    echo.has_handled(4).await;
    world.ledger.restart().await.unwrap();
    world.accept(&cases(2), 2..4).await;
    echo.has_handled(8).await;
    world.caught_up("echo").await;
    replica.stop().await;
    assert_eq!(world.answers().await.len(), 8);
}

/// Not a test by itself: the process that `a_process_that_dies_between_effect_and_cursor_…` starts, and that its fail point ends.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by another test as a process of its own"]
async fn dying_process() {
    let deps = World::of(
        &std::env::var("TEST_NATS").unwrap(),
        &std::env::var("TEST_LEDGER").unwrap(),
    )
    .await;
    let echo = Echo::of(&deps.ledger, "echo", None, |_, _, _| Step::Answer);
    run_reactor(Arc::new(echo), deps, CancellationToken::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_between_effect_and_cursor_has_had_its_effect_once() {
    let world = World::start().await;
    world.accept(&cases(5), 0..6).await;
    for _ in 0..2 {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "recovery::dying_process", "--ignored"])
            .env("HOIAM_FAIL_POINT", "consumer.after_effect_before_cursor:1");
        command
            .env("TEST_NATS", world.nats.url())
            .env("TEST_LEDGER", world.ledger.url());
        let mut process = Process::spawn(&mut command).unwrap();
        let status = process.wait(PATIENCE).await.unwrap();
        assert!(!status.success(), "it was aborted: {}", process.output());
        assert_eq!(
            world.cursor("echo").await,
            Position(0),
            "the cursor was never saved"
        );
        assert!(!world.answers().await.is_empty(), "it had its effect");
    }
    let echo = Echo::new(&world, "echo", |_, _, _| Step::Answer);
    let replica = world.replica("dying", &echo).await;
    world.caught_up("echo").await;
    replica.stop().await;
    let answers = world.answers().await;
    let causes: std::collections::HashSet<_> = answers.iter().map(|a| a.causation).collect();
    assert_eq!((answers.len(), causes.len()), (30, 30));
}
