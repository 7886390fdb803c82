//! One database of one service.

use std::time::Duration;

use kernel::Position;
use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyPool, Executor};

use crate::migrate::{self, Migration};

/// A transaction on either engine.
pub type Transaction = sqlx::Transaction<'static, Any>;

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// One file on one machine.
    Sqlite,
    /// A server.
    Postgres,
}

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The address is none.
    #[error("a database is `sqlite:<path>` or `postgres://…`")]
    Address,
    /// The folder of the file cannot be made.
    #[error("the folder of the database cannot be made")]
    Folder(#[source] std::io::Error),
    /// A migration failed.
    #[error("migration {version} failed")]
    Migration {
        /// Which.
        version: i64,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The schema is newer than this program.
    #[error(
        "the database has schema {found}, this program knows up to {known}: run the newer program, or delete the read model and it will be built anew"
    )]
    NewerSchema {
        /// What the database has.
        found: i64,
        /// What the program knows.
        known: i64,
    },
    /// Somebody else moved the checkpoint: read it again and go on from there.
    #[error("the checkpoint of `{name}` moved past {first}: another replica was faster")]
    CheckpointMoved {
        /// Which projection.
        name: String,
        /// First position of the batch.
        first: Position,
    },
    /// Anything else.
    #[error("the database failed")]
    Sql(#[from] sqlx::Error),
}

/// A pool with its schema in place. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    pool: AnyPool,
    engine: Engine,
}

impl Database {
    /// Opens (SQLite: makes) the database and brings it to the present schema.
    ///
    /// # Errors
    /// `Address`, `Folder`, `Migration`, `NewerSchema`, `Sql`.
    pub async fn open(url: &str, migrations: &[Migration]) -> Result<Self, DatabaseError> {
        let database = Self::connect(url).await?;
        migrate::run(&database, migrations).await?;
        Ok(database)
    }

    async fn connect(url: &str) -> Result<Self, DatabaseError> {
        sqlx::any::install_default_drivers();
        let (engine, url) = address(url)?;
        // SQLite has one writer anyway; a memory database lives in one connection.
        let most = if url.contains(":memory:") { 1 } else { 8 };
        let pool = AnyPoolOptions::new()
            .max_connections(most)
            .acquire_timeout(Duration::from_secs(10))
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if engine == Engine::Sqlite {
                        // NORMAL: a power loss may roll the last transactions back, effect and checkpoint together; they are replayed.
                        connection.execute("PRAGMA busy_timeout = 10000").await?;
                        connection.execute("PRAGMA journal_mode = WAL").await?;
                        connection.execute("PRAGMA synchronous = NORMAL").await?;
                        connection.execute("PRAGMA foreign_keys = ON").await?;
                    }
                    Ok(())
                })
            })
            .connect(&url)
            .await?;
        Ok(Self { pool, engine })
    }

    /// Which engine it is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The pool, for reads.
    #[must_use]
    pub fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// A transaction that may write from its first statement on.
    ///
    /// # Errors
    /// `Sql`.
    pub async fn begin(&self) -> Result<Transaction, DatabaseError> {
        Ok(match self.engine {
            Engine::Sqlite => self.pool.begin_with("BEGIN IMMEDIATE").await?,
            Engine::Postgres => self.pool.begin().await?,
        })
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

fn address(url: &str) -> Result<(Engine, String), DatabaseError> {
    if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        return Ok((Engine::Postgres, url.to_owned()));
    }
    let path = url.strip_prefix("sqlite:").ok_or(DatabaseError::Address)?;
    let file = path
        .strip_prefix("//")
        .unwrap_or(path)
        .split('?')
        .next()
        .unwrap_or_default();
    if file.is_empty() {
        return Err(DatabaseError::Address);
    }
    if file == ":memory:" {
        return Ok((Engine::Sqlite, "sqlite::memory:".to_owned()));
    }
    if let Some(folder) = std::path::Path::new(file)
        .parent()
        .filter(|f| !f.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder).map_err(DatabaseError::Folder)?;
    }
    Ok((Engine::Sqlite, format!("sqlite://{file}?mode=rwc")))
}
