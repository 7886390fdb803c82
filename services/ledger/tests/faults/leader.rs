//! Two instances of one ledger on one PostgreSQL: whoever is stopped in its tracks and wakes again must not write.

use std::time::Duration;

use testkit::postgres::Postgres;
use testkit::process::Process;

use crate::world::{Load, Site, any_append, append_surely, head_reaches};

/// From the leader's death or pause to the other's first commit.
const TAKEOVER: Duration = Duration::from_secs(10);

/// The one that writes, and the one that waits.
async fn two(postgres: &Postgres) -> [(Site, Process); 2] {
    let site = Site::on(postgres.url());
    let leader = site.start(&[]).await;
    let mut chance = testkit::chance::Chance::seeded().branch(1_000);
    append_surely(&mut [site.client()], any_append(&mut chance)).await;
    let twin = site.twin();
    let standby = twin.start(&[]).await;
    [(site, leader), (twin, standby)]
}

/// Stops the leader while clients append, waits for the other, wakes it: the record is one.
async fn paused_and_woken(times: u32) {
    let postgres = Postgres::start().await.unwrap();
    let mut pair = two(&postgres).await;
    let load = Load::start(&[&pair[0].0, &pair[1].0], 8, 40 * u64::from(times));
    for _ in 0..times {
        let [(_, leader), (standby_site, _)] = &mut pair;
        let mut standby = standby_site.client();
        // In the middle of its work, whatever that is just then.
        let head = head_reaches(&mut standby, 1).await.position;
        head_reaches(&mut standby, head + 20).await;
        leader.pause();
        let head = head_reaches(&mut standby, 1).await.position;
        // What the paused one had committed the standby may learn late; a hundred more only it can have written.
        let taken_over = tokio::time::timeout(TAKEOVER, head_reaches(&mut standby, head + 100)).await;
        leader.resume();
        assert!(
            taken_over.is_ok(),
            "the standby does not write {TAKEOVER:?} after the leader's pause"
        );
        pair.reverse();
    }
    pair[0].0.in_order(&load.done().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_paused_past_takeover_writes_nothing_when_it_wakes() {
    paused_and_woken(1).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: HOIAM_FAULT_ROUNDS takeovers to and fro"]
async fn leaders_paused_and_woken_many_times_leave_one_record() {
    paused_and_woken(testkit::chance::rounds(10) as u32).await;
}
