//! The list: rows written by the projection and read by the pages.

use std::collections::HashMap;
use std::fmt::Write;

use kernel::{CaseId, Instant, Position, Reached};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::{CHECKPOINT, DirectoryChange, Store, StoreError, change_directory, number};
use crate::case::{CaseRow, State};
use crate::filter::Filter;
use crate::roles::Role;

const COLUMNS: &str =
    "case_id, code, channel, received_at, received, complete, field, topic, kind, urgency, level,
    destination, office, unit, revision, state, disputed, was_late, emergency, owed, position";

/// What a row is written with, its key first.
const WRITTEN: &str = "case_id, code, channel, received_at, received, complete, field, topic, kind, urgency, level, \
    destination, office, unit, revision, state, open, overdue, was_late, danger, emergency, owed, position, disputed";
/// Most rows of one statement.
const ROWS: usize = 32;

/// A value bound to a placeholder.
enum Bound {
    Text(String),
    Number(i64),
}

impl Store {
    /// Writes rows and directory changes, and moves the checkpoint to `last`: all or nothing. `first` and `last` are the positions
    /// of the batch; one that was applied before is refused by the checkpoint.
    ///
    /// # Errors
    /// `Database`, `Sql`.
    pub async fn apply(
        &self,
        rows: &[CaseRow],
        directory: &[DirectoryChange],
        first: Position,
        last: impl Into<Reached>,
    ) -> Result<(), StoreError> {
        let mut tx = self.database.begin().await?;
        let mut left = rows;
        while !left.is_empty() {
            // Powers of two, so that few different statements are prepared.
            let (together, rest) = left.split_at(1 << left.len().min(ROWS).ilog2());
            put(&mut tx, together).await?;
            left = rest;
        }
        for change in directory {
            change_directory(&mut tx, change).await?;
        }
        readmodel::advance(&mut tx, CHECKPOINT, first, last).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The rows of these cases, as far as there are any.
    ///
    /// # Errors
    /// `Sql`, `Row`.
    pub async fn by_case(&self, cases: &[CaseId]) -> Result<HashMap<CaseId, CaseRow>, StoreError> {
        let mut found = HashMap::with_capacity(cases.len());
        for part in cases.chunks(128) {
            let places = part.len().next_power_of_two();
            let sql = format!(
                "SELECT {COLUMNS} FROM cases WHERE case_id IN ({})",
                placeholders(1, places)
            );
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for case in part.iter().chain(std::iter::repeat(&part[0])).take(places) {
                query = query.bind(case.to_vec());
            }
            for row in query.fetch_all(self.database.pool()).await? {
                let row = read(&row)?;
                found.insert(row.case, row);
            }
        }
        Ok(found)
    }

    /// The row of a tracking code.
    ///
    /// # Errors
    /// `Sql`, `Row`.
    pub async fn by_code(&self, code: &str) -> Result<Option<CaseRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM cases WHERE code = $1");
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(code)
            .fetch_optional(self.database.pool())
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The newest rows that match, at most `limit`.
    ///
    /// # Errors
    /// `Sql`, `Row`.
    pub async fn list(&self, filter: &Filter, role: Role, limit: u32) -> Result<Vec<CaseRow>, StoreError> {
        let (conditions, bound) = conditions(filter, role);
        let sql =
            format!("SELECT {COLUMNS} FROM cases WHERE {conditions} ORDER BY received DESC LIMIT {limit}");
        self.select(sql, bound).await
    }

    /// Open cases where life may be in danger and no unit has accepted yet, the newest first.
    ///
    /// # Errors
    /// `Sql`, `Row`.
    pub async fn dangers(&self, limit: u32) -> Result<Vec<CaseRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM cases WHERE open = 1 AND danger = 1 AND code <> ''
                AND state NOT IN ('accepted', 'answered') ORDER BY received DESC LIMIT {limit}"
        );
        self.select(sql, Vec::new()).await
    }

    async fn select(&self, sql: String, bound: Vec<Bound>) -> Result<Vec<CaseRow>, StoreError> {
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for value in bound {
            query = match value {
                Bound::Text(text) => query.bind(text),
                Bound::Number(number) => query.bind(number),
            };
        }
        query
            .fetch_all(self.database.pool())
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// How many open cases stand where, and how many are overdue. Closed cases are not counted: there are millions of them.
    ///
    /// # Errors
    /// `Sql`.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT state, COUNT(*) FROM cases WHERE open = 1 AND code <> '' GROUP BY state")
                .fetch_all(self.database.pool())
                .await?;
        let overdue: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM cases WHERE overdue = 1")
            .fetch_one(self.database.pool())
            .await?;
        let disputed: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM cases WHERE disputed <> ''")
            .fetch_one(self.database.pool())
            .await?;
        let by_state = rows
            .into_iter()
            .filter_map(|(state, n)| Some((state.parse().ok()?, n.unsigned_abs())))
            .collect();
        Ok(Counts {
            by_state,
            overdue: overdue.unsigned_abs(),
            disputed: disputed.unsigned_abs(),
        })
    }
}

/// Open cases by where they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By state.
    pub by_state: HashMap<State, u64>,
    /// How many have a deadline that passed.
    pub overdue: u64,
    /// Of how many the offices dispute whose they are.
    pub disputed: u64,
}

impl Counts {
    /// In one state.
    #[must_use]
    pub fn of(&self, state: State) -> u64 {
        self.by_state.get(&state).copied().unwrap_or(0)
    }

    /// All open ones.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.by_state.values().sum()
    }
}

fn conditions(filter: &Filter, role: Role) -> (String, Vec<Bound>) {
    // A case whose report has not been folded yet has no code and is not shown.
    let mut sql = String::from("code <> ''");
    let mut bound = Vec::new();
    let mut and = |column: &str, operator: &str, value: Bound| {
        bound.push(value);
        let _ = write!(sql, " AND {column} {operator} ${}", bound.len());
    };
    let text = |x: &dyn std::fmt::Display| Bound::Text(x.to_string());
    if let Some(x) = filter.state {
        and("state", "=", text(&x));
    }
    if let Some(x) = filter.level {
        and("level", "=", Bound::Number(x.into()));
    }
    if let Some(x) = filter.field {
        and("field", "=", text(&x));
    }
    if let Some(x) = filter.topic {
        and("topic", "=", text(&x));
    }
    if let Some(x) = filter.urgency {
        and("urgency", "=", text(&x));
    }
    if let Some(x) = filter.destination {
        and("destination", "=", text(&x));
    }
    if !filter.unit.is_empty() {
        and("unit", "=", Bound::Text(filter.unit.clone()));
    }
    if !filter.q.is_empty() {
        and("code", "LIKE", Bound::Text(format!("%{}%", filter.q)));
    }
    match filter.late.as_str() {
        "now" => and("overdue", "=", Bound::Number(1)),
        "ever" => and("was_late", "=", Bound::Number(1)),
        _ => {}
    }
    if filter.disputed {
        and("disputed", "<>", Bound::Text(String::new()));
    }
    if let Some(before) = filter.before {
        and("received", "<", Bound::Number(number(before)));
    }
    if filter.mine {
        let (states, level) = Filter::desk_of(role);
        let states = states
            .iter()
            .map(|s| format!("'{s}'"))
            .collect::<Vec<_>>()
            .join(", ");
        if let Some(level) = level {
            and("level", "=", Bound::Number(level.into()));
        }
        let _ = match states.as_str() {
            "" => write!(sql, " AND overdue = 1"),
            states => write!(sql, " AND state IN ({states})"),
        };
    }
    (sql, bound)
}

/// `$3, $4, $5`.
fn placeholders(first: usize, count: usize) -> String {
    let places: Vec<String> = (first..first + count).map(|place| format!("${place}")).collect();
    places.join(", ")
}

/// Writes rows in one statement: under a flood what costs is to wait for the database, once for each.
async fn put(tx: &mut readmodel::Transaction, rows: &[CaseRow]) -> Result<(), StoreError> {
    let code = |x: Option<&dyn std::fmt::Display>| x.map(ToString::to_string).unwrap_or_default();
    let count = WRITTEN.split(", ").count();
    let values: Vec<String> = (0..rows.len())
        .map(|row| format!("({})", placeholders(1 + row * count, count)))
        .collect();
    let written: Vec<String> = WRITTEN
        .split(", ")
        .skip(1)
        .map(|column| format!("{column} = excluded.{column}"))
        .collect();
    let sql = format!(
        "INSERT INTO cases ({WRITTEN}) VALUES {} ON CONFLICT (case_id) DO UPDATE SET {}",
        values.join(", "),
        written.join(", ")
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for row in rows {
        let danger = !row.emergency.is_empty() || row.urgency == Some(kernel::taxonomy::Urgency::Emergency);
        let owed = serde_json::to_string(&row.owed).map_err(|_| StoreError::Row("list of what is owed"))?;
        query = query
            .bind(row.case.to_vec())
            .bind(row.code.clone())
            .bind(code(row.channel.as_ref().map(|x| x as _)))
            .bind(row.received_at.0)
            .bind(number(row.received))
            .bind(i64::from(row.complete))
            .bind(code(row.field.as_ref().map(|x| x as _)))
            .bind(code(row.topic.as_ref().map(|x| x as _)))
            .bind(code(row.kind.as_ref().map(|x| x as _)))
            .bind(code(row.urgency.as_ref().map(|x| x as _)))
            .bind(i64::from(row.level.unwrap_or(0)))
            .bind(code(row.destination.as_ref().map(|x| x as _)))
            .bind(code(row.office.as_ref().map(|x| x as _)))
            .bind(row.unit.clone())
            .bind(i64::from(row.revision))
            .bind(row.state.code())
            .bind(i64::from(row.state.is_open()))
            .bind(i64::from(row.state.is_open() && row.overdue()))
            .bind(i64::from(row.was_late))
            .bind(i64::from(danger))
            .bind(row.emergency.clone())
            .bind(owed)
            .bind(number(row.position))
            .bind(code(row.disputed.as_ref().map(|x| x as _)));
    }
    query.execute(&mut **tx).await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<CaseRow, StoreError> {
    let text = |name: &str| row.try_get::<String, _>(name);
    let int = |name: &str| row.try_get::<i64, _>(name);
    let case: Vec<u8> = row.try_get("case_id")?;
    let owed = serde_json::from_str(&text("owed")?).map_err(|_| StoreError::Row("list of what is owed"))?;
    Ok(CaseRow {
        case: CaseId::from_slice(&case).ok_or(StoreError::Row("case id"))?,
        code: text("code")?,
        channel: text("channel")?.parse().ok(),
        received_at: Instant(int("received_at")?),
        received: Position(int("received")?.unsigned_abs()),
        complete: int("complete")? != 0,
        field: text("field")?.parse().ok(),
        topic: text("topic")?.parse().ok(),
        kind: text("kind")?.parse().ok(),
        urgency: text("urgency")?.parse().ok(),
        level: u8::try_from(int("level")?).ok().filter(|l| *l > 0),
        destination: text("destination")?.parse().ok(),
        office: text("office")?.parse().ok(),
        unit: text("unit")?,
        revision: u32::try_from(int("revision")?).map_err(|_| StoreError::Row("revision"))?,
        state: text("state")?.parse().map_err(|()| StoreError::Row("state"))?,
        disputed: text("disputed")?.parse().ok(),
        owed,
        was_late: int("was_late")? != 0,
        emergency: text("emergency")?,
        position: Position(int("position")?.unsigned_abs()),
    })
}
