//! A unit asks the citizen, has another take part, and sends photos along.

use std::time::Duration;

use chassis::ledger::{NewEvent, Opened, Purpose};
use contracts::events::feedback::CaseClosed;
use contracts::events::routing::{ProgressReported, QuestionAnswered, QuestionAsked, UnitJoined};
use contracts::grpc::routing::{
    AnswerQuestionRequest, AskRequest, JoinRequest, Notice, ResultRequest, UnitRequest, WatchRequest,
};
use contracts::sealed::Note;
use contracts::wire::{DeskReply, DeskRequest};
use kernel::{Actor, CaseId, RequestId};
use tonic::Code as Grpc;

use crate::world::{World, at, code, refused, request};

const PHOTO: &str = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgICAgMCAgIDAwMDBAYEBAQEBAgGBgUGCQgKCgkICQkKDA8MCgsOCwkJDRENDg8QEBEQCgwSExIQEw8QEBD/yQALCAABAAEBAREA/8wABgAQEAX/2gAIAQEAAD8A0s8g/9k=";

fn on(id: &str, case: CaseId, revision: u32) -> UnitRequest {
    UnitRequest {
        request_id: id.to_owned(),
        unit: String::new(),
        case_id: case.to_vec().into(),
        revision,
        ..UnitRequest::default()
    }
}

fn said(id: &str, case: CaseId, revision: u32, text: &str) -> DeskRequest {
    DeskRequest {
        text: Some(text.to_owned()),
        ..request(id, case, revision)
    }
}

fn answered(case: CaseId, question: u32, text: &str) -> AnswerQuestionRequest {
    AnswerQuestionRequest {
        request_id: format!("answer-{question}-{}", text.len()),
        actor: "citizen".to_owned(),
        case_id: case.to_vec().into(),
        question,
        text: text.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_citizen_is_asked_and_the_unit_is_told_and_reads_the_answer() {
    let mut world = World::start().await;
    let (case, _) = world.before_so_xd("1").await;
    let question = said("q", case, 1, "Ổ gà ở làn đường nào?");
    for _ in 0..2 {
        assert_eq!(refused(&world.ask("so_xd", "ask", &question).await), "done");
    }
    let asked = world.wait_for::<QuestionAsked>(case).await;
    assert!(asked.has_sealed && asked.actor.as_str() == "unit:so_xd");
    assert_eq!(
        refused(&world.ask("sawaco", "ask", &said("q", case, 1, "?")).await),
        "not_your_case"
    );
    assert_eq!(
        refused(
            &world
                .ask("so_xd", "ask", &said("long", case, 1, &"x".repeat(1_001)))
                .await
        ),
        "malformed"
    );

    // Only who acts for people hands in an answer, and only to what was asked.
    let mut unit = world.client("so_xd").await;
    let itself = unit.answer_question(answered(case, 1, "Làn giữa")).await;
    assert_eq!(itself.unwrap_err().code(), Grpc::PermissionDenied);
    let mut console = world.client("console").await;
    for (wrong, code) in [
        (answered(case, 2, "Làn giữa"), Grpc::InvalidArgument),
        (answered(case, 1, " "), Grpc::InvalidArgument),
        (answered(case, 1, &"x".repeat(5_001)), Grpc::InvalidArgument),
        (
            AnswerQuestionRequest {
                actor: "leader:an".to_owned(),
                ..answered(case, 1, "Làn giữa")
            },
            Grpc::PermissionDenied,
        ),
    ] {
        assert_eq!(console.answer_question(wrong).await.unwrap_err().code(), code);
    }
    let first = console
        .answer_question(answered(case, 1, "Làn giữa"))
        .await
        .unwrap();
    let again = console
        .answer_question(answered(case, 1, "Làn giữa"))
        .await
        .unwrap();
    assert_eq!(first.get_ref().position, again.get_ref().position);
    let other = console.answer_question(answered(case, 1, "Làn bên phải")).await;
    assert_eq!(other.unwrap_err().code(), Grpc::FailedPrecondition);
    assert_eq!(
        world.wait_for::<QuestionAnswered>(case).await.actor.as_str(),
        "citizen"
    );

    let notice = world.notice().await;
    assert_eq!(
        (notice.unit.as_str(), notice.revision, notice.answered),
        ("so_xd", 2, Some(1))
    );
    let DeskReply::Opened { questions, task, .. } = world.ask("so_xd", "open", &request("o", case, 2)).await
    else {
        panic!("not opened")
    };
    assert_eq!(task, None);
    let [question] = questions.as_slice() else {
        panic!("one question")
    };
    assert_eq!(question.text, "Ổ gà ở làn đường nào?");
    assert_eq!(question.answer.as_deref(), Some("Làn giữa"));

    // Over gRPC the same.
    let asks = AskRequest {
        on: Some(on("q2", case, 1)),
        question: "Có ai bị thương không?".to_owned(),
    };
    unit.ask(asks).await.unwrap();
    let opened = unit.open(on("o2", case, 1)).await.unwrap().into_inner();
    let answers: Vec<_> = opened.questions.iter().map(|q| q.answered).collect();
    assert_eq!(answers, [true, false]);
    let done = DeskRequest {
        code: Some("done".into()),
        ..said("r", case, 2, "Đã vá xong")
    };
    assert_eq!(refused(&world.ask("so_xd", "result", &done).await), "done");
    let late = console.answer_question(answered(case, 2, "Không ai")).await;
    assert_eq!(late.unwrap_err().code(), Grpc::FailedPrecondition);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_takes_part_has_its_own_notice_and_leaves_with_the_lead() {
    let mut world = World::start().await;
    let (case, _) = world.before_so_xd("1").await;
    let join = |id: &str, unit: &str, task: &str| DeskRequest {
        unit: Some(unit.to_owned()),
        ..said(id, case, 1, task)
    };
    let wrong = [
        ("sawaco", "", "reason_required"),
        ("so_xd", "x", "better_unit_is_yours"),
        ("khong_co", "x", "unknown_unit"),
        ("Nguyễn Văn A", "x", "malformed"),
    ];
    for (n, (unit, task, reason)) in wrong.into_iter().enumerate() {
        let reply = world
            .ask("so_xd", "join", &join(&n.to_string(), unit, task))
            .await;
        assert_eq!(refused(&reply), reason, "{unit}");
    }
    let by_another = world.ask("sawaco", "join", &join("x", "sawaco", "x")).await;
    assert_eq!(refused(&by_another), "not_your_case");
    let mut lead = world.client("so_xd").await;
    let asked = JoinRequest {
        on: Some(on("j", case, 1)),
        unit: "sawaco".to_owned(),
        task: "Khóa van trước khi đào".to_owned(),
    };
    lead.join(asked).await.unwrap();
    let notice = world.notice().await;
    assert_eq!((notice.unit.as_str(), notice.revision), ("sawaco", 2));
    assert_eq!(
        notice.role.as_ref().map(|role| role.as_str()),
        Some("coordinating")
    );
    assert!(world.wait_for::<UnitJoined>(case).await.has_sealed);

    let opened = world.ask("sawaco", "open", &request("o", case, 2)).await;
    let DeskReply::Opened { task, .. } = opened else {
        panic!("not opened")
    };
    assert_eq!(task.as_deref(), Some("Khóa van trước khi đào"));
    for verb in ["accept", "ask", "result", "return"] {
        let code = if verb == "result" { "done" } else { "not_ours" };
        let reply = DeskRequest {
            code: Some(code.to_owned()),
            ..said(verb, case, 2, "x")
        };
        assert_eq!(
            refused(&world.ask("sawaco", verb, &reply).await),
            "lead_only",
            "{verb}"
        );
    }
    let progress = world
        .ask("sawaco", "progress", &said("p", case, 2, "Đã khóa van"))
        .await;
    assert_eq!(refused(&progress), "done");

    let back = DeskRequest {
        code: Some("not_ours".to_owned()),
        ..said("b", case, 1, "Việc của đơn vị khác")
    };
    assert_eq!(refused(&world.ask("so_xd", "return", &back).await), "done");
    let recalled = world.notice().await;
    assert_eq!((recalled.unit.as_str(), recalled.revision), ("sawaco", 3));
    assert!(recalled.recalled.is_some());
    assert_eq!(
        refused(&world.ask("sawaco", "open", &request("o2", case, 2)).await),
        "recalled"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_are_sealed_with_the_words_and_what_is_no_photo_or_too_much_is_refused() {
    let mut world = World::start().await;
    let (case, _) = world.before_so_xd("1").await;
    let with = |id: &str, attachments: Vec<String>| DeskRequest {
        attachments,
        ..said(id, case, 1, "Đang vá")
    };
    // 180,003 bytes: a JPEG by its first bytes.
    let large = format!("/9j/{}", "A".repeat(240_000));
    let wrong = [
        ("no base64", vec!["Nguyễn".to_owned()]),
        ("a script", vec!["PHNjcmlwdD4=".to_owned()]),
        ("too many", vec![PHOTO.to_owned(); 5]),
        ("too large", vec![large]),
        ("empty", vec![String::new()]),
    ];
    for (what, attachments) in wrong {
        let reply = world.ask("so_xd", "progress", &with(what, attachments)).await;
        assert_eq!(refused(&reply), "malformed", "{what}");
    }
    let elsewhere = world
        .ask("so_xd", "ask", &with("ask", vec![PHOTO.to_owned()]))
        .await;
    assert_eq!(refused(&elsewhere), "malformed");
    let sent = world
        .ask(
            "so_xd",
            "progress",
            &with("p", vec![PHOTO.to_owned(), PHOTO.to_owned()]),
        )
        .await;
    assert_eq!(refused(&sent), "done");
    let progress = world.wait_for::<ProgressReported>(case).await;
    let payload = progress.decode::<ProgressReported>().unwrap().unwrap();
    assert_eq!(payload.attachments, 2);
    let feedback = world.ledger_as("feedback").await;
    let position = progress.position;
    let opened = feedback.open(Purpose::Answer, &[position], None).await.unwrap();
    let Some(Opened::Plain(plain)) = opened.get(&position) else {
        panic!("it is sealed")
    };
    let note: Note = serde_json::from_slice(plain).unwrap();
    assert_eq!(note.attachments[1].media_type, "image/jpeg");
    assert_eq!(note.attachments[1].data, PHOTO);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_without_nats_watches_its_notices_from_where_it_was() {
    let mut world = World::start().await;
    let (first, _) = world.before_so_xd("1").await;
    let watch = |after| WatchRequest {
        unit: String::new(),
        after,
    };
    let mut unit = world.client("so_xd").await;
    let mut notices = unit.watch(watch(0)).await.unwrap().into_inner();
    let told = next(&mut notices).await;
    assert_eq!((told.case_id.to_vec(), told.revision), (first.to_vec(), 1));
    assert_eq!((told.unit.as_str(), told.level), ("so_xd", 2));

    // What comes later comes by itself, to the unit it is for and to nobody else.
    let (second, _) = world.before_so_xd("2").await;
    let live = next(&mut notices).await;
    assert_eq!(live.case_id.to_vec(), second.to_vec());
    let join = DeskRequest {
        unit: Some("sawaco".to_owned()),
        ..said("j", second, 1, "Khóa van")
    };
    assert_eq!(refused(&world.ask("so_xd", "join", &join).await), "done");
    let mut other = world.client("sawaco").await;
    let mut others = other.watch(watch(0)).await.unwrap().into_inner();
    let joined = next(&mut others).await;
    assert_eq!((joined.revision, joined.role.as_str()), (2, "coordinating"));
    assert_eq!(joined.case_id.to_vec(), second.to_vec());

    // It goes on after a position of its own, whatever became of the connection and of routing.
    drop(notices);
    world.restart_routing().await;
    let mut unit = world.client("so_xd").await;
    let mut again = unit.watch(watch(told.position)).await.unwrap().into_inner();
    assert_eq!(next(&mut again).await.position, live.position);

    let foreign = WatchRequest {
        unit: "sawaco".to_owned(),
        after: 0,
    };
    let refused = unit.watch(foreign).await.unwrap_err();
    assert_eq!(refused.code(), Grpc::PermissionDenied);
    let mut service = world.client("feedback").await;
    let refused = service
        .watch(WatchRequest {
            unit: "so_xd".to_owned(),
            after: 0,
        })
        .await;
    assert_eq!(refused.unwrap_err().code(), Grpc::PermissionDenied);
}

async fn next(notices: &mut tonic::Streaming<Notice>) -> Notice {
    let next = tokio::time::timeout(Duration::from_secs(30), notices.message()).await;
    next.unwrap().unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_what_is_not_the_units_or_not_open_is_refused_by_either_entrance() {
    let mut world = World::start().await;
    let never_routed = world.report("1", "2026-11-24T08:00:00+07:00").await;
    let (case, _) = world.before_so_xd("2").await;
    let (closed, _) = world.before_so_xd("3").await;
    let closing = CaseClosed {
        reason: code("result_told"),
    };
    let closing = NewEvent::of(
        &closing,
        Actor::service("feedback"),
        at("2026-11-24T10:00:00+07:00"),
    );
    let closing_request = RequestId::client("test", "closing");
    world
        .append(closing_request, closed, "feedback", vec![closing])
        .await;
    let unknown = CaseId(uuid::Uuid::from_u128(7));
    let table = [
        ("so_xd", never_routed, "not_routed_yet", Grpc::FailedPrecondition),
        ("sawaco", case, "not_your_case", Grpc::PermissionDenied),
        ("so_xd", closed, "case_closed", Grpc::FailedPrecondition),
        ("so_xd", unknown, "unknown_case", Grpc::NotFound),
    ];
    for (unit, case, reason, status) in table {
        let result = DeskRequest {
            code: Some("done".to_owned()),
            ..said("r", case, 1, "Đã xong")
        };
        let reply = world.ask(unit, "result", &result).await;
        assert_eq!(refused(&reply), reason);
        let result = ResultRequest {
            on: Some(on("r", case, 1)),
            outcome: "done".to_owned(),
            text: "Đã xong".to_owned(),
            attachments: vec![],
        };
        let refused = world.client(unit).await.report_result(result).await;
        assert_eq!(refused.unwrap_err().code(), status, "{reason}");
    }
    for case in [never_routed, case, closed] {
        let own = world.routing_of(case).await;
        assert!(!own.contains(&"result_reported".to_owned()), "{own:?}");
    }
}
