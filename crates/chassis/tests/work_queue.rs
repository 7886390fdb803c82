//! A work queue through losses of the broker: every message until it is settled.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::time::Duration;

use chassis::nats::{Headers, NatsError, WorkOptions};
use testkit::ledger::TestLedger;
use testkit::nats::NatsServer;

const PATIENCE: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread")]
async fn every_message_is_worked_on_until_it_is_done_through_a_kill_of_the_broker() {
    let mut server = NatsServer::start().await.unwrap();
    // The relay makes the streams.
    let ledger = TestLedger::start(&server).await.unwrap();
    ledger.relayed().await.unwrap();
    let nats = server.connect().await.unwrap();
    let publish = async |range: std::ops::Range<u32>| {
        for n in range {
            let body = n.to_string();
            nats.publish_stored("in.sms.gw1", None, &Headers::new(), body.into())
                .await
                .unwrap();
        }
    };
    let stream = async || {
        while nats.stream_state("INBOX").await.ok().flatten().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, stream()).await.unwrap();
    publish(0..100).await;
    let mut queue = nats.work_queue(
        "INBOX",
        "intake",
        WorkOptions {
            ack_wait: Duration::from_secs(2),
            ..Default::default()
        },
    );
    let mut done = BTreeSet::new();
    let mut refused_once = false;
    let all = async {
        while done.len() < 200 {
            for work in queue.next_ready(50).await {
                let n: u32 = std::str::from_utf8(&work.message.payload)
                    .unwrap()
                    .parse()
                    .unwrap();
                if n == 7 && !refused_once {
                    refused_once = true;
                    work.again(Duration::from_millis(10)).await.unwrap();
                } else if work.done().await.is_ok() {
                    done.insert(n);
                }
            }
            if done.len() == 100 {
                server.kill9();
                server.restart().await.unwrap();
                publish(100..200).await;
            }
        }
    };
    tokio::time::timeout(PATIENCE, all)
        .await
        .expect("all are worked on");
    assert!(refused_once);
    assert_eq!(done, (0..200).collect());
    let empty = async {
        while nats.stream_state("INBOX").await.unwrap().unwrap().messages > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, empty)
        .await
        .expect("what is done leaves the queue");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered_and_an_absent_answerer_is_said_to_be_absent() {
    let server = NatsServer::start().await.unwrap();
    let nats = server.connect().await.unwrap();
    let absent = nats
        .request(
            "submit.sms.gw1",
            &Headers::new(),
            "x".into(),
            Duration::from_secs(2),
        )
        .await;
    assert!(
        matches!(absent, Err(chassis::nats::NatsError::NoResponders { .. })),
        "{absent:?}"
    );
    let mut requests = nats.subscribe_queue("submit.*.*", "intake").await.unwrap();
    nats.flush().await.unwrap();
    let answering = tokio::spawn(async move {
        use futures::StreamExt;
        let request = requests.next().await.unwrap();
        assert!(request.wants_reply());
        let code = request.headers.get("message-id").unwrap().to_owned();
        request
            .respond(&Headers::new().with("receipt", &code), request.payload.clone())
            .await
            .unwrap();
    });
    let headers = Headers::new().with("Message-Id", "42\r\nInjected: x");
    let answer = nats
        .request("submit.sms.gw1", &headers, "words".into(), Duration::from_secs(5))
        .await
        .unwrap();
    assert_eq!(
        (answer.headers.get("receipt"), &answer.payload[..]),
        (Some("42  Injected: x"), &b"words"[..])
    );
    answering.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_that_has_its_message_is_told_apart_from_a_stream_that_takes_no_more() {
    let server = NatsServer::start().await.unwrap();
    let nats = server.connect().await.unwrap();
    let config = async_nats::jetstream::stream::Config {
        name: "NOTICES".to_owned(),
        subjects: vec!["notice.*".to_owned()],
        max_messages: 2,
        max_messages_per_subject: 1,
        discard: async_nats::jetstream::stream::DiscardPolicy::New,
        discard_new_per_subject: true,
        ..Default::default()
    };
    nats.jetstream().create_stream(config).await.unwrap();
    let publish = async |subject| {
        nats.publish_stored(subject, None, &Headers::new(), "x".into())
            .await
    };
    publish("notice.1").await.unwrap();
    assert!(matches!(
        publish("notice.1").await,
        Err(NatsError::AlreadyThere { .. })
    ));
    publish("notice.2").await.unwrap();
    assert!(matches!(
        publish("notice.3").await,
        Err(NatsError::Refused { code: 10_077, .. })
    ));
}
