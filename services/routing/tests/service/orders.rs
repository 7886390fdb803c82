//! The office's orders, the leaders' opinion and reopening; and what a unit asks over gRPC.

use chassis::ledger::NewEvent;
use contracts::events::feedback::{CaseClosed, CaseReopened, OpinionGiven};
use contracts::events::routing::{CaseDispatched, CaseRouted};
use contracts::grpc::routing::{
    DispatchRequest, ListCasesRequest, ListUnitsRequest, ResultRequest, ReturnRequest, UnitRequest,
};
use contracts::sealed::Note;
use kernel::taxonomy::Level;
use kernel::{Actor, CaseId, RequestId};
use tonic::Code as Status;

use crate::world::{SAID, World, at, code, hole_in_the_road, refused, request};

const NOW: &str = "2026-11-24T10:00:00+07:00";

fn order(id: &str, actor: &str, case: CaseId, unit: &str) -> DispatchRequest {
    DispatchRequest {
        request_id: id.into(),
        actor: actor.into(),
        case_id: case.to_vec().into(),
        unit: unit.into(),
    }
}

fn on(id: &str, unit: &str, case: CaseId, revision: u32) -> UnitRequest {
    UnitRequest {
        request_id: id.into(),
        unit: unit.into(),
        case_id: case.to_vec().into(),
        revision,
        ..UnitRequest::default()
    }
}

async fn held(world: &World, id: &str, level: Level) -> CaseId {
    let case = world.report(id, NOW).await;
    world.classified(case, hole_in_the_road(level)).await;
    world.wait_for::<CaseRouted>(case).await;
    case
}

#[tokio::test(flavor = "multi_thread")]
async fn the_office_orders_level_4_to_a_unit_and_nobody_else_does() {
    let mut world = World::start().await;
    let case = held(&world, "1", Level::try_from(4).unwrap()).await;
    assert_eq!(world.routing_of(case).await, ["case_routed"]);
    let mut console = world.client("console").await;
    let mut unit = world.client("so_xd").await;
    let refused = unit
        .dispatch(order("1", "office:an", case, "so_xd"))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Status::PermissionDenied);
    let refused = console
        .dispatch(order("1", "operator:lan", case, "so_xd"))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Status::PermissionDenied);
    let refused = console
        .dispatch(order("1", "office:an", case, "so_gtvt"))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Status::InvalidArgument);
    assert!(
        refused.message().contains("so_xd"),
        "the successor is named: {}",
        refused.message()
    );
    let done = console
        .dispatch(order("1", "office:an", case, "so_xd"))
        .await
        .unwrap()
        .into_inner();
    let again = console
        .dispatch(order("1", "office:an", case, "so_xd"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((again.position, again.already), (done.position, true));
    let other = console
        .dispatch(order("1", "office:an", case, "udc"))
        .await
        .unwrap_err();
    assert_eq!(other.code(), Status::AlreadyExists);
    let dispatched = world.wait_for::<CaseDispatched>(case).await;
    assert_eq!(
        (dispatched.actor.as_str(), dispatched.position.0),
        ("office:an", done.position)
    );
    assert_eq!(world.notice().await.unit.as_str(), "so_xd");
}

#[tokio::test(flavor = "multi_thread")]
async fn level_3_is_dispatched_when_the_leaders_agree_and_level_1_never() {
    let mut world = World::start().await;
    let case = held(&world, "3", Level::THREE).await;
    let mut console = world.client("console").await;
    let early = console
        .dispatch(order("1", "office:an", case, "so_xd"))
        .await
        .unwrap_err();
    assert_eq!(early.code(), Status::FailedPrecondition);
    let opinion = OpinionGiven {
        opinion: code("agree"),
    };
    let event = NewEvent::of(&opinion, Actor::of("leader", "binh").unwrap(), at(NOW));
    world
        .append(RequestId::client("opinion", "1"), case, "feedback", vec![event])
        .await;
    let dispatched = world
        .wait_for::<CaseDispatched>(case)
        .await
        .decode::<CaseDispatched>()
        .unwrap()
        .unwrap();
    assert_eq!(
        (dispatched.basis.as_str(), dispatched.unit.as_str()),
        ("opinion_agreed", "so_xd")
    );
    assert_eq!(world.notice().await.case, case);
    let desk = held(&world, "1", Level::ONE).await;
    let never = console
        .dispatch(order("2", "office:an", desk, "so_xd"))
        .await
        .unwrap_err();
    assert_eq!(never.code(), Status::FailedPrecondition);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reopened_case_is_before_its_unit_again_as_a_new_revision() {
    let mut world = World::start().await;
    let (case, _) = world.before_so_xd("1").await;
    let mut unit = world.client("so_xd").await;
    let result = |id: &str, revision| ResultRequest {
        on: Some(on(id, "", case, revision)),
        outcome: "done".into(),
        text: "Đã vá".into(),
        attachments: vec![],
    };
    unit.report_result(result("r", 1)).await.unwrap();
    let feedback = |events| world.append(RequestId::client("feedback", "1"), case, "feedback", events);
    let closed = NewEvent::of(
        &CaseClosed {
            reason: code("result_told"),
        },
        Actor::service("feedback"),
        at(NOW),
    );
    let reason = CaseReopened {
        reason: code("not_fixed"),
    };
    let reopened = NewEvent::of(&reason, Actor::citizen(), at(NOW)).sealed_json(&Note::of("Vẫn hỏng".into()));
    let position = feedback(vec![closed, reopened]).await;
    let again = world
        .wait_for_after::<CaseDispatched>(case, position)
        .await
        .decode::<CaseDispatched>()
        .unwrap()
        .unwrap();
    assert_eq!(
        (again.revision, again.basis.as_str(), again.unit.as_str()),
        (2, "reopened", "so_xd")
    );
    assert_eq!(world.notice().await.revision, 2);
    let old = unit.report_result(result("r2", 1)).await.unwrap_err();
    assert_eq!(old.code(), Status::FailedPrecondition);
    assert!(old.message().contains("revision 2"), "{}", old.message());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_lists_opens_and_answers_over_grpc_what_is_its_own() {
    let mut world = World::start().await;
    let (case, notice) = world.before_so_xd("1").await;
    let mut unit = world.client("so_xd").await;
    let list = ListCasesRequest {
        unit: String::new(),
        at_least: notice.position,
        limit: 10,
    };
    let listed = unit.list_cases(list.clone()).await.unwrap().into_inner();
    assert!(listed.position >= notice.position);
    let [row] = listed.cases.as_slice() else {
        panic!("one case is listed")
    };
    assert_eq!(
        (row.case_id.as_ref(), row.state.as_str(), row.revision),
        (case.to_vec().as_slice(), "dispatched", 1)
    );
    assert_eq!(
        (row.topic.as_str(), row.level, row.office.as_str()),
        ("roads", 2, "vp_ubnd")
    );
    assert!(row.code.starts_with("HA-"));

    let opened = unit.open(on("o", "so_xd", case, 1)).await.unwrap().into_inner();
    assert_eq!((opened.text.as_str(), opened.topic.as_str()), (SAID, "roads"));
    let done = unit.accept(on("a", "so_xd", case, 1)).await.unwrap().into_inner();
    let listed = unit
        .list_cases(ListCasesRequest {
            at_least: done.position,
            ..list.clone()
        })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.cases[0].state, "accepted");

    let mut other = world.client("sawaco").await;
    assert!(
        other
            .list_cases(list.clone())
            .await
            .unwrap()
            .into_inner()
            .cases
            .is_empty()
    );
    let foreign = other
        .list_cases(ListCasesRequest {
            unit: "so_xd".into(),
            ..list
        })
        .await
        .unwrap_err();
    assert_eq!(foreign.code(), Status::PermissionDenied);
    for refusal in [
        other.open(on("o", "so_xd", case, 1)).await.unwrap_err(),
        other.open(on("o", "", case, 1)).await.unwrap_err(),
        other.accept(on("a", "", case, 1)).await.unwrap_err(),
    ] {
        assert_eq!(refusal.code(), Status::PermissionDenied);
    }
    let back = ReturnRequest {
        on: Some(on("b", "so_xd", case, 1)),
        reason_code: "not_ours".into(),
        reason: "Không thuộc Sở".into(),
        better_unit: String::new(),
    };
    let done = unit.r#return(back).await.unwrap().into_inner();
    let list = ListCasesRequest {
        unit: String::new(),
        at_least: done.position,
        limit: 10,
    };
    assert!(
        unit.list_cases(list).await.unwrap().into_inner().cases.is_empty(),
        "what was returned is not before it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_units_of_today_are_listed_and_a_stranger_is_told_nothing() {
    let world = World::start().await;
    let units = world
        .client("console")
        .await
        .list_units(ListUnitsRequest {})
        .await
        .unwrap()
        .into_inner()
        .units;
    assert!(
        units
            .iter()
            .any(|unit| unit.code == "so_xd" && unit.name == "Sở Xây dựng")
    );
    assert!(!units.iter().any(|unit| unit.code == "so_gtvt"));
    let stranger = world
        .client("nobody")
        .await
        .list_units(ListUnitsRequest {})
        .await
        .unwrap_err();
    assert_eq!(stranger.code(), Status::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_that_the_office_gives_to_another_unit_is_taken_back_from_the_first_on_its_own_stream() {
    let mut world = World::start().await;
    let (case, first) = world.before_so_xd("1").await;
    let mut console = world.client("console").await;
    console
        .dispatch(order("1", "office:an", case, "udc"))
        .await
        .unwrap();
    let over = world.notice().await;
    assert_eq!(
        (over.unit.as_str(), over.revision, over.recalled.clone()),
        ("so_xd", first.revision + 1, Some(code("elsewhere")))
    );
    let next = world.notice().await;
    assert_eq!(
        (next.unit.as_str(), next.revision, next.recalled),
        ("udc", first.revision + 2, None)
    );
    for revision in [first.revision, over.revision] {
        let reply = world
            .ask(
                "so_xd",
                "open",
                &request(&format!("open-{revision}"), case, revision),
            )
            .await;
        assert_eq!(refused(&reply), "recalled");
    }
}
