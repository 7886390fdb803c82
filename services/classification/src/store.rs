//! The read model of classification: the reviews that wait, and what is compared of reports. Disposable: truncate and replay.

pub(crate) mod sketches;

use kernel::{CaseId, Instant, Position, Reached};
use readmodel::{Database, DatabaseError, Migration};
use sqlx::Row as _;

use crate::project::NAME;

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        sqlite: include_str!("../migrations/sqlite/0001_reviews.sql"),
        postgres: include_str!("../migrations/postgres/0001_reviews.sql"),
    },
    Migration {
        version: 2,
        sqlite: include_str!("../migrations/sqlite/0002_duplicates.sql"),
        postgres: include_str!("../migrations/postgres/0002_duplicates.sql"),
    },
];

/// A review that waits for a person.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Waiting {
    pub(crate) case: CaseId,
    /// Of the event that asked for it.
    pub(crate) position: Position,
    pub(crate) requested_at: Instant,
    pub(crate) reasons: Vec<String>,
    /// Codes of the suggestion; empty where there is none.
    pub(crate) field: String,
    pub(crate) topic: String,
    pub(crate) kind: String,
    pub(crate) urgency: String,
    pub(crate) level: u8,
    /// In thousandths.
    pub(crate) confidence: u16,
}

/// What an event changes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// A person is asked.
    Requested(Waiting),
    /// A person decided.
    Decided(CaseId),
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
    pub(crate) async fn position(&self) -> Result<Reached, DatabaseError> {
        readmodel::position(&self.database, NAME).await
    }

    /// Applies changes and moves the checkpoint over their batch, all or nothing.
    pub(crate) async fn apply(
        &self,
        changes: &[Change],
        first: Position,
        last: impl Into<Reached>,
    ) -> Result<(), DatabaseError> {
        let mut tx = self.database.begin().await?;
        readmodel::advance(&mut tx, NAME, first, last).await?;
        for change in changes {
            let query = match change {
                Change::Requested(waiting) => sqlx::query(
                    "INSERT INTO reviews (case_id, position, requested_at, reasons, field, topic, kind, urgency, level, confidence)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                     ON CONFLICT (case_id) DO NOTHING",
                )
                .bind(waiting.case.to_vec())
                .bind(i64::try_from(waiting.position.0).unwrap_or(i64::MAX))
                .bind(waiting.requested_at.0)
                .bind(waiting.reasons.join(","))
                .bind(waiting.field.clone())
                .bind(waiting.topic.clone())
                .bind(waiting.kind.clone())
                .bind(waiting.urgency.clone())
                .bind(i64::from(waiting.level))
                .bind(i64::from(waiting.confidence)),
                Change::Decided(case) => sqlx::query("DELETE FROM reviews WHERE case_id = $1").bind(case.to_vec()),
            };
            query.execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Empties the tables.
    pub(crate) async fn reset(&self) -> Result<(), DatabaseError> {
        let mut tx = self.database.begin().await?;
        sqlx::query("DELETE FROM reviews").execute(&mut *tx).await?;
        readmodel::forget(&mut tx, NAME).await?;
        Ok(tx.commit().await?)
    }

    /// What waits: where life may be in danger first, then the oldest.
    pub(crate) async fn waiting(&self, limit: u32) -> Result<Vec<Waiting>, DatabaseError> {
        let rows = sqlx::query(
            "SELECT case_id, position, requested_at, reasons, field, topic, kind, urgency, level, confidence FROM reviews
             ORDER BY CASE WHEN urgency = 'emergency' OR reasons LIKE '%may_be_emergency%' THEN 0 WHEN urgency = 'urgent' THEN 1 ELSE 2 END,
                      position LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(self.database.pool())
        .await?;
        rows.into_iter().map(|row| Ok(waiting_of(&row)?)).collect()
    }
}

fn waiting_of(row: &sqlx::any::AnyRow) -> Result<Waiting, sqlx::Error> {
    let case: Vec<u8> = row.try_get("case_id")?;
    let number = |name: &str| row.try_get::<i64, _>(name);
    let reasons: String = row.try_get("reasons")?;
    Ok(Waiting {
        case: CaseId::from_slice(&case)
            .ok_or_else(|| sqlx::Error::Decode("a case id has 16 bytes".into()))?,
        position: Position(number("position")?.unsigned_abs()),
        requested_at: Instant(number("requested_at")?),
        reasons: reasons
            .split(',')
            .filter(|reason| !reason.is_empty())
            .map(str::to_owned)
            .collect(),
        field: row.try_get("field")?,
        topic: row.try_get("topic")?,
        kind: row.try_get("kind")?,
        urgency: row.try_get("urgency")?,
        level: u8::try_from(number("level")?).unwrap_or_default(),
        confidence: u16::try_from(number("confidence")?).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use testkit::postgres::Postgres;

    use super::*;

    fn waiting(case: u8, position: u64, urgency: &str) -> Waiting {
        Waiting {
            case: CaseId::from_slice(&[case; 16]).unwrap(),
            position: Position(position),
            requested_at: Instant(1_000_000),
            reasons: vec!["unclear".to_owned(), "about_an_official".to_owned()],
            field: "state_management".to_owned(),
            topic: String::new(),
            kind: "complaint".to_owned(),
            urgency: urgency.to_owned(),
            level: 3,
            confidence: 512,
        }
    }

    /// Every function of the store, on either engine.
    async fn keeps_what_waits(url: &str) {
        let store = Store::open(url).await.unwrap();
        let all = [
            waiting(1, 1, "normal"),
            waiting(2, 2, "normal"),
            waiting(3, 3, "emergency"),
        ];
        let changes = all.clone().map(Change::Requested);
        store.apply(&changes, Position(1), Position(3)).await.unwrap();
        let [first, second, third] = all;
        let in_order = [third.clone(), first.clone(), second.clone()];
        assert_eq!(
            store.waiting(10).await.unwrap(),
            in_order,
            "danger first, then the oldest"
        );
        assert_eq!(store.waiting(1).await.unwrap(), std::slice::from_ref(&third));
        store
            .apply(&[Change::Decided(third.case)], Position(4), Position(4))
            .await
            .unwrap();
        assert_eq!(store.waiting(10).await.unwrap(), [first, second]);
        assert_eq!(store.position().await.unwrap().position, Position(4));
        let again = store.apply(&changes, Position(1), Position(3)).await;
        assert!(
            matches!(again, Err(DatabaseError::CheckpointMoved { .. })),
            "a batch is applied once"
        );
        store.reset().await.unwrap();
        assert_eq!(
            (
                store.position().await.unwrap().position,
                store.waiting(10).await.unwrap().len()
            ),
            (Position(0), 0)
        );
    }

    #[tokio::test]
    async fn on_sqlite_the_queue_keeps_what_waits() {
        let folder = tempfile::tempdir().unwrap();
        keeps_what_waits(&format!(
            "sqlite:{}",
            folder.path().join("classification.db").display()
        ))
        .await;
    }

    #[tokio::test]
    async fn on_postgresql_the_queue_keeps_what_waits() {
        let server = Postgres::start().await.unwrap();
        keeps_what_waits(&server.url()).await;
    }
}
