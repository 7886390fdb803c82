//! The offices' disputes over gRPC: who is heard, and what is on record.

use contracts::events::routing::{CaseDispatched, CaseRouted, DisputeDecided, DisputeOpened};
use contracts::grpc::routing::{
    AnswerDisputeRequest, DecideDisputeRequest, DispatchRequest, OpenDisputeRequest,
};
use kernel::CaseId;
use kernel::taxonomy::{Field, Office};
use tonic::Code as Status;

use crate::world::World;

fn open(id: &str, actor: &str, case: CaseId, office: &str, text: &str) -> OpenDisputeRequest {
    OpenDisputeRequest {
        request_id: id.into(),
        actor: actor.into(),
        case_id: case.to_vec().into(),
        office: office.into(),
        reason_code: "matter".into(),
        text: text.into(),
    }
}

fn answer(id: &str, case: CaseId, agree: bool, text: &str) -> AnswerDisputeRequest {
    AnswerDisputeRequest {
        request_id: id.into(),
        actor: "office:binh".into(),
        case_id: case.to_vec().into(),
        office: "vp_tu".into(),
        agree,
        text: text.into(),
    }
}

fn decide(id: &str, actor: &str, case: CaseId, office: &str) -> DecideDisputeRequest {
    DecideDisputeRequest {
        request_id: id.into(),
        actor: actor.into(),
        case_id: case.to_vec().into(),
        office: office.into(),
        reason_code: "person".into(),
        text: String::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_goes_its_way_on_record_and_whoever_has_no_word_in_it_is_refused() {
    let mut world = World::start().await;
    let (case, _) = world.before_so_xd("1").await;
    let mut console = world.client("console").await;
    let mut unit = world.client("so_xd").await;
    let why = "Việc của chi bộ";
    let mut refused = Vec::new();
    for said in [
        open("x", "leader:binh", case, "vp_ubnd", why),
        open("x", "office:an", case, "vp_tu", why),
        open("x", "office:an", case, "so_xd", why),
        open("x", "office:an", case, "", why),
        open("x", "office:an", case, "vp_ubnd", "  "),
        open("", "office:an", case, "vp_ubnd", why),
        open("x", "office:an", case, "vp_ubnd", &"a".repeat(65_537)),
    ] {
        refused.push(console.open_dispute(said).await.unwrap_err().code());
    }
    let (denied, wrong) = (Status::PermissionDenied, Status::InvalidArgument);
    assert_eq!(
        refused,
        [
            denied,
            Status::FailedPrecondition,
            wrong,
            wrong,
            wrong,
            wrong,
            wrong
        ]
    );
    let mine = unit
        .open_dispute(open("x", "office:an", case, "vp_ubnd", why))
        .await;
    assert_eq!(mine.unwrap_err().code(), denied);

    let said = || open("1", "office:an", case, "vp_ubnd", why);
    let first = console.open_dispute(said()).await.unwrap().into_inner();
    let again = console.open_dispute(said()).await.unwrap().into_inner();
    assert_eq!((again.position, again.already), (first.position, true));
    let other = console
        .open_dispute(open("2", "office:an", case, "vp_ubnd", why))
        .await;
    assert_eq!(other.unwrap_err().code(), Status::FailedPrecondition);
    let opened = world.wait_for::<DisputeOpened>(case).await;
    assert_eq!((opened.actor.as_str(), opened.has_sealed), ("office:an", true));
    assert!(
        !String::from_utf8_lossy(&opened.data).contains("chi bộ"),
        "words are sealed"
    );
    let order = DispatchRequest {
        request_id: "o".into(),
        actor: "office:an".into(),
        case_id: case.to_vec().into(),
        unit: "sawaco".into(),
    };
    let held = console.dispatch(order).await.unwrap_err();
    assert_eq!(held.code(), Status::FailedPrecondition);

    let silent = console.answer_dispute(answer("a", case, false, "")).await;
    assert_eq!(silent.unwrap_err().code(), wrong);
    console
        .answer_dispute(answer("b", case, false, "Không"))
        .await
        .unwrap();
    let late = console.answer_dispute(answer("c", case, true, "")).await;
    assert_eq!(late.unwrap_err().code(), Status::FailedPrecondition);
    for nobody in ["office:an", "admin:x", "operator:lan"] {
        let said = console.decide_dispute(decide("d", nobody, case, "vp_tu")).await;
        assert_eq!(said.unwrap_err().code(), denied);
    }
    console
        .decide_dispute(decide("e", "leader:binh", case, "vp_tu"))
        .await
        .unwrap();
    let decided = world.wait_for::<DisputeDecided>(case).await;
    let fact = decided.decode::<DisputeDecided>().unwrap().unwrap();
    assert_eq!(
        (
            fact.office,
            fact.field,
            fact.moved,
            fact.by.as_str(),
            fact.basis.as_str()
        ),
        (
            Office::PartyCommittee,
            Field::PartyBuilding,
            true,
            "leaders",
            "person"
        )
    );
    let routed = world.wait_for_after::<CaseRouted>(case, decided.position).await;
    let routed = routed.decode::<CaseRouted>().unwrap().unwrap();
    assert_eq!(
        (routed.office, routed.clause.as_str()),
        (Office::PartyCommittee, "dispute")
    );
    let dispatched = world
        .wait_for_after::<CaseDispatched>(case, decided.position)
        .await;
    let dispatched = dispatched.decode::<CaseDispatched>().unwrap().unwrap();
    assert_eq!((dispatched.basis.as_str(), dispatched.revision), ("dispute", 3));
    assert_eq!(
        world.routing_of(case).await,
        [
            "case_routed",
            "case_dispatched",
            "dispute_opened",
            "dispute_refused",
            "dispute_decided",
            "case_recalled",
            "case_routed",
            "case_dispatched",
        ]
    );
    let over = console
        .decide_dispute(decide("f", "leader:binh", case, "vp_ubnd"))
        .await;
    assert_eq!(over.unwrap_err().code(), Status::FailedPrecondition);
}
