//! The proof that a position is under a published checkpoint.

use contracts::grpc::ledger as wire;
use kernel::Position;
use wire::prove_reply::Outcome;

use super::{Inner, LedgerClient, LedgerError};

/// What the ledger has to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The file, to be handed to anybody.
    File(String),
    /// The published checkpoint ends here: ask again in a moment.
    NotYetCovered(Position),
}

impl LedgerClient {
    /// The proof of a position.
    ///
    /// # Errors
    /// `Invalid` for a position that is not on record, `Denied`, `Unavailable`; also when the ledger signs no log.
    pub async fn prove(&self, position: Position) -> Result<Proof, LedgerError> {
        let request = wire::ProveRequest { position: position.0 };
        let reply = self
            .direct
            .patiently(
                |mut grpc: Inner| async move { grpc.prove(request).await.map(tonic::Response::into_inner) },
            )
            .await?;
        match reply.outcome {
            Some(Outcome::Proof(file)) => Ok(Proof::File(String::from_utf8_lossy(&file).into_owned())),
            Some(Outcome::NotYetCovered(covered)) => Ok(Proof::NotYetCovered(Position(covered))),
            None => Err(LedgerError::Unavailable {
                why: "an answer without an outcome".to_owned(),
            }),
        }
    }
}
