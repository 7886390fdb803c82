//! The read model's promises on both engines: a schema that only moves forward, and a checkpoint that moves with its effect.
#![allow(clippy::unwrap_used, reason = "tests")]

use kernel::Position;
use readmodel::{Database, DatabaseError, Migration, advance, forget, position};

const ONE: Migration = Migration {
    version: 1,
    sqlite: "CREATE TABLE notes (id BLOB PRIMARY KEY, body TEXT NOT NULL, at INTEGER, n INTEGER NOT NULL)",
    postgres: "CREATE TABLE notes (id BYTEA PRIMARY KEY, body TEXT NOT NULL, at BIGINT, n BIGINT NOT NULL)",
};
const TWO: Migration = Migration {
    version: 2,
    sqlite: "ALTER TABLE notes ADD COLUMN more TEXT; CREATE INDEX notes_at ON notes (at);",
    postgres: "ALTER TABLE notes ADD COLUMN more TEXT; CREATE INDEX notes_at ON notes (at);",
};

async fn migrations_run_once_and_a_newer_schema_is_refused(url: &str) {
    Database::open(url, &[ONE]).await.unwrap().close().await;
    Database::open(url, &[ONE, TWO]).await.unwrap().close().await;
    Database::open(url, &[ONE, TWO]).await.unwrap().close().await;
    let error = Database::open(url, &[ONE]).await.unwrap_err();
    assert!(
        matches!(error, DatabaseError::NewerSchema { found: 2, known: 1 }),
        "{error}"
    );
    assert!(matches!(
        Database::open("mysql://x", &[]).await.unwrap_err(),
        DatabaseError::Address
    ));
}

async fn blobs_texts_numbers_and_absence_come_back_as_they_went_in(url: &str) {
    let database = Database::open(url, &[ONE]).await.unwrap();
    for (id, at) in [
        (vec![0_u8, 255, 1], Some(1_700_000_000_000_000_i64)),
        (vec![7], None),
    ] {
        sqlx::query("INSERT INTO notes (id, body, at, n) VALUES ($1, $2, $3, $4)")
            .bind(id.clone())
            .bind("Đường ngập")
            .bind(at)
            .bind(3_i64)
            .execute(database.pool())
            .await
            .unwrap();
        let row: (Vec<u8>, String, Option<i64>, i64) =
            sqlx::query_as("SELECT id, body, at, n FROM notes WHERE id = $1")
                .bind(id.clone())
                .fetch_one(database.pool())
                .await
                .unwrap();
        assert_eq!(row, (id, "Đường ngập".to_owned(), at, 3));
    }
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM notes")
        .fetch_one(database.pool())
        .await
        .unwrap();
    assert_eq!(count, 2);
}

async fn a_checkpoint_moves_with_its_effect_and_never_over_what_was_applied(url: &str) {
    let database = Database::open(url, &[ONE]).await.unwrap();
    assert_eq!(position(&database, "p").await.unwrap(), Position(0));

    let mut tx = database.begin().await.unwrap();
    advance(&mut tx, "p", Position(3), Position(9)).await.unwrap();
    drop(tx); // rolled back
    assert_eq!(position(&database, "p").await.unwrap(), Position(0));

    let mut tx = database.begin().await.unwrap();
    advance(&mut tx, "p", Position(3), Position(9)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(position(&database, "p").await.unwrap(), Position(9));

    let mut tx = database.begin().await.unwrap();
    let error = advance(&mut tx, "p", Position(9), Position(12))
        .await
        .unwrap_err();
    assert!(matches!(error, DatabaseError::CheckpointMoved { .. }), "{error}");
    drop(tx);

    let mut tx = database.begin().await.unwrap();
    forget(&mut tx, "p").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(position(&database, "p").await.unwrap(), Position(0));
}

mod sqlite {
    #[tokio::test]
    async fn migrations_run_once_and_a_newer_schema_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        super::migrations_run_once_and_a_newer_schema_is_refused(&format!(
            "sqlite:{}",
            folder.path().join("deep/notes.db").display()
        ))
        .await;
    }

    #[tokio::test]
    async fn blobs_texts_numbers_and_absence_come_back_as_they_went_in() {
        let folder = tempfile::tempdir().unwrap();
        super::blobs_texts_numbers_and_absence_come_back_as_they_went_in(&format!(
            "sqlite:{}",
            folder.path().join("deep/notes.db").display()
        ))
        .await;
    }

    #[tokio::test]
    async fn a_checkpoint_moves_with_its_effect_and_never_over_what_was_applied() {
        let folder = tempfile::tempdir().unwrap();
        super::a_checkpoint_moves_with_its_effect_and_never_over_what_was_applied(&format!(
            "sqlite:{}",
            folder.path().join("deep/notes.db").display()
        ))
        .await;
    }
}

mod postgres {
    #[tokio::test]
    async fn migrations_run_once_and_a_newer_schema_is_refused() {
        let server = testkit::postgres::Postgres::start().await.unwrap();
        super::migrations_run_once_and_a_newer_schema_is_refused(&server.url()).await;
    }

    #[tokio::test]
    async fn blobs_texts_numbers_and_absence_come_back_as_they_went_in() {
        let server = testkit::postgres::Postgres::start().await.unwrap();
        super::blobs_texts_numbers_and_absence_come_back_as_they_went_in(&server.url()).await;
    }

    #[tokio::test]
    async fn a_checkpoint_moves_with_its_effect_and_never_over_what_was_applied() {
        let server = testkit::postgres::Postgres::start().await.unwrap();
        super::a_checkpoint_moves_with_its_effect_and_never_over_what_was_applied(&server.url()).await;
    }
}
