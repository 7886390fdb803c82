//! Why a command had no effect, and the one table from that to a gRPC code.

use chassis::ledger::LedgerError;
use contracts::event::DecodeError;
use feedback_domain::Rejection;
use tonic::{Code, Status};

/// No effect.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// What was asked cannot be read.
    #[error("{0}")]
    BadInput(String),
    /// Who asks may not.
    #[error("{0}")]
    NotAllowed(String),
    /// No report opened this case.
    #[error("there is no such case: check the tracking code or the id")]
    UnknownCase,
    /// A fact blocks it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Others wrote to the case at every attempt.
    #[error("the case is being worked on by others: try again with the same request id")]
    Contended,
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// An event on record does not fit its type.
    #[error("the case's history cannot be read")]
    Unreadable(#[from] DecodeError),
}

impl From<CommandError> for Status {
    fn from(error: CommandError) -> Self {
        let code = match &error {
            CommandError::BadInput(_) => Code::InvalidArgument,
            CommandError::NotAllowed(_) => Code::PermissionDenied,
            CommandError::UnknownCase => Code::NotFound,
            CommandError::Rejected(_) => Code::FailedPrecondition,
            CommandError::Contended => Code::Aborted,
            CommandError::Ledger(error) => return error.to_status(),
            CommandError::Unreadable(_) => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}
