//! What the ledger answers instead of an effect. Variants are what the caller can do; nothing personal is in them.

use contracts::grpc::ledger as wire;
use kernel::Position;
use prost::Message;
use tonic::{Code, Status};

/// Why a call to the ledger had no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Somebody wrote to the stream in between: fold it again and decide again.
    #[error("the stream is at version {actual}, not where it was expected: read it again and decide again")]
    WrongExpectedVersion {
        /// Its version now.
        actual: u64,
    },
    /// The case moved after the position the decision was made at: read it again and decide again.
    #[error("the case moved at position {position} ({kind}): read it again and decide again")]
    CaseMoved {
        /// Where.
        position: Position,
        /// By an event of which type.
        kind: String,
    },
    /// The id was used for another content.
    #[error("this request id was used before for something else: use another id, or send what was sent then")]
    RequestIdReused,
    /// A limit.
    #[error("{what} has {actual}, the limit is {limit}")]
    TooLarge {
        /// What is too large.
        what: String,
        /// The limit.
        limit: u64,
        /// What it was.
        actual: u64,
    },
    /// The caller does not own the category.
    #[error("`{caller}` may not append to `{category}`")]
    ForeignCategory {
        /// The category.
        category: String,
        /// Who tried.
        caller: String,
    },
    /// The caller may not put an event down to this actor.
    #[error("`{caller}` may not name `{actor}` as the actor")]
    ForeignActor {
        /// Who was named.
        actor: String,
        /// Who tried.
        caller: String,
    },
    /// The request is malformed: a fault of the program that made it.
    #[error("the request is not valid: {what}")]
    Invalid {
        /// Which field and why.
        what: String,
    },
    /// Another replica holds the lease.
    #[error("the lease was taken by another; the fence is {fence} now")]
    LeaseLost {
        /// The fence now.
        fence: u64,
    },
    /// The law keeps what was to be erased.
    #[error("{why}")]
    MustBeKept {
        /// Which duty, and what to do.
        why: String,
    },
    /// The token is unknown or has not the right.
    #[error("the ledger refuses the caller: {why}")]
    Denied {
        /// What the ledger says.
        why: String,
    },
    /// The ledger cannot be reached or is not ready; the same request may be repeated with the same id.
    #[error("the ledger cannot be reached: {why}")]
    Unavailable {
        /// What happened.
        why: String,
    },
    /// The ledger answered what its contract does not allow.
    #[error("the ledger's answer cannot be understood: {what}")]
    Answer {
        /// What was wrong with it.
        what: String,
    },
}

/// What whoever asked a service can do when the ledger had no effect: from this each service's refusals follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Use another request id, or send what was sent under this one.
    AnotherId,
    /// Send less.
    Less,
    /// Send the same again with the same id: others were faster, the ledger is away, or it has to let us in first.
    Again,
    /// Nothing: what we made of the request is at fault.
    Nothing,
}

impl LedgerError {
    /// What the caller of a service can do about it: the one table.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::RequestIdReused => Remedy::AnotherId,
            Self::TooLarge { .. } => Remedy::Less,
            Self::Unavailable { .. }
            | Self::WrongExpectedVersion { .. }
            | Self::CaseMoved { .. }
            | Self::LeaseLost { .. }
            | Self::Denied { .. } => Remedy::Again,
            Self::ForeignCategory { .. }
            | Self::ForeignActor { .. }
            | Self::Invalid { .. }
            | Self::MustBeKept { .. }
            | Self::Answer { .. } => Remedy::Nothing,
        }
    }

    /// Whether the same request may succeed later without a change.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// Whether the decision was overtaken: read again, decide again.
    #[must_use]
    pub fn is_overtaken(&self) -> bool {
        matches!(self, Self::WrongExpectedVersion { .. } | Self::CaseMoved { .. })
    }

    /// From a refusal.
    #[must_use]
    pub fn of_refusal(refusal: wire::Refusal) -> Self {
        use wire::refusal::Reason;
        let message = refusal.message;
        match refusal.reason {
            Some(Reason::WrongExpectedVersion(r)) => Self::WrongExpectedVersion { actual: r.actual },
            Some(Reason::CaseMoved(r)) => Self::CaseMoved {
                position: Position(r.position),
                kind: r.r#type,
            },
            Some(Reason::RequestIdReused(_)) => Self::RequestIdReused,
            Some(Reason::TooLarge(r)) => Self::TooLarge {
                what: r.what,
                limit: r.limit,
                actual: r.actual,
            },
            Some(Reason::ForeignCategory(r)) => Self::ForeignCategory {
                category: r.category,
                caller: r.caller,
            },
            Some(Reason::ForeignActor(r)) => Self::ForeignActor {
                actor: r.actor,
                caller: r.caller,
            },
            Some(Reason::Invalid(r)) => Self::Invalid {
                what: format!("{}: {message}", r.field),
            },
            Some(Reason::LeaseLost(r)) => Self::LeaseLost { fence: r.fence },
            Some(Reason::MustBeKept(_)) => Self::MustBeKept { why: message },
            Some(Reason::NotLeader(_) | Reason::Unavailable(_)) => Self::Unavailable { why: message },
            None => Self::Answer {
                what: format!("a refusal without a reason ({message})"),
            },
        }
    }

    /// From a status: the refusal in its details if there is one, else by its code.
    #[must_use]
    pub fn of_status(status: &Status) -> Self {
        if !status.details().is_empty()
            && let Ok(refusal) = wire::Refusal::decode(status.details())
            && refusal.reason.is_some()
        {
            return Self::of_refusal(refusal);
        }
        let why = status.message().to_owned();
        match status.code() {
            Code::PermissionDenied | Code::Unauthenticated => Self::Denied { why },
            Code::InvalidArgument | Code::OutOfRange | Code::NotFound => Self::Invalid { what: why },
            Code::Unimplemented | Code::DataLoss => Self::Answer { what: why },
            // Unknown and Cancelled are what tonic makes of a broken connection.
            _ => Self::Unavailable { why },
        }
    }

    /// As a status for whoever called us: the one table from error to gRPC code.
    #[must_use]
    pub fn to_status(&self) -> Status {
        let code = match self {
            Self::WrongExpectedVersion { .. } | Self::CaseMoved { .. } | Self::LeaseLost { .. } => {
                Code::Aborted
            }
            Self::MustBeKept { .. } => Code::FailedPrecondition,
            Self::RequestIdReused => Code::AlreadyExists,
            Self::TooLarge { .. } | Self::Invalid { .. } => Code::InvalidArgument,
            Self::ForeignCategory { .. } | Self::ForeignActor { .. } | Self::Denied { .. } => {
                Code::PermissionDenied
            }
            Self::Unavailable { .. } => Code::Unavailable,
            Self::Answer { .. } => Code::Internal,
        };
        Status::new(code, self.to_string())
    }
}

impl From<LedgerError> for Status {
    fn from(error: LedgerError) -> Self {
        error.to_status()
    }
}
