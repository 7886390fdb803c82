//! Every entrance of intake, with a real broker and a real ledger.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests; clippy.toml allows it in the tests themselves"
)]

mod ahead;
mod house;

use std::collections::BTreeSet;

use chassis::ledger::{Opened, Purpose};
use contracts::events::report::{EmergencySuspected, ReportReceived, ReportRefused};
use contracts::grpc::intake::intake_client::IntakeClient;
use contracts::grpc::intake::{Reporter, SubmitRequest};
use contracts::sealed::ReportContent;
use contracts::wire::ReceiptOut;
use house::{House, receipt, refusal, report, report_with};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tonic::{Code, Request};

/// Typed by a person in these tests; must be in no event's `data`.
const MARKED: &str = "Trần Thị Đánh Dấu";
const PHONE: &str = "0900 000 011";

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_receipted_after_it_is_on_record_sealed_and_without_anything_personal() {
    let mut house = House::start().await;
    let text = "Nước ngập nga\u{323}\u{302}p đường"; // partly NFD
    let more = json!({"from": {"name": MARKED, "phone": PHONE}, "line": "1022", "occurred_at": "2026-03-24T08:00:00+07:00"});
    house.publish("in.sms.gw1", report_with("m-1", text, more)).await;
    let (subject, answer) = house.next_out().await;
    assert_eq!(subject, "out.sms.gw1");
    let (code, position) = receipt(&answer);

    let (event, received) = house.all::<ReportReceived>().await.pop().unwrap();
    assert_eq!(
        (event.position.0, received.code.as_str()),
        (position, code.as_str())
    );
    assert_eq!(
        (
            received.answerable,
            received.gateway.as_str(),
            received.line.as_str()
        ),
        (true, "gw1", "1022")
    );
    assert_eq!(event.occurred_at.to_string(), "2026-03-24T01:00:00Z");
    assert_eq!(event.actor.as_str(), "gateway:gw1");
    let classification = house.ledger.client("classification").await.unwrap();
    let opened = classification
        .open(Purpose::Classify, &[event.position], None)
        .await
        .unwrap();
    let Opened::Plain(plain) = &opened[&event.position] else {
        panic!("sealed")
    };
    let content: ReportContent = serde_json::from_slice(plain).unwrap();
    assert_eq!(content.text, text, "kept as it came");
    assert_eq!(content.from.phone.as_deref(), Some(PHONE));
    for event in house.everything().await {
        let data = String::from_utf8(event.data).unwrap();
        assert!(
            !data.contains("Đánh") && !data.contains("900000011") && !data.contains("ngập"),
            "{data}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_message_a_hundred_times_is_one_report_and_a_hundred_same_receipts() {
    let mut house = House::start().await;
    for _ in 0..100 {
        house.publish("in.sms.gw1", report("m-1", "Rác ứ đọng")).await;
    }
    let mut answers = BTreeSet::new();
    for _ in 0..100 {
        answers.insert(serde_json::to_string(&house.next_out().await.1).unwrap());
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(house.all::<ReportReceived>().await.len(), 1);

    // The same id with another content is refused, and says so; of another gateway it is another message.
    house.publish("in.sms.gw1", report("m-1", "Đèn đường tắt")).await;
    assert_eq!(refusal(&house.next_out().await.1), (Some("m-1"), "reused_id"));
    house.publish("in.sms.gw2", report("m-1", "Đèn đường tắt")).await;
    receipt(&house.next_out().await.1);
    assert_eq!(house.all::<ReportReceived>().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_comes_to_inbox_is_receipted_or_refused_and_the_loop_goes_on() {
    let mut house = House::start().await;
    let bad: Vec<(&str, Vec<u8>)> = vec![
        ("not_json", b"xin chao".to_vec()),
        ("not_json", Vec::new()),
        ("not_json", vec![0; 100]),
        ("invalid_utf8", b"{\"id\":\"1\",\"text\":\"\xff\"}".to_vec()),
        ("wrong_type", b"[]".to_vec()),
        ("wrong_type", b"{\"id\":\"1\",\"text\":{}}".to_vec()),
        ("no_id", b"{\"text\":\"a\"}".to_vec()),
        ("bad_id", report(&"x".repeat(129), "a")),
        ("no_text", report("1", " \n")),
        ("nul", report("1", "a\u{0}b")),
        ("too_large", report("1", &"a".repeat(300_000))),
        ("too_large", report("1", &"😀".repeat(65_536))),
        (
            "future",
            report_with("1", "a", json!({"occurred_at": "2999-01-01T00:00:00Z"})),
        ),
        (
            "too_old",
            report_with("1", "a", json!({"occurred_at": "1970-01-01T00:00:00Z"})),
        ),
        ("unknown_line", report_with("1", "a", json!({"line": "911"}))),
        (
            "bad_coordinates",
            report_with("1", "a", json!({"place": {"latitude": 10.7}})),
        ),
    ];
    for (_, body) in &bad {
        house.publish("in.sms.gw1", body.clone()).await;
    }
    house.publish("in.pigeon.gw1", report("2", "a")).await; // no such channel
    house.publish("in.express.gw1", report("3", "a")).await; // names no channel
    house
        .publish(
            "in.express.gw1",
            report_with("4", "a", json!({"channel": "phone"})),
        )
        .await;
    house.publish("in.sms.gw1", report("5", "Rác ứ đọng")).await;

    let mut reasons = Vec::new();
    let mut accepted = BTreeSet::new();
    for _ in 0..bad.len() + 4 {
        match house.next_out().await {
            (_, answer @ ReceiptOut::Refusal { .. }) => reasons.push(refusal(&answer).1.to_owned()),
            (subject, ReceiptOut::Receipt { id, .. }) => {
                accepted.insert((subject, id));
            }
        }
    }
    let mut wanted: Vec<&str> = bad
        .iter()
        .map(|(reason, _)| *reason)
        .chain(["unknown_channel"; 2])
        .collect();
    reasons.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(reasons, wanted);
    let pair = |subject: &str, id: &str| (subject.to_owned(), id.to_owned());
    assert_eq!(
        accepted,
        BTreeSet::from([pair("out.express.gw1", "4"), pair("out.sms.gw1", "5")])
    );

    // Each refused body is on record, sealed, unless it was too large to keep.
    let refused = house.all::<ReportRefused>().await;
    assert_eq!(refused.len(), wanted.len());
    for (event, refused) in &refused {
        assert_eq!(event.has_sealed, refused.kept);
        assert_eq!(refused.kept, refused.size <= 200 << 10);
    }
    while house.nats.stream_state("INBOX").await.unwrap().unwrap().messages > 0 {
        tokio::task::yield_now().await; // all are acknowledged
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn danger_stands_beside_the_report_in_the_same_breath() {
    let house = House::start().await;
    let answer = house
        .ask(
            "submit.phone.gw1",
            report("m-1", "Cháy nhà, có người mắc kẹt bên trong!"),
        )
        .await;
    let (_, position) = receipt(&answer);
    let suspected = house.all::<EmergencySuspected>().await;
    assert_eq!(suspected.len(), 1);
    assert_eq!(suspected[0].0.position.0, position + 1);
    assert_eq!(suspected[0].1.number.as_str(), "114");
    assert!(house.all::<ReportReceived>().await[0].1.express);
    // Asked again, and refused, over request and reply: the answer is the reply, and nothing more is on record.
    let again = house
        .ask(
            "submit.phone.gw1",
            report("m-1", "Cháy nhà, có người mắc kẹt bên trong!"),
        )
        .await;
    assert_eq!(again, answer);
    assert_eq!(
        refusal(&house.ask("submit.fax.gw1", report("m-2", "a")).await).1,
        "unknown_channel"
    );
    assert_eq!(refusal(&house.ask("submit.sms.gw1", "?").await).1, "not_json");
    assert_eq!(house.everything().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_web_form_gives_a_tracking_code_and_pressing_twice_gives_the_same() {
    let house = House::start().await;
    let http = reqwest::Client::new();
    let page = http.get(house.http("/")).send().await.unwrap();
    assert!(
        page.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("default-src 'none'")
    );
    let page = page.text().await.unwrap();
    assert!(page.contains("lang=\"vi\"") && page.contains("Nội dung phản ánh"));
    let english = http
        .get(house.http("/?lang=en"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(english.contains("lang=\"en\"") && english.contains("What do you want to report?"));
    let id = page
        .split("name=\"id\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();

    let form = [
        ("id", id),
        ("text", "Ngập nước\r\nở hẻm"),
        ("phone", PHONE),
        ("name", MARKED),
        ("email", ""),
        ("lang", "vi"),
    ];
    let post = async || {
        let reply = http
            .post(house.http("/reports"))
            .form(&form)
            .send()
            .await
            .unwrap();
        assert_eq!(reply.status(), 200);
        let page = reply.text().await.unwrap();
        page.split("class=\"code\">")
            .nth(1)
            .unwrap()
            .split('<')
            .next()
            .unwrap()
            .to_owned()
    };
    let code = post().await;
    assert!(code.starts_with("HA-"));
    assert_eq!(post().await, code);
    let received = house.all::<ReportReceived>().await;
    assert_eq!(received.len(), 1);
    assert_eq!(
        (received[0].1.code.as_str(), received[0].0.actor.as_str()),
        (code.as_str(), "citizen")
    );

    let empty = http
        .post(house.http("/reports"))
        .form(&[("id", "x"), ("text", " "), ("name", MARKED)])
        .send()
        .await
        .unwrap();
    assert_eq!(empty.status(), 400);
    let page = empty.text().await.unwrap();
    assert!(
        page.contains("Chưa có nội dung") && page.contains(MARKED),
        "what was typed is not lost"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_over_http_is_sent_away_and_the_gateways_go_on() {
    let mut house = House::start().await;
    let http = reqwest::Client::new();
    let post = async || {
        let form = [("id", "f-1"), ("text", "Ngập nước")];
        let reply = http
            .post(house.http("/reports"))
            .form(&form)
            .send()
            .await
            .unwrap();
        (
            reply.status().as_u16(),
            reply.headers().contains_key("retry-after"),
        )
    };
    // As many connections as there are places, each of which begins a report and says no more.
    let head = "POST /reports HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 9\r\n\r\n";
    let mut crowd = Vec::new();
    for _ in 0..300 {
        let mut one = TcpStream::connect(house.running.http.unwrap()).await.unwrap();
        one.write_all(head.as_bytes()).await.unwrap();
        crowd.push(one);
    }
    // The server takes them up one by one: until it has all of them there is a place.
    let full = async { while post().await != (503, true) {} };
    tokio::time::timeout(std::time::Duration::from_secs(30), full)
        .await
        .unwrap();
    assert_eq!(
        http.get(house.http("/")).send().await.unwrap().status(),
        200,
        "the form itself is there"
    );
    drop(crowd);
    assert_eq!(post().await, (200, false));
    house.publish("in.sms.gw1", report("m-1", "Rác ứ đọng")).await;
    assert!(matches!(house.next_out().await.1, ReceiptOut::Receipt { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_get_json_over_http_with_a_status_that_says_what_to_do() {
    let house = House::start().await;
    let http = reqwest::Client::new();
    let post = async |body: Vec<u8>, media: &str| {
        let reply = http
            .post(house.http("/reports"))
            .header("content-type", media)
            .body(body)
            .send()
            .await
            .unwrap();
        (reply.status().as_u16(), reply.json::<Value>().await.unwrap())
    };
    let json = "application/json; charset=utf-8";
    let (status, first) = post(report("m-1", "Rác ứ đọng"), json).await;
    assert_eq!((status, &first["kind"]), (200, &json!("receipt")));
    assert_eq!(post(report("m-1", "Rác ứ đọng"), json).await, (200, first));
    for (status, reason, body, media) in [
        (409, "reused_id", report("m-1", "Khác"), json),
        (400, "not_json", b"x".to_vec(), json),
        (400, "no_text", report("m-2", ""), json),
        (413, "too_large", vec![b'a'; 10_000_000], json),
        (
            413,
            "too_large",
            vec![b'a'; 10_000_000],
            "application/x-www-form-urlencoded",
        ),
        (415, "unsupported_media_type", b"x".to_vec(), "text/plain"),
    ] {
        let (got, body) = post(body, media).await;
        assert_eq!((got, body["reason"].as_str()), (status, Some(reason)), "{body}");
        assert!(body["detail"].as_str().unwrap().len() > 20);
    }
    assert_eq!(
        house.everything().await.len(),
        1,
        "what is refused here is answered here"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn over_grpc_the_same_rules_hold_and_only_who_may_hands_in() {
    let house = House::start().await;
    let address = format!("http://{}", house.running.grpc);
    let channel = tonic::transport::Endpoint::from_shared(address)
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut grpc = IntakeClient::new(channel);
    let mut submit = async |caller: &str, change: &dyn Fn(&mut SubmitRequest)| {
        let mut message = SubmitRequest {
            channel: "phone".into(),
            id: "m-1".into(),
            text: "Đèn đường tắt".into(),
            from: Some(Reporter {
                phone: PHONE.into(),
                ..Reporter::default()
            }),
            actor: "operator:lan".into(),
            ..SubmitRequest::default()
        };
        change(&mut message);
        let mut request = Request::new(message);
        let token = format!("Bearer {}", testkit::ledger::token(caller))
            .parse()
            .unwrap();
        request.metadata_mut().insert("authorization", token);
        grpc.submit(request).await.map(tonic::Response::into_inner)
    };
    let first = submit("console", &|_| ()).await.unwrap();
    assert!(!first.already && first.code.starts_with("HA-"));
    let again = submit("console", &|_| ()).await.unwrap();
    assert_eq!(
        (again.already, again.position, again.code),
        (true, first.position, first.code)
    );
    assert_eq!(
        house.all::<ReportReceived>().await[0].0.actor.as_str(),
        "operator:lan"
    );

    let refused = submit("console", &|m| m.text = "Khác".into()).await.unwrap_err();
    assert_eq!(
        (
            refused.code(),
            refused.metadata().get("reason").unwrap().to_str().unwrap()
        ),
        (Code::AlreadyExists, "reused_id")
    );
    assert_eq!(
        submit("console", &|m| m.channel = "fax".into())
            .await
            .unwrap_err()
            .code(),
        Code::InvalidArgument
    );
    assert_eq!(
        submit("console", &|m| m.actor = "Lan".into())
            .await
            .unwrap_err()
            .code(),
        Code::InvalidArgument
    );
    assert_eq!(
        submit("auditor", &|_| ()).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    assert_eq!(
        submit("routing", &|_| ()).await.unwrap_err().code(),
        Code::PermissionDenied,
        "may name no person"
    );
    assert_eq!(
        submit("nobody", &|_| ()).await.unwrap_err().code(),
        Code::Unauthenticated
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_ledger_is_away_messages_wait_and_people_are_told_to_try_again() {
    let mut house = House::start().await;
    house.ledger.stop().await.unwrap();
    house.publish("in.sms.gw1", report("m-1", "Rác ứ đọng")).await;
    let reply = reqwest::Client::new()
        .post(house.http("/reports"))
        .header("content-type", "application/json")
        .body(report("m-2", "Rác ứ đọng"))
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 503);
    house.ledger.restart().await.unwrap();
    assert_eq!(house.next_out().await.0, "out.sms.gw1");
    house.client.head(kernel::Position(1)).await.unwrap();
    assert!(
        house
            .all::<ReportReceived>()
            .await
            .iter()
            .any(|(_, r)| r.gateway.as_str() == "gw1")
    );
}
