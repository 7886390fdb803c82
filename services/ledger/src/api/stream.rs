//! What an administrator may ask of the relay.

use chassis::callers::{Caller, CallerKind};
use contracts::grpc::ledger as wire;
use tonic::Status;

use super::Api;
use crate::error::Refused;

impl Api {
    /// Has the relay make the stream anew.
    pub(super) async fn rebuild(
        &self,
        caller: &Caller,
        request: wire::RebuildStreamRequest,
    ) -> Result<wire::RebuildStreamReply, Status> {
        if caller.kind != CallerKind::Admin {
            return Err(Status::permission_denied(
                "only an administrator may have the stream made anew",
            ));
        }
        let relay = self.relaying.as_ref().ok_or_else(|| {
            Status::failed_precondition("this instance runs without its relay: start it without `--no-relay`")
        })?;
        let head = self.store.head().await?;
        if self.leadership.fence().is_none() {
            return Err(Refused::NotLeader { leader: head.leader }.into());
        }
        if request.from > head.position + 1 {
            return Err(Status::invalid_argument(format!(
                "the stream cannot begin at {}: the record ends at {}",
                request.from, head.position
            )));
        }
        relay.rebuild(request).await
    }
}
