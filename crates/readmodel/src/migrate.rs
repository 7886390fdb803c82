//! Migrations: forward only, one text per engine, each in a transaction of its own.

use sqlx::Executor;

use crate::database::{Database, DatabaseError, Engine};

/// One step of the schema.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// From 1, without gaps.
    pub version: i64,
    /// For SQLite.
    pub sqlite: &'static str,
    /// For PostgreSQL.
    pub postgres: &'static str,
}

const OWN: &str = "CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS checkpoints (name TEXT PRIMARY KEY, position BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS checkpoint_events (name TEXT PRIMARY KEY, position BIGINT NOT NULL, event TEXT NOT NULL);";

/// Any number: it only has to be the same for all replicas of a service on one database.
const LOCK: &str = "SELECT pg_advisory_xact_lock(8880247247)";

pub(crate) async fn run(database: &Database, migrations: &[Migration]) -> Result<(), DatabaseError> {
    let failed = |version| move |source| DatabaseError::Migration { version, source };
    let mut tx = database.begin().await?;
    if database.engine() == Engine::Postgres {
        tx.execute(LOCK).await?;
    }
    sqlx::raw_sql(OWN).execute(&mut *tx).await.map_err(failed(0))?;
    let found: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM schema_versions")
        .fetch_one(&mut *tx)
        .await?;
    let known = migrations.iter().map(|m| m.version).max().unwrap_or(0);
    if found > known {
        return Err(DatabaseError::NewerSchema { found, known });
    }
    for migration in migrations.iter().filter(|m| m.version > found) {
        let sql = match database.engine() {
            Engine::Sqlite => migration.sqlite,
            Engine::Postgres => migration.postgres,
        };
        sqlx::raw_sql(sql)
            .execute(&mut *tx)
            .await
            .map_err(failed(migration.version))?;
        sqlx::query("INSERT INTO schema_versions (version) VALUES ($1)")
            .bind(migration.version)
            .execute(&mut *tx)
            .await
            .map_err(failed(migration.version))?;
        tracing::info!(version = migration.version, "the read model's schema moved on");
    }
    tx.commit().await?;
    Ok(())
}
