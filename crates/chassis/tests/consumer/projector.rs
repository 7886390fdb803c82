//! Projections: one order, effect and position together, and reads that wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chassis::consumer::{Projection, ProjectionError, run_projector};
use contracts::Recorded;
use kernel::{Position, Reached};
use readmodel::{Database, Migration, advance, forget, position};
use tokio_util::sync::CancellationToken;

use crate::world::{PATIENCE, World, accepted, cases};

const SCHEMA: Migration = Migration {
    version: 1,
    sqlite: "CREATE TABLE seen (position INTEGER PRIMARY KEY)",
    postgres: "CREATE TABLE seen (position BIGINT PRIMARY KEY)",
};

struct Seen(Database);

#[async_trait]
impl Projection for Seen {
    fn name(&self) -> &'static str {
        "seen"
    }

    fn wants(&self) -> &[&'static str] {
        &["routing.case_accepted"]
    }

    async fn position(&self) -> Result<Reached, ProjectionError> {
        position(&self.0, "seen").await.map_err(ProjectionError::database)
    }

    async fn apply(&self, batch: &[Recorded]) -> Result<(), ProjectionError> {
        let mut tx = self.0.begin().await.map_err(ProjectionError::database)?;
        for event in batch {
            let insert = sqlx::query("INSERT INTO seen (position) VALUES ($1)")
                .bind(i64::try_from(event.position.0).unwrap());
            insert
                .execute(&mut *tx)
                .await
                .map_err(ProjectionError::database)?;
        }
        let (first, last) = (batch.first().unwrap().position, batch.last().unwrap().reached());
        advance(&mut tx, "seen", first, last)
            .await
            .map_err(ProjectionError::database)?;
        tx.commit().await.map_err(ProjectionError::database)
    }

    async fn reset(&self) -> Result<(), ProjectionError> {
        let mut tx = self.0.begin().await.map_err(ProjectionError::database)?;
        sqlx::query("DELETE FROM seen")
            .execute(&mut *tx)
            .await
            .map_err(ProjectionError::database)?;
        forget(&mut tx, "seen").await.map_err(ProjectionError::database)?;
        tx.commit().await.map_err(ProjectionError::database)
    }
}

async fn seen(database: &Database) -> Vec<i64> {
    sqlx::query_scalar("SELECT position FROM seen ORDER BY position")
        .fetch_all(database.pool())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_waits_for_its_own_write_and_a_restart_goes_on() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(
        &format!("sqlite:{}", folder.path().join("seen.db").display()),
        &[SCHEMA],
    )
    .await
    .unwrap();
    world.accept(&cases(5), 0..4).await;

    let shutdown = CancellationToken::new();
    let (waiter, run) = run_projector(
        Arc::new(Seen(database.clone())),
        world.deps("p").await,
        shutdown.clone(),
    );
    let task = tokio::spawn(run);
    let catching_up = async { while !waiter.reached(Position(20)).await {} };
    tokio::time::timeout(PATIENCE, catching_up)
        .await
        .expect("it catches up");
    assert_eq!(seen(&database).await, (1..=20).collect::<Vec<_>>());

    for revision in 4..10 {
        let appended = world
            .client
            .append(accepted(cases(1)[0], revision))
            .await
            .unwrap();
        assert!(waiter.reached(appended.position).await);
        assert_eq!(
            seen(&database).await.last(),
            Some(&i64::try_from(appended.position.0).unwrap())
        );
    }
    // What it does not want is no reason to wait for long.
    let routed = world.client.append(unwanted()).await.unwrap().position;
    assert!(waiter.reached(routed).await);
    // What does not exist yet is waited for one second, and then said to be in the works.
    let started = Instant::now();
    assert!(!waiter.reached(Position(routed.0 + 100)).await);
    assert!(started.elapsed() < Duration::from_secs(2));

    shutdown.cancel();
    task.await.unwrap().unwrap();
    world.accept(&cases(1), 10..13).await;
    let shutdown = CancellationToken::new();
    let (waiter, run) = run_projector(
        Arc::new(Seen(database.clone())),
        world.deps("p").await,
        shutdown.clone(),
    );
    let task = tokio::spawn(run);
    let head = Position(world.client.head(Position(0)).await.unwrap().position);
    while !waiter.reached(head).await {}
    assert_eq!(seen(&database).await.len(), 29);
    shutdown.cancel();
    task.await.unwrap().unwrap();

    // Emptied, it is built anew from the first event.
    Seen(database.clone()).reset().await.unwrap();
    let shutdown = CancellationToken::new();
    let (waiter, run) = run_projector(
        Arc::new(Seen(database.clone())),
        world.deps("p").await,
        shutdown.clone(),
    );
    let task = tokio::spawn(run);
    while !waiter.reached(head).await {}
    assert_eq!(seen(&database).await.len(), 29);
    shutdown.cancel();
    task.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projection_ahead_of_the_ledger_says_so_and_shows_nothing_more() {
    let world = World::start().await;
    let database = Database::open("sqlite::memory:", &[SCHEMA]).await.unwrap();
    let mut tx = database.begin().await.unwrap();
    advance(&mut tx, "seen", Position(1), Position(99)).await.unwrap();
    tx.commit().await.unwrap();
    let (_, run) = run_projector(
        Arc::new(Seen(database)),
        world.deps("p").await,
        CancellationToken::new(),
    );
    let error = tokio::time::timeout(PATIENCE, run).await.unwrap().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("position 99, but the ledger ends at 0"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projection_of_another_history_says_so_though_the_ledger_is_longer() {
    let (lost, restored) = (World::start().await, World::start().await);
    let database = Database::open("sqlite::memory:", &[SCHEMA]).await.unwrap();
    lost.accept(&cases(1), 0..3).await;
    let shutdown = CancellationToken::new();
    let seen = || Arc::new(Seen(database.clone()));
    let (waiter, run) = run_projector(seen(), lost.deps("p").await, shutdown.clone());
    let task = tokio::spawn(run);
    while !waiter.reached(Position(3)).await {}
    shutdown.cancel();
    task.await.unwrap().unwrap();

    // As after the restore of an older backup, once the ledger has gone on from there.
    restored.accept(&cases(2), 0..4).await;
    let (_, run) = run_projector(seen(), restored.deps("p").await, CancellationToken::new());
    let error = tokio::time::timeout(PATIENCE, run).await.unwrap().unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("at position 3, and the ledger has another there"),
        "{error}"
    );
    assert!(error.contains("delete the read model"), "{error}");
    // And where it is the same history, it goes on.
    let shutdown = CancellationToken::new();
    let (waiter, run) = run_projector(seen(), lost.deps("p").await, shutdown.clone());
    let task = tokio::spawn(run);
    lost.accept(&cases(1), 3..4).await;
    while !waiter.reached(Position(4)).await {}
    shutdown.cancel();
    task.await.unwrap().unwrap();
}

fn unwanted() -> chassis::ledger::Append {
    use chassis::clock::SystemClock;
    use chassis::ledger::{Append, Expected, NewEvent, StreamWrite};
    use contracts::Code;
    use contracts::events::routing::ProgressReported;
    use kernel::{Actor, Clock, RequestId, StreamId};
    let case = cases(1)[0];
    let payload = ProgressReported {
        unit: Code::new("so_xd").unwrap(),
        revision: 1,
        committed_date: None,
        attachments: 0,
    };
    let event = NewEvent::of(&payload, Actor::of("unit", "so_xd").unwrap(), SystemClock.now());
    let write = StreamWrite::new(StreamId::new("routing", case.0), Expected::Any, vec![event]);
    Append::client(
        RequestId::client("test", "unwanted"),
        b"unwanted",
        Some(case),
        vec![write],
    )
}
