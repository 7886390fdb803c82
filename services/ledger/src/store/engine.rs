//! The two engines: where they are, how a connection to each is opened, and that it is safe to write to.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection as _, PgConnection, PgPool, SqliteConnection, SqlitePool};

use crate::error::StoreError;

/// Runs the same code against whichever engine it is: `on!(Pool: &self.pool, pool, Db => …)`. Within, `Db` is the engine's type.
macro_rules! on {
    ($kind:ident: $value:expr, $it:ident, $db:ident => $body:expr) => {
        match $value {
            $kind::Sqlite($it) => {
                #[allow(dead_code, reason = "not each use names the engine")]
                type $db = sqlx::Sqlite;
                $body
            }
            $kind::Postgres($it) => {
                #[allow(dead_code, reason = "not each use names the engine")]
                type $db = sqlx::Postgres;
                $body
            }
        }
    };
}
pub(crate) use on;

/// Which database, from its URL.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    /// One file, WAL, `synchronous=FULL`.
    Sqlite(PathBuf),
    /// A server.
    Postgres(Box<PgConnectOptions>),
}

impl FromStr for Engine {
    type Err = StoreError;

    fn from_str(url: &str) -> Result<Self, StoreError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return Ok(Self::Sqlite(PathBuf::from(
                path.strip_prefix("//").unwrap_or(path),
            )));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let options = PgConnectOptions::from_str(url)?.application_name("hoiam-ledger");
            return Ok(Self::Postgres(Box::new(options.disable_statement_logging())));
        }
        Err(StoreError::UnknownEngine)
    }
}

impl Engine {
    /// Where the key store is: `<name>-keys.db` beside a file, the schema `keys` in a server.
    pub(crate) fn keys(&self) -> Self {
        self.beside("keys")
    }

    /// Where the blind index is: `<name>-index.db` beside a file, the schema `blind` in a server.
    pub(crate) fn index(&self) -> Self {
        self.beside("index")
    }

    fn beside(&self, what: &str) -> Self {
        match self {
            Self::Sqlite(path) => {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                Self::Sqlite(path.with_file_name(format!("{stem}-{what}.db")))
            }
            Self::Postgres(options) => Self::Postgres(options.clone()),
        }
    }
}

/// A pool of connections. For readers; the writer has one connection of its own.
#[derive(Clone)]
pub(crate) enum Pool {
    /// Readers cannot write: `query_only`.
    Sqlite(SqlitePool),
    /// See `Sqlite`.
    Postgres(PgPool),
}

/// One connection, outside any pool.
pub(crate) enum Conn {
    /// WAL and full synchronisation, asserted.
    Sqlite(SqliteConnection),
    /// Timeouts set, so that a paused writer does not hold the head row for ever.
    Postgres(PgConnection),
}

/// How PostgreSQL plans the ledger's statements. Each goes through an index to a bounded number of rows, and no other plan is ever right:
/// with statistics of yesterday, or none, the planner has read the whole table of streams for each batch (19 ms an append at 100,000 streams).
const PLANNING: [(&str, &str); 6] = [
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("max_parallel_workers_per_gather", "0"),
    ("jit", "off"),
    ("plan_cache_mode", "force_generic_plan"),
];

/// Readers' connections. Each is a thread with SQLite.
const READERS: u32 = 8;

impl Pool {
    pub(crate) async fn open(engine: &Engine) -> Result<Self, StoreError> {
        Ok(match engine {
            Engine::Sqlite(path) => {
                let options = sqlite(path).create_if_missing(false).pragma("query_only", "ON");
                Self::Sqlite(
                    SqlitePoolOptions::new()
                        .max_connections(READERS)
                        .connect_with(options)
                        .await?,
                )
            }
            Engine::Postgres(options) => {
                let pool = PgPoolOptions::new()
                    .max_connections(READERS)
                    .acquire_timeout(Duration::from_secs(5));
                let options = PgConnectOptions::clone(options)
                    .options(PLANNING)
                    .options([("default_transaction_read_only", "on")]);
                Self::Postgres(pool.connect_with(options).await?)
            }
        })
    }
}

fn sqlite(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(10))
        .disable_statement_logging()
}

impl Conn {
    /// Opens a connection for writing and asserts that a commit on it is durable.
    pub(crate) async fn open(engine: &Engine, secure_delete: bool) -> Result<Self, StoreError> {
        match engine {
            Engine::Sqlite(path) => {
                let mut options = sqlite(path).create_if_missing(true);
                if secure_delete {
                    options = options.pragma("secure_delete", "ON");
                }
                let mut conn = options.connect().await?;
                let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
                    .fetch_one(&mut conn)
                    .await?;
                let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous")
                    .fetch_one(&mut conn)
                    .await?;
                if mode != "wal" || synchronous < 2 {
                    let found = format!(
                        "journal_mode is {mode}, synchronous is {synchronous}; wal and 2 (FULL) are needed"
                    );
                    return Err(StoreError::Unsafe(found));
                }
                Ok(Self::Sqlite(conn))
            }
            Engine::Postgres(options) => {
                // A writer that stalls inside a transaction holds the head row: the server ends it.
                let settings = [
                    ("idle_in_transaction_session_timeout", "3s"),
                    ("statement_timeout", "5s"),
                    ("tcp_keepalives_idle", "2"),
                    ("tcp_keepalives_interval", "2"),
                    ("tcp_keepalives_count", "3"),
                ];
                let mut conn = PgConnectOptions::clone(options)
                    .options(PLANNING)
                    .options(settings)
                    .connect()
                    .await?;
                let fsync: String = sqlx::query_scalar("SHOW fsync").fetch_one(&mut conn).await?;
                let commit: String = sqlx::query_scalar("SHOW synchronous_commit")
                    .fetch_one(&mut conn)
                    .await?;
                if fsync != "on" || commit == "off" {
                    let found =
                        format!("fsync is {fsync}, synchronous_commit is {commit}; neither may be off");
                    return Err(StoreError::Unsafe(found));
                }
                Ok(Self::Postgres(conn))
            }
        }
    }
}

impl Conn {
    /// Ends the connection in an orderly way; that it was gone already is no error.
    pub(crate) async fn close(self) {
        let closed = match self {
            Self::Sqlite(conn) => conn.close().await,
            Self::Postgres(conn) => conn.close().await,
        };
        if let Err(error) = closed {
            tracing::debug!(
                error = %chassis::telemetry::chain(&error),
                "a connection ended otherwise"
            );
        }
    }
}
