//! Hearing of what another instance commits: PostgreSQL tells, at most once a batch.

use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio_util::sync::CancellationToken;

use super::{Engine, Store};
use crate::error::StoreError;

/// The channel on which the writer tells of each batch (`session.rs` names it in its statement).
const CHANNEL: &str = "hoiam_ledger_head";
/// Pause before a lost connection is tried again. Meanwhile, as without notices, a standby looks at the head twice a second.
const PAUSE: Duration = Duration::from_millis(500);
/// Longest without a look at the head: a network that swallows packets ends no connection.
const QUIET: Duration = Duration::from_secs(5);

/// Moves the store's head as other instances commit, until the ledger stops. Files have no other instance to hear of.
pub(crate) async fn listen(engine: Engine, store: Store, stop: CancellationToken) {
    loop {
        let heard = tokio::select! {
            heard = hear(&engine, &store) => heard,
            () = stop.cancelled() => return,
        };
        let Err(error) = heard else { return };
        tracing::debug!(
            error = %chassis::telemetry::chain(&error),
            "notices of new events are not heard; trying again"
        );
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {},
            () = stop.cancelled() => return,
        }
    }
}

async fn hear(engine: &Engine, store: &Store) -> Result<(), StoreError> {
    let Engine::Postgres(options) = engine else {
        return Ok(());
    };
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(sqlx::postgres::PgConnectOptions::clone(options))
        .await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // What was committed before we listened, and in any silence, no notice tells.
        store.refresh().await?;
        while let Ok(notice) = tokio::time::timeout(QUIET, listener.try_recv()).await {
            match notice? {
                Some(notice) => store.committed(notice.payload().parse().unwrap_or_default()),
                // The connection was lost and made again.
                None => break,
            }
        }
    }
}
