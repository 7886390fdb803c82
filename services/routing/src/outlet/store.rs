//! The table of outlets and of each notice that goes to one. Disposable: it is built anew from the ledger, where what became of each
//! notice is on record.

use kernel::{CaseId, Instant, Position, Reached};
use readmodel::{Database, DatabaseError, Transaction};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::Carrier;
use super::project::NAME;

/// What an event changes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// Notices go there from now on.
    Set {
        unit: String,
        carrier: String,
        position: Position,
        actor: String,
        at: Instant,
    },
    /// Nothing goes there any more.
    Removed { unit: String, carrier: String },
    /// It wants no more.
    Disabled {
        unit: String,
        carrier: String,
        set: Position,
    },
    /// A unit has to be told; by mail only what comes with a link to something new.
    Notice {
        unit: String,
        case: CaseId,
        revision: u32,
        position: Position,
        at: Instant,
        linkless: bool,
    },
    /// The unit answered, or the case was taken back: what it was not told yet of the earlier revisions, it need not be told.
    Over {
        unit: String,
        case: CaseId,
        revision: u32,
    },
    /// What became of a notice: `delivered`, `dead`.
    Became {
        carrier: String,
        notice: Position,
        state: &'static str,
        attempts: u32,
        reason: String,
    },
    /// Sent again.
    Replayed {
        unit: String,
        carrier: String,
        again: Again,
    },
}

/// Which notices are sent again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Again {
    One(Position),
    Since(Instant),
    Dead,
}

/// One outlet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OutletRow {
    pub(crate) unit: String,
    pub(crate) carrier: String,
    /// `active` or `disabled`.
    pub(crate) state: String,
    pub(crate) actor: String,
    pub(crate) set_at: Instant,
    pub(crate) waiting: u64,
    pub(crate) dead: u64,
}

/// One notice on its way.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delivery {
    /// Position of the event it tells.
    pub(crate) notice: Position,
    pub(crate) case: CaseId,
    pub(crate) revision: u32,
    /// `pending`, `delivered`, `dead` or `over`.
    pub(crate) state: String,
    /// How often a person had it sent again.
    pub(crate) round: u32,
    pub(crate) attempts: u32,
    pub(crate) reason: String,
    pub(crate) noticed_at: Instant,
    pub(crate) due_at: Instant,
}

/// The tables. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Deliveries {
    database: Database,
}

const COLUMNS: &str = "notice, case_id, revision, state, round, attempts, reason, noticed_at, due_at";

impl Deliveries {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// How far they are.
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
            apply_one(&mut tx, change).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Empties the tables.
    pub(crate) async fn reset(&self) -> Result<(), DatabaseError> {
        let mut tx = self.database.begin().await?;
        sqlx::query("DELETE FROM outlets").execute(&mut *tx).await?;
        sqlx::query("DELETE FROM deliveries").execute(&mut *tx).await?;
        readmodel::forget(&mut tx, NAME).await?;
        Ok(tx.commit().await?)
    }

    /// Outlets of a unit, or of all.
    pub(crate) async fn outlets(&self, unit: &str) -> Result<Vec<OutletRow>, DatabaseError> {
        let rows = sqlx::query(
            "SELECT o.unit, o.carrier, o.state, o.actor, o.set_at,
                    (SELECT COUNT(*) FROM deliveries d WHERE d.unit = o.unit AND d.carrier = o.carrier AND d.state = 'pending') AS waiting,
                    (SELECT COUNT(*) FROM deliveries d WHERE d.unit = o.unit AND d.carrier = o.carrier AND d.state = 'dead') AS dead
             FROM outlets o WHERE $1 = '' OR o.unit = $1 ORDER BY o.unit, o.carrier",
        )
        .bind(unit.to_owned())
        .fetch_all(self.database.pool())
        .await?;
        let outlet = |row: &AnyRow| {
            Ok::<_, sqlx::Error>(OutletRow {
                unit: row.try_get("unit")?,
                carrier: row.try_get("carrier")?,
                state: row.try_get("state")?,
                actor: row.try_get("actor")?,
                set_at: Instant(row.try_get("set_at")?),
                waiting: unsigned(row, "waiting")?,
                dead: unsigned(row, "dead")?,
            })
        };
        rows.iter().map(|row| Ok(outlet(row)?)).collect()
    }

    /// What waits, or what was given up, the oldest first.
    pub(crate) async fn list(
        &self,
        unit: &str,
        carrier: Carrier,
        dead: bool,
        limit: u32,
    ) -> Result<Vec<Delivery>, DatabaseError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM deliveries WHERE unit = $1 AND carrier = $2 AND state = $3 ORDER BY notice LIMIT $4"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(unit.to_owned())
            .bind(carrier.code())
            .bind(if dead { "dead" } else { "pending" })
            .bind(i64::from(limit))
            .fetch_all(self.database.pool())
            .await?;
        rows.iter().map(|row| Ok(delivery_of(row)?)).collect()
    }

    /// Units with an outlet that takes something, for which something is due.
    pub(crate) async fn lanes_due(&self, now: Instant) -> Result<Vec<(String, String)>, DatabaseError> {
        let rows = sqlx::query(
            "SELECT o.unit, o.carrier FROM outlets o WHERE o.state = 'active' AND EXISTS
                 (SELECT 1 FROM deliveries d WHERE d.state = 'pending' AND d.unit = o.unit AND d.carrier = o.carrier AND d.due_at <= $1)",
        )
        .bind(now.0)
        .fetch_all(self.database.pool())
        .await?;
        rows.iter()
            .map(|row| Ok((row.try_get("unit")?, row.try_get("carrier")?)))
            .collect()
    }

    /// What is due for a unit, the oldest first, of each case the earliest only.
    pub(crate) async fn due(
        &self,
        unit: &str,
        carrier: Carrier,
        now: Instant,
        limit: u32,
    ) -> Result<Vec<Delivery>, DatabaseError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM deliveries d
             WHERE d.state = 'pending' AND d.unit = $1 AND d.carrier = $2 AND d.due_at <= $3
                 AND EXISTS (SELECT 1 FROM outlets o WHERE o.unit = $1 AND o.carrier = $2 AND o.state = 'active')
                 AND NOT EXISTS (SELECT 1 FROM deliveries e WHERE e.case_id = d.case_id AND e.unit = $1 AND e.carrier = $2
                     AND e.state = 'pending' AND e.notice < d.notice)
             ORDER BY d.notice LIMIT $4"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(unit.to_owned())
            .bind(carrier.code())
            .bind(now.0)
            .bind(i64::from(limit))
            .fetch_all(self.database.pool())
            .await?;
        rows.iter().map(|row| Ok(delivery_of(row)?)).collect()
    }

    /// Takes one for an attempt, so that no other replica tries at the same time; until then, if this one dies of it.
    pub(crate) async fn claim(
        &self,
        carrier: Carrier,
        delivery: &Delivery,
        until: Instant,
    ) -> Result<bool, DatabaseError> {
        let sql = "UPDATE deliveries SET due_at = $5 WHERE carrier = $1 AND notice = $2 AND round = $3 AND due_at = $4 AND state = 'pending'";
        let claimed = sqlx::query(sql)
            .bind(carrier.code())
            .bind(signed(delivery.notice))
            .bind(i64::from(delivery.round))
            .bind(delivery.due_at.0)
            .bind(until.0)
            .execute(self.database.pool())
            .await?;
        Ok(claimed.rows_affected() == 1)
    }

    /// Position of what is set for a unit.
    pub(crate) async fn set_at(
        &self,
        unit: &str,
        carrier: Carrier,
    ) -> Result<Option<Position>, DatabaseError> {
        let row = sqlx::query("SELECT position FROM outlets WHERE unit = $1 AND carrier = $2")
            .bind(unit.to_owned())
            .bind(carrier.code())
            .fetch_optional(self.database.pool())
            .await?;
        Ok(row
            .map(|row| unsigned(&row, "position").map(Position))
            .transpose()?)
    }

    /// What became of one is on record; the table need not wait until it hears of it.
    pub(crate) async fn became(
        &self,
        carrier: Carrier,
        delivery: &Delivery,
        state: &'static str,
        attempts: u32,
        reason: &str,
    ) -> Result<(), DatabaseError> {
        let sql = "UPDATE deliveries SET state = $4, attempts = $5, reason = $6
                   WHERE carrier = $1 AND notice = $2 AND round = $3 AND state = 'pending'";
        sqlx::query(sql)
            .bind(carrier.code())
            .bind(signed(delivery.notice))
            .bind(i64::from(delivery.round))
            .bind(state)
            .bind(i64::from(attempts))
            .bind(reason.to_owned())
            .execute(self.database.pool())
            .await?;
        Ok(())
    }

    /// It was tried and has to be tried again.
    pub(crate) async fn again(
        &self,
        carrier: Carrier,
        delivery: &Delivery,
        attempts: u32,
        reason: &str,
        due: Instant,
    ) -> Result<(), DatabaseError> {
        let sql = "UPDATE deliveries SET attempts = $4, reason = $5, due_at = $6
                   WHERE carrier = $1 AND notice = $2 AND round = $3 AND state = 'pending'";
        sqlx::query(sql)
            .bind(carrier.code())
            .bind(signed(delivery.notice))
            .bind(i64::from(delivery.round))
            .bind(i64::from(attempts))
            .bind(reason.to_owned())
            .bind(due.0)
            .execute(self.database.pool())
            .await?;
        Ok(())
    }
}

fn signed(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}

fn unsigned(row: &AnyRow, name: &str) -> Result<u64, sqlx::Error> {
    Ok(u64::try_from(row.try_get::<i64, _>(name)?).unwrap_or_default())
}

fn delivery_of(row: &AnyRow) -> Result<Delivery, sqlx::Error> {
    let small = |name: &str| Ok::<_, sqlx::Error>(u32::try_from(unsigned(row, name)?).unwrap_or(u32::MAX));
    Ok(Delivery {
        notice: Position(unsigned(row, "notice")?),
        case: crate::store::case_of(row)?,
        revision: small("revision")?,
        state: row.try_get("state")?,
        round: small("round")?,
        attempts: small("attempts")?,
        reason: row.try_get("reason")?,
        noticed_at: Instant(row.try_get("noticed_at")?),
        due_at: Instant(row.try_get("due_at")?),
    })
}

async fn apply_one(tx: &mut Transaction, change: &Change) -> Result<(), sqlx::Error> {
    let query = match change.clone() {
        Change::Set { unit, carrier, position, actor, at } => sqlx::query(
            "INSERT INTO outlets (unit, carrier, position, state, actor, set_at) VALUES ($1, $2, $3, 'active', $4, $5)
             ON CONFLICT (unit, carrier) DO UPDATE SET position = excluded.position, state = excluded.state, actor = excluded.actor,
                 set_at = excluded.set_at",
        )
        .bind(unit)
        .bind(carrier)
        .bind(signed(position))
        .bind(actor)
        .bind(at.0),
        Change::Removed { unit, carrier } => {
            let sql = "DELETE FROM deliveries WHERE unit = $1 AND carrier = $2";
            sqlx::query(sql).bind(unit.clone()).bind(carrier.clone()).execute(&mut **tx).await?;
            sqlx::query("DELETE FROM outlets WHERE unit = $1 AND carrier = $2").bind(unit).bind(carrier)
        }
        Change::Disabled { unit, carrier, set } => sqlx::query(
            "UPDATE outlets SET state = 'disabled' WHERE unit = $1 AND carrier = $2 AND position = $3",
        )
        .bind(unit)
        .bind(carrier)
        .bind(signed(set)),
        Change::Notice { unit, case, revision, position, at, linkless } => sqlx::query(
            "INSERT INTO deliveries (carrier, notice, unit, case_id, revision, noticed_at)
             SELECT carrier, $2, unit, $3, $4, $5 FROM outlets WHERE unit = $1 AND (carrier = 'webhook' OR $6 = 0)
             ON CONFLICT (carrier, notice) DO NOTHING",
        )
        .bind(unit)
        .bind(signed(position))
        .bind(case.to_vec())
        .bind(i64::from(revision))
        .bind(at.0)
        .bind(i64::from(linkless)),
        Change::Over { unit, case, revision } => sqlx::query(
            "UPDATE deliveries SET state = 'over' WHERE case_id = $1 AND unit = $2 AND revision <= $3 AND state = 'pending'",
        )
        .bind(case.to_vec())
        .bind(unit)
        .bind(i64::from(revision)),
        Change::Became { carrier, notice, state, attempts, reason } => sqlx::query(
            "UPDATE deliveries SET state = $3, attempts = $4, reason = $5 WHERE carrier = $1 AND notice = $2",
        )
        .bind(carrier)
        .bind(signed(notice))
        .bind(state)
        .bind(i64::from(attempts))
        .bind(reason),
        Change::Replayed { unit, carrier, again } => return replay(tx, unit, carrier, again).await,
    };
    query.execute(&mut **tx).await.map(|_| ())
}

async fn replay(
    tx: &mut Transaction,
    unit: String,
    carrier: String,
    again: Again,
) -> Result<(), sqlx::Error> {
    const SET: &str =
        "UPDATE deliveries SET state = 'pending', round = round + 1, attempts = 0, due_at = 0, reason = ''
                       WHERE unit = $1 AND carrier = $2 AND";
    let (which, value) = match again {
        Again::One(notice) => ("notice = $3", signed(notice)),
        Again::Since(since) => ("noticed_at >= $3 AND state IN ('delivered', 'dead')", since.0),
        Again::Dead => ("state = 'dead' AND $3 = 0", 0),
    };
    sqlx::query(sqlx::AssertSqlSafe(format!("{SET} {which}")))
        .bind(unit.clone())
        .bind(carrier.clone())
        .bind(value)
        .execute(&mut **tx)
        .await?;
    if let Again::Since(since) = again {
        // What was put before the unit before it had this outlet, and is still there.
        sqlx::query(
            "INSERT INTO deliveries (carrier, notice, unit, case_id, revision, noticed_at)
             SELECT o.carrier, c.dispatched_position, c.unit, c.case_id, c.revision, c.dispatched_at
             FROM cases c JOIN outlets o ON o.unit = c.unit AND o.carrier = $2
             WHERE c.unit = $1 AND c.state IN ('dispatched', 'accepted') AND c.dispatched_at >= $3
             ON CONFLICT (carrier, notice) DO NOTHING",
        )
        .bind(unit)
        .bind(carrier)
        .bind(since.0)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}
