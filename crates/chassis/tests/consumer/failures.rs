//! Handlers that fail, for a while, for ever, or by a panic.

use std::sync::Arc;

use chassis::consumer::Parked;
use chassis::ledger::Purpose;
use kernel::Position;
use sqlx::Connection as _;

use crate::world::{Echo, Step, World, cases};

#[tokio::test(flavor = "multi_thread")]
async fn a_case_that_fails_for_now_holds_back_no_other_and_is_tried_until_it_works() {
    let world = World::start().await;
    let cases = cases(100);
    let ill = cases[0];
    let echo = Echo::new(&world, "echo", move |case, _, attempt| {
        if case == ill && attempt < 6 {
            Step::Fail
        } else {
            Step::Answer
        }
    });
    let replica = world.replica("a", &echo).await;
    world.accept(&cases, 0..2).await;
    echo.has_handled(200).await;
    let handled = echo.handled.lock().unwrap().clone();
    let (last_two, others) = (&handled[198..], &handled[..198]);
    assert!(
        others.iter().all(|(case, _, _)| *case != ill),
        "the others came first"
    );
    assert_eq!(
        last_two
            .iter()
            .map(|(case, revision, _)| (*case, *revision))
            .collect::<Vec<_>>(),
        [(ill, 0), (ill, 1)]
    );
    world.caught_up("echo").await;
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_failing_cases_than_may_work_at_once_hold_back_no_other() {
    let world = World::start().await;
    let cases = cases(120);
    let well = cases[119];
    let echo = Echo::new(&world, "echo", move |case, _, _| {
        if case == well { Step::Answer } else { Step::Fail }
    });
    let replica = world.replica("a", &echo).await;
    world.accept(&cases, 0..1).await;
    echo.has_handled(1).await;
    // Nothing before the failing ones may be taken for done.
    replica.stop().await;
    assert!(world.cursor("echo").await.0 < 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_and_panics_are_parked_with_their_reason_and_without_content_and_the_case_goes_on() {
    let world = World::start().await;
    let cases = cases(2);
    let (poisoned, panicking) = (cases[0], cases[1]);
    let echo = Echo::new(&world, "echo", move |case, revision, _| match revision {
        1 if case == poisoned => Step::Poison,
        1 if case == panicking => Step::Panic,
        _ => Step::Answer,
    });
    let replica = world.replica("a", &echo).await;
    world.accept(&cases, 0..3).await;
    echo.has_handled(4).await;
    world.caught_up("echo").await;
    replica.stop().await;
    let bodies = world.parked("echo", 2).await;
    for body in &bodies {
        assert!(
            !String::from_utf8_lossy(body).contains("words"),
            "content is never parked"
        );
    }
    let mut parked: Vec<Parked> = bodies
        .iter()
        .map(|b| serde_json::from_slice(b).unwrap())
        .collect();
    parked.sort_by_key(|p| p.reason.clone());
    assert_eq!(
        parked
            .iter()
            .map(|p| (p.reason.as_str(), p.case))
            .collect::<Vec<_>>(),
        [("panicked", Some(panicking)), ("unknown_unit", Some(poisoned))]
    );
    assert!(
        parked
            .iter()
            .all(|p| p.kind == "routing.case_accepted.v1" && p.consumer == "echo")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_word_to_stop_a_handler_at_work_finishes_and_its_event_never_comes_again() {
    let world = World::start().await;
    world.accept(&cases(1), 0..1).await;
    let echo = Echo::new(&world, "echo", |_, _, _| Step::WaitThenAnswer);
    let replica = world.replica("a", &echo).await;
    echo.attempted(1).await;
    let opener = echo.gate.clone();
    tokio::join!(replica.stop(), async move {
        // `stop` has spoken its word before this runs; the handler is still at work.
        opener.send_replace(true);
    });
    assert_eq!(echo.handled.lock().unwrap().len(), 1);
    let again = Echo::new(&world, "echo", |_, _, _| Step::Answer);
    let replica = world.replica("b", &again).await;
    world.accept(&cases(2)[1..], 0..1).await;
    again.has_handled(1).await;
    replica.stop().await;
    assert_eq!((again.attempts(), world.answers().await.len()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_case_that_stands_still_never_stops_the_stream_behind_it() {
    let world = World::start().await;
    let cases = cases(20);
    let ill = cases[0];
    let echo = Echo::new(&world, "echo", move |case, _, _| {
        if case == ill {
            Step::WaitThenAnswer
        } else {
            Step::Pass
        }
    });
    let replica = world.replica("a", &echo).await;
    // More than the server would deliver to somebody who acknowledges nothing.
    world.accept_often(ill, 1).await;
    for case in &cases[1..] {
        world.accept_often(*case, 500).await;
    }
    echo.attempted(1 + 19 * 500).await;
    assert_eq!(
        world.cursor("echo").await,
        Position(0),
        "the cursor stands before what is undone"
    );
    echo.gate.send_replace(true);
    world.caught_up("echo").await;
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_does_not_open_any_more_is_parked_and_holds_back_no_other() {
    let mut world = World::start().await;
    let cases = cases(3);
    world.accept(&cases, 0..1).await;
    world.ledger.stop().await.unwrap();
    let database = world
        .ledger
        .config()
        .database
        .reveal()
        .replace("ledger.db", "ledger-keys.db");
    let mut keys = sqlx::SqliteConnection::connect(&database).await.unwrap();
    sqlx::query("DELETE FROM data_keys WHERE owner = $1")
        .bind(cases[1].to_vec())
        .execute(&mut keys)
        .await
        .unwrap();
    keys.close().await.unwrap();
    world.ledger.restart().await.unwrap();
    let echo = Arc::new(Echo::of(
        &world.client,
        "echo",
        Some(Purpose::Route),
        |_, _, _| Step::Answer,
    ));
    let replica = world.replica("a", &echo).await;
    echo.has_handled(2).await;
    world.caught_up("echo").await;
    replica.stop().await;
    let parked: Parked = serde_json::from_slice(&world.parked("echo", 1).await[0]).unwrap();
    assert_eq!(
        (parked.reason.as_str(), parked.case),
        ("content_refused", Some(cases[1]))
    );
}
