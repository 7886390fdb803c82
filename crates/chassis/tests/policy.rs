//! A policy is published once, and every position has the version that was in force there.
#![allow(clippy::unwrap_used, reason = "tests")]

use chassis::consumer::Failure;
use chassis::policy::Policies;
use contracts::events::policy::RoutingPolicyPublished;
use kernel::{Instant, Position, StreamId};
use testkit::ledger::TestLedger;
use testkit::nats::NatsServer;

type Words = Policies<RoutingPolicyPublished, String>;

/// A policy of the tests: any text that does not begin with `bad`.
async fn policies(ledger: &TestLedger) -> Words {
    Policies::new(ledger.client("routing").await.unwrap(), "routing", |_, text| {
        if text.starts_with("bad") {
            Err("it begins with `bad`".to_owned())
        } else {
            Ok(text.to_owned())
        }
    })
}

async fn publish(policies: &Words, text: &str) {
    policies.publish(text, "test", Instant(0)).await.unwrap();
}

async fn on_record(ledger: &TestLedger) -> Vec<Position> {
    let stream = StreamId::named("routing-policy", "city");
    let events = ledger
        .client("test")
        .await
        .unwrap()
        .read_stream(&stream)
        .await
        .unwrap();
    events.into_iter().map(|event| event.position).collect()
}

#[tokio::test]
async fn a_position_has_the_version_in_force_there_and_a_text_may_come_back() {
    let nats = NatsServer::start().await.unwrap();
    let ledger = TestLedger::start(&nats).await.unwrap();
    let here = policies(&ledger).await;
    assert!(
        matches!(here.at(Position(1)).await, Err(Failure::Transient(_))),
        "none is on record yet"
    );
    // Two replicas that start together with the same text publish it once.
    let there = policies(&ledger).await;
    tokio::join!(publish(&here, "one"), publish(&there, "one"));
    publish(&here, "one").await;
    publish(&here, "two").await;
    publish(&here, "one").await;
    let published = on_record(&ledger).await;
    assert_eq!(published.len(), 3, "one, two, and one again");
    let at = |position: u64| {
        let here = &here;
        async move { here.at(Position(position)).await.unwrap().policy.to_string() }
    };
    assert_eq!(at(1).await, "one", "before any: the first");
    assert_eq!(
        at(published[1].0).await,
        "one",
        "a publication is in force after itself"
    );
    assert_eq!(at(published[1].0 + 1).await, "two");
    assert_eq!(at(published[2].0).await, "two");
    assert_eq!(*here.now().await.unwrap().policy, "one");
    let version = here.now().await.unwrap().version;
    assert_eq!(version.as_str().len(), 16);
    assert_eq!(version, here.at(Position(1)).await.unwrap().version);
}

#[tokio::test]
async fn what_is_no_policy_never_gets_on_record() {
    let nats = NatsServer::start().await.unwrap();
    let ledger = TestLedger::start(&nats).await.unwrap();
    let error = policies(&ledger)
        .await
        .publish("bad from the start", "test", Instant(0))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("it begins with `bad`"), "{error}");
    assert!(on_record(&ledger).await.is_empty());
}
