//! The ledger that is read: one moment of it, in both of its parts.

use std::fs::File;
use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, postgres::PgConnectOptions};

use super::MoveError;
use crate::store::engine::{Conn, Engine, on};
use crate::store::migrate::{self, Part};
use crate::store::session::{WRITER_LOCK, lock_file};

/// A snapshot of a ledger and its key store, for reading.
pub(in crate::store) struct Source {
    ledger: Conn,
    /// SQLite: a file of its own. PostgreSQL: the same snapshot of the same database.
    keys: Option<Conn>,
    /// Held as long as nobody may write.
    _lock: Option<File>,
}

impl Source {
    /// What is committed now. Whoever writes goes on writing.
    ///
    /// The ledger's moment comes before that of the keys: a key is on disk before the event that it seals, so all keys are there.
    pub(in crate::store) async fn open(engine: &Engine) -> Result<Self, MoveError> {
        let mut ledger = open(engine).await?;
        snapshot(&mut ledger, Part::Ledger).await?;
        let keys = match engine {
            Engine::Postgres(_) => {
                known(&mut ledger, Part::Keys).await?;
                None
            }
            Engine::Sqlite(_) => {
                let mut keys = open(&engine.keys()).await?;
                snapshot(&mut keys, Part::Keys).await?;
                Some(keys)
            }
        };
        Ok(Self {
            ledger,
            keys,
            _lock: None,
        })
    }

    /// The same while nobody may write.
    ///
    /// # Errors
    /// `Running` when a ledger writes, or stands by to.
    pub(in crate::store) async fn locked(engine: &Engine) -> Result<Self, MoveError> {
        let lock = match engine {
            Engine::Sqlite(path) => {
                exists(path)?;
                Some(lock_file(path).map_err(running)?)
            }
            Engine::Postgres(_) => None,
        };
        let mut source = Self::open(engine).await?;
        if let Conn::Postgres(_) = source.ledger {
            // On the session that reads: whoever ends it to take over ends the copy too.
            lock_server(&mut source.ledger).await?;
            // What was committed before the lock was held belongs to the copy.
            end(&mut source.ledger).await?;
            snapshot(&mut source.ledger, Part::Ledger).await?;
        }
        source._lock = lock;
        Ok(source)
    }

    /// A single file that nobody writes to: a backup, in whatever schema it is.
    pub(in crate::store) async fn file(path: &Path) -> Result<Conn, MoveError> {
        exists(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .immutable(true);
        Ok(Conn::Sqlite(options.disable_statement_logging().connect().await?))
    }

    pub(in crate::store) fn conn(&mut self, part: Part) -> &mut Conn {
        match (part, &mut self.keys) {
            (Part::Keys, Some(keys)) => keys,
            _ => &mut self.ledger,
        }
    }

    /// Ends the snapshot; an error means that it did not last until now.
    pub(in crate::store) async fn close(mut self) -> Result<(), MoveError> {
        end(&mut self.ledger).await?;
        self.ledger.close().await;
        if let Some(keys) = self.keys {
            keys.close().await;
        }
        Ok(())
    }
}

/// A connection for reading, without the writer's timeouts.
async fn open(engine: &Engine) -> Result<Conn, MoveError> {
    Ok(match engine {
        Engine::Sqlite(path) => {
            exists(path)?;
            let options = SqliteConnectOptions::new()
                .filename(path)
                .pragma("query_only", "ON");
            Conn::Sqlite(options.disable_statement_logging().connect().await?)
        }
        Engine::Postgres(options) => {
            let options = PgConnectOptions::clone(options).application_name("hoiam-copy");
            Conn::Postgres(options.connect().await?)
        }
    })
}

fn exists(path: &Path) -> Result<(), MoveError> {
    if path.is_file() {
        Ok(())
    } else {
        Err(MoveError::Missing(path.display().to_string()))
    }
}

/// Begins a transaction that sees one moment, and makes it begin by looking.
async fn snapshot(conn: &mut Conn, part: Part) -> Result<(), MoveError> {
    let begin = match conn {
        Conn::Sqlite(_) => "BEGIN",
        Conn::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    };
    on!(Conn: &mut *conn, conn, _Db => { sqlx::raw_sql(begin).execute(conn).await?; });
    known(conn, part).await
}

/// Only a schema that this program knows can be copied as a whole.
pub(in crate::store) async fn known(conn: &mut Conn, part: Part) -> Result<(), MoveError> {
    let found = migrate::version(conn, part).await?;
    if found == part.newest() {
        return Ok(());
    }
    Err(MoveError::Schema {
        found,
        known: part.newest(),
    })
}

async fn end(conn: &mut Conn) -> Result<(), MoveError> {
    on!(Conn: conn, conn, _Db => { sqlx::raw_sql("COMMIT").execute(conn).await?; });
    Ok(())
}

/// Takes the lock that a writing ledger holds on PostgreSQL; it ends with the session.
pub(in crate::store) async fn lock_server(conn: &mut Conn) -> Result<(), MoveError> {
    let Conn::Postgres(conn) = conn else { return Ok(()) };
    let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(WRITER_LOCK)
        .fetch_one(conn)
        .await?;
    if taken { Ok(()) } else { Err(MoveError::Running) }
}

/// What taking the file lock says.
pub(in crate::store) fn running(error: crate::error::StoreError) -> MoveError {
    match error {
        crate::error::StoreError::NotLeader => MoveError::Running,
        other => other.into(),
    }
}
