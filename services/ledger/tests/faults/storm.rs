//! Clients that hang up at any moment, by thousands: nothing is half done, nothing is lost to those who ask again.

use std::time::Duration;

use contracts::grpc::ledger as wire;
use futures::StreamExt as _;
use testkit::chance::{Chance, rounds};

use crate::world::{Client, Site, any_append, append_surely, both_engines, head_reaches};

/// Calls under way at once.
const AT_ONCE: usize = 200;

/// Appends with a deadline of microseconds, dropped by the caller a moment later or sooner; a follower now and then, dropped as well.
async fn hang_up(mut client: Client, request: wire::AppendRequest, mut chance: Chance) {
    let mut call = tonic::Request::new(request);
    if chance.one_in(2) {
        call.set_timeout(Duration::from_micros(chance.below(2_000)));
    }
    let patience = Duration::from_micros(chance.below(5_000));
    let _ = tokio::time::timeout(patience, client.append(call)).await;
    if chance.one_in(10) {
        let follow = async {
            let mut events = client.follow(wire::ReadAllRequest::default()).await?.into_inner();
            while events.message().await?.is_some() {}
            Ok::<_, tonic::Status>(())
        };
        let _ = tokio::time::timeout(patience, follow).await;
    }
}

async fn storm(site: &Site, calls: u64) {
    let _process = site.start(&[]).await;
    let clients: Vec<Client> = (0..64).map(|_| site.client()).collect();
    head_reaches(&mut clients[0].clone(), 0).await;
    let mut chance = Chance::seeded();
    let requests: Vec<wire::AppendRequest> = (0..calls).map(|_| any_append(&mut chance)).collect();
    futures::stream::iter(requests.iter().zip(0..))
        .for_each_concurrent(AT_ONCE, |(request, n)| {
            hang_up(
                clients[n as usize % clients.len()].clone(),
                request.clone(),
                chance.branch(n),
            )
        })
        .await;
    let acknowledged: Vec<wire::Appended> = futures::stream::iter(&requests)
        .map(|request| async { append_surely(&mut [clients[0].clone()], request.clone()).await })
        .buffer_unordered(64)
        .collect()
        .await;
    let already = acknowledged.iter().filter(|it| it.already).count();
    // Else it was no storm: all came in, or none.
    assert!(
        0 < already && already < requests.len(),
        "{already} of {calls} were stored though their callers had gone"
    );
    let record = site.in_order(&acknowledged).await;
    assert_eq!(record.requests(), requests.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_who_hang_up_leave_nothing_half_done() {
    let postgres = testkit::postgres::Postgres::start().await.unwrap();
    for site in both_engines(&postgres, "storm").await {
        storm(&site, 400).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: HOIAM_FAULT_ROUNDS calls on each engine"]
async fn a_long_storm_of_callers_who_hang_up() {
    let postgres = testkit::postgres::Postgres::start().await.unwrap();
    for site in both_engines(&postgres, "storm").await {
        storm(&site, rounds(100_000)).await;
    }
}
