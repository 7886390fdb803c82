//! The tables as this program's migrations make them: what is copied, and what a role may do with each.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, SqliteConnection};

use super::migrate::Part;
use crate::error::StoreError;

/// What a column holds, in the subset that both engines share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    Text,
    Bytes,
}

/// A column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// A table; `schema_version` is none of these.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    /// The columns of the primary key, in its order.
    pub(crate) key: Vec<String>,
}

impl Table {
    /// The names of the columns, for a statement.
    pub(crate) fn columns(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        names.join(", ")
    }

    /// The place of a column.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// All tables of a part. They are looked up in a database in memory that the migrations have just made, so that a table or a column
/// which a later migration adds is never forgotten here; that PostgreSQL has the same is a test's business.
///
/// # Errors
/// When a column is of a type that the two engines do not share.
pub(crate) async fn tables(part: Part) -> Result<Vec<Table>, StoreError> {
    let mut conn = SqliteConnectOptions::new().in_memory(true).connect().await?;
    for sql in part.of_sqlite() {
        sqlx::raw_sql(*sql).execute(&mut conn).await?;
    }
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rootpage",
    )
    .fetch_all(&mut conn)
    .await?;
    let mut tables = Vec::with_capacity(names.len());
    for name in names {
        tables.push(table(&mut conn, name).await?);
    }
    Ok(tables)
}

async fn table(conn: &mut SqliteConnection, name: String) -> Result<Table, StoreError> {
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT name, type, pk FROM pragma_table_info($1) ORDER BY cid")
            .bind(&name)
            .fetch_all(conn)
            .await?;
    let mut columns = Vec::with_capacity(rows.len());
    let mut key = Vec::new();
    for (column, type_, pk) in rows {
        let kind = match type_.as_str() {
            "INTEGER" | "BIGINT" => Kind::Integer,
            "TEXT" => Kind::Text,
            "BLOB" => Kind::Bytes,
            _ => {
                return Err(StoreError::Damaged(
                    "a column is of a type the engines do not share",
                ));
            }
        };
        if pk > 0 {
            key.push((pk, column.clone()));
        }
        columns.push(Column { name: column, kind });
    }
    key.sort();
    let key = key.into_iter().map(|(_, column)| column).collect();
    Ok(Table { name, columns, key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_table_is_known_with_a_key_to_read_it_in_order_by() {
        let names = |tables: &[Table]| tables.iter().map(|table| table.name.clone()).collect::<Vec<_>>();
        let ledger = tables(Part::Ledger).await.unwrap();
        for name in ["head", "streams", "events", "bodies", "requests", "cursors"] {
            assert!(names(&ledger).contains(&name.to_owned()), "{name}");
        }
        let keys = tables(Part::Keys).await.unwrap();
        for name in ["data_keys", "secrets", "rotations"] {
            assert!(names(&keys).contains(&name.to_owned()), "{name}");
        }
        for table in ledger.iter().chain(&keys) {
            assert!(!table.key.is_empty(), "{} has no key", table.name);
        }
        let cursors = ledger.iter().find(|table| table.name == "cursors").unwrap();
        assert_eq!(cursors.key, ["consumer", "shard"]);
        assert_eq!(cursors.place("holder"), Some(2));
        assert_eq!(cursors.columns[1].kind, Kind::Integer);
    }
}
