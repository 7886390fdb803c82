//! Two instances on one PostgreSQL and one nats-server: whichever relays, the stream is the record.

use std::time::Duration;

use chassis::callers::{BearerToken, Caller, CallerKind, CallersFile, token_sha256};
use chassis::config::Secret;
use chassis::nats::Nats;
use contracts::grpc::ledger as wire;
use contracts::grpc::ledger::ledger_client::LedgerClient;
use ledger::relay::{audit, bulk};
use testkit::chance::Chance;
use testkit::nats::NatsServer;
use testkit::postgres::Postgres;
use tonic::Status;
use tonic::transport::Endpoint;
use wire::refusal::Reason;

use crate::world::{Client, Load, PATIENCE, Site, any_append, append_surely, head_reaches, reason, relayed};

/// Message by message, as the auditor compares them.
async fn the_stream_is_the_record(client: &mut Client, nats: &Nats) {
    let events = client.read_all(wire::ReadAllRequest::default()).await.unwrap();
    let mut events = events.into_inner();
    let mut held = Vec::new();
    let mut count = 0;
    while let Some(event) = events.message().await.unwrap() {
        if held.is_empty() {
            held = bulk::read(nats, event.position).await.unwrap();
            held.reverse();
        }
        let message = held.pop().expect("a message for each event");
        assert_eq!(message.sequence, event.position);
        assert_eq!(audit::compare(1, event, &message).unwrap(), None);
        count += 1;
    }
    assert!(held.is_empty() && bulk::read(nats, count + 1).await.unwrap().is_empty());
}

/// Waits until this instance knows that another one relays.
async fn stands_by(client: &mut Client) {
    let mut last = wire::HeadReply::default();
    let wait = async {
        loop {
            if let Ok(head) = client.head(wire::HeadRequest::default()).await {
                last = head.into_inner();
                if last.relay_state == "standing by" && !last.leads {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let done = tokio::time::timeout(PATIENCE, wait).await;
    assert!(done.is_ok(), "it does not stand by: {last:?}");
}

/// Lets an administrator in beside the service; the ledger reads the file again when it changes.
fn let_the_administrator_in(site: &Site) {
    let file = site.file("callers.json");
    let mut callers: CallersFile = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    callers.callers.push(Caller {
        name: "admin".to_owned(),
        kind: CallerKind::Admin,
        token_sha256: token_sha256("token of admin"),
        append: vec![],
        purposes: vec![],
        rights: vec![],
        read: true,
        acts_for_people: false,
    });
    std::fs::write(file, serde_json::to_vec(&callers).unwrap()).unwrap();
}

async fn rebuild(site: &Site) -> Result<wire::RebuildStreamReply, Status> {
    let channel = Endpoint::from_shared(site.address()).unwrap().connect_lazy();
    let token = BearerToken::new(Secret::new("token of admin"));
    let mut admin = LedgerClient::with_interceptor(channel, token);
    let answer = admin.rebuild_stream(wire::RebuildStreamRequest::default()).await;
    answer.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_goes_with_the_pen_and_a_relay_that_wakes_without_it_leaves_the_stream_alone() {
    let (postgres, server) = (
        Postgres::start().await.unwrap(),
        NatsServer::start().await.unwrap(),
    );
    let site = Site::on(postgres.url()).relaying_to(server.url());
    let_the_administrator_in(&site);
    let twin = site.twin();
    let mut leader = site.start(&[]).await;
    let append = any_append(&mut Chance::seeded().branch(1_000));
    append_surely(&mut [site.client()], append).await;
    let _standby = twin.start(&[]).await;
    let (mut first, mut second) = (site.client(), twin.client());
    stands_by(&mut second).await;

    let load = Load::start(&[&site, &twin], 8, 60);
    head_reaches(&mut second, 100).await;
    leader.pause();
    // In the end only the twin is there to relay.
    relayed(&mut second).await;
    leader.resume();
    site.in_order(&load.done().await).await;
    relayed(&mut second).await;
    let nats = server.connect().await.unwrap();
    the_stream_is_the_record(&mut second, &nats).await;

    // The one that woke says whose turn it is, and deletes nothing.
    stands_by(&mut first).await;
    let refused = rebuild(&site).await.unwrap_err();
    assert!(
        matches!(reason(&refused), Reason::NotLeader(leader) if leader.leader == twin.address()),
        "{refused:?}"
    );
    the_stream_is_the_record(&mut second, &nats).await;
    rebuild(&twin).await.unwrap();
    relayed(&mut second).await;
    the_stream_is_the_record(&mut second, &nats).await;
}
