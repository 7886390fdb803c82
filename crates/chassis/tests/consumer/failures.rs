//! Handlers that fail, for a while, for ever, or by a panic.

use chassis::consumer::Parked;

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
