//! A policy is published once, and every position has the version that was in force there.
#![allow(clippy::unwrap_used, reason = "tests")]

use chassis::consumer::Failure;
use chassis::policy::{NotPublished, Policies};
use contracts::events::policy::RoutingPolicyPublished;
use kernel::{Actor, Instant, Position, RequestId, StreamId};
use testkit::ledger::TestLedger;
use testkit::nats::NatsServer;

/// After all that is recorded here.
const LATER: Instant = Instant(i64::MAX);

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
        matches!(here.at(Position(1), LATER).await, Err(Failure::Transient(_))),
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
        async move {
            here.at(Position(position), LATER)
                .await
                .unwrap()
                .policy
                .to_string()
        }
    };
    assert_eq!(at(1).await, "one", "before any: the first");
    assert_eq!(
        at(published[1].0).await,
        "one",
        "a publication is in force after itself"
    );
    assert_eq!(at(published[1].0 + 1).await, "two");
    assert_eq!(at(published[2].0).await, "two");
    assert_eq!(*here.now(LATER).await.unwrap().policy, "one");
    let version = here.now(LATER).await.unwrap().version;
    assert_eq!(version.as_str().len(), 16);
    assert_eq!(version, here.at(Position(1), LATER).await.unwrap().version);
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

#[tokio::test]
async fn a_persons_version_is_in_force_from_its_time_and_no_start_replaces_it() {
    let nats = NatsServer::start().await.unwrap();
    let ledger = TestLedger::start(&nats).await.unwrap();
    let here = policies(&ledger).await;
    publish(&here, "one").await;
    let lan = || Actor::parse("operator:lan").unwrap();
    let now = here.list().await.unwrap()[0].recorded_at;
    let hour = |n: i64| now.plus_micros(n * 3_600 * Instant::SECOND);
    let put = |text: &'static str, from: Instant, id: &'static str| {
        let here = &here;
        async move {
            here.publish_by(text, lan(), from, RequestId::client("test", id), now)
                .await
        }
    };
    let two = put("two", hour(2), "a").await.unwrap();
    let again = put("two", hour(2), "a").await.unwrap();
    assert_eq!(
        (two.position, two.from),
        (again.position, again.from),
        "the same request"
    );
    let three = put("three", now, "b").await.unwrap();
    for (at, text) in [(1, "three"), (2, "two"), (3, "two")] {
        assert_eq!(*here.now(hour(at)).await.unwrap().policy, text, "hour {at}");
    }
    assert_eq!(
        *here.at(two.position, hour(3)).await.unwrap().policy,
        "one",
        "a cause before it was on record"
    );
    assert!(matches!(
        put("two", hour(3), "c").await,
        Err(NotPublished::InForceAlready(_))
    ));
    assert!(matches!(
        put("bad", hour(3), "d").await,
        Err(NotPublished::Invalid(_))
    ));
    // The service starts again with what it is configured for.
    publish(&here, "four").await;
    let listed = here.list().await.unwrap();
    assert_eq!(listed.len(), 3);
    assert_eq!(
        (listed[2].position, listed[2].actor.as_str()),
        (three.position, "operator:lan")
    );
    assert_eq!(here.text(&listed[1]).await.unwrap(), "two");
}
