//! The express lane through the loop: what is committed on it is handled while a flood still waits, once, and in its order within the case.

use std::collections::HashSet;

use chassis::ledger::Append;
use kernel::{CaseId, Position};

use crate::world::{Echo, Step, World, accepted, cases};

/// More than a reactor takes on at once, so that what follows is not even read from the stream yet.
const FLOOD: u128 = 5_000;

async fn append(world: &World, append: Append) -> Position {
    world.client.append(append).await.unwrap().position
}

/// A world with a flood that nobody gets through before the gate opens, the reaction at it, and a case that is none of the flood.
async fn flooded(by: u128) -> (World, std::sync::Arc<Echo>, CaseId) {
    let world = World::start().await;
    let mut all = cases(by + 1);
    let danger = all.pop().unwrap();
    world.accept(&all, 0..1).await;
    let echo = Echo::new(&world, "echo", move |case, _, _| {
        if case == danger {
            Step::Answer
        } else {
            Step::WaitThenAnswer
        }
    });
    (world, echo, danger)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_express_does_not_wait_behind_a_flood_and_is_handled_once() {
    let (world, echo, danger) = flooded(FLOOD).await;
    let replica = world.replica("a", &echo).await;
    // The first of the flood are at work and go no further.
    echo.attempted(64).await;
    for revision in 0..3 {
        append(&world, accepted(danger, revision).express(true)).await;
    }
    echo.has_handled(3).await;
    {
        let handled = echo.handled.lock().unwrap();
        let told: Vec<_> = handled
            .iter()
            .map(|(case, revision, _)| (*case, *revision))
            .collect();
        assert_eq!(told, [(danger, 0), (danger, 1), (danger, 2)]);
    }
    assert_eq!(
        world.cursor("echo").await,
        Position(0),
        "nothing of the flood is done"
    );
    echo.gate.send_replace(true);
    echo.has_handled(FLOOD as usize + 3).await;
    world.caught_up("echo").await;
    assert_eq!(echo.attempts(), FLOOD as usize + 3, "each was attempted once");
    replica.stop().await;
    let answers = world.answers().await;
    let causes: HashSet<_> = answers.iter().map(|answer| answer.causation).collect();
    assert_eq!(
        (answers.len(), causes.len()),
        (FLOOD as usize + 3, FLOOD as usize + 3)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_of_a_case_waits_in_the_flood_is_handled_before_what_is_express() {
    let (world, echo, danger) = flooded(FLOOD).await;
    append(&world, accepted(danger, 0)).await;
    let replica = world.replica("a", &echo).await;
    echo.attempted(64).await;
    append(&world, accepted(danger, 1).express(true)).await;
    echo.has_handled(2).await;
    let told: Vec<_> = echo
        .handled
        .lock()
        .unwrap()
        .iter()
        .map(|(_, revision, _)| *revision)
        .collect();
    assert_eq!(told, [0, 1]);
    echo.gate.send_replace(true);
    world.caught_up("echo").await;
    assert_eq!(echo.attempts(), FLOOD as usize + 2);
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_after_it_looked_ahead_has_done_it_once() {
    let (world, echo, danger) = flooded(FLOOD).await;
    let replica = world.replica("a", &echo).await;
    echo.attempted(64).await;
    append(&world, accepted(danger, 0).express(true)).await;
    echo.has_handled(1).await;
    replica.die();
    echo.gate.send_replace(true);
    let replica = world.replica("b", &echo).await;
    world.caught_up("echo").await;
    replica.stop().await;
    let of_danger = world
        .answers()
        .await
        .into_iter()
        .filter(|it| it.case == Some(danger))
        .count();
    assert_eq!(of_danger, 1);
    assert_eq!(world.answers().await.len(), FLOOD as usize + 1);
}

/// The stream has brought it already, and it stands behind the others that were taken on.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_express_overtakes_what_was_taken_on_before_it() {
    let (world, echo, danger) = flooded(500).await;
    let replica = world.replica("a", &echo).await;
    echo.attempted(64).await;
    append(&world, accepted(danger, 0).express(true)).await;
    echo.has_handled(1).await;
    assert_eq!(echo.handled.lock().unwrap()[0].0, danger);
    echo.gate.send_replace(true);
    world.caught_up("echo").await;
    assert_eq!(echo.attempts(), 501);
    replica.stop().await;
}
