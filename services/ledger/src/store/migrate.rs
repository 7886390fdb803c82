//! The migrations, embedded and forward only: each runs once, in a transaction, in order.

use sqlx::AssertSqlSafe;

use super::engine::{Conn, Engine, on};
use crate::error::StoreError;

// In order; the place in the list is the version.
const SQLITE: &[&str] = &[
    include_str!("../../migrations/sqlite/0001_ledger.sql"),
    include_str!("../../migrations/sqlite/0002_leadership.sql"),
    include_str!("../../migrations/sqlite/0003_erasures.sql"),
    include_str!("../../migrations/sqlite/0004_ageing.sql"),
    include_str!("../../migrations/sqlite/0007_no_replacement.sql"),
];
const POSTGRES: &[&str] = &[
    include_str!("../../migrations/postgres/0001_ledger.sql"),
    include_str!("../../migrations/postgres/0002_leadership.sql"),
    include_str!("../../migrations/postgres/0003_erasures.sql"),
    include_str!("../../migrations/postgres/0004_ageing.sql"),
    include_str!("../../migrations/postgres/0007_no_replacement.sql"),
];
const SQLITE_KEYS: &[&str] = &[
    include_str!("../../migrations/sqlite-keys/0001_keys.sql"),
    include_str!("../../migrations/sqlite-keys/0002_fingerprints.sql"),
    include_str!("../../migrations/sqlite-keys/0003_purge.sql"),
];
const POSTGRES_KEYS: &[&str] = &[
    include_str!("../../migrations/postgres-keys/0001_keys.sql"),
    include_str!("../../migrations/postgres-keys/0002_fingerprints.sql"),
    include_str!("../../migrations/postgres-keys/0003_purge.sql"),
];
const SQLITE_INDEX: &[&str] = &[
    include_str!("../../migrations/sqlite-index/0001_tokens.sql"),
    include_str!("../../migrations/sqlite-index/0002_purge.sql"),
];
const POSTGRES_INDEX: &[&str] = &[
    include_str!("../../migrations/postgres-index/0001_tokens.sql"),
    include_str!("../../migrations/postgres-index/0002_purge.sql"),
];

/// A migration may take as long as it takes; two instances at once wait for one another.
const PG_BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(4711001)";

/// One of the two stores that make up a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Events, requests, cursors: the record.
    Ledger,
    /// Data keys and what is erased with them: a file or a schema of its own.
    Keys,
    /// The blind index: a file or a schema of its own; made anew from the other two.
    Index,
}

impl Part {
    /// Those that are copied and backed up: the index is made anew.
    pub(crate) const ALL: [Self; 2] = [Self::Ledger, Self::Keys];

    /// Its schema in PostgreSQL.
    pub(crate) fn schema(self) -> &'static str {
        match self {
            Self::Ledger => "public",
            Self::Keys => "keys",
            Self::Index => "blind",
        }
    }

    /// All that SQLite is brought to this part's schema by.
    pub(crate) fn of_sqlite(self) -> &'static [&'static str] {
        match self {
            Self::Ledger => SQLITE,
            Self::Keys => SQLITE_KEYS,
            Self::Index => SQLITE_INDEX,
        }
    }

    fn of_postgres(self) -> &'static [&'static str] {
        match self {
            Self::Ledger => POSTGRES,
            Self::Keys => POSTGRES_KEYS,
            Self::Index => POSTGRES_INDEX,
        }
    }

    /// The newest schema that this program knows.
    pub(crate) fn newest(self) -> i64 {
        i64::try_from(self.of_sqlite().len()).unwrap_or(i64::MAX)
    }

    /// A table's name in a statement: its schema stands before it where it is not the default.
    pub(crate) fn table(self, conn: &Conn, name: &str) -> String {
        match (conn, self) {
            (Conn::Sqlite(_), _) | (_, Self::Ledger) => name.to_owned(),
            (Conn::Postgres(_), _) => format!("{}.{name}", self.schema()),
        }
    }
}

/// Brings the ledger and its key store to the newest schema. Safe to run again, and by two at once. On a schema that is the newest
/// already it changes nothing, and needs no right to.
///
/// # Errors
/// When a database is out of reach or a migration fails; then nothing of that migration is left.
pub async fn run(database_url: &str) -> Result<(), StoreError> {
    let engine: Engine = database_url.parse()?;
    one(&engine, Part::Ledger).await?;
    one(&engine.keys(), Part::Keys).await?;
    one(&engine.index(), Part::Index).await
}

/// Brings one part to the newest schema; `engine` is where that part is.
pub(crate) async fn one(engine: &Engine, part: Part) -> Result<(), StoreError> {
    let mut conn = Conn::open(engine, part != Part::Ledger).await?;
    let found = version(&mut conn, part).await?;
    if found < part.newest() {
        apply(&mut conn, part)
            .await
            .map_err(|error| forbidden(error, found, part))?;
    }
    conn.close().await;
    Ok(())
}

/// The schema that a database is at; 0 when nothing was ever made there.
pub(crate) async fn version(conn: &mut Conn, part: Part) -> Result<i64, StoreError> {
    let table = part.table(conn, "schema_version");
    let exists: i64 = match conn {
        Conn::Sqlite(conn) => {
            sqlx::query_scalar("SELECT COUNT(*) FROM sqlite_master WHERE name = 'schema_version'")
                .fetch_one(conn)
                .await?
        }
        Conn::Postgres(conn) => {
            sqlx::query_scalar("SELECT (to_regclass($1) IS NOT NULL)::int::bigint")
                .bind(table)
                .fetch_one(conn)
                .await?
        }
    };
    if exists == 0 {
        return Ok(0);
    }
    newest_in(conn, part).await
}

async fn newest_in(conn: &mut Conn, part: Part) -> Result<i64, StoreError> {
    let table = part.table(conn, "schema_version");
    let sql = AssertSqlSafe(format!("SELECT COALESCE(MAX(version), 0) FROM {table}"));
    on!(Conn: conn, conn, Db => Ok(sqlx::query_scalar::<Db, i64>(sql).fetch_one(conn).await?))
}

async fn apply(conn: &mut Conn, part: Part) -> Result<(), StoreError> {
    // PostgreSQL: two instances at once are serialised by an advisory lock (with SQLite by BEGIN IMMEDIATE).
    let (begin, schema, migrations) = match conn {
        Conn::Sqlite(_) => ("BEGIN IMMEDIATE", String::new(), part.of_sqlite()),
        Conn::Postgres(_) => {
            // `public` is there; to ask for it would need a right that nobody else needs.
            let schema = match part {
                Part::Ledger => String::new(),
                Part::Keys | Part::Index => format!("CREATE SCHEMA IF NOT EXISTS {};", part.schema()),
            };
            (PG_BEGIN, schema, part.of_postgres())
        }
    };
    let table = part.table(conn, "schema_version");
    let create = format!("{schema} CREATE TABLE IF NOT EXISTS {table} (version BIGINT NOT NULL)");
    on!(Conn: conn, it, _Db => {
        sqlx::raw_sql(begin).execute(&mut *it).await?;
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut *it).await?;
    });
    let done = newest_in(conn, part).await?;
    let record = format!("INSERT INTO {table} VALUES ($1)");
    on!(Conn: conn, conn, Db => {
        for (number, sql) in (1_i64..).zip(migrations) {
            if number > done {
                sqlx::raw_sql(*sql).execute(&mut *conn).await?;
                sqlx::query::<Db>(AssertSqlSafe(record.as_str())).bind(number).execute(&mut *conn).await?;
            }
        }
        sqlx::raw_sql("COMMIT").execute(&mut *conn).await?;
    });
    Ok(())
}

/// The application's role has no right to change the schema: then it says who has.
fn forbidden(error: StoreError, found: i64, part: Part) -> StoreError {
    /// `insufficient_privilege` of PostgreSQL.
    const DENIED: &str = "42501";
    match error {
        StoreError::Database(sqlx::Error::Database(denied)) if denied.code().as_deref() == Some(DENIED) => {
            StoreError::OldSchema {
                found,
                needed: part.newest(),
            }
        }
        other => other,
    }
}
