//! Bytes changed behind everybody's back: in the stream's files and in the ledger's own rows. Nothing of it goes unseen.

use std::path::{Path, PathBuf};
use std::time::Duration;

use contracts::grpc::ledger as wire;
use contracts::subjects;
use sqlx::{Connection as _, SqliteConnection};
use testkit::chance::{Chance, rounds};
use testkit::nats::NatsServer;
use testkit::record::Record;

use crate::world::{Client, Load, PATIENCE, Site, program, relayed};

/// The newest block of the stream EVENTS.
fn block(nats: &NatsServer) -> PathBuf {
    let mut blocks = Vec::new();
    let mut folders = vec![nats.store()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "blk")
                && path.to_string_lossy().contains("/EVENTS/")
            {
                blocks.push(path);
            }
        }
    }
    blocks.into_iter().max().unwrap()
}

fn flip(file: &Path, place: usize) {
    use std::os::unix::fs::FileExt as _;
    let mut byte = [0];
    let file = std::fs::File::options()
        .read(true)
        .write(true)
        .open(file)
        .unwrap();
    file.read_exact_at(&mut byte, place as u64).unwrap();
    file.write_all_at(&[byte[0] ^ 1], place as u64).unwrap();
}

/// Damages the stream's files while its server is down; then the relay makes the stream what the ledger is, to the last message.
async fn is_mended(damage: impl FnOnce(&NatsServer)) {
    let mut nats = NatsServer::start().await.unwrap();
    let site = Site::sqlite().relaying_to(nats.url());
    let _process = site.start(&[]).await;
    let acknowledged = Load::start(&[&site], 8, 20).done().await;
    relayed(&mut site.client()).await;
    nats.kill9();
    damage(&nats);
    nats.restart().await.unwrap();
    let record = site.in_order(&acknowledged).await;
    let mut why = None;
    let mended = async {
        loop {
            relayed(&mut site.client()).await;
            match record.is_the_stream(&nats.connect().await.unwrap()).await {
                Ok(()) => return,
                Err(error) => why = Some(error),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let mended = tokio::time::timeout(PATIENCE / 3, mended).await;
    assert!(mended.is_ok(), "{why:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_lost_the_end_of_a_block_is_filled_again() {
    is_mended(|nats| {
        let block = block(nats);
        let bytes = std::fs::read(&block).unwrap();
        std::fs::write(&block, &bytes[..bytes.len() * 2 / 3]).unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_folder_is_gone_is_made_again_with_the_same_numbers() {
    is_mended(|nats| nats.delete_data().unwrap()).await;
}

/// The server finds the flipped bit when it starts and cuts the block there (or a message in the middle is gone): the relay fills it again.
#[tokio::test(flavor = "multi_thread")]
async fn a_bit_flipped_in_a_block_of_the_stream_is_mended() {
    let mut chance = Chance::seeded();
    is_mended(|nats| {
        let block = block(nats);
        let length = std::fs::metadata(&block).unwrap().len();
        flip(&block, chance.below(length) as usize);
    })
    .await;
}

/// The server notices nothing: it looks at a block's bytes when somebody reads them. The relay's patrol does.
#[tokio::test(flavor = "multi_thread")]
async fn a_bit_flipped_under_a_running_server_is_found_by_the_patrol_and_gone_once_the_stream_is_made_anew() {
    let nats = NatsServer::start().await.unwrap();
    let site = Site::sqlite().relaying_to(nats.url());
    let _process = site.start(&[("HOIAM_LEDGER_PATROL", "1000")]).await;
    let acknowledged = Load::start(&[&site], 8, 20).done().await;
    let mut client = site.client();
    relayed(&mut client).await;
    let head = client
        .head(wire::HeadRequest::default())
        .await
        .unwrap()
        .into_inner();
    audited(&mut client, &format!("agrees up to {}", head.position)).await;
    // In a word that stands in the data of one event only, in the middle of them.
    let block = block(&nats);
    let bytes = std::fs::read(&block).unwrap();
    let places: Vec<usize> = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, it)| it == b"{\"n\"")
        .map(|(n, _)| n)
        .collect();
    flip(&block, places[places.len() / 2] + 1);
    audited(&mut client, "differs at ").await;
    assert!(
        client
            .head(wire::HeadRequest::default())
            .await
            .unwrap()
            .get_ref()
            .relay_state
            == "following"
    );
    site.in_order(&acknowledged).await;

    // Once it is gone, the relay makes it anew.
    let broker = nats.connect().await.unwrap();
    broker.jetstream().delete_stream(subjects::EVENTS).await.unwrap();
    audited(&mut client, &format!("agrees up to {}", head.position)).await;
}

/// Waits until the patrol says so.
async fn audited(client: &mut Client, says: &str) {
    let mut last = String::new();
    let wait = async {
        while !last.starts_with(says) {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let head = client.head(wire::HeadRequest::default()).await.unwrap();
            last = head.into_inner().stream_audit;
        }
    };
    let said = tokio::time::timeout(PATIENCE, wait).await;
    assert!(said.is_ok(), "the patrol says {last:?}, not {says:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: HOIAM_FAULT_ROUNDS flipped bits"]
async fn bits_flipped_anywhere_in_a_block_are_mended() {
    for round in 0..rounds(30) {
        let mut chance = Chance::seeded().branch(round);
        is_mended(|nats| {
            let block = block(nats);
            let length = std::fs::metadata(&block).unwrap().len();
            let place = chance.below(length) as usize;
            eprintln!("round {round}: bit 0 of byte {place} of {length}");
            flip(&block, place);
        })
        .await;
    }
}

/// Changes that a person with the database's own rights can make once they have taken the triggers away.
const CHANGES: [&str; 20] = [
    "UPDATE events SET actor = 'service:nobody' WHERE position = 7",
    "UPDATE events SET occurred_at = occurred_at + 1 WHERE position = 7",
    "UPDATE events SET recorded_at = recorded_at + 1 WHERE position = 7",
    "UPDATE events SET name = 'routing.case_forgotten' WHERE position = 7",
    "UPDATE events SET case_id = NULL WHERE position = 7",
    "UPDATE events SET leaf = zeroblob(32) WHERE position = 7",
    "UPDATE events SET request_id = zeroblob(16) WHERE position = 7",
    "UPDATE bodies SET data = '{}' WHERE position = 7",
    "UPDATE bodies SET salt = zeroblob(16) WHERE position = 7",
    "UPDATE bodies SET data = NULL WHERE position = 7",
    "UPDATE bodies SET sealed = zeroblob(100) WHERE position = (SELECT MIN(position) FROM bodies WHERE sealed IS NOT NULL)",
    "DELETE FROM bodies WHERE position = 7",
    "DELETE FROM events WHERE position = 7",
    "DELETE FROM events WHERE position = (SELECT MAX(position) FROM events)",
    "DELETE FROM requests WHERE position = (SELECT MIN(position) FROM requests)",
    "UPDATE streams SET version = version + 1 WHERE number = 1",
    "UPDATE streams SET id = zeroblob(16) WHERE number = 1",
    "UPDATE head SET position = position - 1",
    "UPDATE head SET recorded_at = recorded_at + 1",
    "UPDATE head SET frontier = zeroblob(length(frontier))",
];

/// As somebody does who may do anything to the file.
async fn without_triggers(conn: &mut SqliteConnection) {
    let triggers: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        .fetch_all(&mut *conn)
        .await
        .unwrap();
    for trigger in triggers {
        let drop = sqlx::AssertSqlSafe(format!("DROP TRIGGER {trigger}"));
        sqlx::raw_sql(drop).execute(&mut *conn).await.unwrap();
    }
}

/// What all tests here stand on: the check sees each change.
#[tokio::test(flavor = "multi_thread")]
async fn the_check_of_the_record_sees_each_change() {
    let site = Site::sqlite();
    let mut process = site.start(&[]).await;
    site.in_order(&Load::start(&[&site], 4, 10).done().await).await;
    process.terminate();
    process.wait(PATIENCE).await.unwrap();
    for change in CHANGES {
        let copy = site.file("copy.db");
        std::fs::copy(site.file("ledger.db"), &copy).unwrap();
        let url = format!("sqlite:{}", copy.display());
        assert!(Record::read(&url).await.is_ok());
        let mut conn = SqliteConnection::connect(&url).await.unwrap();
        without_triggers(&mut conn).await;
        let changed = sqlx::query(change).execute(&mut conn).await.unwrap();
        assert_eq!(changed.rows_affected(), 1, "{change}");
        conn.close().await.unwrap();
        assert!(Record::read(&url).await.is_err(), "unseen: {change}");
        std::fs::remove_file(&copy).unwrap();
    }
}

/// Changes after which nothing may be added: the ledger looks at the record's end before it writes.
const CUTS: [&str; 4] = [
    "DELETE FROM events WHERE position = (SELECT MAX(position) FROM events)",
    "UPDATE head SET position = position - 1, frontier = substr(frontier, 33)",
    "UPDATE head SET frontier = zeroblob(length(frontier))",
    "UPDATE events SET leaf = zeroblob(32) WHERE position = (SELECT MAX(position) FROM events)",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_whose_end_was_changed_does_not_start() {
    for cut in CUTS {
        let site = Site::sqlite();
        let mut process = site.start(&[]).await;
        Load::start(&[&site], 4, 5).done().await;
        process.terminate();
        process.wait(PATIENCE).await.unwrap();
        let mut conn = SqliteConnection::connect(&site.database).await.unwrap();
        without_triggers(&mut conn).await;
        sqlx::query(cut).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        let mut process = site.spawn(std::process::Command::new(program()), &[]);
        assert!(!process.wait(PATIENCE).await.unwrap().success(), "{cut}");
        let said = process.output();
        assert!(said.contains("what is stored is damaged"), "{cut}: {said}");
    }
}
