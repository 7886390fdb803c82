//! THE consumer loop: how every service hears what is on record. Nobody else reads the stream.

mod ahead;
mod cursor;
mod handling;
mod park;
mod projection;
mod projector;
mod reaction;
mod reactor;
mod source;
mod waiter;

use std::sync::Arc;

use kernel::Clock;

pub use park::Parked;
pub use projection::{Projection, ProjectionError};
pub use projector::run_projector;
pub use reaction::{Delivered, Failure, Reaction};
pub use reactor::run_reactor;
pub use waiter::Waiter;

use crate::ledger::LedgerClient;
use crate::nats::Nats;

/// What the loop needs.
#[derive(Clone)]
pub struct Deps {
    /// The broker.
    pub nats: Nats,
    /// The ledger.
    pub ledger: LedgerClient,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Into how many shards subjects are split; asked from the ledger (`Head.shards`).
    pub shards: u32,
    /// Which replica this is; unique in the installation.
    pub holder: String,
}
