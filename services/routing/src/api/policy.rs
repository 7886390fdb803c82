//! The policy over gRPC: a person's version goes on record, and what is on record is read.

use chassis::policy::{NotPublished, Publication, in_force};
use contracts::grpc::routing::{PolicyVersion, PublishPolicyRequest, ReadPolicyReply};
use kernel::{Actor, Instant, Position, RequestId};
use tonic::Status;

use crate::error::Refusal;
use crate::handle::Handler;

/// Largest text: what the ledger seals.
const LARGEST: usize = 256 << 10;

/// Publishes a version.
pub(super) async fn publish(
    handler: &Handler,
    caller: &str,
    by: Actor,
    request: PublishPolicyRequest,
) -> Result<PolicyVersion, Status> {
    if !(1..=128).contains(&request.request_id.chars().count()) {
        return Err(Status::invalid_argument(
            "request_id must have 1 to 128 characters: your own id of this request",
        ));
    }
    if request.text.len() > LARGEST {
        return Err(Status::invalid_argument(
            "the policy has more than 256 KiB: shorten it",
        ));
    }
    let id = RequestId::client(&format!("routing/{caller}/publish"), &request.request_id);
    let now = handler.now();
    let published = handler
        .policies()
        .publish_by(&request.text, by, Instant(request.from), id, now)
        .await;
    match published {
        Ok(published) => {
            let versions = handler.policies().list().await.map_err(Refusal::from)?;
            let current = current(&versions, handler.now());
            Ok(version(&published, current))
        }
        Err(NotPublished::Invalid(why)) => Err(Status::invalid_argument(why)),
        Err(refused @ NotPublished::InForceAlready(_)) => Err(Status::already_exists(refused.to_string())),
        Err(refused @ NotPublished::Overtaken) => Err(Status::aborted(refused.to_string())),
        Err(NotPublished::Ledger(error)) => Err(Refusal::from(error).into()),
        Err(NotPublished::Unreadable(error)) => Err(Refusal::from(error).into()),
    }
}

/// All versions on record.
pub(super) async fn list(handler: &Handler) -> Result<Vec<PolicyVersion>, Status> {
    let versions = handler.policies().list().await.map_err(Refusal::from)?;
    let current = current(&versions, handler.now());
    Ok(versions.iter().map(|it| version(it, current)).collect())
}

/// The text of the version at a position; at 0, of the one in force.
pub(super) async fn read(handler: &Handler, position: Position) -> Result<ReadPolicyReply, Status> {
    let versions = handler.policies().list().await.map_err(Refusal::from)?;
    let current = current(&versions, handler.now());
    let wanted = if position == Position(0) {
        current
    } else {
        Some(position)
    };
    let Some(found) = versions.iter().find(|it| Some(it.position) == wanted) else {
        return Err(Status::not_found(
            "no version of the routing policy is on record there",
        ));
    };
    let text = handler.policies().text(found).await.map_err(Refusal::from)?;
    Ok(ReadPolicyReply {
        version: Some(version(found, current)),
        text,
    })
}

fn current(versions: &[Publication], now: Instant) -> Option<Position> {
    // What is on record has been recorded, whatever the clock of this machine says.
    let now = versions.last().map_or(now, |last| now.max(last.recorded_at));
    in_force(versions, Position(u64::MAX), now)
        .or(versions.first())
        .map(|it| it.position)
}

fn version(it: &Publication, current: Option<Position>) -> PolicyVersion {
    PolicyVersion {
        version: it.version.to_string(),
        sha256: it.sha256.to_string(),
        position: it.position.0,
        recorded_at: it.recorded_at.0,
        from: it.from.0,
        actor: it.actor.to_string(),
        source: it.source.to_string(),
        in_force: current == Some(it.position),
    }
}
