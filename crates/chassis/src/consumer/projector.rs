//! Runs a projection: one order, batches, its position in its own database.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::waiter::{self, Waiter};
use super::{Deps, Projection, ProjectionError};

/// Runs a projection until `shutdown`; gives the waiter for reads at once.
pub fn run_projector(
    projection: Arc<dyn Projection>,
    _deps: Deps,
    shutdown: CancellationToken,
) -> (Waiter, impl Future<Output = Result<(), ProjectionError>> + Send) {
    let (progress, waiter) = waiter::channel();
    let run = async move {
        progress.reached(projection.position().await?);
        shutdown.cancelled().await;
        Ok(())
    };
    (waiter, run)
}
