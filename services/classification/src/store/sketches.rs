//! What is compared of reports, and the suspicions that wait for a person. Keyed hashes and codes; disposable.

use classification_domain::Finding;
use classification_domain::likeness::{Comparable, Sketch, is_mergeable};
use kernel::{CaseId, Instant, Position, Reached};
use readmodel::{DatabaseError, Transaction};
use sqlx::Row as _;

use super::Store;
use crate::project::sketches::NAME;

/// Cases of one street, cell, ward or source that are compared, the oldest of the window.
const MOST_OF_A_PLACE: i64 = 64;
/// Sketches that are read to be compared with one.
const MOST_COMPARED: usize = 128;
/// How long a sketch is kept: the longest window a policy may name.
pub(crate) const KEPT: i64 = 90 * 24 * 3_600 * Instant::SECOND;

/// What an event changes.
pub(crate) enum Change {
    /// A report came.
    Received {
        case: CaseId,
        at: Instant,
        source: String,
        sketch: Sketch,
    },
    /// What it is, and the position that says so; `None`: a person is asked.
    Found(CaseId, Position, Option<Finding>),
    /// Merged into another, or parted.
    Merged(CaseId, bool),
    /// Closed, or reopened.
    Closed(CaseId, bool),
    /// A person is to look.
    Suspected(Suspicion),
    /// Its content is no more.
    Erased(CaseId),
}

/// Two cases that may be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Suspicion {
    pub(crate) case: CaseId,
    pub(crate) of: CaseId,
    pub(crate) score: u16,
    pub(crate) parts: Vec<String>,
    pub(crate) position: Position,
    pub(crate) at: Instant,
}

impl Store {
    /// How far the sketches are.
    pub(crate) async fn sketched(&self) -> Result<Reached, DatabaseError> {
        readmodel::position(&self.database, NAME).await
    }

    /// Applies changes and moves the checkpoint over their batch, all or nothing; what is too old to be compared goes.
    pub(crate) async fn sketch(
        &self,
        changes: &[Change],
        first: Position,
        last: Reached,
        oldest: Instant,
    ) -> Result<(), DatabaseError> {
        let mut tx = self.database.begin().await?;
        readmodel::advance(&mut tx, NAME, first, last).await?;
        for change in changes {
            apply(&mut tx, change).await?;
        }
        let old = "SELECT case_id FROM sketches WHERE received_at < $1 LIMIT 100";
        for row in sqlx::query(old).bind(oldest.0).fetch_all(&mut *tx).await? {
            forget(&mut tx, &row.try_get::<Vec<u8>, _>("case_id")?).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Empties the tables.
    pub(crate) async fn reset_sketches(&self) -> Result<(), DatabaseError> {
        let mut tx = self.database.begin().await?;
        for table in ["sketches", "sketch_keys", "suspicions"] {
            sqlx::query(sqlx::AssertSqlSafe(format!("DELETE FROM {table}")))
                .execute(&mut *tx)
                .await?;
        }
        readmodel::forget(&mut tx, NAME).await?;
        Ok(tx.commit().await?)
    }

    /// What can be compared of a case; nothing if its content is gone or a person is still asked what it is.
    pub(crate) async fn comparable(&self, case: CaseId) -> Result<Option<Comparable>, DatabaseError> {
        Ok(self
            .comparables(&[case])
            .await?
            .pop()
            .map(|(_, _, comparable)| comparable))
    }

    /// Open cases near `own` in place, time and matter, of each street, cell, ward and source the oldest; only what was classified before
    /// it, the earliest first: of two that come together one is found by the other, never both.
    pub(crate) async fn candidates(
        &self,
        case: CaseId,
        before: Position,
        own: &Comparable,
        topics: &[kernel::taxonomy::Topic],
        window: i64,
    ) -> Result<Vec<(CaseId, Comparable)>, DatabaseError> {
        let mut found = Vec::new();
        for place in places(own, true) {
            for topic in topics {
                let rows = sqlx::query(
                    "SELECT case_id FROM sketch_keys WHERE place = $1 AND topic = $2 AND received_at BETWEEN $3 AND $4
                     ORDER BY received_at, case_id LIMIT $5",
                )
                .bind(&place)
                .bind(topic.code())
                .bind(own.at.0 - window)
                .bind(own.at.0 + window)
                .bind(MOST_OF_A_PLACE)
                .fetch_all(self.database.pool())
                .await?;
                for row in rows {
                    let other = case_of(&row, "case_id")?;
                    if other != case && !found.contains(&other) && found.len() < MOST_COMPARED {
                        found.push(other);
                    }
                }
            }
        }
        let mut found = self.comparables(&found).await?;
        found.retain(|(_, position, _)| *position < before);
        found.sort_by_key(|(_, position, _)| *position);
        Ok(found
            .into_iter()
            .map(|(case, _, comparable)| (case, comparable))
            .collect())
    }

    async fn comparables(
        &self,
        cases: &[CaseId],
    ) -> Result<Vec<(CaseId, Position, Comparable)>, DatabaseError> {
        if cases.is_empty() {
            return Ok(Vec::new());
        }
        let marks: Vec<String> = (1..=cases.len()).map(|n| format!("${n}")).collect();
        let sql = format!(
            "SELECT * FROM sketches WHERE topic <> '' AND case_id IN ({})",
            marks.join(", ")
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for case in cases {
            query = query.bind(case.to_vec());
        }
        let rows = query.fetch_all(self.database.pool()).await?;
        let read = |row: &sqlx::any::AnyRow| {
            let found = Position(row.try_get::<i64, _>("found")?.unsigned_abs());
            Ok((case_of(row, "case_id")?, found, comparable(row)?))
        };
        rows.iter().map(read).collect()
    }

    /// What waits for a person, the most alike first.
    pub(crate) async fn suspicions(&self, limit: u32) -> Result<Vec<Suspicion>, DatabaseError> {
        let rows = sqlx::query("SELECT * FROM suspicions ORDER BY score DESC, position LIMIT $1")
            .bind(i64::from(limit))
            .fetch_all(self.database.pool())
            .await?;
        let read = |row: &sqlx::any::AnyRow| {
            let parts: String = row.try_get("parts")?;
            Ok(Suspicion {
                case: case_of(row, "case_id")?,
                of: case_of(row, "of_case")?,
                score: u16::try_from(row.try_get::<i64, _>("score")?).unwrap_or_default(),
                parts: parts
                    .split(' ')
                    .filter(|p| !p.is_empty())
                    .map(str::to_owned)
                    .collect(),
                position: Position(row.try_get::<i64, _>("position")?.unsigned_abs()),
                at: Instant(row.try_get("suspected_at")?),
            })
        };
        rows.iter().map(read).collect()
    }
}

async fn apply(tx: &mut Transaction, change: &Change) -> Result<(), DatabaseError> {
    let case = match change {
        Change::Received {
            case,
            at,
            source,
            sketch,
        } => {
            let numbers = |all: &[u32]| all.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
            sqlx::query(
                "INSERT INTO sketches (case_id, received_at, source, words, street, numbers, cells, topic, kind, urgency, level, wards, found, closed, merged)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, '', '', '', 0, '', 0, 0, 0) ON CONFLICT (case_id) DO NOTHING",
            )
            .bind(case.to_vec())
            .bind(at.0)
            .bind(source)
            .bind(numbers(&sketch.words))
            .bind(sketch.street.unwrap_or(0) as i64)
            .bind(numbers(&sketch.numbers))
            .bind(sketch.cells.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>())
            .execute(&mut **tx)
            .await?;
            return Ok(());
        }
        Change::Found(case, position, finding) => {
            let found = finding.as_ref().filter(|finding| is_mergeable(finding));
            let wards: Vec<String> = found
                .iter()
                .flat_map(|f| f.wards.iter().map(ToString::to_string))
                .collect();
            sqlx::query(
                "UPDATE sketches SET topic = $2, kind = $3, urgency = $4, level = $5, wards = $6, found = $7 WHERE case_id = $1",
            )
            .bind(case.to_vec())
            .bind(found.and_then(|f| f.topic).map_or("", |t| t.code()))
            .bind(found.map_or("", |f| f.kind.code()))
            .bind(found.map_or("", |f| f.urgency.code()))
            .bind(found.map_or(0, |f| i64::from(f.level.get())))
            .bind(wards.join(" "))
            .bind(position.0 as i64)
            .execute(&mut **tx)
            .await?;
            case
        }
        Change::Merged(case, merged) => {
            if *merged {
                sqlx::query("DELETE FROM suspicions WHERE case_id = $1 OR of_case = $1")
                    .bind(case.to_vec())
                    .execute(&mut **tx)
                    .await?;
            }
            sqlx::query("UPDATE sketches SET merged = $2 WHERE case_id = $1")
                .bind(case.to_vec())
                .bind(i64::from(*merged))
                .execute(&mut **tx)
                .await?;
            case
        }
        Change::Closed(case, closed) => {
            if *closed {
                sqlx::query("DELETE FROM suspicions WHERE case_id = $1 OR of_case = $1")
                    .bind(case.to_vec())
                    .execute(&mut **tx)
                    .await?;
            }
            sqlx::query("UPDATE sketches SET closed = $2 WHERE case_id = $1")
                .bind(case.to_vec())
                .bind(i64::from(*closed))
                .execute(&mut **tx)
                .await?;
            case
        }
        Change::Suspected(suspicion) => {
            sqlx::query(
                "INSERT INTO suspicions (case_id, of_case, score, parts, position, suspected_at) VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (case_id) DO NOTHING",
            )
            .bind(suspicion.case.to_vec())
            .bind(suspicion.of.to_vec())
            .bind(i64::from(suspicion.score))
            .bind(suspicion.parts.join(" "))
            .bind(suspicion.position.0 as i64)
            .bind(suspicion.at.0)
            .execute(&mut **tx)
            .await?;
            return Ok(());
        }
        Change::Erased(case) => return forget(tx, &case.to_vec()).await,
    };
    index(tx, *case).await
}

/// Where the case is found, if it can be merged into: open, its own, and known to be what may be merged.
async fn index(tx: &mut Transaction, case: CaseId) -> Result<(), DatabaseError> {
    sqlx::query("DELETE FROM sketch_keys WHERE case_id = $1")
        .bind(case.to_vec())
        .execute(&mut **tx)
        .await?;
    let open = "SELECT * FROM sketches WHERE case_id = $1 AND topic <> '' AND closed = 0 AND merged = 0";
    let Some(row) = sqlx::query(open)
        .bind(case.to_vec())
        .fetch_optional(&mut **tx)
        .await?
    else {
        return Ok(());
    };
    let own = comparable(&row)?;
    for place in places(&own, false) {
        sqlx::query(
            "INSERT INTO sketch_keys (place, topic, received_at, case_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(place)
        .bind(own.topic.code())
        .bind(own.at.0)
        .bind(case.to_vec())
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

async fn forget(tx: &mut Transaction, case: &[u8]) -> Result<(), DatabaseError> {
    for sql in [
        "DELETE FROM sketches WHERE case_id = $1",
        "DELETE FROM sketch_keys WHERE case_id = $1",
        "DELETE FROM suspicions WHERE case_id = $1 OR of_case = $1",
    ] {
        sqlx::query(sql).bind(case.to_vec()).execute(&mut **tx).await?;
    }
    Ok(())
}

/// The keys of a case; with the cells around its pin where others are looked for.
fn places(of: &Comparable, around: bool) -> Vec<String> {
    let cells = if around { 9 } else { 1 };
    let street = of.sketch.street.map(|street| format!("s{street:x}"));
    let cells = of
        .sketch
        .cells
        .iter()
        .take(cells)
        .map(|cell| format!("c{cell:x}"));
    let source = (!of.source.is_empty()).then(|| format!("f{}", of.source));
    let wards = of.wards.iter().map(|ward| format!("w{ward}"));
    street
        .into_iter()
        .chain(cells)
        .chain(source)
        .chain(wards)
        .collect()
}

fn case_of(row: &sqlx::any::AnyRow, column: &str) -> Result<CaseId, DatabaseError> {
    CaseId::from_slice(&row.try_get::<Vec<u8>, _>(column)?)
        .ok_or_else(|| unreadable("a case id has 16 bytes"))
}

fn unreadable(what: &'static str) -> DatabaseError {
    DatabaseError::Sql(sqlx::Error::Decode(what.into()))
}

fn comparable(row: &sqlx::any::AnyRow) -> Result<Comparable, DatabaseError> {
    let bytes = |column: &str| row.try_get::<Vec<u8>, _>(column);
    let words = |column: &str| {
        Ok::<_, sqlx::Error>(
            bytes(column)?
                .as_chunks::<4>()
                .0
                .iter()
                .map(|chunk| u32::from_le_bytes(*chunk))
                .collect::<Vec<_>>(),
        )
    };
    let code = |column: &str| row.try_get::<String, _>(column);
    let unknown = |_| unreadable("a code of a sketch is unknown");
    let level = u8::try_from(row.try_get::<i64, _>("level")?).unwrap_or_default();
    let street = row.try_get::<i64, _>("street")? as u64;
    Ok(Comparable {
        topic: code("topic")?.parse().map_err(unknown)?,
        kind: code("kind")?.parse().map_err(unknown)?,
        urgency: code("urgency")?.parse().map_err(unknown)?,
        level: level.try_into().map_err(|_| unreadable("a level is 1 to 5"))?,
        wards: code("wards")?
            .split(' ')
            .filter_map(|ward| ward.parse().ok())
            .collect(),
        at: Instant(row.try_get("received_at")?),
        source: code("source")?,
        sketch: Sketch {
            words: words("words")?,
            street: (street != 0).then_some(street),
            numbers: words("numbers")?,
            cells: bytes("cells")?
                .as_chunks::<8>()
                .0
                .iter()
                .map(|chunk| u64::from_le_bytes(*chunk))
                .collect(),
        },
    })
}
