//! The read model of routing: which case is before which unit. Disposable: truncate and replay.

use kernel::{CaseId, Instant, Position};
use readmodel::{Database, DatabaseError, Migration, Transaction};
use sqlx::Row as _;

use crate::project::NAME;

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    sqlite: include_str!("../migrations/sqlite/0001_cases.sql"),
    postgres: include_str!("../migrations/postgres/0001_cases.sql"),
}];

/// What an event changes in a case's row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// The report is on record.
    Received {
        /// The tracking code.
        code: String,
    },
    /// What it is.
    Found {
        /// Its topic.
        topic: Option<&'static str>,
        /// How soon harm comes.
        urgency: &'static str,
        /// The level of the answer.
        level: u8,
    },
    /// Put before a unit.
    Dispatched {
        /// Which.
        unit: String,
        /// On whose behalf.
        office: &'static str,
        /// Dense per case.
        revision: u32,
        /// When.
        at: Instant,
        /// Of the event.
        position: Position,
    },
    /// The unit said something.
    State(&'static str),
    /// Closed, or open again.
    Closed(bool),
}

/// One case of a unit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) case: CaseId,
    pub(crate) code: String,
    pub(crate) unit: String,
    pub(crate) revision: u32,
    /// `dispatched`, `accepted`, `answered` or `closed`.
    pub(crate) state: String,
    pub(crate) office: String,
    pub(crate) topic: String,
    pub(crate) urgency: String,
    pub(crate) level: u32,
    pub(crate) dispatched_at: i64,
}

/// The tables. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    database: Database,
}

impl Store {
    /// Opens the database and brings it to the present schema.
    pub(crate) async fn open(url: &str) -> Result<Self, DatabaseError> {
        Ok(Self {
            database: Database::open(url, MIGRATIONS).await?,
        })
    }

    /// How far the list is.
    pub(crate) async fn position(&self) -> Result<Position, DatabaseError> {
        readmodel::position(&self.database, NAME).await
    }

    /// Applies changes and moves the checkpoint over their batch, all or nothing.
    pub(crate) async fn apply(
        &self,
        changes: &[(CaseId, Change)],
        first: Position,
        last: Position,
    ) -> Result<(), DatabaseError> {
        let mut tx = self.database.begin().await?;
        readmodel::advance(&mut tx, NAME, first, last).await?;
        for (case, change) in changes {
            change_row(&mut tx, *case, change).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Empties the tables.
    pub(crate) async fn reset(&self) -> Result<(), DatabaseError> {
        let mut tx = self.database.begin().await?;
        sqlx::query("DELETE FROM cases").execute(&mut *tx).await?;
        readmodel::forget(&mut tx, NAME).await?;
        Ok(tx.commit().await?)
    }

    /// What is before a unit (or before any), the newest first; what was returned is not.
    pub(crate) async fn list(&self, unit: Option<&str>, limit: u32) -> Result<Vec<Row>, DatabaseError> {
        let rows = sqlx::query(
            "SELECT case_id, code, unit, revision, CASE WHEN closed = 1 THEN 'closed' ELSE state END AS state, office, topic, urgency,
                    level, dispatched_at
             FROM cases
             WHERE revision > 0 AND state <> 'returned' AND ($1 = '' OR unit = $1)
             ORDER BY dispatched_position DESC LIMIT $2",
        )
        .bind(unit.unwrap_or_default().to_owned())
        .bind(i64::from(limit))
        .fetch_all(self.database.pool())
        .await?;
        rows.into_iter().map(|row| Ok(row_of(&row)?)).collect()
    }
}

fn row_of(row: &sqlx::any::AnyRow) -> Result<Row, sqlx::Error> {
    let case: Vec<u8> = row.try_get("case_id")?;
    let number = |name: &str| row.try_get::<i64, _>(name);
    Ok(Row {
        case: CaseId::from_slice(&case)
            .ok_or_else(|| sqlx::Error::Decode("a case id has 16 bytes".into()))?,
        code: row.try_get("code")?,
        unit: row.try_get("unit")?,
        revision: u32::try_from(number("revision")?).unwrap_or_default(),
        state: row.try_get("state")?,
        office: row.try_get("office")?,
        topic: row.try_get("topic")?,
        urgency: row.try_get("urgency")?,
        level: u32::try_from(number("level")?).unwrap_or_default(),
        dispatched_at: number("dispatched_at")?,
    })
}

async fn change_row(tx: &mut Transaction, case: CaseId, change: &Change) -> Result<(), sqlx::Error> {
    let case = case.to_vec();
    let query = match change {
        Change::Received { code } => sqlx::query(
            "INSERT INTO cases (case_id, code) VALUES ($1, $2) ON CONFLICT (case_id) DO UPDATE SET code = excluded.code",
        )
        .bind(case)
        .bind(code.clone()),
        Change::Found { topic, urgency, level } => sqlx::query(
            "INSERT INTO cases (case_id, topic, urgency, level) VALUES ($1, $2, $3, $4)
             ON CONFLICT (case_id) DO UPDATE SET topic = excluded.topic, urgency = excluded.urgency, level = excluded.level",
        )
        .bind(case)
        .bind(topic.unwrap_or_default())
        .bind(*urgency)
        .bind(i64::from(*level)),
        Change::Dispatched { unit, office, revision, at, position } => sqlx::query(
            "INSERT INTO cases (case_id, unit, office, revision, dispatched_at, dispatched_position, state)
             VALUES ($1, $2, $3, $4, $5, $6, 'dispatched')
             ON CONFLICT (case_id) DO UPDATE SET unit = excluded.unit, office = excluded.office, revision = excluded.revision,
                 dispatched_at = excluded.dispatched_at, dispatched_position = excluded.dispatched_position, state = excluded.state",
        )
        .bind(case)
        .bind(unit.clone())
        .bind(*office)
        .bind(i64::from(*revision))
        .bind(at.0)
        .bind(i64::try_from(position.0).unwrap_or(i64::MAX)),
        Change::State(state) => {
            sqlx::query("UPDATE cases SET state = $2 WHERE case_id = $1").bind(case).bind(*state)
        }
        Change::Closed(closed) => {
            sqlx::query("UPDATE cases SET closed = $2 WHERE case_id = $1").bind(case).bind(i64::from(*closed))
        }
    };
    query.execute(&mut **tx).await.map(|_| ())
}
