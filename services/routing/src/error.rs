//! Why a request is refused: one table from the fact to a code, a gRPC status and a desk's reply.
//!
//! Everything here is one sentence for the person and one code for the program, and nothing personal: what was sent is never quoted.

use chassis::consumer::Failure;
use chassis::ledger::{LedgerError, Remedy};
use contracts::Code;
use contracts::event::DecodeError;
use contracts::wire::DeskReply;
use routing_domain::Rejection;
use tonic::Status;

use crate::payload::Unreadable;

/// Why what a person or unit asked for was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// A fact of the case blocks it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// No such case.
    #[error("there is no such case: check the id")]
    UnknownCase,
    /// The request itself is wrong.
    #[error("{0}")]
    Malformed(String),
    /// No link that we made, or made void since.
    #[error("this link is not valid: open it from the mail itself, or ask the office")]
    NoLink,
    /// The link's time has passed.
    #[error("this link is older than 30 days: ask the office to send it again")]
    LinkExpired,
    /// The content is gone.
    #[error("the content of this case was lawfully erased: it cannot be opened any more")]
    Erased,
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

impl Refusal {
    /// A code for the program.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Rejected(rejection) => rejection.code(),
            Self::UnknownCase => "unknown_case",
            Self::Malformed(_) => "malformed",
            Self::NoLink => "no_link",
            Self::LinkExpired => "expired",
            Self::Erased => "erased",
            Self::ReusedId => "reused_id",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal",
        }
    }

    /// As a unit reads it.
    pub(crate) fn to_reply(&self) -> DeskReply {
        self.log();
        DeskReply::Refused {
            reason: Code::lossy(self.code()),
            detail: self.to_string(),
        }
    }

    fn log(&self) {
        match self {
            Self::Unavailable(error) => tracing::warn!("a request has to wait: {error:#}"),
            Self::Internal(error) => tracing::error!("a request cannot be served: {error:#}"),
            _ => {}
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        refusal.log();
        let text = refusal.to_string();
        match refusal {
            // To a unit that never had it, a case is no case: it learns nothing of it.
            Refusal::Rejected(Rejection::NotYourCase) => Self::permission_denied(text),
            Refusal::Rejected(
                Rejection::UnknownUnit(_)
                | Rejection::UnitNotValid { .. }
                | Rejection::AboutTheUnit { .. }
                | Rejection::BetterUnitIsYours
                | Rejection::ReasonRequired
                | Rejection::AnswerRequired
                | Rejection::UnknownQuestion,
            )
            | Refusal::Malformed(_) => Self::invalid_argument(text),
            Refusal::Rejected(_) | Refusal::Erased | Refusal::LinkExpired => Self::failed_precondition(text),
            Refusal::UnknownCase | Refusal::NoLink => Self::not_found(text),
            Refusal::ReusedId => Self::already_exists(text),
            Refusal::Unavailable(_) => Self::unavailable(text),
            Refusal::Internal(_) => Self::internal(text),
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

impl From<Unreadable> for Refusal {
    fn from(error: Unreadable) -> Self {
        Self::Internal(error.into())
    }
}

impl From<Unreadable> for Failure {
    fn from(error: Unreadable) -> Self {
        Self::poison("undecodable", error.to_string())
    }
}
