//! Order within a case, cases beside each other, shards, and content fetched beforehand.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use chassis::ledger::{Opened, Purpose};
use kernel::CaseId;

use crate::world::{Echo, Step, World, cases};

fn by_case(echo: &Echo) -> HashMap<CaseId, Vec<u32>> {
    let mut by_case: HashMap<CaseId, Vec<u32>> = HashMap::new();
    for (case, revision, _) in echo.handled.lock().unwrap().iter() {
        by_case.entry(*case).or_default().push(*revision);
    }
    by_case
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_is_handled_in_order_and_cases_beside_each_other() {
    let world = World::start().await;
    let cases = cases(20);
    world.accept(&cases, 0..10).await;
    // Every third event fails at first, so that later ones of its case would like to overtake it.
    let echo = Echo::new(&world, "echo", |_, revision, attempt| {
        if revision % 3 == 0 && attempt == 1 {
            Step::Fail
        } else {
            Step::Answer
        }
    });
    let replica = world.replica("a", &echo).await;
    world.accept(&cases, 10..20).await;
    echo.has_handled(400).await;
    for (case, revisions) in by_case(&echo) {
        assert_eq!(revisions, (0..20).collect::<Vec<_>>(), "{case}");
    }
    assert!(echo.most_at_work.load(Ordering::SeqCst) > 4);
    world.caught_up("echo").await;
    replica.stop().await;
    assert_eq!(world.answers().await.len(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shard_is_handled_and_has_a_cursor_of_its_own() {
    let world = World::with_shards(4).await;
    let cases = cases(16);
    world.accept(&cases, 0..5).await;
    let echo = Echo::new(&world, "echo", |_, _, _| Step::Answer);
    let replica = world.replica("a", &echo).await;
    echo.has_handled(80).await;
    world.caught_up("echo").await;
    let (cursors, _) = world.client.list_cursors().await.unwrap();
    assert_eq!(cursors.iter().map(|c| c.shard).collect::<Vec<_>>(), [0, 1, 2, 3]);
    for revisions in by_case(&echo).values() {
        assert_eq!(revisions, &[0, 1, 2, 3, 4]);
    }
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_content_is_there_when_a_reaction_asks_for_it_and_only_then() {
    let world = World::start().await;
    world.accept(&cases(3), 0..1).await;
    let with = Arc::new(Echo::of(
        &world.client,
        "with",
        Some(Purpose::Route),
        |_, _, _| Step::Answer,
    ));
    let without = Echo::new(&world, "without", |_, _, _| Step::Answer);
    let (a, b) = (
        world.replica("a", &with).await,
        world.replica("b", &without).await,
    );
    with.has_handled(3).await;
    without.has_handled(3).await;
    assert!(
        with.contents
            .lock()
            .unwrap()
            .iter()
            .all(|c| *c == Some(Opened::Plain(b"words 0".to_vec())))
    );
    assert!(without.contents.lock().unwrap().iter().all(Option::is_none));
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_consumer_does_not_want_moves_its_cursor_all_the_same() {
    let world = World::start().await;
    let echo = Echo::new(&world, "echo", |_, _, _| Step::Answer);
    let replica = world.replica("a", &echo).await;
    world.accept(&cases(1), 0..1).await;
    // The echo's own answer, at position 2, is of a type it does not want.
    echo.has_handled(1).await;
    world.caught_up("echo").await;
    assert!(world.cursor("echo").await.0 >= 2);
    replica.stop().await;
}
