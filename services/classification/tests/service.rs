//! Classification as it runs: a real broker, a real ledger, reports with sealed content, and people who decide.
#![expect(
    clippy::unwrap_used,
    reason = "a test may stop where it stands; clippy.toml allows it in the tests themselves"
)]

use std::time::Duration;

use chassis::callers::BearerToken;
use chassis::config::Secret;
use chassis::ledger::{Append, Expected, Filter, LedgerClient, NewEvent, StreamWrite};
use chassis::service::{Life, Running};
use contracts::events::classification::{ReportClassified, ReviewDecided, ReviewRequested};
use contracts::events::report::{EmergencySuspected, ReportReceived};
use contracts::grpc::classification::classification_client::ClassificationClient;
use contracts::grpc::classification::{DecideReviewRequest, ExplainRequest, ListReviewsRequest};
use contracts::sealed::ReportContent;
use contracts::{Code, Payload, Recorded};
use futures::StreamExt;
use kernel::taxonomy::{Channel, Kind, Level, Topic, Urgency};
use kernel::{Actor, CaseId, IdentityKey, Instant, Position, RequestId, StreamId};
use testkit::ledger::{TestLedger, token};
use testkit::nats::NatsServer;
use tokio_util::sync::CancellationToken;
use tonic::Code as Status;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel as Wire, Endpoint};

const POTHOLE: &str = "Ổ gà rất to trên đường Lê Văn Lương, xe máy té hoài, đề nghị sửa mặt đường gấp";
const ACCUSATION: &str = "Tôi tố cáo ông chủ tịch UBND phường nhận hối lộ 50 triệu của chủ nhà xây trái phép";

struct World {
    ledger: LedgerClient,
    running: Running,
    stop: CancellationToken,
    _kept: TestLedger,
    _server: NatsServer,
}

impl World {
    async fn start() -> Self {
        let server = NatsServer::start().await.unwrap();
        let kept = TestLedger::start(&server).await.unwrap();
        let config = classification::Config {
            service: kept.service_config("classification").unwrap(),
            policy: None,
            models: None,
            sketch_key_file: None,
        };
        let stop = CancellationToken::new();
        let (life, ready) = Life::under(&stop);
        tokio::spawn(classification::run(config, life));
        let running = ready.await.unwrap();
        Self {
            ledger: kept.client("test").await.unwrap(),
            running,
            stop,
            _kept: kept,
            _server: server,
        }
    }

    async fn client(&self, caller: &str) -> ClassificationClient<InterceptedService<Wire, BearerToken>> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.running.grpc)).unwrap();
        let channel = endpoint.connect().await.unwrap();
        ClassificationClient::with_interceptor(channel, BearerToken::new(Secret::new(token(caller))))
    }

    async fn report(&self, text: &str, complete: bool) -> CaseId {
        self.report_with(text, complete, None).await
    }

    /// A report in which intake found words of danger, if a number to call is given.
    async fn report_with(&self, text: &str, complete: bool, number: Option<&str>) -> CaseId {
        let key = IdentityKey::new([7; 32]);
        let request = RequestId::client("test", text);
        let case = key.case_of(request);
        let received = ReportReceived {
            channel: Channel::Phone,
            gateway: code("gw1"),
            line: code("1022"),
            code: key.code_of(case),
            source: code(""),
            answerable: false,
            complete,
            text_length: 1,
            language: code("vi"),
            located: false,
            express: number.is_some(),
        };
        let content = ReportContent {
            text: text.to_owned(),
            id: "1".to_owned(),
            ..ReportContent::default()
        };
        let at = Instant::parse("2026-11-24T08:00:00+07:00").unwrap();
        let suspected = number.map(|number| EmergencySuspected {
            number: code(number),
            evidence: vec![],
        });
        let mut events = vec![NewEvent::of(&received, Actor::citizen(), at).sealed_json(&content)];
        events.extend(suspected.map(|suspected| NewEvent::of(&suspected, Actor::service("intake"), at)));
        let write = StreamWrite::new(StreamId::new("report", case.0), Expected::None, events);
        self.ledger
            .append(Append::client(request, text.as_bytes(), Some(case), vec![write]))
            .await
            .unwrap();
        case
    }

    async fn wait_for<P: Payload>(&self, case: CaseId) -> (Recorded, P) {
        let filter = Filter {
            case_id: Some(case.to_vec().into()),
            ..Filter::default()
        };
        let mut events = Box::pin(self.ledger.follow(Position(1), filter));
        let wait = async {
            loop {
                let event = events.next().await.unwrap().unwrap();
                if let Some(payload) = event.decode::<P>().unwrap() {
                    return (event, payload);
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait)
            .await
            .unwrap_or_else(|_| panic!("no {} in 30 s", P::TYPE))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn code(text: &str) -> Code {
    Code::new(text).unwrap()
}

fn decision(id: &str, actor: &str, case: CaseId) -> DecideReviewRequest {
    DecideReviewRequest {
        request_id: id.into(),
        actor: actor.into(),
        case_id: case.to_vec().into(),
        field: String::new(),
        topic: "corruption".into(),
        kind: "denunciation".into(),
        urgency: "normal".into(),
        level: 4,
        reason: "Có nêu rõ người và việc".into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clear_report_is_classified_by_rule_with_evidence_but_without_its_words() {
    let world = World::start().await;
    let case = world.report(POTHOLE, true).await;
    let (event, classified) = world.wait_for::<ReportClassified>(case).await;
    assert_eq!(
        (classified.finding.topic, classified.finding.kind),
        (Some(Topic::Roads), Kind::Reflection)
    );
    assert_eq!(classified.finding.level, Level::TWO);
    assert!(classified.finding.complete && !classified.evidence.is_empty());
    let said = String::from_utf8(event.data.clone()).unwrap();
    assert!(!said.contains("Lương") && !said.contains("xe máy"), "{said}");
    let policies = world
        .ledger
        .read_stream(&StreamId::named("classification-policy", "city"))
        .await
        .unwrap();
    assert_eq!(policies.len(), 1);
    assert!(
        String::from_utf8(policies[0].data.clone())
            .unwrap()
            .contains(classified.policy.as_str())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_call_is_incomplete_whatever_its_text_says() {
    let world = World::start().await;
    let case = world.report(POTHOLE, false).await;
    assert!(!world.wait_for::<ReportClassified>(case).await.1.finding.complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_danger_that_the_rules_do_not_see_bring_it_before_a_person_first_of_all() {
    let world = World::start().await;
    let accusation = world.report(ACCUSATION, true).await;
    world.wait_for::<ReviewRequested>(accusation).await;
    let case = world.report_with(POTHOLE, true, Some("115")).await;
    let (requested, review) = world.wait_for::<ReviewRequested>(case).await;
    assert!(review.reasons.contains(&code("may_be_emergency")));
    let list = ListReviewsRequest {
        at_least: requested.position.0,
        limit: 10,
    };
    let mut console = world.client("console").await;
    let reviews = console.list_reviews(list).await.unwrap().into_inner().reviews;
    assert_eq!(reviews[0].case_id.as_ref(), case.to_vec().as_slice());
    assert_eq!(reviews.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accusation_waits_for_a_person_who_decides_it_once() {
    let world = World::start().await;
    let case = world.report(ACCUSATION, true).await;
    let (requested, review) = world.wait_for::<ReviewRequested>(case).await;
    assert!(!review.reasons.is_empty());

    let mut console = world.client("console").await;
    let list = |at_least| ListReviewsRequest { at_least, limit: 10 };
    let listed = console
        .list_reviews(list(requested.position.0))
        .await
        .unwrap()
        .into_inner();
    let [waiting] = listed.reviews.as_slice() else {
        panic!("one review waits")
    };
    assert_eq!(
        (waiting.case_id.as_ref(), waiting.position),
        (case.to_vec().as_slice(), requested.position.0)
    );
    assert_eq!(
        waiting.reasons,
        review
            .reasons
            .iter()
            .map(|r| r.as_str().to_owned())
            .collect::<Vec<_>>()
    );

    let done = console
        .decide_review(decision("1", "operator:lan", case))
        .await
        .unwrap()
        .into_inner();
    let again = console
        .decide_review(decision("1", "operator:lan", case))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(again.position, done.position, "the same request, the same answer");
    let other_words = DecideReviewRequest {
        reason: "khác".into(),
        ..decision("1", "operator:lan", case)
    };
    assert_eq!(
        console.decide_review(other_words).await.unwrap_err().code(),
        Status::AlreadyExists
    );
    let second = DecideReviewRequest {
        kind: "reflection".into(),
        ..decision("2", "operator:minh", case)
    };
    let refused = console.decide_review(second).await.unwrap_err();
    assert_eq!(refused.code(), Status::FailedPrecondition);
    assert!(
        refused.message().contains("operator:lan"),
        "who decided: {}",
        refused.message()
    );

    let (event, decided) = world.wait_for::<ReviewDecided>(case).await;
    assert_eq!(
        (event.actor.as_str(), event.position.0, decided.review),
        ("operator:lan", done.position, requested.position.0)
    );
    assert_eq!(
        (decided.finding.kind, decided.finding.topic),
        (Kind::Denunciation, Some(Topic::Corruption))
    );
    assert_eq!(
        decided.finding.field,
        Some(Topic::Corruption.field()),
        "the topic brings its field"
    );
    assert!(event.has_sealed, "the reason in words");
    assert!(
        console
            .list_reviews(list(done.position))
            .await
            .unwrap()
            .into_inner()
            .reviews
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_refused_with_what_is_wrong_in_it() {
    let world = World::start().await;
    let case = world.report(ACCUSATION, true).await;
    world.wait_for::<ReviewRequested>(case).await;
    let mut console = world.client("console").await;
    let valid = || decision("1", "operator:lan", case);
    let table = [
        (
            DecideReviewRequest {
                topic: "corupption".into(),
                ..valid()
            },
            Status::InvalidArgument,
        ),
        (
            DecideReviewRequest {
                kind: String::new(),
                ..valid()
            },
            Status::InvalidArgument,
        ),
        (
            DecideReviewRequest { level: 6, ..valid() },
            Status::InvalidArgument,
        ),
        (
            DecideReviewRequest {
                level: 258,
                ..valid()
            },
            Status::InvalidArgument,
        ),
        (
            DecideReviewRequest {
                field: "state_management".into(),
                ..valid()
            },
            Status::InvalidArgument,
        ),
        (
            DecideReviewRequest {
                urgency: "emergency".into(),
                ..valid()
            },
            Status::InvalidArgument,
        ),
        (
            DecideReviewRequest {
                actor: "Lan".into(),
                ..valid()
            },
            Status::InvalidArgument,
        ),
        (
            DecideReviewRequest {
                actor: "unit:so_xd".into(),
                ..valid()
            },
            Status::PermissionDenied,
        ),
        (
            DecideReviewRequest {
                case_id: vec![1, 2].into(),
                ..valid()
            },
            Status::InvalidArgument,
        ),
        (
            DecideReviewRequest {
                case_id: vec![9; 16].into(),
                ..valid()
            },
            Status::NotFound,
        ),
        (
            DecideReviewRequest {
                request_id: String::new(),
                ..valid()
            },
            Status::InvalidArgument,
        ),
    ];
    for (request, expected) in table {
        let refused = console.decide_review(request).await.unwrap_err();
        assert_eq!(refused.code(), expected, "{}", refused.message());
    }
    let mut gateway = world.client("intake").await;
    assert_eq!(
        gateway.decide_review(valid()).await.unwrap_err().code(),
        Status::PermissionDenied
    );
    let clear = world.report(POTHOLE, true).await;
    world.wait_for::<ReportClassified>(clear).await;
    let refused = console
        .decide_review(decision("9", "operator:lan", clear))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Status::FailedPrecondition);
}

#[tokio::test(flavor = "multi_thread")]
async fn explaining_says_which_words_matched_and_records_nothing() {
    let world = World::start().await;
    let before = world.ledger.head(Position(0)).await.unwrap().position;
    let mut console = world.client("console").await;
    let explained = console
        .explain(ExplainRequest { text: POTHOLE.into() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(explained.suggestion.unwrap().topic, "roads");
    assert!(!explained.review);
    assert!(
        explained
            .evidence
            .iter()
            .all(|seen| seen.words.is_empty() || POTHOLE.contains(&seen.words))
    );
    assert!(
        explained.evidence.iter().any(|seen| seen.words.contains("Ổ gà")),
        "words as they were typed"
    );
    assert!(explained.place.contains("Lê Văn Lương"), "{}", explained.place);
    assert_eq!(explained.policy_version.len(), 16);
    let hostile = console
        .explain(ExplainRequest {
            text: "a".repeat(70_000),
        })
        .await
        .unwrap_err();
    assert_eq!(hostile.code(), Status::InvalidArgument);
    assert_eq!(world.ledger.head(Position(0)).await.unwrap().position, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_is_classified_as_one() {
    let world = World::start().await;
    let case = world
        .report(
            "Cháy lớn ở hẻm 118 Bạch Đằng, có người mắc kẹt trên lầu, cứu với!",
            true,
        )
        .await;
    let (_, classified) = world.wait_for::<ReportClassified>(case).await;
    assert_eq!(
        (classified.finding.kind, classified.finding.urgency),
        (Kind::Emergency, Urgency::Emergency)
    );
}
