//! Why a request is refused: one table from the fact to a gRPC status. Nothing personal; what was sent is never quoted.

use chassis::consumer::Failure;
use chassis::ledger::{LedgerError, Remedy};
use classification_domain::Rejection;
use classification_domain::duplicate::Rejection as Blocked;
use contracts::event::DecodeError;
use kernel::{Actor, Instant};
use tonic::Status;

/// Why what a person asked for was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// A fact of the case blocks it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// A fact of one of two cases blocks that they are merged, or parted.
    #[error(transparent)]
    Blocked(#[from] Blocked),
    /// A person may, a program may not.
    #[error("this is for operators and offices, not for {0}")]
    NotForThem(String),
    /// Somebody decided before.
    #[error(
        "this review was decided by {by} at {at}: read that decision; to change it, have the case reclassified"
    )]
    DecidedBy {
        /// Who.
        by: Actor,
        /// When it was recorded.
        at: Instant,
    },
    /// No such case.
    #[error("there is no such case, or it is not classified yet: check the id, or try again in a moment")]
    UnknownCase,
    /// The request itself is wrong.
    #[error("{0}")]
    Malformed(String),
    /// The same id for something else.
    #[error("this request id was used before for something else: use another id, or send what was sent then")]
    ReusedId,
    /// Not now.
    #[error("this cannot be done at the moment: send the same request with the same id again")]
    Unavailable(#[source] anyhow::Error),
    /// A fault of ours.
    #[error("a fact on record cannot be read by this version: tell the operators of the system")]
    Internal(#[source] anyhow::Error),
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            Refusal::Rejected(Rejection::FieldIsNotTheTopics | Rejection::EmergencyIsLevelTwo)
            | Refusal::Malformed(_) => Self::invalid_argument(text),
            Refusal::Rejected(Rejection::NotAPerson(_)) | Refusal::NotForThem(_) => {
                Self::permission_denied(text)
            }
            Refusal::Blocked(Blocked::Itself) => Self::invalid_argument(text),
            Refusal::Blocked(_) => Self::failed_precondition(text),
            Refusal::Rejected(
                Rejection::NothingToReview | Rejection::AlreadyDecided | Rejection::AlreadyClassified,
            )
            | Refusal::DecidedBy { .. } => Self::failed_precondition(text),
            Refusal::UnknownCase => Self::not_found(text),
            Refusal::ReusedId => Self::already_exists(text),
            Refusal::Unavailable(error) => {
                tracing::warn!("a request has to wait: {error:#}");
                Self::unavailable(text)
            }
            Refusal::Internal(error) => {
                tracing::error!("a request cannot be served: {error:#}");
                Self::internal(text)
            }
        }
    }
}

impl From<LedgerError> for Refusal {
    fn from(error: LedgerError) -> Self {
        match error.remedy() {
            Remedy::AnotherId => Self::ReusedId,
            Remedy::Less => Self::Malformed(format!("what was sent is too large: {error}")),
            Remedy::Again => Self::Unavailable(error.into()),
            Remedy::Nothing => Self::Internal(error.into()),
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Transient(error) => Self::Unavailable(error),
            Failure::Poison { reason, detail } => Self::Internal(anyhow::anyhow!("{reason}: {detail}")),
        }
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        Self::Internal(error.into())
    }
}
