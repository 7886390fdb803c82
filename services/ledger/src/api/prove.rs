//! The proof file of a position, once a published checkpoint covers it.

use contracts::grpc::ledger as wire;
use tonic::Status;
use wire::prove_reply::Outcome;

use super::Api;
use crate::error::Refused;
use crate::log::proof::ProofFile;

impl Api {
    pub(super) async fn prove_position(&self, position: u64) -> Result<wire::ProveReply, Status> {
        let Some(tiles) = self.tiles.clone() else {
            return Err(Status::failed_precondition(
                "this ledger signs no log: start it with --log and --log-key",
            ));
        };
        let head = self.store.head().await?.position;
        if position == 0 || position > head {
            return Err(Refused::invalid("position", "it must be one that is on record").into());
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "a dozen small files; tokio would hand each to such a thread of its own"
        )]
        let made = tokio::task::spawn_blocking(move || ProofFile::of(&tiles, position)).await;
        let outcome = match made {
            Ok(Ok(Ok(proof))) => Outcome::Proof(proof.to_string().into()),
            Ok(Ok(Err(covered))) => Outcome::NotYetCovered(covered),
            Ok(Err(error)) => {
                tracing::error!(
                    position,
                    error = %chassis::telemetry::chain(&error),
                    "a proof cannot be made"
                );
                return Err(Status::data_loss(
                    "a file of the log is missing or damaged: run `hoiam verify`",
                ));
            }
            Err(_) => return Err(Refused::Unavailable.into()),
        };
        Ok(wire::ProveReply {
            outcome: Some(outcome),
        })
    }
}
