//! Rows of any of our tables, read from one engine and written to the other a few megabytes at a time.

use futures::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, PgConnection, QueryBuilder, Row as _, SqliteConnection};

use super::MoveError;
use crate::store::engine::{Conn, on};
use crate::store::migrate::Part;
use crate::store::schema::{Kind, Table};

/// A chunk ends with so many bytes, or rows: a sealed part may be 256 KiB.
const CHUNK_BYTES: usize = 4 << 20;
const CHUNK_ROWS: usize = 2_000;
/// Rows of one statement of SQLite: 17 columns of 64 rows are 1,088 of the 32,766 parameters it takes.
const STATEMENT: usize = 64;

/// What one column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) enum Value {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// The columns of one row, in the table's order.
pub(in crate::store) type Row = Vec<Value>;

/// What a table held: the same rows give the same tally, in whatever order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Tally {
    pub(in crate::store) rows: u64,
    /// The sum of the rows' SHA-256, 64 bits at a time. It finds what a disk or a mistake changed; who could forge the whole file
    /// is found by the tree.
    sum: [u64; 4],
}

impl Tally {
    fn add(&mut self, row: &Row) {
        let mut hash = Sha256::new();
        for value in row {
            let (tag, bytes): (u8, &[u8]) = match value {
                Value::Null => (0, &[]),
                Value::Integer(number) => (1, &number.to_be_bytes()),
                Value::Text(text) => (2, text.as_bytes()),
                Value::Bytes(bytes) => (3, bytes),
            };
            hash.update([tag]);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
        let digest: [u8; 32] = hash.finalize().into();
        for (lane, bytes) in self.sum.iter_mut().zip(digest.as_chunks::<8>().0) {
            *lane = lane.wrapping_add(u64::from_be_bytes(*bytes));
        }
        self.rows += 1;
    }

    /// In hex.
    pub(in crate::store) fn hex(&self) -> String {
        self.sum.iter().map(|lane| format!("{lane:016x}")).collect()
    }
}

/// Reads a table in the order of its key, and hands it over in chunks. `change` may change a row before, or leave it out (false).
pub(in crate::store) async fn read(
    conn: &mut Conn,
    part: Part,
    table: &Table,
    change: impl Fn(&Table, &mut Row) -> bool,
    mut chunk_is_full: impl AsyncFnMut(&[Row]) -> Result<(), MoveError>,
) -> Result<Tally, MoveError> {
    let sql = format!(
        "SELECT {} FROM {} ORDER BY {}",
        table.columns(),
        part.table(conn, &table.name),
        table.key.join(", ")
    );
    let mut tally = Tally::default();
    let mut chunk = Vec::new();
    let mut bytes = 0;
    on!(Conn: conn, conn, Db => {
        // The names are those of our own migrations.
        let mut rows = sqlx::query::<Db>(AssertSqlSafe(sql)).persistent(false).fetch(conn);
        while let Some(row) = rows.try_next().await? {
            let mut values = Vec::with_capacity(table.columns.len());
            for (place, column) in table.columns.iter().enumerate() {
                values.push(match column.kind {
                    Kind::Integer => row.try_get::<Option<i64>, _>(place)?.map_or(Value::Null, Value::Integer),
                    Kind::Text => row.try_get::<Option<String>, _>(place)?.map_or(Value::Null, Value::Text),
                    Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(place)?.map_or(Value::Null, Value::Bytes),
                });
            }
            if !change(table, &mut values) {
                continue;
            }
            tally.add(&values);
            bytes += size(&values);
            chunk.push(values);
            if bytes >= CHUNK_BYTES || chunk.len() >= CHUNK_ROWS {
                chunk_is_full(&chunk).await?;
                chunk.clear();
                bytes = 0;
            }
        }
    });
    chunk_is_full(&chunk).await?;
    Ok(tally)
}

fn size(row: &Row) -> usize {
    row.iter()
        .map(|value| match value {
            Value::Null | Value::Integer(_) => 8,
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
        })
        .sum()
}

/// Writes rows within the transaction that is open.
pub(in crate::store) async fn write(
    conn: &mut Conn,
    part: Part,
    table: &Table,
    rows: &[Row],
) -> Result<(), MoveError> {
    if rows.is_empty() {
        return Ok(());
    }
    let name = part.table(conn, &table.name);
    match conn {
        Conn::Sqlite(conn) => to_sqlite(conn, &name, table, rows).await,
        Conn::Postgres(conn) => to_postgres(conn, &name, table, rows).await,
    }
}

async fn to_sqlite(
    conn: &mut SqliteConnection,
    name: &str,
    table: &Table,
    rows: &[Row],
) -> Result<(), MoveError> {
    let into = format!("INSERT INTO {name} ({}) ", table.columns());
    for rows in rows.chunks(STATEMENT) {
        let mut query = QueryBuilder::<sqlx::Sqlite>::new(&into);
        query.push_values(rows, |mut bind, row| {
            for value in row {
                match value {
                    Value::Null => bind.push_bind(None::<i64>),
                    Value::Integer(number) => bind.push_bind(*number),
                    Value::Text(text) => bind.push_bind(text.clone()),
                    Value::Bytes(bytes) => bind.push_bind(bytes.clone()),
                };
            }
        });
        let full = rows.len() == STATEMENT;
        query.build().persistent(full).execute(&mut *conn).await?;
    }
    Ok(())
}

/// `COPY … (FORMAT binary)`: a header; per row the number of columns, and each as its length (-1: NULL) and bytes; -1 at the end.
async fn to_postgres(
    conn: &mut PgConnection,
    name: &str,
    table: &Table,
    rows: &[Row],
) -> Result<(), MoveError> {
    let mut out = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    let length = |bytes: &[u8]| i32::try_from(bytes.len()).unwrap_or(i32::MAX).to_be_bytes();
    let columns = i16::try_from(table.columns.len()).unwrap_or(i16::MAX);
    for row in rows {
        out.extend(columns.to_be_bytes());
        for value in row {
            match value {
                Value::Null => out.extend((-1_i32).to_be_bytes()),
                Value::Integer(number) => {
                    out.extend(8_i32.to_be_bytes());
                    out.extend(number.to_be_bytes());
                }
                Value::Text(text) => {
                    out.extend(length(text.as_bytes()));
                    out.extend(text.as_bytes());
                }
                Value::Bytes(bytes) => {
                    out.extend(length(bytes));
                    out.extend(bytes);
                }
            }
        }
    }
    out.extend((-1_i16).to_be_bytes());
    let sql = format!("COPY {name} ({}) FROM STDIN (FORMAT binary)", table.columns());
    let mut copy = conn.copy_in_raw(&sql).await?;
    if let Err(error) = copy.send(out).await {
        // The transaction is lost anyway; what counts is why.
        let _ = copy.abort("the rows could not be sent").await;
        return Err(error.into());
    }
    copy.finish().await?;
    Ok(())
}
