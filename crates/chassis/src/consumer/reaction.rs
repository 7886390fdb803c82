//! What a service does because of an event.

use async_trait::async_trait;
use contracts::Recorded;
use kernel::RequestId;

use crate::ledger::{LedgerError, Opened, Purpose};

/// An event, with its sealed content if the reaction asked for it.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// The event.
    pub event: Recorded,
    /// Its content, never `Refused`: such an event is parked; `None` when the reaction opens nothing or the event has none.
    pub content: Option<Opened>,
}

impl Delivered {
    /// The id of the request this consumer makes because of the event: the same at every attempt.
    #[must_use]
    pub fn request(&self, consumer: &str) -> RequestId {
        RequestId::reaction(self.event.id, consumer)
    }
}

/// Why an event could not be handled.
#[derive(Debug)]
pub enum Failure {
    /// It may work later: tried again, with pauses, for ever; other cases go on.
    Transient(anyhow::Error),
    /// It never will: parked with the reason, and the consumer goes on.
    Poison {
        /// A code: `undecodable`, `unknown_unit`.
        reason: &'static str,
        /// For the operator; nothing personal.
        detail: String,
    },
}

impl Failure {
    /// It will never work.
    #[must_use]
    pub fn poison(reason: &'static str, detail: impl Into<String>) -> Self {
        Self::Poison {
            reason,
            detail: detail.into(),
        }
    }

    /// It may work later.
    pub fn transient(error: impl Into<anyhow::Error>) -> Self {
        Self::Transient(error.into())
    }
}

impl From<LedgerError> for Failure {
    /// What is overtaken, unreachable or not permitted (a token being replaced) is tried again; what the ledger refuses for what it is, is poison.
    fn from(error: LedgerError) -> Self {
        match &error {
            LedgerError::WrongExpectedVersion { .. }
            | LedgerError::CaseMoved { .. }
            | LedgerError::Unavailable { .. }
            | LedgerError::Denied { .. }
            | LedgerError::LeaseLost { .. } => Self::Transient(error.into()),
            LedgerError::TooLarge { .. } => Self::poison("too_large", error.to_string()),
            LedgerError::ForeignCategory { .. } => Self::poison("foreign_category", error.to_string()),
            LedgerError::ForeignActor { .. } => Self::poison("foreign_actor", error.to_string()),
            LedgerError::RequestIdReused => Self::poison("request_id_reused", error.to_string()),
            LedgerError::MustBeKept { .. } => Self::poison("must_be_kept", error.to_string()),
            LedgerError::Invalid { .. } => Self::poison("invalid_request", error.to_string()),
            LedgerError::Answer { .. } => Self::poison("ledger_answer", error.to_string()),
        }
    }
}

impl From<contracts::event::DecodeError> for Failure {
    fn from(error: contracts::event::DecodeError) -> Self {
        Self::poison("undecodable", error.to_string())
    }
}

/// A consumer that appends. Its cursor is in the ledger; it may see an event twice after a crash, and then the ledger answers its
/// append with what it stored the first time.
#[async_trait]
pub trait Reaction: Send + Sync + 'static {
    /// Its name, one token: `classification`. It names the cursor, the durable, the parking place and its requests, so it never changes.
    fn consumer(&self) -> &'static str;
    /// Types of events it wants, without the version: `report.report_received`.
    fn wants(&self) -> &[&'static str];
    /// For which purpose sealed content is opened beforehand, many events in one call. `None`: not at all.
    fn opens(&self) -> Option<Purpose> {
        None
    }
    /// Handles one event. Events of one case come one after the other, by position; cases run beside each other.
    ///
    /// # Errors
    /// `Transient` to be tried again, `Poison` to be parked.
    async fn react(&self, delivered: &Delivered) -> Result<(), Failure>;
}
