//! A whole system in the test's own process: it comes up, loses its broker's data, heals, stops, and goes on where it was.
#![allow(clippy::unwrap_used, reason = "a test that panics says where")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chassis::clock::SystemClock;
use chassis::config::Secret;
use chassis::ledger::LedgerClient;
use chassis::nats::{Credential, Nats};
use contracts::subjects;
use hoiam::data::{DataFolder, NatsCredential};
use hoiam::up::{self, Options, Running};
use kernel::Position;

/// Generous: these machines are slow and busy.
const PATIENCE: Duration = Duration::from_secs(120);

async fn start(data: &Path) -> anyhow::Result<Running> {
    up::start(Options {
        data: data.to_owned(),
        database: None,
        console_port: 0,
        nats_port: 0,
        demo: true,
        clock: Arc::new(SystemClock),
    })
    .await
}

async fn until(what: &str, mut look: impl AsyncFnMut() -> bool) {
    let looked = async {
        while !look().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, looked).await.is_ok(),
        "waited in vain for {what}"
    );
}

async fn admin(folder: &DataFolder, running: &Running) -> (LedgerClient, Nats) {
    let token = folder.read_token("admin").unwrap();
    let ledger = LedgerClient::connect(running.info.grpc("ledger").unwrap(), &token)
        .await
        .unwrap();
    let NatsCredential { user, password, .. } =
        NatsCredential::read(&folder.nats_credential("admin")).unwrap();
    let credential = Credential {
        user,
        password: Secret::new(password),
    };
    let nats = Nats::connect_as(&running.info.nats, Some(credential), "test")
        .await
        .unwrap();
    (ledger, nats)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_heals_when_the_brokers_data_is_deleted_and_goes_on_where_it_was_after_a_clean_stop() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let folder = DataFolder::at(&data).unwrap();
    let running = start(&data).await.unwrap();

    let Err(second) = start(&data).await else {
        panic!("two systems run on one folder")
    };
    assert!(second.to_string().contains("another `hoiam up`"), "{second}");

    let (ledger, nats) = admin(&folder, &running).await;
    let head = ledger.head(Position(0)).await.unwrap().position;
    assert!(head > 0, "the policies and the demonstration are on record");
    std::fs::remove_dir_all(folder.jetstream()).unwrap();
    until(
        "the stream to be filled from the ledger with the same numbers",
        async || matches!(nats.stream_state(subjects::EVENTS).await, Ok(Some(state)) if state.last == head),
    )
    .await;
    until("the unit's durable to be made again", async || {
        let durable = subjects::unit_durable("so_xd");
        let found = nats.jetstream().get_stream(subjects::CASES).await;
        let Ok(stream) = found else { return false };
        stream.consumer_info(&durable).await.is_ok()
    })
    .await;

    let broker = hoiam::broker::running(&folder).expect("nats-server runs");
    running.stop().await;
    assert!(
        hoiam::broker::running(&folder).is_none(),
        "a clean stop stops nats-server ({broker}) too"
    );
    assert!(!folder.run_info().exists());

    let again = start(&data).await.unwrap();
    let (ledger, _) = admin(&folder, &again).await;
    assert_eq!(
        ledger.head(Position(0)).await.unwrap().position,
        head,
        "a second start appends nothing by itself"
    );
    again.stop().await;
}
