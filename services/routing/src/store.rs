//! The read model of routing: which case is before which unit. Disposable: truncate and replay.

use kernel::{CaseId, Instant, Position, Reached};
use readmodel::{Database, DatabaseError, Migration, Transaction};
use sqlx::Row as _;

use crate::project::NAME;

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        sqlite: include_str!("../migrations/sqlite/0001_cases.sql"),
        postgres: include_str!("../migrations/postgres/0001_cases.sql"),
    },
    Migration {
        version: 2,
        sqlite: include_str!("../migrations/sqlite/0002_outlets.sql"),
        postgres: include_str!("../migrations/postgres/0002_outlets.sql"),
    },
    Migration {
        version: 3,
        sqlite: include_str!("../migrations/sqlite/0003_notices.sql"),
        postgres: include_str!("../migrations/postgres/0003_notices.sql"),
    },
];

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
    /// A unit was told something.
    Told {
        /// Which.
        unit: String,
        /// On whose behalf.
        office: &'static str,
        /// Dense per case.
        revision: u32,
        /// The revision of the dispatch or part that it is about.
        about: u32,
        /// Whether the unit takes part from now on.
        joins: bool,
        /// Whether what it is about is over.
        recalls: bool,
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
    /// `dispatched`, `accepted`, `answered` or `closed`; `coordinating` for a unit that takes part while the lead unit works.
    pub(crate) state: String,
    pub(crate) office: String,
    pub(crate) topic: String,
    pub(crate) urgency: String,
    pub(crate) level: u32,
    pub(crate) dispatched_at: i64,
}

/// A dispatch that its unit has not answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Waiting {
    pub(crate) case: CaseId,
    pub(crate) office: String,
    pub(crate) unit: String,
    pub(crate) revision: u32,
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

    /// Where the table of outlets is too.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// How far the list is.
    pub(crate) async fn position(&self) -> Result<Reached, DatabaseError> {
        readmodel::position(&self.database, NAME).await
    }

    /// Applies changes and moves the checkpoint over their batch, all or nothing.
    pub(crate) async fn apply(
        &self,
        changes: &[(CaseId, Change)],
        first: Position,
        last: impl Into<Reached>,
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
        sqlx::query("DELETE FROM notices").execute(&mut *tx).await?;
        readmodel::forget(&mut tx, NAME).await?;
        Ok(tx.commit().await?)
    }

    /// What is before a unit (or before any), the newest first; what was returned is not.
    pub(crate) async fn list(&self, unit: Option<&str>, limit: u32) -> Result<Vec<Row>, DatabaseError> {
        let rows = sqlx::query(
            "SELECT case_id, code, unit, revision, CASE WHEN closed = 1 THEN 'closed' ELSE state END AS state, office, topic, urgency,
                    level, dispatched_at, dispatched_position
             FROM cases
             WHERE revision > 0 AND state NOT IN ('returned', 'recalled') AND ($1 = '' OR unit = $1)
             UNION ALL
             SELECT n.case_id, c.code, n.unit, n.revision, 'coordinating', n.office, c.topic, c.urgency, c.level, n.told_at, n.position
             FROM notices n JOIN cases c ON c.case_id = n.case_id
             WHERE n.joins = 1 AND n.finished = 0 AND c.closed = 0 AND c.state IN ('dispatched', 'accepted') AND ($1 = '' OR n.unit = $1)
             ORDER BY dispatched_position DESC LIMIT $2",
        )
        .bind(unit.unwrap_or_default().to_owned())
        .bind(i64::from(limit))
        .fetch_all(self.database.pool())
        .await?;
        rows.into_iter().map(|row| Ok(row_of(&row)?)).collect()
    }

    /// What each unit was told after a position, in order.
    pub(crate) async fn told(
        &self,
        unit: &str,
        after: Position,
        limit: u32,
    ) -> Result<Vec<(Position, CaseId)>, DatabaseError> {
        let rows = sqlx::query(
            "SELECT position, case_id FROM notices WHERE unit = $1 AND position > $2 ORDER BY position LIMIT $3",
        )
        .bind(unit.to_owned())
        .bind(number(after))
        .bind(i64::from(limit))
        .fetch_all(self.database.pool())
        .await?;
        let told = |row: &sqlx::any::AnyRow| {
            let position = u64::try_from(row.try_get::<i64, _>("position")?).unwrap_or_default();
            Ok::<_, sqlx::Error>((Position(position), case_of(row)?))
        };
        rows.iter().map(|row| Ok(told(row)?)).collect()
    }

    /// Every dispatch that is before its unit and not answered, and every part in one, the newest first. A crime report is closed for us and before the
    /// police all the same.
    pub(crate) async fn waiting(&self) -> Result<Vec<Waiting>, DatabaseError> {
        let rows = sqlx::query(
            "SELECT case_id, office, unit, revision, dispatched_position FROM cases WHERE state IN ('dispatched', 'accepted')
             UNION ALL
             SELECT n.case_id, n.office, n.unit, n.revision, n.position
             FROM notices n JOIN cases c ON c.case_id = n.case_id
             WHERE n.joins = 1 AND n.finished = 0 AND c.state IN ('dispatched', 'accepted')
             ORDER BY dispatched_position DESC",
        )
        .fetch_all(self.database.pool())
        .await?;
        let waiting = |row: &sqlx::any::AnyRow| {
            Ok::<_, sqlx::Error>(Waiting {
                case: case_of(row)?,
                office: row.try_get("office")?,
                unit: row.try_get("unit")?,
                revision: u32::try_from(row.try_get::<i64, _>("revision")?).unwrap_or_default(),
            })
        };
        rows.iter().map(|row| Ok(waiting(row)?)).collect()
    }
}

pub(crate) fn case_of(row: &sqlx::any::AnyRow) -> Result<CaseId, sqlx::Error> {
    let case: Vec<u8> = row.try_get("case_id")?;
    CaseId::from_slice(&case).ok_or_else(|| sqlx::Error::Decode("a case id has 16 bytes".into()))
}

fn row_of(row: &sqlx::any::AnyRow) -> Result<Row, sqlx::Error> {
    let number = |name: &str| row.try_get::<i64, _>(name);
    Ok(Row {
        case: case_of(row)?,
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

fn number(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
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
        .bind(number(*position)),
        Change::Told { unit, office, revision, about, joins, recalls, at, position } => {
            if *recalls {
                for recall in [
                    "UPDATE notices SET finished = 1 WHERE case_id = $1 AND revision = $2",
                    "UPDATE cases SET state = 'recalled' WHERE case_id = $1 AND revision = $2",
                ] {
                    sqlx::query(recall).bind(case.clone()).bind(i64::from(*about)).execute(&mut **tx).await?;
                }
            }
            sqlx::query(
                "INSERT INTO notices (position, case_id, unit, office, revision, joins, told_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(number(*position))
            .bind(case)
            .bind(unit.clone())
            .bind(*office)
            .bind(i64::from(*revision))
            .bind(i64::from(*joins))
            .bind(at.0)
        }
        Change::State(state) => {
            sqlx::query("UPDATE cases SET state = $2 WHERE case_id = $1").bind(case).bind(*state)
        }
        Change::Closed(closed) => {
            sqlx::query("UPDATE cases SET closed = $2 WHERE case_id = $1").bind(case).bind(i64::from(*closed))
        }
    };
    query.execute(&mut **tx).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use testkit::postgres::Postgres;

    use super::*;

    fn dispatched(unit: &str, revision: u32, position: u64) -> Change {
        Change::Dispatched {
            unit: unit.to_owned(),
            office: "vp_ubnd",
            revision,
            at: Instant(1_000_000),
            position: Position(position),
        }
    }

    /// Every function of the store, on either engine.
    async fn keeps_what_is_before_each_unit(url: &str) {
        let store = Store::open(url).await.unwrap();
        let (a, b) = (CaseId(uuid::Uuid::from_u128(1)), CaseId(uuid::Uuid::from_u128(2)));
        let found = Change::Found {
            topic: Some("roads"),
            urgency: "urgent",
            level: 2,
        };
        let received = Change::Received {
            code: "HA-1".to_owned(),
        };
        let first = [
            (a, received),
            (a, found),
            (a, dispatched("so_xd", 1, 3)),
            (b, dispatched("so_xd", 1, 4)),
        ];
        store.apply(&first, Position(1), Position(4)).await.unwrap();
        assert_eq!(store.position().await.unwrap().position, Position(4));
        let cases = |rows: Vec<Row>| {
            rows.into_iter()
                .map(|row| (row.case, row.state))
                .collect::<Vec<_>>()
        };
        let state = |case, state: &str| (case, state.to_owned());
        let list = store.list(Some("so_xd"), 10).await.unwrap();
        assert_eq!(
            cases(list.clone()),
            [state(b, "dispatched"), state(a, "dispatched")],
            "the newest first"
        );
        let row = Row {
            case: a,
            code: "HA-1".to_owned(),
            unit: "so_xd".to_owned(),
            revision: 1,
            state: "dispatched".to_owned(),
            office: "vp_ubnd".to_owned(),
            topic: "roads".to_owned(),
            urgency: "urgent".to_owned(),
            level: 2,
            dispatched_at: 1_000_000,
        };
        assert_eq!(list[1], row);
        let waits = async || {
            let waiting = store.waiting().await.unwrap();
            waiting
                .into_iter()
                .map(|w| (w.case, w.unit, w.revision))
                .collect::<Vec<_>>()
        };
        let before = |case, unit: &str, revision| (case, unit.to_owned(), revision);
        assert_eq!(waits().await, [before(b, "so_xd", 1), before(a, "so_xd", 1)]);
        let second = [
            (a, Change::State("accepted")),
            (a, Change::Closed(true)),
            (b, Change::State("returned")),
        ];
        store.apply(&second, Position(5), Position(7)).await.unwrap();
        assert_eq!(cases(store.list(None, 10).await.unwrap()), [state(a, "closed")]);
        assert_eq!(
            waits().await,
            [before(a, "so_xd", 1)],
            "closed for us, and still with the unit; what it gave back is not"
        );
        let third = [(a, Change::Closed(false)), (b, dispatched("udc", 2, 8))];
        store.apply(&third, Position(8), Position(9)).await.unwrap();
        assert_eq!(waits().await, [before(b, "udc", 2), before(a, "so_xd", 1)]);
        assert_eq!(
            cases(store.list(Some("udc"), 10).await.unwrap()),
            [state(b, "dispatched")]
        );
        assert_eq!(
            cases(store.list(None, 1).await.unwrap()),
            [state(b, "dispatched")],
            "no more than asked for"
        );
        let again = store.apply(&third, Position(8), Position(9)).await;
        assert!(
            matches!(again, Err(DatabaseError::CheckpointMoved { .. })),
            "a batch is applied once"
        );
        store.reset().await.unwrap();
        assert_eq!(
            (
                store.position().await.unwrap().position,
                store.list(None, 10).await.unwrap().len()
            ),
            (Position(0), 0)
        );
    }

    #[tokio::test]
    async fn on_sqlite_the_list_keeps_what_is_before_each_unit() {
        let folder = tempfile::tempdir().unwrap();
        keeps_what_is_before_each_unit(&format!("sqlite:{}", folder.path().join("routing.db").display()))
            .await;
    }

    #[tokio::test]
    async fn on_postgresql_the_list_keeps_what_is_before_each_unit() {
        let server = Postgres::start().await.unwrap();
        keeps_what_is_before_each_unit(&server.url()).await;
    }
}
