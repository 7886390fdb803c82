//! What a service keeps for reading.

use async_trait::async_trait;
use contracts::Recorded;
use kernel::{EventId, Position, Reached};

/// A projection could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// Its database failed; tried again.
    #[error("the read model failed")]
    Database(#[source] anyhow::Error),
    /// It knows positions that the ledger never gave: the ledger was restored from an older backup, or the database belongs to another.
    #[error(
        "the read model `{name}` is at position {position}, but the ledger ends at {head}: delete the read model and it will be built anew, or restore the ledger"
    )]
    AheadOfLedger {
        /// Which.
        name: String,
        /// Where it is.
        position: Position,
        /// Where the ledger ends.
        head: Position,
    },
    /// Where it is, the ledger has another event than it saw: the ledger was restored from an older backup and went on from there, or the
    /// database belongs to another.
    #[error(
        "the read model `{name}` saw event {seen} at position {position}, and the ledger has another there: delete the read model and it will be built anew"
    )]
    OtherHistory {
        /// Which.
        name: String,
        /// Where it is.
        position: Position,
        /// What it saw there.
        seen: EventId,
    },
}

impl ProjectionError {
    /// The database failed.
    pub fn database(error: impl Into<anyhow::Error>) -> Self {
        Self::Database(error.into())
    }
}

/// A consumer that keeps tables of its own, with its position in them.
#[async_trait]
pub trait Projection: Send + Sync + 'static {
    /// Its name, one token.
    fn name(&self) -> &'static str;
    /// Types of events it wants, without the version; empty: all.
    fn wants(&self) -> &[&'static str];
    /// How far it is and which event it saw there, from its own database.
    ///
    /// # Errors
    /// `Database`.
    async fn position(&self) -> Result<Reached, ProjectionError>;
    /// Applies events in order; effect and position in ONE transaction. An event it cannot read is passed over and logged, never an
    /// error: errors are tried again for ever.
    ///
    /// # Errors
    /// `Database`.
    async fn apply(&self, batch: &[Recorded]) -> Result<(), ProjectionError>;
    /// Empties its tables and its position.
    ///
    /// # Errors
    /// `Database`.
    async fn reset(&self) -> Result<(), ProjectionError>;
}
