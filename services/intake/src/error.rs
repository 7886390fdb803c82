//! Why something was not taken, and the one table from that to what each entrance answers.

use axum::http::StatusCode;
use chassis::ledger::{LedgerError, Remedy};
use contracts::Code;
use contracts::wire::ReceiptOut;
use intake_domain::{Reason, Refused};
use tonic::Status;

/// Not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    /// It cannot be a report, for good.
    #[error("{}", .0.detail())]
    Refused(#[from] Refused),
    /// The ledger cannot take it now; the same message with the same id may be sent again.
    #[error("the ledger cannot take it now; send it again with the same id")]
    Unavailable(#[source] LedgerError),
    /// The ledger refuses what we made of it: a fault of ours.
    #[error("it could not be put on record; this is a fault on our side")]
    Fault(#[source] LedgerError),
}

/// The reason code for "try again".
pub(crate) const UNAVAILABLE: &str = "unavailable";
const FAULT: &str = "internal";

impl From<LedgerError> for NotTaken {
    fn from(error: LedgerError) -> Self {
        match error.remedy() {
            Remedy::AnotherId => Self::Refused(Refused::because(Reason::ReusedId, "id")),
            Remedy::Less => Self::Refused(Reason::TooLarge.into()),
            Remedy::Again => Self::Unavailable(error),
            Remedy::Nothing => Self::Fault(error),
        }
    }
}

impl NotTaken {
    /// The code for the sender's program.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Refused(refused) => refused.reason.code(),
            Self::Unavailable(_) => UNAVAILABLE,
            Self::Fault(_) => FAULT,
        }
    }

    /// As the sender of a message reads it.
    pub(crate) fn to_wire(&self, id: Option<String>) -> ReceiptOut {
        ReceiptOut::Refusal {
            id,
            reason: Code::lossy(self.reason()),
            detail: self.to_string(),
        }
    }

    /// As an HTTP status.
    pub(crate) fn http(&self) -> StatusCode {
        match self {
            Self::Refused(Refused {
                reason: Reason::TooLarge,
                ..
            }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Refused(Refused {
                reason: Reason::ReusedId,
                ..
            }) => StatusCode::CONFLICT,
            Self::Refused(_) => StatusCode::BAD_REQUEST,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Fault(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// As a gRPC status; the reason's code is in the metadata `reason`.
    pub(crate) fn grpc(&self) -> Status {
        let mut status = match self {
            Self::Refused(Refused {
                reason: Reason::ReusedId,
                ..
            }) => Status::already_exists(self.to_string()),
            Self::Refused(_) => Status::invalid_argument(self.to_string()),
            Self::Unavailable(_) => Status::unavailable(self.to_string()),
            Self::Fault(_) => Status::internal(self.to_string()),
        };
        status.metadata_mut().insert(
            "reason",
            tonic::metadata::MetadataValue::from_static(self.reason()),
        );
        status
    }
}
