//! The table of obligations: what is owed, by whom, by when. Disposable: emptied, it is built anew from the ledger.

use kernel::{CaseId, Instant, Reached};
use readmodel::{Database, DatabaseError, Migration, Transaction};
use sqlx::Row;
use uuid::Uuid;

/// The projection that fills it.
pub(crate) const PROJECTION: &str = "escalation-obligations";

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        sqlite: include_str!("../migrations/sqlite/0001_obligations.sql"),
        postgres: include_str!("../migrations/postgres/0001_obligations.sql"),
    },
    Migration {
        version: 2,
        sqlite: include_str!("../migrations/sqlite/0002_owed.sql"),
        postgres: include_str!("../migrations/postgres/0002_owed.sql"),
    },
];

/// One that is owed and due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) obligation: Uuid,
    pub(crate) case: CaseId,
    pub(crate) due: Instant,
    pub(crate) due_revision: u32,
}

/// A row as it is first written.
pub(crate) struct Opened<'a> {
    pub(crate) due: Due,
    pub(crate) what: &'a str,
    pub(crate) owner: &'a str,
    pub(crate) revision: u32,
}

/// The database.
#[derive(Clone, Debug)]
pub(crate) struct Store(Database);

impl Store {
    pub(crate) async fn open(url: &str) -> Result<Self, DatabaseError> {
        Ok(Self(Database::open(url, MIGRATIONS).await?))
    }

    pub(crate) async fn position(&self) -> Result<Reached, DatabaseError> {
        readmodel::position(&self.0, PROJECTION).await
    }

    pub(crate) async fn begin(&self) -> Result<Transaction, DatabaseError> {
        self.0.begin().await
    }

    /// The next `limit` that are owed and were due before `now`, in the order of their deadlines, after the last one of the page before.
    /// Paged, so that none is passed over however many there are.
    pub(crate) async fn due(
        &self,
        now: Instant,
        after: Option<&Due>,
        limit: i64,
    ) -> Result<Vec<Due>, DatabaseError> {
        let (due, obligation) = after.map_or((i64::MIN, Uuid::nil()), |last| (last.due.0, last.obligation));
        let rows = sqlx::query(
            "SELECT obligation, case_id, due, due_revision FROM obligations
             WHERE standing = 'open' AND due < $1 AND (due > $2 OR (due = $2 AND obligation > $3))
             ORDER BY due, obligation LIMIT $4",
        )
        .bind(now.0)
        .bind(due)
        .bind(obligation.as_bytes().to_vec())
        .bind(limit)
        .fetch_all(self.0.pool())
        .await?;
        let due = |row: &sqlx::any::AnyRow| {
            Ok(Due {
                obligation: uuid(row, "obligation")?,
                case: CaseId(uuid(row, "case_id")?),
                due: Instant(row.try_get("due")?),
                due_revision: u32::try_from(row.try_get::<i64, _>("due_revision")?).unwrap_or(u32::MAX),
            })
        };
        rows.iter().map(due).collect()
    }

    /// How many nobody has met yet: in time still, and missed.
    pub(crate) async fn owed(&self) -> Result<[(&'static str, i64); 2], DatabaseError> {
        let row = sqlx::query(
            "SELECT COUNT(CASE WHEN standing = 'open' THEN 1 END) AS open, COUNT(CASE WHEN standing = 'missed' THEN 1 END) AS missed
             FROM obligations WHERE standing IN ('open', 'missed')",
        )
        .fetch_one(self.0.pool())
        .await?;
        Ok([("open", row.try_get("open")?), ("missed", row.try_get("missed")?)])
    }

    pub(crate) async fn reset(&self) -> Result<(), DatabaseError> {
        let mut tx = self.0.begin().await?;
        sqlx::query("DELETE FROM obligations").execute(&mut *tx).await?;
        readmodel::forget(&mut tx, PROJECTION).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Writes a new row.
pub(crate) async fn insert(tx: &mut Transaction, opened: &Opened<'_>) -> Result<(), DatabaseError> {
    sqlx::query(
        "INSERT INTO obligations (obligation, case_id, what, owner, due, due_revision, revision, standing)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'open') ON CONFLICT (obligation) DO NOTHING",
    )
    .bind(opened.due.obligation.as_bytes().to_vec())
    .bind(opened.due.case.to_vec())
    .bind(opened.what)
    .bind(opened.owner)
    .bind(opened.due.due.0)
    .bind(i64::from(opened.due.due_revision))
    .bind(i64::from(opened.revision))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Writes where it stands: `missed`, `met`, `met_late`, `overtaken`.
pub(crate) async fn stands(
    tx: &mut Transaction,
    obligation: Uuid,
    standing: &str,
) -> Result<(), DatabaseError> {
    sqlx::query("UPDATE obligations SET standing = $2 WHERE obligation = $1")
        .bind(obligation.as_bytes().to_vec())
        .bind(standing)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn uuid(row: &sqlx::any::AnyRow, column: &str) -> Result<Uuid, DatabaseError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    Uuid::from_slice(&bytes).map_err(|e| DatabaseError::Sql(sqlx::Error::Decode(Box::new(e))))
}

#[cfg(test)]
mod tests {
    use kernel::Position;

    use super::*;

    /// Every statement, on either engine.
    async fn keeps_what_is_owed_by_deadline(store: &Store) {
        let row = |n: u128, due: i64| Due {
            obligation: Uuid::from_u128(n),
            case: CaseId(Uuid::from_u128(100 + n)),
            due: Instant(due),
            due_revision: 1,
        };
        let mut tx = store.begin().await.unwrap();
        for (n, due) in [(1, 30), (2, 10), (3, 20), (4, 20), (5, 99), (6, 5)] {
            let opened = Opened {
                due: row(n, due),
                what: "result",
                owner: "unit:so_xd",
                revision: 1,
            };
            insert(&mut tx, &opened).await.unwrap();
            insert(&mut tx, &opened).await.unwrap();
        }
        stands(&mut tx, Uuid::from_u128(6), "met").await.unwrap();
        stands(&mut tx, Uuid::from_u128(5), "missed").await.unwrap();
        readmodel::advance(&mut tx, PROJECTION, Position(1), Position(9))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.position().await.unwrap().position, Position(9));

        assert_eq!(store.owed().await.unwrap(), [("open", 4), ("missed", 1)]);
        // Page by page: those before 99, none twice, none left out though two share a deadline.
        let first = store.due(Instant(99), None, 2).await.unwrap();
        assert_eq!(first, [row(2, 10), row(3, 20)]);
        let second = store.due(Instant(99), first.last(), 2).await.unwrap();
        assert_eq!(second, [row(4, 20), row(1, 30)]);
        assert_eq!(store.due(Instant(99), second.last(), 2).await.unwrap(), []);
        assert_eq!(
            store.due(Instant(10), None, 2).await.unwrap(),
            [],
            "due exactly now is in time"
        );

        store.reset().await.unwrap();
        assert_eq!(store.position().await.unwrap().position, Position(0));
        assert_eq!(store.due(Instant(i64::MAX), None, 9).await.unwrap(), []);
    }

    #[tokio::test]
    async fn sqlite_keeps_what_is_owed_by_deadline() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("escalation.db").display());
        keeps_what_is_owed_by_deadline(&Store::open(&url).await.unwrap()).await;
    }

    #[tokio::test]
    async fn postgres_keeps_what_is_owed_by_deadline() {
        let postgres = testkit::postgres::Postgres::start().await.unwrap();
        keeps_what_is_owed_by_deadline(&Store::open(&postgres.url()).await.unwrap()).await;
    }
}
