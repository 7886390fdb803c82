//! Malformed input on every entrance: a clear refusal, nothing lost, no service stops.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use contracts::grpc::intake::{SubmitRequest, intake_client::IntakeClient};
use hoiam_tests::System;
use serde_json::{Value, json};

/// Bodies that are no report, with the reason each must be refused for.
fn bad_bodies() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("not_json", b"xin chao".to_vec()),
        ("not_json", b"{\"id\": \"x\", \"text\": \"a\"".to_vec()),
        ("not_json", Vec::new()),
        ("wrong_type", b"[1, 2]".to_vec()),
        (
            "wrong_type",
            json!({"id": 5, "text": "a"}).to_string().into_bytes(),
        ),
        (
            "wrong_type",
            json!({"id": "bad-1", "text": ["a"]}).to_string().into_bytes(),
        ),
        (
            "invalid_utf8",
            b"{\"id\": \"bad-2\", \"text\": \"\xff\xfe\"}".to_vec(),
        ),
        (
            "nul",
            json!({"id": "bad-3", "text": "a\u{0}b"}).to_string().into_bytes(),
        ),
        (
            "no_text",
            json!({"id": "bad-4", "text": ""}).to_string().into_bytes(),
        ),
        (
            "no_text",
            json!({"id": "bad-5", "text": " \n\t "}).to_string().into_bytes(),
        ),
        ("no_text", json!({"id": "bad-6"}).to_string().into_bytes()),
        ("no_id", json!({"text": "Rác"}).to_string().into_bytes()),
        ("no_id", json!({"id": "", "text": "Rác"}).to_string().into_bytes()),
        (
            "future",
            json!({"id": "bad-7", "text": "Rác", "occurred_at": "2999-01-01T00:00:00+07:00"})
                .to_string()
                .into_bytes(),
        ),
        (
            "too_large",
            json!({"id": "bad-8", "text": "a".repeat(300_000)})
                .to_string()
                .into_bytes(),
        ),
    ]
}

fn good(id: &str) -> Value {
    json!({"id": id, "text": "Rác ứ đọng ở đường Nguyễn Trãi, phường Bến Thành"})
}

#[test]
fn every_entrance_refuses_what_is_no_report_says_why_and_goes_on() {
    let mut system = System::start();
    let credential = system.credential("gw-demo");
    let credential = credential.to_str().expect("UTF-8");
    let line =
        |subject: &str, body: &[u8]| json!({"subject": subject, "body": STANDARD.encode(body)}).to_string();

    // INBOX: each gets a refusal on RECEIPTS; 10 MB does not get past the broker, and the gateway is told so.
    let bodies = bad_bodies();
    let mut input: Vec<String> = bodies.iter().map(|(_, body)| line("in.sms.demo", body)).collect();
    input.push(line("in.pigeon.demo", good("bad-9").to_string().as_bytes()));
    input.push(line("in.express.demo", good("bad-10").to_string().as_bytes())); // names no channel
    input.push(line("in.sms.demo", &vec![b'a'; 10_000_000]));
    input.push(line("in.sms.demo", good("good-1").to_string().as_bytes()));
    let expected = bodies.len() + 3;
    let result = system.outsider(
        "gateway.py",
        &[
            "--credential",
            credential,
            "--gateway",
            "demo",
            "--expect",
            &expected.to_string(),
            "--patience",
            "20",
        ],
        &input.join("\n"),
    );
    let answers = result["receipts"].as_array().expect("a list");
    let mut reasons: Vec<&str> = answers
        .iter()
        .filter(|a| a["kind"] == "refusal")
        .map(|a| a["reason"].as_str().expect("a reason"))
        .collect();
    let mut wanted: Vec<&str> = bodies
        .iter()
        .map(|(reason, _)| *reason)
        .chain(["unknown_channel", "unknown_channel"])
        .collect();
    reasons.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(reasons, wanted, "{result}");
    assert!(
        answers
            .iter()
            .filter(|a| a["kind"] == "refusal")
            .all(|a| a["detail"].as_str().is_some_and(|d| d.len() > 10)),
        "each says what to do: {result}"
    );
    assert_eq!(
        answers.iter().filter(|a| a["kind"] == "receipt").count(),
        1,
        "{result}"
    );
    assert_eq!(
        result["refused_by_broker"].as_array().map(Vec::len),
        Some(1),
        "10 MB: {result}"
    );

    // Request and reply: the refusal is the reply.
    let input: Vec<String> = bodies
        .iter()
        .map(|(_, body)| line("submit.sms.demo", body))
        .collect();
    let result = system.outsider(
        "gateway.py",
        &["--credential", credential, "--gateway", "demo", "--ask"],
        &input.join("\n"),
    );
    for ((reason, _), answer) in bodies.iter().zip(result["receipts"].as_array().expect("a list")) {
        assert_eq!(
            (&answer["kind"], &answer["reason"]),
            (&json!("refusal"), &json!(reason)),
            "{answer}"
        );
    }

    // HTTP and gRPC.
    let addresses = system.addresses();
    let (http, grpc) = (
        addresses["http"]["intake"]
            .as_str()
            .expect("an address")
            .to_owned(),
        addresses["grpc"]["intake"]
            .as_str()
            .expect("an address")
            .to_owned(),
    );
    let token = std::fs::read_to_string(system.data().join("keys/tokens/console.token"))
        .expect("the console's token");
    tokio::runtime::Runtime::new()
        .expect("a runtime")
        .block_on(async {
            let client = reqwest::Client::new();
            for (reason, body) in bad_bodies() {
                let response = client
                    .post(format!("{http}/reports"))
                    .header("content-type", "application/json")
                    .body(body)
                    .send()
                    .await
                    .expect("an answer");
                let status = response.status().as_u16();
                let text = response.text().await.expect("a body");
                assert!((400..500).contains(&status), "{reason}: {status} {text}");
                let answer: Value = serde_json::from_str(&text).expect("JSON");
                assert_eq!(answer["reason"], reason, "{answer}");
            }
            let mut pigeon = good("bad-11");
            pigeon["channel"] = "pigeon".into();
            let response = client
                .post(format!("{http}/reports"))
                .json(&pigeon)
                .send()
                .await
                .expect("an answer");
            assert_eq!(
                response.status(),
                400,
                "an unknown channel is not taken for another"
            );
            let answer: Value = response.json().await.expect("JSON");
            assert_eq!(answer["reason"], "unknown_channel", "{answer}");
            let large = client
                .post(format!("{http}/reports"))
                .header("content-type", "application/json")
                .body(vec![b'a'; 10_000_000])
                .send()
                .await;
            assert!(
                large.is_err() || large.is_ok_and(|r| r.status() == 413),
                "10 MB over HTTP"
            );

            let channel = tonic::transport::Endpoint::from_shared(grpc)
                .expect("an address")
                .connect()
                .await;
            let mut intake = IntakeClient::new(channel.expect("intake answers"));
            let request = |channel: &str, id: &str, text: &str, occurred_at: &str| {
                let message = SubmitRequest {
                    channel: channel.into(),
                    id: id.into(),
                    text: text.into(),
                    occurred_at: occurred_at.into(),
                    ..Default::default()
                };
                let mut request = tonic::Request::new(message);
                request.metadata_mut().insert(
                    "authorization",
                    format!("Bearer {}", token.trim()).parse().expect("ASCII"),
                );
                request
            };
            for (channel, id, text, at) in [
                ("sms", "g-1", "", ""),
                ("sms", "", "Rác", ""),
                ("pigeon", "g-2", "Rác", ""),
                ("sms", "g-3", "a\u{0}", ""),
                ("sms", "g-4", "Rác", "2999-01-01T00:00:00Z"),
                ("sms", "g-5", "Rác", "hôm qua"),
            ] {
                let status = intake
                    .submit(request(channel, id, text, at))
                    .await
                    .expect_err("refused");
                assert_eq!(status.code(), tonic::Code::InvalidArgument, "{status:?}");
                assert!(status.message().len() > 10, "{status:?}");
            }
            let status = intake
                .submit(request("sms", "g-6", &"a".repeat(10_000_000), ""))
                .await
                .expect_err("refused");
            assert!(
                matches!(
                    status.code(),
                    tonic::Code::OutOfRange | tonic::Code::ResourceExhausted | tonic::Code::InvalidArgument
                ),
                "{status:?}"
            );
            let mut anonymous = tonic::Request::new(SubmitRequest {
                channel: "sms".into(),
                id: "g-7".into(),
                text: "Rác".into(),
                ..Default::default()
            });
            anonymous.metadata_mut().remove("authorization");
            assert_eq!(
                intake.submit(anonymous).await.expect_err("refused").code(),
                tonic::Code::Unauthenticated
            );
            let reply = intake
                .submit(request("sms", "g-8", "Rác ở đường Nguyễn Trãi", ""))
                .await
                .expect("a good one is taken")
                .into_inner();
            assert!(reply.code.starts_with("HA-"));
        });

    // The desk.
    let _ = system.hoiam(&["unit", "add", "so_yt"]).ok();
    let unit = system.credential("unit-so_yt");
    let case = "00000000-0000-0000-0000-000000000001";
    let requests: Vec<String> = [
        ("accept", "xin chao".to_owned()),
        (
            "accept",
            json!({"request_id": "r", "case": "no uuid", "revision": 1}).to_string(),
        ),
        (
            "accept",
            json!({"request_id": "r", "case": case, "revision": 1}).to_string(),
        ),
        (
            "open",
            json!({"request_id": "r", "case": case, "revision": 1}).to_string(),
        ),
        (
            "dance",
            json!({"request_id": "r", "case": case, "revision": 1}).to_string(),
        ),
    ]
    .iter()
    .map(|(verb, body)| line(&format!("desk.so_yt.{verb}"), body.as_bytes()))
    .collect();
    let result = system.outsider(
        "gateway.py",
        &[
            "--credential",
            unit.to_str().expect("UTF-8"),
            "--gateway",
            "none",
            "--ask",
        ],
        &requests.join("\n"),
    );
    for answer in result["receipts"].as_array().expect("a list") {
        assert_eq!(answer["kind"], "refused", "{answer}");
        assert!(
            answer["detail"].as_str().is_some_and(|d| d.len() > 10),
            "{answer}"
        );
    }
    assert_eq!(
        result["receipts"].as_array().map(Vec::len),
        Some(5),
        "each was answered: {result}"
    );

    assert!(system.runs(), "nothing stopped");
    let story = system.settled();
    assert_eq!(
        story.count("report.report_received"),
        2,
        "only the good ones are reports"
    );
    assert!(
        story.count("report.report_refused") > 0,
        "what a gateway sent and we refused is on record"
    );
    let doctor = system.hoiam(&["doctor", "--json"]).json();
    assert!(
        doctor.to_string().contains("too_large"),
        "and the doctor shows why: {doctor}"
    );
    assert_eq!(system.stop(), 0);
}
