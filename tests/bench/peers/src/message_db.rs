//! message-db: functions in PostgreSQL, called on a connection for each client.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::Load;
use crate::closed_loop::{self, Measured};

/// As `install.sh` of the package goes through them, without roles and privileges.
const FILES: [&str; 14] = [
    "schema/message-store.sql",
    "extensions/pgcrypto.sql",
    "tables/messages.sql",
    "types/message.sql",
    "functions/message-store-version.sql",
    "functions/hash-64.sql",
    "functions/acquire-lock.sql",
    "functions/category.sql",
    "functions/is-category.sql",
    "functions/id.sql",
    "functions/cardinal-id.sql",
    "functions/stream-version.sql",
    "functions/write-message.sql",
    "indexes/messages-id.sql",
];
const INDEXES: [&str; 2] = ["indexes/messages-stream.sql", "indexes/messages-category.sql"];

pub(crate) async fn append(database: &str, sql: &Path, load: Load) -> anyhow::Result<Measured> {
    install(database, sql).await?;
    let data = load.data();
    let mut clients = Vec::new();
    for _ in 0..load.clients {
        let connection = Arc::new(Mutex::new(connect(database).await?));
        let data = data.clone();
        clients.push(move || {
            let connection = Arc::clone(&connection);
            let data = data.clone();
            async move {
                let mut connection = connection.lock().await;
                sqlx::query("SELECT write_message($1, $2, $3, $4::jsonb, NULL, -1)")
                    .bind(Uuid::new_v4().to_string())
                    .bind(format!("routing-{}", Uuid::new_v4()))
                    .bind("Measured")
                    .bind(data)
                    .execute(&mut *connection)
                    .await
                    .map(drop)
            }
        });
    }
    Ok(closed_loop::run(clients, load.span()).await?)
}

async fn connect(database: &str) -> anyhow::Result<PgConnection> {
    let mut connection = PgConnection::connect(database).await?;
    sqlx::raw_sql("SET search_path TO message_store, public")
        .execute(&mut connection)
        .await?;
    Ok(connection)
}

async fn install(database: &str, folder: &Path) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(database).await?;
    let there: bool = sqlx::query_scalar("SELECT to_regproc('message_store.write_message') IS NOT NULL")
        .fetch_one(&mut connection)
        .await?;
    if there {
        return Ok(());
    }
    sqlx::raw_sql("SET client_min_messages = warning")
        .execute(&mut connection)
        .await?;
    for file in FILES.iter().chain(&INDEXES) {
        let path = folder.join(file);
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        sqlx::raw_sql(AssertSqlSafe(text))
            .execute(&mut connection)
            .await
            .with_context(|| format!("{file} is refused"))?;
        // The files that follow expect to be in the schema.
        sqlx::raw_sql("SET search_path TO message_store, public")
            .execute(&mut connection)
            .await?;
    }
    Ok(())
}
