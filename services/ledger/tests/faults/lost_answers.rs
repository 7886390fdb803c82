//! Answers that never come: PostgreSQL committed, JetStream stored, and nobody hears of it.

use std::time::Duration;

use testkit::chance::rounds;
use testkit::nats::NatsServer;
use testkit::postgres::Postgres;
use testkit::proxy::{Loss, Proxy};

use crate::world::{Load, Site, relayed};

/// `appends` requests of 16 clients, while the proxy loses one in `one_in` answers to COMMIT.
async fn commit_replies_are_lost(loss: Loss, appends: u64, one_in: u64) {
    let postgres = Postgres::start().await.unwrap();
    let proxy = Proxy::start(postgres.address(), loss).await.unwrap();
    let port = proxy.address().port();
    let way = format!("postgres://hoiam@127.0.0.1:{port}/hoiam?sslmode=disable");
    let site = Site::on(postgres.url()).through(way);
    let _process = site.start(&[]).await;
    proxy.lose_one_in(one_in);
    let acknowledged = Load::start(&[&site], 16, appends / 16).done().await;
    proxy.lose_one_in(0);
    assert!(proxy.lost() > 0, "of {} answers none was lost", proxy.seen());
    let direct = Site::on(postgres.url());
    let record = direct.in_order(&acknowledged).await;
    assert_eq!(record.requests(), acknowledged.len());
    eprintln!(
        "{} of {} answers to COMMIT lost, {} requests acknowledged, {} events",
        proxy.lost(),
        proxy.seen(),
        acknowledged.len(),
        record.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_looked_up_and_acknowledged_once() {
    commit_replies_are_lost(Loss::CommitReply, 480, 8).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "seconds of waiting for each silence"]
async fn a_connection_that_falls_silent_after_a_commit_does_not_stop_the_ledger() {
    commit_replies_are_lost(Loss::CommitSilence, 800, 50).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: HOIAM_FAULT_ROUNDS appends, one in 20 commits unanswered"]
async fn a_hundred_thousand_appends_with_lost_answers_are_each_there_once() {
    commit_replies_are_lost(Loss::CommitReply, rounds(100_000), 20).await;
}

/// `appends` requests while the proxy loses one in `one_in` acknowledgements of the relay's publications.
async fn acknowledgements_are_lost(loss: Loss, appends: u64, one_in: u64) {
    let nats = NatsServer::start().await.unwrap();
    let proxy = Proxy::start(nats.address(), loss).await.unwrap();
    let site = Site::sqlite().relaying_to(format!("nats://{}", proxy.address()));
    let _process = site.start(&[]).await;
    let mut client = site.client();
    relayed(&mut client).await;
    proxy.lose_one_in(one_in);
    let acknowledged = Load::start(&[&site], 16, appends / 16).done().await;
    // The relay may not have met a loss yet, so fast was the rest.
    let met = async {
        while proxy.lost() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), met).await.unwrap();
    proxy.lose_one_in(0);
    relayed(&mut client).await;
    let record = site.in_order(&acknowledged).await;
    record
        .is_the_stream(&nats.connect().await.unwrap())
        .await
        .unwrap();
    eprintln!(
        "{} of {} acknowledgements lost, {} events",
        proxy.lost(),
        proxy.seen(),
        record.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_stream_stored_without_a_word_is_neither_repeated_nor_left_out() {
    acknowledgements_are_lost(Loss::StreamAck, 320, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: HOIAM_FAULT_ROUNDS appends, one in 50 acknowledgements lost, in two ways"]
async fn a_hundred_thousand_events_reach_the_stream_once_though_acknowledgements_are_lost() {
    acknowledgements_are_lost(Loss::StreamAck, rounds(100_000), 50).await;
    acknowledgements_are_lost(Loss::StreamAckWithConnection, rounds(100_000), 50).await;
}
