//! Everything at once on one case: whatever comes first, the record makes sense.

use std::sync::Arc;

use chassis::ledger::NewEvent;
use contracts::events::feedback::CaseClosed;
use contracts::events::routing::{CaseAccepted, CaseDispatched, CaseReturned, ResultReported};
use contracts::grpc::routing::DispatchRequest;
use contracts::wire::DeskRequest;
use futures::future::join_all;
use kernel::{Actor, CaseId, RequestId};

use crate::world::{World, at, code, request};

/// The unit answers, accepts and returns, the office orders another unit, and feedback closes.
async fn all_at_once(world: &World, case: CaseId) {
    let with = |id: &str, code: Option<&str>| DeskRequest {
        code: code.map(str::to_owned),
        text: Some("Đã vá, phần còn lại do đơn vị khác".to_owned()),
        ..request(&format!("{case}-{id}"), case, 1)
    };
    let answer = with("result", Some("done"));
    let accept = with("accept", None);
    let back = DeskRequest {
        better_unit: Some("udc".to_owned()),
        ..with("return", Some("not_ours"))
    };
    let order = async {
        let order = DispatchRequest {
            request_id: format!("{case}-order"),
            actor: "office:an".to_owned(),
            case_id: case.to_vec().into(),
            unit: "cscc".to_owned(),
        };
        // Refused or not: both are right, as long as the record says the same.
        let _ = world.client("console").await.dispatch(order).await;
    };
    let close = async {
        let reason = code("result_told");
        let event = NewEvent::of(
            &CaseClosed { reason },
            Actor::service("feedback"),
            at("2026-11-24T11:00:00+07:00"),
        );
        let id = RequestId::client("test-close", &case.to_string());
        world.append(id, case, "feedback", vec![event]).await;
    };
    tokio::join!(
        world.ask("so_xd", "result", &answer),
        world.ask("so_xd", "accept", &accept),
        world.ask("so_xd", "return", &back),
        order,
        close,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_a_return_an_order_and_the_closing_together_leave_one_story() {
    let mut world = World::start().await;
    let mut cases = Vec::new();
    for n in 0..24 {
        cases.push(world.before_so_xd(&format!("race-{n}")).await.0);
    }
    let world = Arc::new(world);
    join_all(cases.iter().map(|case| all_at_once(&world, *case))).await;
    for case in cases {
        let (mut standing, mut closed, mut last) = (None::<(String, u32)>, false, 0);
        for event in world.ledger.read_case(case).await.unwrap() {
            let said = if let Some(e) = event.decode::<CaseAccepted>().unwrap() {
                Some((e.unit.to_string(), e.revision, false))
            } else if let Some(e) = event.decode::<CaseReturned>().unwrap() {
                Some((e.unit.to_string(), e.revision, true))
            } else {
                let result = event.decode::<ResultReported>().unwrap();
                result.map(|e| (e.unit.to_string(), e.revision, true))
            };
            if let Some((unit, revision, ends)) = said {
                assert_eq!(
                    standing,
                    Some((unit, revision)),
                    "answered by who has it, and once"
                );
                assert!(!closed, "nothing is answered on a case that was closed meanwhile");
                if ends {
                    standing = None;
                }
            }
            if let Some(e) = event.decode::<CaseDispatched>().unwrap() {
                assert!(
                    !closed && e.revision == last + 1,
                    "dense, and never of a closed case"
                );
                (standing, last) = (Some((e.unit.to_string(), e.revision)), e.revision);
            }
            closed |= event.is::<CaseClosed>();
        }
        assert!(closed && last >= 1);
    }
}
