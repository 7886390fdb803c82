//! What a unit's own system asks over NATS.

use chassis::ledger::{Opened, Purpose};
use contracts::events::access::ContentOpened;
use contracts::events::report::ReportReceived;
use contracts::events::routing::{CaseAccepted, CaseDispatched, CaseReturned, CaseRouted, ResultReported};
use contracts::sealed::Note;
use contracts::wire::{DeskReply, DeskRequest};
use kernel::taxonomy::{Destination, Level, Office};

use crate::world::{SAID, World, code, hole_in_the_road, refused, request};

#[tokio::test(flavor = "multi_thread")]
async fn a_report_reaches_its_unit_which_opens_accepts_and_answers_it() {
    let mut world = World::start().await;
    let (case, notice) = world.before_so_xd("1").await;
    assert_eq!(
        (notice.case, notice.revision, notice.unit.as_str(), notice.level),
        (case, 1, "so_xd", Level::TWO)
    );
    let routed = world
        .wait_for::<CaseRouted>(case)
        .await
        .decode::<CaseRouted>()
        .unwrap()
        .unwrap();
    assert_eq!(
        (routed.destination, routed.clause.as_str()),
        (Destination::Unit, "roads")
    );
    assert_eq!(routed.units, [code("so_xd"), code("ubnd_xa")]);
    assert!(routed.inputs.contains(&code("line=1022")) && routed.inputs.contains(&code("date=2026-11-24")));

    let DeskReply::Opened { text, address, .. } = world.ask("so_xd", "open", &request("o", case, 1)).await
    else {
        panic!("not opened")
    };
    assert_eq!((text.as_str(), address.as_deref()), (SAID, Some("12 Lê Lợi")));
    let opened = world.wait_for::<ContentOpened>(case).await;
    assert_eq!(opened.actor.as_str(), "unit:so_xd");

    let first = world.ask("so_xd", "accept", &request("a", case, 1)).await;
    assert_eq!(refused(&first), "done");
    assert_eq!(
        refused(&world.ask("so_xd", "accept", &request("another", case, 1)).await),
        "done",
        "accepted already"
    );
    let answer = DeskRequest {
        code: Some("done".into()),
        text: Some("Đã vá xong mặt đường".into()),
        ..request("r", case, 1)
    };
    let DeskReply::Done {
        position,
        already: false,
    } = world.ask("so_xd", "result", &answer).await
    else {
        panic!()
    };
    assert_eq!(
        world.routing_of(case).await,
        [
            "case_routed",
            "case_dispatched",
            "case_accepted",
            "result_reported"
        ]
    );
    let result = world.wait_for::<ResultReported>(case).await;
    assert_eq!(
        (result.position.0, result.actor.as_str()),
        (position, "unit:so_xd")
    );
    let report = world.wait_for::<ReportReceived>(case).await;
    assert_eq!(
        result.correlation, report.correlation,
        "one thread from the report to its answer"
    );
    let feedback = world.ledger_as("feedback").await;
    let sealed = feedback
        .open(Purpose::Answer, &[result.position], None)
        .await
        .unwrap();
    let Some(Opened::Plain(words)) = sealed.get(&result.position) else {
        panic!("the words are sealed")
    };
    assert_eq!(
        serde_json::from_slice::<Note>(words).unwrap().text,
        "Đã vá xong mặt đường"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_unit_can_neither_read_nor_answer_a_case_that_is_not_before_it() {
    let mut world = World::start().await;
    let (case, _) = world.before_so_xd("1").await;
    for verb in ["open", "accept", "progress", "result", "return"] {
        let asked = DeskRequest {
            code: Some(if verb == "return" { "not_ours" } else { "done" }.into()),
            text: Some("x".into()),
            ..request(verb, case, 1)
        };
        assert_eq!(
            refused(&world.ask("sawaco", verb, &asked).await),
            "not_your_case",
            "{verb}"
        );
    }
    assert_eq!(world.routing_of(case).await, ["case_routed", "case_dispatched"]);
    let events = world.ledger.read_case(case).await.unwrap();
    assert!(!events.iter().any(|event| event.is::<ContentOpened>()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_again_gets_the_same_answer_and_another_content_under_its_id_is_refused() {
    let mut world = World::start().await;
    let (case, _) = world.before_so_xd("1").await;
    let answer = |text: &str| DeskRequest {
        code: Some("done".into()),
        text: Some(text.into()),
        ..request("r", case, 1)
    };
    let DeskReply::Done {
        position,
        already: false,
    } = world.ask("so_xd", "result", &answer("Đã vá")).await
    else {
        panic!()
    };
    for _ in 0..5 {
        let DeskReply::Done {
            position: again,
            already: true,
        } = world.ask("so_xd", "result", &answer("Đã vá")).await
        else {
            panic!()
        };
        assert_eq!(again, position);
    }
    assert_eq!(
        refused(&world.ask("so_xd", "result", &answer("Chưa vá")).await),
        "reused_id"
    );
    let other = DeskRequest {
        request_id: "r2".into(),
        ..answer("Chưa vá")
    };
    assert_eq!(
        refused(&world.ask("so_xd", "result", &other).await),
        "already_answered"
    );
    let kinds = world.routing_of(case).await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "result_reported").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_given_back_goes_to_the_better_unit_and_then_to_the_office() {
    let mut world = World::start().await;
    let (case, _) = world.before_so_xd("1").await;
    let back = |id: &str, revision, better: Option<&str>| DeskRequest {
        code: Some("not_ours".into()),
        text: Some("Thuộc đơn vị khác".into()),
        better_unit: better.map(str::to_owned),
        ..request(id, case, revision)
    };
    assert_eq!(
        refused(&world.ask("so_xd", "return", &back("0", 1, Some("so_gtvt"))).await),
        "unit_not_valid"
    );
    assert_eq!(
        refused(&world.ask("so_xd", "return", &back("1", 1, Some("udc"))).await),
        "done"
    );
    let notice = world.notice().await;
    assert_eq!((notice.unit.as_str(), notice.revision), ("udc", 2));
    assert_eq!(
        refused(&world.ask("so_xd", "accept", &request("late", case, 1)).await),
        "already_returned"
    );
    assert_eq!(
        refused(&world.ask("so_xd", "open", &request("late", case, 1)).await),
        "already_returned"
    );
    assert_eq!(
        refused(&world.ask("udc", "return", &back("2", 2, None)).await),
        "done"
    );
    let kinds = [
        "case_routed",
        "case_dispatched",
        "case_returned",
        "case_dispatched",
        "case_returned",
        "case_routed",
    ];
    assert_eq!(world.routing_of(case).await, kinds);
    let returned = world.wait_for::<CaseReturned>(case).await;
    assert!(returned.has_sealed, "the reason in words");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_refused_in_one_sentence_that_quotes_nothing_and_the_desk_goes_on() {
    let mut world = World::start().await;
    let (case, _) = world.before_so_xd("1").await;
    let valid = serde_json::to_value(request("a", case, 1)).unwrap();
    let with = |name: &str, value: serde_json::Value| {
        let mut body = valid.clone();
        body[name] = value;
        serde_json::to_vec(&body).unwrap()
    };
    let table: Vec<(&str, Vec<u8>)> = vec![
        ("accept", b"Nguyen Van A 0900000001".to_vec()),
        ("accept", vec![0xff, 0xfe]),
        ("accept", vec![]),
        ("accept", b"[]".to_vec()),
        ("accept", with("case", "Nguyen Van A 0900000001".into())),
        ("accept", with("revision", (-1).into())),
        ("accept", with("request_id", "".into())),
        ("accept", with("request_id", "x".repeat(129).into())),
        ("burn", with("text", "x".into())),
        ("return", with("code", "Nguyen Van A".into())),
        ("return", with("better_unit", "Nguyen Van A".into())),
        ("progress", with("committed_date", "Nguyen Van A".into())),
        ("result", with("text", "x".repeat(70_000).into())),
        ("result", with("code", "done".into())),
    ];
    for (verb, body) in table {
        let reply = world.ask_raw("so_xd", verb, body).await;
        let DeskReply::Refused { reason, detail } = &reply else {
            panic!("{verb} was not refused")
        };
        assert!(
            matches!(reason.as_str(), "malformed" | "answer_required"),
            "{verb}: {reason}"
        );
        assert!(!detail.contains("Nguyen") && !detail.contains("0900"), "{detail}");
        assert!(detail.contains(':') || detail.contains("must"), "{detail}");
    }
    let unknown = kernel::CaseId(uuid::Uuid::from_u128(7));
    assert_eq!(
        refused(&world.ask("so_xd", "accept", &request("b", unknown, 1)).await),
        "unknown_case"
    );
    assert_eq!(
        refused(&world.ask("so_xd", "accept", &request("a", case, 1)).await),
        "done"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_the_past_goes_to_the_unit_of_its_day() {
    let mut world = World::start().await;
    let case = world.report("old", "2016-03-24T08:00:00+07:00").await;
    world.classified(case, hole_in_the_road(Level::TWO)).await;
    assert_eq!(world.notice().await.unit.as_str(), "so_gtvt");
    assert_eq!(
        world
            .wait_for::<CaseDispatched>(case)
            .await
            .decode::<CaseDispatched>()
            .unwrap()
            .unwrap()
            .revision,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_routing_goes_on_and_does_nothing_twice() {
    let mut world = World::start().await;
    let (first, _) = world.before_so_xd("1").await;
    world.restart_routing().await;
    let (second, notice) = world.before_so_xd("2").await;
    assert_eq!(notice.case, second, "no second notice of the first");
    assert_eq!(world.routing_of(first).await, ["case_routed", "case_dispatched"]);
    assert_eq!(
        refused(&world.ask("so_xd", "accept", &request("a", first, 1)).await),
        "done"
    );
    world.wait_for::<CaseAccepted>(first).await;
    let policies = kernel::StreamId::named("routing-policy", "city");
    assert_eq!(
        world.ledger.read_stream(&policies).await.unwrap().len(),
        1,
        "the same policy is published once"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_before_units_is_on_cases_again_after_the_broker_lost_everything_and_nothing_else_is() {
    let mut world = World::start().await;
    let (answered, _) = world.before_so_xd("1").await;
    let (accepted, first) = world.before_so_xd("2").await;
    let (waiting, second) = world.before_so_xd("3").await;
    let mut result = request("r", answered, 1);
    (result.code, result.text) = (Some("done".to_owned()), Some("Đã vá xong".to_owned()));
    assert_eq!(refused(&world.ask("so_xd", "result", &result).await), "done");
    assert_eq!(
        refused(&world.ask("so_xd", "accept", &request("a", accepted, 1)).await),
        "done"
    );
    let on_record = world.routing_of(waiting).await;

    world.server.kill9();
    world.server.delete_data().unwrap();
    world.server.restart().await.unwrap();
    let again = [world.notice().await, world.notice().await];
    assert_eq!(
        again,
        [second, first],
        "the same notices; what waits longest comes last"
    );
    // Nothing came before, between or after them.
    let (new, notice) = world.before_so_xd("4").await;
    assert_eq!(notice.case, new);
    assert_eq!(
        world.routing_of(waiting).await,
        on_record,
        "and nothing was decided because of it"
    );
    assert_eq!(
        refused(&world.ask("so_xd", "accept", &request("b", waiting, 1)).await),
        "done"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_that_is_there_already_counts_as_given() {
    let world = World::start().await;
    let case = world.report("1", "2026-11-24T08:00:00+07:00").await;
    // As if routing had been killed after the notice and before its cursor, longer ago than the broker remembers ids.
    let subject = contracts::subjects::case_notice(Office::PeoplesCommittee, "so_xd", case, 1);
    let none = chassis::nats::Headers::new();
    world
        .nats
        .publish_stored(&subject, None, &none, "{}".into())
        .await
        .unwrap();
    world.classified(case, hole_in_the_road(Level::TWO)).await;
    let dispatched = world.wait_for::<CaseDispatched>(case).await.position;
    world.wait_for_cursor("routing-notices", dispatched).await;
    let parked = world
        .nats
        .stream_state(contracts::subjects::PARK)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(parked.messages, 0);
}
