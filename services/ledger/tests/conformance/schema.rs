//! The two engines' schemas say the same: same tables, same columns, in the same order.

use sqlx::Connection as _;
use testkit::postgres::Postgres;

type Columns = Vec<(String, String)>;

#[tokio::test]
async fn both_engines_have_the_same_tables_and_columns() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = Postgres::start().await.unwrap();
    let of_sqlite = |file: &str| format!("sqlite:{}", folder.path().join(file).display());
    ledger::run_migrations(&of_sqlite("ledger.db")).await.unwrap();
    ledger::run_migrations(&postgres.url()).await.unwrap();
    // Running them again changes nothing.
    ledger::run_migrations(&of_sqlite("ledger.db")).await.unwrap();
    ledger::run_migrations(&postgres.url()).await.unwrap();
    for (file, schema) in [
        ("ledger.db", "public"),
        ("ledger-keys.db", "keys"),
        ("ledger-index.db", "blind"),
    ] {
        let mut conn = sqlx::SqliteConnection::connect(&of_sqlite(file)).await.unwrap();
        let sqlite: Columns = sqlx::query_as(
            "SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY t.name, c.cid",
        )
        .fetch_all(&mut conn)
        .await
        .unwrap();
        let mut conn = sqlx::PgConnection::connect(&postgres.url()).await.unwrap();
        let server: Columns = sqlx::query_as(
            "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = $1 \
             ORDER BY table_name COLLATE \"C\", ordinal_position",
        )
        .bind(schema)
        .fetch_all(&mut conn)
        .await
        .unwrap();
        assert!(!sqlite.is_empty());
        assert_eq!(sqlite, server);
    }
}
