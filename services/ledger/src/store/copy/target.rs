//! The ledger that is written: as a whole or not at all.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection, postgres::PgConnectOptions};

use super::MoveError;
use super::source::{lock_server, running};
use crate::error::StoreError;
use crate::store::engine::{Conn, Engine};
use crate::store::migrate::{self, Part};
use crate::store::schema::{self, Table};
use crate::store::session::lock_file;

/// Where a copy goes: new files under another name until the end, or one transaction.
pub(in crate::store) enum Target {
    /// See [`NewFile`].
    Files {
        ledger: NewFile,
        keys: Option<NewFile>,
        /// No ledger starts on the file while it comes to be.
        _lock: Option<File>,
    },
    /// Both schemas in one transaction, under the writer's lock.
    Server { conn: Conn },
}

impl Target {
    /// An empty place at an engine's address; without `keys` its key store is left as it is.
    pub(in crate::store) async fn prepare(engine: &Engine, keys: bool) -> Result<Self, MoveError> {
        match engine {
            Engine::Sqlite(path) => {
                if path.exists() {
                    return Err(MoveError::NotEmpty(path.display().to_string()));
                }
                let lock = lock_file(path).map_err(running)?;
                let ledger = NewFile::create(path, Part::Ledger).await?;
                let keys = match (keys, engine.keys()) {
                    (true, Engine::Sqlite(path)) => Some(NewFile::create(&path, Part::Keys).await?),
                    _ => None,
                };
                Ok(Self::Files {
                    ledger,
                    keys,
                    _lock: Some(lock),
                })
            }
            Engine::Postgres(options) => {
                migrate::one(engine, Part::Ledger).await?;
                migrate::one(engine, Part::Keys).await?;
                let options = PgConnectOptions::clone(options).application_name("hoiam-copy");
                let mut conn = Conn::Postgres(options.connect().await?);
                lock_server(&mut conn).await?;
                if let Conn::Postgres(conn) = &mut conn {
                    sqlx::raw_sql("BEGIN").execute(&mut *conn).await?;
                    empty(conn, Part::Ledger).await?;
                    if keys {
                        empty(conn, Part::Keys).await?;
                    }
                }
                Ok(Self::Server { conn })
            }
        }
    }

    /// One file for the ledger alone.
    pub(in crate::store) async fn file(path: &Path, part: Part) -> Result<Self, MoveError> {
        Ok(Self::Files {
            ledger: NewFile::create(path, part).await?,
            keys: None,
            _lock: None,
        })
    }

    pub(in crate::store) fn conn(&mut self, part: Part) -> &mut Conn {
        match self {
            Self::Files { keys: Some(keys), .. } if part == Part::Keys => &mut keys.conn,
            Self::Files { ledger, .. } => &mut ledger.conn,
            Self::Server { conn } => conn,
        }
    }

    /// Makes it count. The keys come first: a ledger without its keys would be worse than keys without a ledger.
    pub(in crate::store) async fn commit(self) -> Result<(), MoveError> {
        match self {
            Self::Files { ledger, keys, _lock } => {
                if let Some(keys) = keys {
                    keys.finish().await?;
                }
                ledger.finish().await
            }
            Self::Server { mut conn } => {
                if let Conn::Postgres(conn) = &mut conn {
                    sqlx::raw_sql("COMMIT").execute(conn).await?;
                }
                conn.close().await;
                Ok(())
            }
        }
    }
}

/// No row but the head's, which the migration made and the copy replaces.
async fn empty(conn: &mut PgConnection, part: Part) -> Result<(), MoveError> {
    for table in schema::tables(part).await? {
        let name = format!("{}.{}", part.schema(), table.name);
        let test = if table.name == "head" {
            " WHERE position > 0"
        } else {
            ""
        };
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {name}{test})");
        if sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut *conn)
            .await?
        {
            return Err(MoveError::NotEmpty(format!("the table {name}")));
        }
    }
    if part == Part::Ledger {
        sqlx::raw_sql("DELETE FROM head").execute(conn).await?;
    }
    Ok(())
}

/// What numbers its own rows goes on after those that were copied (PostgreSQL; SQLite does so by itself).
pub(in crate::store) async fn continue_numbers(
    conn: &mut Conn,
    part: Part,
    table: &Table,
) -> Result<(), MoveError> {
    let name = part.table(conn, &table.name);
    let (Conn::Postgres(conn), [key]) = (conn, table.key.as_slice()) else {
        return Ok(());
    };
    let sequence: Option<String> = sqlx::query_scalar("SELECT pg_get_serial_sequence($1, $2)")
        .bind(&name)
        .bind(key)
        .fetch_one(&mut *conn)
        .await?;
    if let Some(sequence) = sequence {
        let sql = format!("SELECT setval($1::regclass, MAX({key})) FROM {name} HAVING COUNT(*) > 0");
        sqlx::query(AssertSqlSafe(sql))
            .bind(sequence)
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// A SQLite file in the making, at `<path>.partial` until it is finished. What was not finished is removed, at the latest by the next
/// attempt.
pub(in crate::store) struct NewFile {
    conn: Conn,
    partial: Partial,
    path: PathBuf,
}

/// Its files for as long as they are nobody's.
struct Partial(PathBuf);

impl Partial {
    fn remove(&self) -> std::io::Result<()> {
        for file in [
            self.0.clone(),
            with_suffix(&self.0, "-wal"),
            with_suffix(&self.0, "-shm"),
        ] {
            match std::fs::remove_file(file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After the end there is none; otherwise the next attempt says what is wrong.
        let _ = self.remove();
    }
}

impl NewFile {
    async fn create(path: &Path, part: Part) -> Result<Self, MoveError> {
        if path.exists() {
            return Err(MoveError::NotEmpty(path.display().to_string()));
        }
        let partial = Partial(with_suffix(path, ".partial"));
        partial.remove().map_err(|error| file(&partial.0, error))?;
        File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&partial.0)
            .map_err(|error| file(&partial.0, error))?;
        migrate::one(&Engine::Sqlite(partial.0.clone()), part).await?;
        // Nobody needs a half of it: neither a journal nor a sync before the end.
        let options = SqliteConnectOptions::new()
            .filename(&partial.0)
            .journal_mode(SqliteJournalMode::Off)
            .synchronous(SqliteSynchronous::Off);
        let mut conn = options.disable_statement_logging().connect().await?;
        sqlx::raw_sql("BEGIN").execute(&mut conn).await?;
        if part == Part::Ledger {
            sqlx::raw_sql("DELETE FROM head").execute(&mut conn).await?;
        }
        Ok(Self {
            conn: Conn::Sqlite(conn),
            partial,
            path: path.to_owned(),
        })
    }

    async fn finish(mut self) -> Result<(), MoveError> {
        if let Conn::Sqlite(conn) = &mut self.conn {
            sqlx::raw_sql("COMMIT").execute(conn).await?;
        }
        self.conn.close().await;
        let done = || {
            File::open(&self.partial.0)?.sync_all()?;
            std::fs::rename(&self.partial.0, &self.path)?;
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        done().map_err(|error| file(&self.path, error).into())
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn file(path: &Path, source: std::io::Error) -> StoreError {
    StoreError::File {
        path: path.display().to_string(),
        source,
    }
}
