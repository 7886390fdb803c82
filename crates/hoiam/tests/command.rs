//! The command itself against a running system: people are let in, a unit's credential is its own, what is parked can be settled.
#![allow(clippy::unwrap_used, reason = "a test that panics says where")]

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use chassis::clock::SystemClock;
use chassis::config::Secret;
use chassis::consumer::Parked;
use chassis::nats::{Credential, Headers, Nats};
use contracts::subjects;
use hoiam::data::{DataFolder, NatsCredential};
use hoiam::up::{self, Options};
use kernel::{Clock, EventId, Position};

struct Said {
    code: i32,
    out: String,
    err: String,
}

async fn hoiam(data: &Path, arguments: &[&str]) -> Said {
    let done = tokio::process::Command::new(env!("CARGO_BIN_EXE_hoiam"))
        .arg("--data")
        .arg(data)
        .args(arguments)
        .output()
        .await
        .unwrap();
    Said {
        code: done.status.code().unwrap(),
        out: String::from_utf8(done.stdout).unwrap(),
        err: String::from_utf8(done.stderr).unwrap(),
    }
}

/// Parks something as intake would; in a new system it gets the number 1.
async fn park(folder: &DataFolder, url: &str) {
    let NatsCredential { user, password, .. } =
        NatsCredential::read(&folder.nats_credential("intake")).unwrap();
    let credential = Credential {
        user,
        password: Secret::new(password),
    };
    let nats = Nats::connect_as(url, Some(credential), "test").await.unwrap();
    let parked = Parked {
        consumer: "intake".to_owned(),
        position: Position(1),
        event: EventId(uuid::Uuid::from_u128(1)),
        kind: "report.report_refused.v1".to_owned(),
        case: None,
        reason: "unhandled".to_owned(),
        detail: "message 1 of INBOX".to_owned(),
        at: SystemClock.now(),
    };
    let body = Bytes::from(serde_json::to_vec(&parked).unwrap());
    nats.publish_stored(&subjects::park("intake"), None, &Headers::new(), body)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_let_in_a_credential_is_its_units_own_and_what_is_parked_is_settled_by_a_person() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let folder = DataFolder::at(&data).unwrap();
    let running = up::start(Options {
        data: data.clone(),
        database: None,
        console_port: 0,
        nats_port: 0,
        demo: true,
        clock: Arc::new(SystemClock),
    })
    .await
    .unwrap();

    let lan = hoiam(&data, &["person", "add", "lan", "--role", "operator", "--json"]).await;
    assert_eq!(lan.code, 0, "{}", lan.err);
    let lan: serde_json::Value = serde_json::from_str(&lan.out).unwrap();
    assert_eq!(lan["on_record"], true);
    let store = console::Store::open(&folder.sqlite("console")).await.unwrap();
    let password = Secret::new(lan["password"].as_str().unwrap());
    console::people::sign_in(&store, "lan", password, SystemClock.now())
        .await
        .unwrap();
    assert_eq!(
        hoiam(&data, &["person", "add", "Lan!", "--role", "operator"])
            .await
            .code,
        1
    );

    let foreign = folder.nats_credential("unit-so_xd");
    let foreign = [
        "unit",
        "watch",
        "so_yt",
        "--once",
        "--credential",
        foreign.to_str().unwrap(),
    ];
    let watched = hoiam(&data, &foreign).await;
    assert_eq!(watched.code, 1);
    assert!(
        watched.err.contains("credential of the unit `so_xd`"),
        "{}",
        watched.err
    );
    let quiet = hoiam(&data, &["unit", "watch", "so_xd", "--once"]).await;
    assert_eq!((quiet.code, quiet.out.as_str()), (0, ""));
    assert!(quiet.err.contains("hoiam unit cases so_xd"), "{}", quiet.err);

    park(&folder, &running.info.nats).await;
    let number = "1";
    let doctor = hoiam(&data, &["doctor"]).await;
    assert!(doctor.out.contains("✗ parked"), "{}", doctor.out);
    let listed = hoiam(&data, &["parked", "list"]).await;
    assert!(listed.out.contains("unhandled"), "{}", listed.out);
    assert_eq!(hoiam(&data, &["parked", "settle", number]).await.code, 2);
    let settled = hoiam(&data, &["parked", "settle", number, "--reason", "sent_again"]).await;
    assert_eq!(settled.code, 0, "{}", settled.err);
    assert_eq!(
        hoiam(&data, &["parked", "settle", number, "--reason", "twice"])
            .await
            .code,
        1
    );
    let doctor = hoiam(&data, &["doctor"]).await;
    assert!(doctor.out.contains("✓ parked"), "{}", doctor.out);
    assert!(
        std::fs::read_to_string(folder.settled())
            .unwrap()
            .contains("sent_again")
    );
    running.stop().await;
}
