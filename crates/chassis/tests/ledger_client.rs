//! The ledger's client against a real ledger: pipelined, idempotent, patient.
#![allow(clippy::unwrap_used, reason = "tests")]

use chassis::clock::SystemClock;
use chassis::ledger::{
    Append, Expected, Guard, LedgerClient, LedgerError, NewEvent, Opened, Purpose, Range, StreamWrite,
};
use contracts::Code;
use contracts::events::routing::CaseAccepted;
use futures::{StreamExt, TryStreamExt};
use kernel::{Actor, CaseId, Clock, Position, RequestId, StreamId};
use std::sync::Arc;
use testkit::ledger::{TestLedger, token};
use uuid::Uuid;

async fn ledger() -> TestLedger {
    TestLedger::start_with("", None, 1, Arc::new(SystemClock))
        .await
        .unwrap()
}

fn accepted(id: &str, case: CaseId, expected: Expected) -> Append {
    let payload = CaseAccepted {
        unit: Code::new("so_xd").unwrap(),
        revision: 1,
    };
    let event =
        NewEvent::of(&payload, Actor::service("routing"), SystemClock.now()).sealed(b"words".to_vec());
    let write = StreamWrite::new(StreamId::new("routing", case.0), expected, vec![event]);
    Append::client(
        RequestId::client("test", id),
        id.as_bytes(),
        Some(case),
        vec![write],
    )
}

fn case(n: u128) -> CaseId {
    CaseId(Uuid::from_u128(n))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_appends_through_a_restart_of_the_ledger_are_each_stored_once() {
    let mut ledger = ledger().await;
    let client = ledger.client("routing").await.unwrap();
    let appending = async {
        let requests = futures::stream::iter(0..1_000_u32);
        let appends =
            requests.map(|n| client.append(accepted(&n.to_string(), case(u128::from(n)), Expected::None)));
        appends
            .buffer_unordered(100)
            .try_collect::<Vec<_>>()
            .await
            .unwrap()
    };
    let restarting = async {
        client.head(Position(100)).await.unwrap();
        ledger.restart().await.unwrap();
    };
    let (appended, ()) = tokio::join!(appending, restarting);
    let mut positions: Vec<u64> = appended.iter().map(|a| a.position.0).collect();
    positions.sort_unstable();
    assert_eq!(positions, (1..=1_000).collect::<Vec<_>>());
    assert_eq!(client.head(Position(0)).await.unwrap().position, 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_many_times_at_once_has_one_effect_and_one_answer() {
    let ledger = ledger().await;
    let client = ledger.client("routing").await.unwrap();
    let appends = (0..100).map(|_| client.append(accepted("same", case(1), Expected::Any)));
    let answers: Vec<_> = futures::future::join_all(appends)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(answers.iter().filter(|a| !a.already).count(), 1);
    assert!(answers.iter().all(|a| a.events == answers[0].events));
    let mut other = accepted("same", case(1), Expected::Any);
    other.origin = chassis::ledger::Origin::Client { sent_sha256: [9; 32] };
    assert_eq!(client.append(other).await, Err(LedgerError::RequestIdReused));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_what_the_caller_can_do() {
    let ledger = ledger().await;
    let client = ledger.client("routing").await.unwrap();
    client
        .append(accepted("1", case(1), Expected::None))
        .await
        .unwrap();
    let error = client
        .append(accepted("2", case(1), Expected::None))
        .await
        .unwrap_err();
    assert_eq!(error, LedgerError::WrongExpectedVersion { actual: 1 });
    assert!(error.is_overtaken() && !error.is_transient());
    let guard = Guard {
        case: case(1),
        after: Position(0),
        categories: vec!["routing"],
    };
    let error = client
        .append(accepted("3", case(1), Expected::Any).unless(guard))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        LedgerError::CaseMoved {
            position: Position(1),
            kind: "routing.case_accepted.v1".to_owned()
        }
    );
    let intake = ledger.client("intake").await.unwrap();
    let error = intake
        .append(accepted("4", case(1), Expected::Any))
        .await
        .unwrap_err();
    assert!(matches!(error, LedgerError::ForeignCategory { .. }), "{error}");
    let stranger = LedgerClient::connect(&ledger.url(), &token("nobody"))
        .await
        .unwrap_err();
    assert!(matches!(stranger, LedgerError::Denied { .. }), "{stranger}");
    let error = LedgerClient::connect("not an address", "").await.unwrap_err();
    assert!(matches!(error, LedgerError::Invalid { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_appended_is_read_followed_and_opened() {
    let mut ledger = ledger().await;
    let client = ledger.client("routing").await.unwrap();
    for n in 1..=3 {
        client
            .append(accepted(&n.to_string(), case(n), Expected::None))
            .await
            .unwrap();
    }
    assert_eq!(client.read_case(case(2)).await.unwrap().len(), 1);
    assert_eq!(
        client
            .read_stream(&StreamId::new("routing", case(3).0))
            .await
            .unwrap()[0]
            .position,
        Position(3)
    );
    let range = Range {
        from: Position(2),
        to: None,
        limit: Some(1),
    };
    let some: Vec<_> = client
        .read_all(range, Default::default())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(some.iter().map(|e| e.position.0).collect::<Vec<_>>(), [2]);

    let back = |limit| {
        let range = Range {
            limit,
            ..Range::default()
        };
        let positions = client
            .read_back(range, Default::default())
            .map_ok(|e| e.position.0);
        positions.try_collect::<Vec<_>>()
    };
    assert_eq!(back(None).await.unwrap(), [3, 2, 1]);
    assert_eq!(back(Some(2)).await.unwrap(), [3, 2]);

    let opened = client
        .open(Purpose::Route, &[Position(1), Position(9)], None)
        .await
        .unwrap();
    assert_eq!(opened[&Position(1)], Opened::Plain(b"words".to_vec()));
    assert!(matches!(opened[&Position(9)], Opened::Refused(_)));
    let denied = client
        .open(Purpose::Inspect, &[Position(1)], None)
        .await
        .unwrap_err();
    assert!(matches!(denied, LedgerError::Denied { .. }), "{denied}");

    // A follower is not disturbed by a restart of the ledger: no gap, no repetition.
    let mut followed = std::pin::pin!(client.follow(Position(1), Default::default()));
    for position in 1..=3 {
        assert_eq!(
            followed.next().await.unwrap().unwrap().position,
            Position(position)
        );
    }
    ledger.restart().await.unwrap();
    client
        .append(accepted("4", case(4), Expected::None))
        .await
        .unwrap();
    assert_eq!(followed.next().await.unwrap().unwrap().position, Position(4));
}
