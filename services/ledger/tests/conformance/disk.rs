//! What is on disk: nothing readable, nothing changeable, everything there again after a restart.

use std::path::Path;

use contracts::grpc::ledger as wire;
use uuid::Uuid;
use wire::content::Outcome;
use wire::refusal::Reason;

use crate::world::{World, connect, everything, reason, run, simple};

const TYPED: &str = "Nguyễn Thị Đánh Dấu 0901234567";

fn sealed() -> wire::AppendRequest {
    let mut request = simple(Uuid::new_v4());
    request.streams[0].events[0].sealed = Some(TYPED.into());
    request.streams[0].events[0].data = r#"{"seen":"MARKED-FACT"}"#.into();
    request
}

pub(crate) async fn what_a_person_typed_is_nowhere_on_disk(mut world: World) {
    let mut client = world.client("routing").await;
    for _ in 0..20 {
        client.append(sealed()).await.unwrap();
    }
    let facts = |world: &World| {
        world
            .data_folders()
            .iter()
            .map(|it| count(it, b"MARKED-FACT"))
            .sum::<usize>()
    };
    let typed = |world: &World| {
        world
            .data_folders()
            .iter()
            .map(|it| count(it, TYPED.as_bytes()))
            .sum::<usize>()
    };
    // The search finds what is there: the facts are.
    assert!(facts(&world) >= 20);
    assert_eq!(typed(&world), 0);
    world.stop().await;
    assert!(facts(&world) >= 20);
    assert_eq!(typed(&world), 0);
}

fn count(folder: &Path, wanted: &[u8]) -> usize {
    let mut found = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found += count(&entry.path(), wanted);
        } else if kind.is_file() {
            // A file of the server's own may vanish while we look.
            let bytes = std::fs::read(entry.path()).unwrap_or_default();
            found += bytes.windows(wanted.len()).filter(|it| *it == wanted).count();
        }
    }
    found
}

/// Ways of PostgreSQL to change or remove what is there.
const OF_POSTGRES: [&str; 4] = [
    "TRUNCATE events",
    "TRUNCATE bodies",
    "TRUNCATE requests",
    "INSERT INTO bodies SELECT * FROM bodies ON CONFLICT (position) DO UPDATE SET data = '{}'",
];

/// Ways of SQLite: REPLACE deletes what stands in its way without asking the triggers of DELETE.
const OF_SQLITE: [&str; 5] = [
    "INSERT OR REPLACE INTO events SELECT * FROM events",
    "CREATE TEMP TABLE moved AS SELECT * FROM events; UPDATE moved SET position = 999; INSERT OR REPLACE INTO events SELECT * FROM moved",
    "REPLACE INTO bodies SELECT * FROM bodies",
    "INSERT OR REPLACE INTO requests SELECT * FROM requests",
    "INSERT INTO bodies SELECT * FROM bodies WHERE true ON CONFLICT (position) DO UPDATE SET data = '{}'",
];

pub(crate) async fn no_statement_changes_or_removes_an_event(world: World) {
    let mut client = world.client("routing").await;
    client.append(sealed()).await.unwrap();
    let before = everything(&mut client).await;
    let mut refused = vec![
        "UPDATE events SET actor = 'service:nobody' WHERE position = 1",
        "DELETE FROM events WHERE position = 1",
        "UPDATE bodies SET data = data WHERE position = 1",
        "UPDATE bodies SET data = NULL WHERE position = 1",
        "DELETE FROM bodies",
        "UPDATE requests SET count = 2",
        "DELETE FROM requests",
    ];
    refused.extend(if world.postgres.is_some() {
        &OF_POSTGRES[..]
    } else {
        &OF_SQLITE
    });
    for statement in refused {
        let error = world.sql(statement).await.expect_err(statement).to_string();
        assert!(error.contains("append-only"), "{statement}: {error}");
    }
    assert_eq!(everything(&mut client).await, before);
    // A body may be erased as a whole; its hash stays, and with it each proof.
    let erase = "UPDATE bodies SET data = NULL, salt = NULL, nonce = NULL, sealed = NULL WHERE position = 1";
    world.sql(erase).await.unwrap();
    let after = everything(&mut client).await;
    assert_eq!(
        (after[0].data.len(), &after[0].data_hash),
        (0, &before[0].data_hash)
    );
    let open = wire::OpenContentRequest {
        purpose: wire::Purpose::Route.into(),
        positions: vec![1],
        ..Default::default()
    };
    let reply = client.open_content(open).await.unwrap().into_inner();
    assert_eq!(reply.contents[0].outcome, Some(Outcome::Erased(true)));
}

pub(crate) async fn a_restart_goes_on_where_it_was(mut world: World) {
    let mut client = world.client("routing").await;
    let request = sealed();
    let first = client.append(request.clone()).await.unwrap().into_inner();
    let before = client
        .head(wire::HeadRequest::default())
        .await
        .unwrap()
        .into_inner();
    world.stop().await;
    world.wake().await;
    let mut client = world.client("routing").await;
    let after = client
        .head(wire::HeadRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (after.position, after.recorded_at, after.merkle_root),
        (before.position, before.recorded_at, before.merkle_root)
    );
    let again = client.append(request).await.unwrap().into_inner();
    assert_eq!(
        again,
        wire::Appended {
            already: true,
            ..first
        }
    );
    assert_eq!(client.append(sealed()).await.unwrap().into_inner().head, 2);
    let positions = vec![1, 2];
    let open = wire::OpenContentRequest {
        purpose: wire::Purpose::Route.into(),
        positions,
        ..Default::default()
    };
    for content in client.open_content(open).await.unwrap().into_inner().contents {
        assert_eq!(content.outcome, Some(Outcome::Plaintext(TYPED.into())));
    }
}

pub(crate) async fn a_second_ledger_on_the_same_database_does_not_write(mut world: World) {
    let mut client = world.client("routing").await;
    client.append(simple(Uuid::new_v4())).await.unwrap();
    let (address, (shutdown, task)) = run(world.config.clone(), world.clock.clone()).await;
    let mut second = connect(&address, "routing").await;
    let refused = second.append(simple(Uuid::new_v4())).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unavailable);
    assert!(matches!(reason(&refused), Reason::NotLeader(_)));
    // It reads, and sees what the first writes.
    client.append(simple(Uuid::new_v4())).await.unwrap();
    while second
        .head(wire::HeadRequest { at_least: 2 })
        .await
        .unwrap()
        .into_inner()
        .position
        < 2
    {}
    while everything(&mut second).await.len() < 2 {}
    // When the first stops, it takes over and goes on counting.
    world.stop().await;
    let request = simple(Uuid::new_v4());
    let appended = loop {
        match second.append(request.clone()).await {
            Ok(appended) => break appended.into_inner(),
            Err(status) => assert_eq!(status.code(), tonic::Code::Unavailable),
        }
    };
    assert_eq!(appended.head, 3);
    shutdown.cancel();
    task.await.unwrap().unwrap();
}

pub(crate) async fn another_key_encryption_key_is_refused_at_the_start(mut world: World) {
    world.stop().await;
    let other = world.folder.path().join("other-kek");
    ledger::vault::create_kek_file(&other).unwrap();
    assert!(
        ledger::vault::create_kek_file(&other).is_err(),
        "a key is never overwritten"
    );
    let right = std::mem::replace(&mut world.config.kek, other);
    let (life, _ready) = chassis::service::Life::under(&Default::default());
    let error = ledger::run(world.config.clone(), life).await.unwrap_err();
    assert!(format!("{error:#}").contains("key-encryption key"), "{error:#}");
    world.config.kek = right;
    world.wake().await;
}

pub(crate) async fn a_ledger_whose_key_store_is_gone_does_not_start(mut world: World) {
    let mut client = world.client("routing").await;
    client.append(simple(Uuid::new_v4())).await.unwrap();
    drop(client);
    world.stop().await;
    world
        .sql_of_keys("DELETE FROM data_keys; DELETE FROM secrets")
        .await
        .unwrap();
    let (life, _ready) = chassis::service::Life::under(&Default::default());
    let error = ledger::run(world.config.clone(), life).await.unwrap_err();
    assert!(format!("{error:#}").contains("key store is empty"), "{error:#}");
}
