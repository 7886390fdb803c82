//! Feedback with a real broker and a real ledger: what the citizen hears, and when a case is done.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests; clippy.toml allows it in the tests themselves"
)]

mod house;

use contracts::events::feedback::{
    CaseClosed, CaseReopened, CitizenTold, GuidanceGiven, OpinionGiven, SubmissionDrafted,
};
use contracts::events::message::{MessageFailed, MessageHandedOver, MessageQueued};
use contracts::grpc::feedback::{AnswerRequest, OpinionRequest, ReopenRequest};
use contracts::sealed::Message;
use contracts::{Code, Recorded};
use house::House;
use kernel::CaseId;
use kernel::taxonomy::{Destination, Level};
use tonic::Code as Grpc;
use uuid::Uuid;

const PHONE: &str = "0900 000 011";

fn answer(case: CaseId, id: &str, actor: &str, text: &str) -> AnswerRequest {
    AnswerRequest {
        request_id: id.into(),
        actor: actor.into(),
        case_id: case.to_vec().into(),
        text: text.into(),
    }
}

async fn told(house: &House, case: CaseId, what: &str) -> CitizenTold {
    house
        .until::<CitizenTold>(|e, told| e.case == Some(case) && told.what.as_str() == what)
        .await
        .1
}

async fn closed(house: &House, case: CaseId) -> String {
    house
        .until::<CaseClosed>(|e, _| e.case == Some(case))
        .await
        .1
        .reason
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_citizen_hears_that_it_is_on_record_where_it_went_and_what_came_of_it() {
    let house = House::start().await;
    let case = house.report(Some(PHONE)).await;
    let received = told(&house, case, "received").await;
    assert_eq!(received.channel.as_str(), "sms");

    house.routed(case, Level::TWO, Destination::Unit).await;
    house.dispatched(case, "so_xd", 1).await;
    let forwarded = told(&house, case, "forwarded").await;
    house.result(case, "so_xd", 1, "Đã vá ổ gà.").await;
    let result = told(&house, case, "result").await;
    assert_eq!((forwarded.revision, result.revision), (1, 1));
    assert_eq!(closed(&house, case).await, "result_told");

    for (told, part) in [
        (&received, "HA-"),
        (&forwarded, "Sở Xây dựng"),
        (&result, "(đã giải quyết): Đã vá ổ gà."),
    ] {
        let id = told.message.unwrap();
        house
            .until::<MessageHandedOver>(|e, handed| e.stream.id == id && handed.transport.as_str() == "file")
            .await;
        let message = house.outbox(id);
        assert_eq!(message.to, "+84900000011");
        assert!(message.body.contains(part), "{}", message.body);
    }
    assert_eq!(house.all::<MessageQueued>(case).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_and_each_part_done_are_told_and_only_the_result_closes() {
    let house = House::start().await;
    let case = house.report(Some(PHONE)).await;
    house.routed(case, Level::TWO, Destination::Unit).await;
    house.dispatched(case, "so_xd", 1).await;
    house
        .progress(case, "so_xd", 1, "2026-12-05", "Đang chờ vật tư.")
        .await;
    house.question(case, "so_xd", 1, "Ổ gà ở làn nào?").await;
    for words in ["Đã vá một nửa.", "Đã vá thêm."] {
        house.result_as(case, "so_xd", 1, "partly_done", words).await;
    }
    house
        .result_as(case, "so_xd", 1, "not_possible", "Phần còn lại chờ giải tỏa.")
        .await;
    assert_eq!(closed(&house, case).await, "result_told");
    let history = house.client.read_case(case).await.unwrap();
    let end = history.iter().position(|e| e.is::<CaseClosed>()).unwrap();
    let told = |events: &[Recorded]| -> Vec<String> {
        let told = events.iter().filter_map(|e| e.decode::<CitizenTold>().unwrap());
        told.map(|told| told.what.to_string()).collect()
    };
    let wanted = [
        "received",
        "forwarded",
        "progress",
        "question",
        "partial_result",
        "partial_result",
        "result",
    ];
    assert_eq!(
        told(&history[..end]),
        wanted,
        "the case was open until the last of them"
    );
    let progress = crate::told(&house, case, "progress").await.message.unwrap();
    house
        .until::<MessageHandedOver>(|e, _| e.stream.id == progress)
        .await;
    let body = house.outbox(progress).body;
    assert!(
        body.contains("Đang chờ vật tư. Dự kiến hoàn thành ngày 05/12/2026."),
        "{body}"
    );
    let question = crate::told(&house, case, "question").await.message.unwrap();
    house
        .until::<MessageHandedOver>(|e, _| e.stream.id == question)
        .await;
    let body = house.outbox(question).body;
    assert!(
        body.contains("Ổ gà ở làn nào?") && body.contains("trang tra cứu"),
        "{body}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_was_stopped_goes_on_where_it_was_and_tells_nothing_twice() {
    let mut house = House::start().await;
    let case = house.report(Some(PHONE)).await;
    told(&house, case, "received").await;
    house.stop_service().await;
    house.routed(case, Level::TWO, Destination::Unit).await;
    house.dispatched(case, "so_xd", 1).await;
    house.dispatched(case, "so_nnmt", 2).await;
    house.result(case, "so_nnmt", 2, "Đã dọn.").await;
    house.start_service().await;
    assert_eq!(closed(&house, case).await, "result_told");
    let told: Vec<(String, u32)> = house
        .all::<CitizenTold>(case)
        .await
        .into_iter()
        .map(|t| (t.what.to_string(), t.revision))
        .collect();
    let wanted =
        [("received", 0), ("forwarded", 1), ("forwarded", 2), ("result", 2)].map(|(w, r)| (w.to_owned(), r));
    assert_eq!(told, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_left_no_address_finds_it_on_the_tracking_page_and_no_message_is_made() {
    let house = House::start().await;
    let case = house.report(None).await;
    let received = told(&house, case, "received").await;
    assert_eq!(
        (received.channel.as_str(), received.message),
        ("tracking_page", None)
    );
    house.routed(case, Level::ONE, Destination::None).await;
    assert_eq!(closed(&house, case).await, "not_a_report");
    assert_eq!(house.all::<CitizenTold>(case).await.len(), 1);
    assert!(house.all::<MessageQueued>(case).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn guidance_is_given_once_and_the_same_request_gets_the_same_answer() {
    let house = House::start().await;
    let case = house.report(Some(PHONE)).await;
    let ask = async |message: AnswerRequest| {
        house
            .ask(message, async |mut c, r| c.answer_at_desk(r).await)
            .await
    };
    let early = ask(answer(case, "r-1", "operator:lan", "Xin liên hệ phường."))
        .await
        .unwrap_err();
    assert_eq!(early.code(), Grpc::FailedPrecondition);
    house.routed(case, Level::ONE, Destination::Desk).await;

    let done = ask(answer(case, "r-1", "operator:lan", "Xin liên hệ phường."))
        .await
        .unwrap();
    let again = ask(answer(case, "r-1", "operator:lan", "Xin liên hệ phường."))
        .await
        .unwrap();
    assert_eq!(
        (done.already, again.already, again.position),
        (false, true, done.position)
    );
    let reused = ask(answer(case, "r-1", "operator:lan", "Khác"))
        .await
        .unwrap_err();
    assert_eq!(reused.code(), Grpc::AlreadyExists);
    let second = ask(answer(case, "r-2", "operator:lan", "Khác"))
        .await
        .unwrap_err();
    assert_eq!(second.code(), Grpc::FailedPrecondition);
    assert!(
        second.message().contains("closed (guided)"),
        "{}",
        second.message()
    );

    assert_eq!(house.all::<GuidanceGiven>(case).await.len(), 1);
    let id = told(&house, case, "guidance").await.message.unwrap();
    house.until::<MessageHandedOver>(|e, _| e.stream.id == id).await;
    assert!(house.outbox(id).body.contains("Xin liên hệ phường."));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_lacks_is_said_with_the_code_that_fits() {
    let house = House::start().await;
    let case = house.report(Some(PHONE)).await;
    let code = async |message: AnswerRequest| {
        house
            .ask(message, async |mut c, r| c.answer_at_desk(r).await)
            .await
            .unwrap_err()
            .code()
    };
    let nobody = CaseId(Uuid::from_u128(1));
    assert_eq!(
        code(answer(nobody, "r", "operator:lan", "a")).await,
        Grpc::NotFound
    );
    assert_eq!(
        code(answer(case, "", "operator:lan", "a")).await,
        Grpc::InvalidArgument
    );
    assert_eq!(code(answer(case, "r", "Lan", "a")).await, Grpc::InvalidArgument);
    assert_eq!(
        code(answer(case, "r", "operator:lan", " ")).await,
        Grpc::InvalidArgument
    );
    assert_eq!(
        code(answer(case, "r", "unit:so_xd", "a")).await,
        Grpc::PermissionDenied
    );
    assert_eq!(
        code(AnswerRequest {
            case_id: vec![1].into(),
            ..answer(case, "r", "operator:lan", "a")
        })
        .await,
        Grpc::InvalidArgument
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_leaders_decline_is_told_and_can_be_put_before_them_again() {
    let house = House::start().await;
    let case = house.report(Some(PHONE)).await;
    house.routed(case, Level::THREE, Destination::Office).await;
    house
        .until::<SubmissionDrafted>(|e, _| e.case == Some(case))
        .await;
    let opinion = async |id: &str, opinion: &str, actor: &str| {
        let message = OpinionRequest {
            request_id: id.into(),
            actor: actor.into(),
            case_id: case.to_vec().into(),
            opinion: opinion.into(),
            text: if id == "wordless" {
                String::new()
            } else {
                "Đã có kế hoạch riêng.".into()
            },
        };
        house.ask(message, async |mut c, r| c.give_opinion(r).await).await
    };
    assert_eq!(
        opinion("r-1", "perhaps", "leader:ba").await.unwrap_err().code(),
        Grpc::InvalidArgument
    );
    assert_eq!(
        opinion("r-1", "decline", "operator:lan")
            .await
            .unwrap_err()
            .code(),
        Grpc::PermissionDenied
    );
    let wordless = opinion("wordless", "decline", "leader:ba").await.unwrap_err();
    assert_eq!(wordless.code(), Grpc::InvalidArgument);
    opinion("r-1", "decline", "leader:ba").await.unwrap();
    assert_eq!(closed(&house, case).await, "opinion_declined");
    let id = told(&house, case, "opinion").await.message.unwrap();
    house.until::<MessageHandedOver>(|e, _| e.stream.id == id).await;
    assert!(
        house.outbox(id).body.contains("Đã có kế hoạch riêng."),
        "a refusal comes with its reason"
    );

    let reopen = ReopenRequest {
        request_id: "r-2".into(),
        actor: "citizen".into(),
        case_id: case.to_vec().into(),
        reason_code: "citizen_disagrees".into(),
        reason: "Tôi không đồng ý.".into(),
    };
    house
        .ask(reopen, async |mut c, r| c.reopen(r).await)
        .await
        .unwrap();
    assert_eq!(house.all::<CaseReopened>(case).await.len(), 1);
    assert_eq!(house.all::<SubmissionDrafted>(case).await.len(), 2);
    opinion("r-3", "agree", "leader:ba").await.unwrap();
    let opinions = house.all::<OpinionGiven>(case).await;
    assert_eq!(
        opinions.iter().map(|o| o.opinion.as_str()).collect::<Vec<_>>(),
        ["decline", "agree"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_to_what_is_no_address_fails_on_record() {
    let house = House::start().await;
    let case = house.report(None).await;
    let queued = MessageQueued {
        channel: Code::lossy("sms"),
        what: Code::lossy("received"),
        template: Code::lossy("t"),
    };
    let message = Message {
        to: "113".into(),
        subject: String::new(),
        body: "a".into(),
    };
    house.state(case, &queued, Some(&message)).await;
    let (_, failed) = house.until::<MessageFailed>(|e, _| e.case == Some(case)).await;
    assert_eq!(failed.reason.as_str(), "unusable_address");
}
