//! The application's role on PostgreSQL: it may add to the record and take nothing away. The owner of the tables migrates.

use sqlx::{AssertSqlSafe, PgConnection};

use super::engine::{Conn, Engine};
use super::migrate::Part;
use super::schema;
use crate::error::StoreError;

/// What the ledger does with a table as it runs. What is not named is working data of the key store or of reactors.
fn rights(table: &str) -> &'static str {
    match table {
        "events" | "erasures" => "SELECT, INSERT",
        // A body may be erased: its trigger lets nothing else through.
        "bodies" | "streams" | "cursors" => "SELECT, INSERT, UPDATE",
        "head" => "SELECT, UPDATE",
        "schema_version" => "SELECT",
        // Clients' ids are forgotten after 400 days: its trigger lets no other go.
        "requests" => "SELECT, INSERT, DELETE",
        _ => "SELECT, INSERT, UPDATE, DELETE",
    }
}

/// Gives a role what the ledger needs to run, and nothing more; to be run by the owner of the tables, again after each migration.
///
/// # Errors
/// On SQLite; when the role does not exist, or could change events all the same: a superuser, the owner, a member of either.
pub async fn grant(database_url: &str, role: &str) -> Result<(), StoreError> {
    let engine: Engine = database_url.parse()?;
    let mut conn = Conn::open(&engine, false).await?;
    let Conn::Postgres(server) = &mut conn else {
        return Err(StoreError::Unsafe(
            "a SQLite file has no roles: whoever may write to the file may do anything".to_owned(),
        ));
    };
    let quoted: Option<String> =
        sqlx::query_scalar("SELECT quote_ident(rolname) FROM pg_roles WHERE rolname = $1")
            .bind(role)
            .fetch_optional(&mut *server)
            .await?;
    let Some(quoted) = quoted else {
        return Err(StoreError::Unsafe(format!(
            "there is no role {role}: make it first (CREATE ROLE {role} LOGIN PASSWORD '…')"
        )));
    };
    let mut sql = "BEGIN;".to_owned();
    for part in Part::ALL.into_iter().chain([Part::Index]) {
        let schema = part.schema();
        sql += &format!(" GRANT USAGE ON SCHEMA {schema} TO {quoted};");
        let tables = schema::tables(part).await?;
        let tables = tables.iter().map(|table| table.name.as_str());
        for table in tables.chain(["schema_version"]) {
            let rights = rights(table);
            sql += &format!(
                " REVOKE ALL ON {schema}.{table} FROM {quoted}; GRANT {rights} ON {schema}.{table} TO {quoted};"
            );
        }
    }
    // The names are our own migrations' and the role's, quoted by the server.
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *server).await?;
    check(server, role).await?;
    sqlx::raw_sql("COMMIT").execute(&mut *server).await?;
    conn.close().await;
    Ok(())
}

/// Rights also come from roles that one is a member of, and from being the owner: what counts is what the role can do in the end.
async fn check(conn: &mut PgConnection, role: &str) -> Result<(), StoreError> {
    let could: bool = sqlx::query_scalar(
        "SELECT bool_or(has_table_privilege($1, 'public.events', p)) \
         FROM unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) AS p",
    )
    .bind(role)
    .fetch_one(&mut *conn)
    .await?;
    let owner: bool = sqlx::query_scalar(
        "SELECT pg_has_role($1, relowner, 'MEMBER') FROM pg_class WHERE oid = 'public.events'::regclass",
    )
    .bind(role)
    .fetch_one(conn)
    .await?;
    if could || owner {
        return Err(StoreError::Unsafe(format!(
            "the role {role} could still change events, as the owner, a superuser, or a member of such a role: take another role"
        )));
    }
    Ok(())
}
