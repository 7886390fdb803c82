//! The versions of a policy over gRPC (`proto/hoiam/policy/v1`): a person's version goes on record, and what is on record is read.

use std::sync::Arc;

use contracts::events::policy::PolicyPublished;
use contracts::grpc::policy::policies_server::{Policies as Rpc, PoliciesServer};
use contracts::grpc::policy::{ListReply, ListRequest, PublishRequest, ReadReply, ReadRequest, Version};
use kernel::{Actor, Clock, Instant, Position, RequestId};
use tonic::{Request, Response, Status};

use super::{NotPublished, Policies, Publication, in_force};
use crate::callers::{Caller, CallerKind, Callers};
use crate::consumer::Failure;
use crate::ledger::{LedgerError, Remedy};
use crate::telemetry;

/// Largest text: what the ledger seals.
const LARGEST: usize = 256 << 10;

/// Roles whose people publish a policy.
const PUBLISHING: [&str; 4] = ["operator", "office", "leader", "admin"];

/// The service, to be served beside the one whose policy it is.
pub fn service<E: PolicyPublished, P: Send + Sync + 'static>(
    policies: Arc<Policies<E, P>>,
    callers: Callers,
    clock: Arc<dyn Clock>,
) -> PoliciesServer<impl Rpc> {
    PoliciesServer::new(Served {
        policies,
        callers,
        clock,
    })
}

struct Served<E, P> {
    policies: Arc<Policies<E, P>>,
    callers: Callers,
    clock: Arc<dyn Clock>,
}

impl<E: PolicyPublished, P: Send + Sync + 'static> Served<E, P> {
    async fn listed(&self) -> Result<(Vec<Publication>, Option<Position>), Status> {
        let versions = self.policies.list().await.map_err(failed)?;
        // What is on record has been recorded, whatever the clock of this machine says.
        let now = self.clock.now();
        let now = versions.last().map_or(now, |last| now.max(last.recorded_at));
        let current = in_force(&versions, Position(u64::MAX), now)
            .or(versions.first())
            .map(|it| it.position);
        Ok((versions, current))
    }
}

#[tonic::async_trait]
impl<E: PolicyPublished, P: Send + Sync + 'static> Rpc for Served<E, P> {
    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<Version>, Status> {
        let caller = self.callers.authenticate(request.metadata())?;
        let request = request.into_inner();
        let by = publishes(&caller, &request.actor)?;
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
        let scope = format!("{}/{}/publish", self.policies.service, caller.name);
        let id = RequestId::client(&scope, &request.request_id);
        let (from, now) = (Instant(request.from), self.clock.now());
        let published = self.policies.publish_by(&request.text, by, from, id, now).await;
        let published = published.map_err(refused)?;
        let (_, current) = self.listed().await?;
        Ok(Response::new(version(&published, current)))
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        let caller = self.callers.authenticate(request.metadata())?;
        reads(&caller)?;
        let (versions, current) = self.listed().await?;
        let versions = versions.iter().map(|it| version(it, current)).collect();
        Ok(Response::new(ListReply { versions }))
    }

    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<ReadReply>, Status> {
        let caller = self.callers.authenticate(request.metadata())?;
        reads(&caller)?;
        let (versions, current) = self.listed().await?;
        let wanted = match request.into_inner().position {
            0 => current,
            position => Some(Position(position)),
        };
        let Some(found) = versions.iter().find(|it| Some(it.position) == wanted) else {
            return Err(Status::not_found("no version of the policy is on record there"));
        };
        Ok(Response::new(ReadReply {
            version: Some(version(found, current)),
            text: self.policies.text(found).await.map_err(failed)?,
        }))
    }
}

fn acts_for_people(caller: &Caller) -> bool {
    caller.acts_for_people || caller.kind == CallerKind::Admin
}

/// The person who publishes.
fn publishes(caller: &Caller, actor: &str) -> Result<Actor, Status> {
    if !acts_for_people(caller) {
        return Err(Status::permission_denied(
            "this token may not act for a person: publish by the console or with an administrator's token",
        ));
    }
    let person = Actor::parse(actor).map_err(|error| Status::invalid_argument(format!("actor: {error}")))?;
    if PUBLISHING.contains(&person.role()) {
        Ok(person)
    } else {
        Err(Status::permission_denied(
            "a policy is published by a person: name operator:, office:, leader: or admin: as the actor",
        ))
    }
}

/// The versions are read by those who act for people.
fn reads(caller: &Caller) -> Result<(), Status> {
    if acts_for_people(caller) {
        Ok(())
    } else {
        Err(Status::permission_denied(
            "this token may not read the policy: ask as the console or an administrator",
        ))
    }
}

fn refused(why: NotPublished) -> Status {
    match why {
        NotPublished::Invalid(why) => Status::invalid_argument(why),
        NotPublished::InForceAlready(_) => Status::already_exists(why.to_string()),
        NotPublished::Overtaken => Status::aborted(why.to_string()),
        NotPublished::Ledger(error) => of_ledger(&error),
        NotPublished::Unreadable(error) => internal(&error),
    }
}

fn of_ledger(error: &LedgerError) -> Status {
    match error.remedy() {
        Remedy::AnotherId => Status::already_exists(
            "this request id was used before for something else: use another id, or send what was sent then",
        ),
        Remedy::Less => Status::invalid_argument(format!("what was sent is too large: {error}")),
        Remedy::Again => later(&telemetry::chain(error)),
        Remedy::Nothing => internal(error),
    }
}

fn failed(failure: Failure) -> Status {
    match failure {
        Failure::Transient(error) => later(&format_args!("{error:#}")),
        Failure::Poison { reason, detail } => {
            tracing::error!(reason, detail, "a policy on record cannot be read");
            Status::internal(
                "a policy on record cannot be read by this version: tell the operators of the system",
            )
        }
    }
}

fn later(why: &dyn std::fmt::Display) -> Status {
    tracing::warn!(%why, "a request has to wait");
    Status::unavailable("this cannot be done at the moment: send the same request with the same id again")
}

fn internal(error: &(dyn std::error::Error + 'static)) -> Status {
    tracing::error!(error = %telemetry::chain(error), "a request about a policy cannot be served");
    Status::internal("a fact on record cannot be read by this version: tell the operators of the system")
}

fn version(it: &Publication, current: Option<Position>) -> Version {
    Version {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_acts_for_people_publishes_and_only_in_the_name_of_a_person() {
        let caller = |kind, acts_for_people| Caller {
            name: "x".to_owned(),
            kind,
            token_sha256: String::new(),
            append: vec![],
            purposes: vec![],
            rights: vec![],
            read: false,
            acts_for_people,
        };
        let console = caller(CallerKind::Console, true);
        assert_eq!(
            publishes(&console, "operator:lan").unwrap().as_str(),
            "operator:lan"
        );
        assert!(reads(&console).is_ok());
        for nobody in ["", "unit:so_xd", "service:routing", "citizen"] {
            assert!(publishes(&console, nobody).is_err(), "{nobody}");
        }
        for kind in [
            CallerKind::Service,
            CallerKind::Gateway,
            CallerKind::Auditor,
            CallerKind::Unit,
        ] {
            let other = caller(kind, false);
            assert!(publishes(&other, "operator:lan").is_err() && reads(&other).is_err());
        }
    }
}
