//! The directory over gRPC: who may act, granted and revoked by an administrator; each change is an event.

use chassis::callers::{CallerKind, Callers};
use chassis::consumer::Waiter;
use chassis::ledger::{Append, Expected, LedgerClient, NewEvent, StreamWrite};
use contracts::events::directory::{Granted, Revoked};
use contracts::grpc::console::directory_server::Directory;
use contracts::grpc::console::{Done, Entry, GrantRequest, ListReply, ListRequest};
use contracts::{Code, Payload};
use kernel::{Actor, Clock, RequestId, StreamId};
use prost::Message;
use std::sync::Arc;
use tonic::{Request, Response, Status};

use crate::store::Store;

/// The service `hoiam.console.v1.Directory`.
pub struct DirectoryApi {
    /// The ledger.
    pub ledger: LedgerClient,
    /// Who may call.
    pub callers: Callers,
    /// The projection of the directory.
    pub store: Store,
    /// How far it is.
    pub waiter: Waiter,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

const KINDS: [&str; 3] = ["person", "unit", "gateway"];
const ROLES: [&str; 7] = [
    "operator",
    "office",
    "leader",
    "inspector",
    "unit",
    "gateway",
    "admin",
];

#[tonic::async_trait]
impl Directory for DirectoryApi {
    async fn grant(&self, request: Request<GrantRequest>) -> Result<Response<Done>, Status> {
        let (asked, actor, kind, code) = self.check(&request)?;
        let roles = asked
            .roles
            .iter()
            .map(|role| {
                ROLES
                    .contains(&role.as_str())
                    .then(|| Code::lossy(role))
                    .ok_or_else(|| Status::invalid_argument(format!("the roles are {}", ROLES.join(", "))))
            })
            .collect::<Result<Vec<_>, _>>()?;
        if roles.is_empty() || roles.len() > 8 {
            return Err(Status::invalid_argument(
                "name one to eight roles; to take all away, revoke",
            ));
        }
        self.append("grant", asked, actor, &Granted { kind, code, roles })
            .await
    }

    async fn revoke(&self, request: Request<GrantRequest>) -> Result<Response<Done>, Status> {
        let (asked, actor, kind, code) = self.check(&request)?;
        self.append("revoke", asked, actor, &Revoked { kind, code }).await
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        self.callers.authenticate(request.metadata())?;
        let entries = self
            .store
            .directory()
            .await
            .map_err(|_| Status::unavailable("the directory cannot be read"))?;
        let entries = entries
            .into_iter()
            .map(|e| Entry {
                kind: e.kind,
                code: e.code,
                roles: e.roles,
                since: e.since.0,
            })
            .collect();
        Ok(Response::new(ListReply {
            entries,
            position: self.waiter.position().0,
        }))
    }
}

impl DirectoryApi {
    fn check<'r>(
        &self,
        request: &'r Request<GrantRequest>,
    ) -> Result<(&'r GrantRequest, Actor, Code, Code), Status> {
        let caller = self.callers.authenticate(request.metadata())?;
        if caller.kind != CallerKind::Admin {
            return Err(Status::permission_denied(
                "only an administrator changes the directory",
            ));
        }
        let asked = request.get_ref();
        if !(1..=128).contains(&asked.request_id.len()) {
            return Err(Status::invalid_argument("request_id has 1 to 128 characters"));
        }
        if !KINDS.contains(&asked.kind.as_str()) {
            return Err(Status::invalid_argument(format!(
                "kind is one of {}",
                KINDS.join(", ")
            )));
        }
        let code = Code::new(asked.code.clone())
            .ok()
            .filter(|c| !c.is_empty())
            .ok_or_else(|| Status::invalid_argument("code has 1 to 64 letters, digits, '_', '-' or '.'"))?;
        let actor = if asked.actor.is_empty() {
            Actor::of("admin", &caller.name)
        } else {
            Actor::parse(&asked.actor)
        };
        let actor = actor.map_err(|e| Status::invalid_argument(e.to_string()))?;
        Ok((asked, actor, Code::lossy(&asked.kind), code))
    }

    async fn append<P: Payload>(
        &self,
        verb: &str,
        asked: &GrantRequest,
        actor: Actor,
        payload: &P,
    ) -> Result<Response<Done>, Status> {
        let stream = StreamId::named(P::CATEGORY, &format!("{}/{}", asked.kind, asked.code));
        let request = RequestId::client(&format!("console/{actor}/{verb}"), &asked.request_id);
        let event = NewEvent::of(payload, actor, self.clock.now());
        let write = StreamWrite::new(stream, Expected::Any, vec![event]);
        let append = Append::client(request, &asked.encode_to_vec(), None, vec![write]).express(true);
        let appended = self.ledger.append(append).await?;
        Ok(Response::new(Done {
            position: appended.position.0,
            already: appended.already,
        }))
    }
}
