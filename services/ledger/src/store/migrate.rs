//! The migrations, embedded and forward only: each runs once, in a transaction, in order.

use super::engine::{Conn, Engine, on};
use crate::error::StoreError;

// In order; the place in the list is the version.
const SQLITE: &[&str] = &[
    include_str!("../../migrations/sqlite/0001_ledger.sql"),
    include_str!("../../migrations/sqlite/0002_leadership.sql"),
];
const POSTGRES: &[&str] = &[
    include_str!("../../migrations/postgres/0001_ledger.sql"),
    include_str!("../../migrations/postgres/0002_leadership.sql"),
];
const SQLITE_KEYS: &[&str] = &[include_str!("../../migrations/sqlite-keys/0001_keys.sql")];
const POSTGRES_KEYS: &[&str] = &[include_str!("../../migrations/postgres-keys/0001_keys.sql")];

/// A migration may take as long as it takes; two instances at once wait for one another.
const PG_BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(4711001)";

/// Brings the ledger and its key store to the newest schema. Safe to run again, and by two at once.
///
/// # Errors
/// When a database is out of reach or a migration fails; then nothing of that migration is left.
pub async fn run(database_url: &str) -> Result<(), StoreError> {
    let engine: Engine = database_url.parse()?;
    let keys = engine.keys();
    match engine {
        Engine::Sqlite(_) => {
            apply(
                &engine,
                "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)",
                SQLITE,
                false,
            )
            .await?;
            apply(
                &keys,
                "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)",
                SQLITE_KEYS,
                true,
            )
            .await
        }
        Engine::Postgres(_) => {
            apply(
                &engine,
                "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)",
                POSTGRES,
                false,
            )
            .await?;
            let schema = "CREATE SCHEMA IF NOT EXISTS keys; \
                          CREATE TABLE IF NOT EXISTS keys.schema_version (version BIGINT NOT NULL)";
            apply(&keys, schema, POSTGRES_KEYS, true).await
        }
    }
}

async fn apply(
    engine: &Engine,
    table: &'static str,
    migrations: &[&'static str],
    keys: bool,
) -> Result<(), StoreError> {
    let mut conn = Conn::open(engine, keys).await?;
    // PostgreSQL: two instances at once are serialised by an advisory lock (with SQLite by BEGIN IMMEDIATE).
    let (begin, version, record) = match (&conn, keys) {
        (Conn::Sqlite(_), _) => (
            "BEGIN IMMEDIATE",
            "SELECT COALESCE(MAX(version), 0) FROM schema_version",
            "INSERT INTO schema_version VALUES ($1)",
        ),
        (Conn::Postgres(_), false) => (
            PG_BEGIN,
            "SELECT COALESCE(MAX(version), 0) FROM schema_version",
            "INSERT INTO schema_version VALUES ($1)",
        ),
        (Conn::Postgres(_), true) => (
            PG_BEGIN,
            "SELECT COALESCE(MAX(version), 0) FROM keys.schema_version",
            "INSERT INTO keys.schema_version VALUES ($1)",
        ),
    };
    on!(Conn: &mut conn, conn, Db => {
        sqlx::raw_sql(begin).execute(&mut *conn).await?;
        sqlx::raw_sql(table).execute(&mut *conn).await?;
        let done: i64 = sqlx::query_scalar::<Db, i64>(version).fetch_one(&mut *conn).await?;
        for (number, sql) in (1_i64..).zip(migrations) {
            if number > done {
                sqlx::raw_sql(*sql).execute(&mut *conn).await?;
                sqlx::query::<Db>(record).bind(number).execute(&mut *conn).await?;
            }
        }
        sqlx::raw_sql("COMMIT").execute(&mut *conn).await?;
    });
    conn.close().await;
    Ok(())
}
