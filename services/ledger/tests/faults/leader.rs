//! Two instances of one ledger on one PostgreSQL: whoever is stopped in its tracks and wakes again must not write.

use std::time::Duration;

use chassis::ledger::{Append, Expected, LedgerClient, NewEvent, StreamWrite};
use contracts::Code;
use contracts::events::routing::CaseAccepted;
use contracts::grpc::ledger as wire;
use kernel::{Actor, Instant, RequestId, StreamId};
use prost::Message as _;
use testkit::postgres::Postgres;
use testkit::process::Process;
use uuid::Uuid;
use wire::refusal::Reason;

use crate::world::{Client, Load, Site, any_append, append_surely, head_reaches};

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

async fn head(client: &mut Client) -> wire::HeadReply {
    client
        .head(wire::HeadRequest::default())
        .await
        .unwrap()
        .into_inner()
}

/// Does something to the leader while nothing is written, and appends to the other as soon as it writes.
async fn replaced(harm: impl FnOnce(&mut Process)) -> (Postgres, [(Site, Process); 2]) {
    let postgres = Postgres::start().await.unwrap();
    let mut pair = two(&postgres).await;
    let mut standby = pair[1].0.client();
    let before = head(&mut standby).await;
    assert!(!before.leads && before.leader == pair[0].0.address());
    let began = std::time::Instant::now();
    harm(&mut pair[0].1);
    while !head(&mut standby).await.leads {}
    let mut chance = testkit::chance::Chance::seeded().branch(1_001);
    append_surely(&mut [standby.clone()], any_append(&mut chance)).await;
    assert!(
        began.elapsed() < TAKEOVER,
        "{:?} until the other writes",
        began.elapsed()
    );
    let after = head(&mut standby).await;
    assert!(after.leader == pair[1].0.address() && after.fence > before.fence);
    (postgres, pair)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_leader_is_replaced_at_once() {
    replaced(Process::kill9).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_paused_in_silence_is_replaced_and_says_who_writes_when_it_wakes() {
    let (_postgres, [(site, mut leader), (other, _running)]) = replaced(Process::pause).await;
    leader.resume();
    let mut woken = site.client();
    while head(&mut woken).await.leads {}
    let mut chance = testkit::chance::Chance::seeded().branch(1_002);
    let refused = woken.append(any_append(&mut chance)).await.unwrap_err();
    let refusal = wire::Refusal::decode(refused.details()).unwrap();
    let Some(Reason::NotLeader(wire::NotLeader { leader })) = refusal.reason else {
        panic!("{refusal:?}")
    };
    assert_eq!(leader, other.address());
}

/// A service is told all addresses, in any order, and never learns that anything happened.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_knows_both_goes_on_with_the_other() {
    let postgres = Postgres::start().await.unwrap();
    let [(site, mut leader), (twin, _standby)] = two(&postgres).await;
    let both = format!("{},{}", twin.address(), site.address());
    let service = LedgerClient::connect(&both, "token of routing").await.unwrap();
    for round in 0..20 {
        if round == 10 {
            leader.kill9();
        }
        let routed = CaseAccepted {
            unit: Code::lossy("so_xd"),
            revision: 1,
        };
        let event = NewEvent::of(&routed, Actor::service("routing"), Instant(1));
        let stream = StreamId::new("routing", Uuid::new_v4());
        let write = StreamWrite::new(stream, Expected::None, vec![event]);
        let append = Append::client(RequestId(Uuid::new_v4()), b"sent", None, vec![write]);
        let appended = service.append(append).await.unwrap();
        assert!(!appended.already);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: HOIAM_FAULT_ROUNDS takeovers to and fro"]
async fn leaders_paused_and_woken_many_times_leave_one_record() {
    paused_and_woken(testkit::chance::rounds(10) as u32).await;
}
