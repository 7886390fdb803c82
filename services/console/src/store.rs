//! The console's tables: the disposable ones (`cases`, `directory`) and the kept ones (`people`, `sessions`). All of its SQL is here.

use kernel::{Instant, Position, Reached};
use readmodel::{Database, Migration, Transaction};

mod cases;
mod people;

pub use cases::Counts;

/// The projection's name and its checkpoint.
pub const CHECKPOINT: &str = "console";

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        sqlite: include_str!("../migrations/0001_sqlite.sql"),
        postgres: include_str!("../migrations/0001_postgres.sql"),
    },
    Migration {
        version: 2,
        sqlite: include_str!("../migrations/0002_disputes.sql"),
        postgres: include_str!("../migrations/0002_disputes.sql"),
    },
];

/// The database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Opening, migrating, or the checkpoint.
    #[error("the console's database cannot be used")]
    Database(#[from] readmodel::DatabaseError),
    /// A statement.
    #[error("the console's database failed")]
    Sql(#[from] sqlx::Error),
    /// A row that the console never writes so.
    #[error("a row of the console's database has a {0} that cannot be read")]
    Row(&'static str),
}

/// The console's database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
}

/// A change of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryChange {
    /// `person`, `unit` or `gateway`.
    pub kind: String,
    /// Their code.
    pub code: String,
    /// What they may be now; `None`: nothing any more.
    pub roles: Option<Vec<String>>,
    /// When it was recorded.
    pub at: Instant,
}

/// Somebody or some system that may act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// `person`, `unit` or `gateway`.
    pub kind: String,
    /// Their code.
    pub code: String,
    /// What they may be.
    pub roles: Vec<String>,
    /// Since when.
    pub since: Instant,
}

impl Store {
    /// Opens (SQLite: makes) the database and brings it to the present schema.
    ///
    /// # Errors
    /// `Database`.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Ok(Self {
            database: Database::open(url, MIGRATIONS).await?,
        })
    }

    /// How far the projection is.
    ///
    /// # Errors
    /// `Database`.
    pub async fn position(&self) -> Result<Reached, StoreError> {
        Ok(readmodel::position(&self.database, CHECKPOINT).await?)
    }

    /// Empties the projection; people and sessions stay.
    ///
    /// # Errors
    /// `Database`, `Sql`.
    pub async fn reset(&self) -> Result<(), StoreError> {
        let mut tx = self.database.begin().await?;
        sqlx::query("DELETE FROM cases").execute(&mut *tx).await?;
        sqlx::query("DELETE FROM directory").execute(&mut *tx).await?;
        readmodel::forget(&mut tx, CHECKPOINT).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Who may act, by kind and code.
    ///
    /// # Errors
    /// `Sql`.
    pub async fn directory(&self) -> Result<Vec<DirectoryEntry>, StoreError> {
        let rows: Vec<(String, String, String, i64)> =
            sqlx::query_as("SELECT kind, code, roles, since FROM directory ORDER BY kind, code")
                .fetch_all(self.database.pool())
                .await?;
        Ok(rows
            .into_iter()
            .map(|(kind, code, roles, since)| DirectoryEntry {
                kind,
                code,
                roles: roles
                    .split(',')
                    .filter(|r| !r.is_empty())
                    .map(str::to_owned)
                    .collect(),
                since: Instant(since),
            })
            .collect())
    }
}

async fn change_directory(tx: &mut Transaction, change: &DirectoryChange) -> Result<(), StoreError> {
    match &change.roles {
        Some(roles) => {
            sqlx::query(
                "INSERT INTO directory (kind, code, roles, since) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (kind, code) DO UPDATE SET roles = excluded.roles, since = excluded.since",
            )
            .bind(&change.kind)
            .bind(&change.code)
            .bind(roles.join(","))
            .bind(change.at.0)
            .execute(&mut **tx)
            .await?;
        }
        None => {
            sqlx::query("DELETE FROM directory WHERE kind = $1 AND code = $2")
                .bind(&change.kind)
                .bind(&change.code)
                .execute(&mut **tx)
                .await?;
        }
    }
    Ok(())
}

/// A position as the database keeps it.
fn number(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}
