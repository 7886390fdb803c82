//! The gRPC entrance: the same rules as for every other.

use std::sync::Arc;

use chassis::callers::{Caller, CallerKind, Callers};
use chassis::telemetry::trace;
use contracts::grpc::intake::intake_server::{Intake, IntakeServer};
use contracts::grpc::intake::{SubmitReply, SubmitRequest};
use intake_domain::Submission;
use kernel::Actor;
use tonic::{Request, Response, Status};

use crate::handle::{Desk, Entrance};
use crate::names;

struct Api {
    desk: Arc<Desk>,
    callers: Callers,
}

/// The service, to be served.
pub(crate) fn service(desk: Arc<Desk>, callers: Callers) -> IntakeServer<impl Intake> {
    IntakeServer::new(Api { desk, callers })
}

#[tonic::async_trait]
impl Intake for Api {
    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitReply>, Status> {
        let caller = self.callers.authenticate(request.metadata())?;
        if matches!(caller.kind, CallerKind::Unit | CallerKind::Auditor) {
            return Err(Status::permission_denied(
                "units and auditors hand in no reports; use the web form or a gateway's token",
            ));
        }
        let span = tracing::info_span!(names::SPAN_RECEIVE, otel.kind = "server", lane = "grpc");
        let (metadata, _, request) = request.into_parts();
        let entrance = Entrance {
            gateway: "grpc".to_owned(),
            sender: format!("grpc/{}", caller.name),
            actor: actor(&caller, &request.actor)?,
            express: request.express,
        };
        let receiving = self.desk.receive_soon(&entrance, submission(request));
        let receipt = trace::serving(&metadata, span, receiving)
            .await
            .map_err(|not_taken| not_taken.grpc())?;
        Ok(Response::new(SubmitReply {
            code: receipt.code.to_string(),
            case_id: receipt.case.to_vec().into(),
            position: receipt.position.0,
            accepted_at: receipt.accepted_at.0,
            already: receipt.already,
        }))
    }
}

/// Who is answerable: the person the caller names, if it may name one; else the caller.
fn actor(caller: &Caller, named: &str) -> Result<Actor, Status> {
    if named.is_empty() {
        // What another service hands in, intake answers for: nobody else speaks for a service.
        let own = caller.actor().filter(|actor| actor.role() != "service");
        return Ok(own.unwrap_or_else(|| Actor::service("intake")));
    }
    if !caller.acts_for_people {
        return Err(Status::permission_denied(
            "this caller may not name an actor; leave `actor` empty",
        ));
    }
    Actor::parse(named).map_err(|error| Status::invalid_argument(error.to_string()))
}

fn submission(request: SubmitRequest) -> Submission {
    let given = |text: String| (!text.is_empty()).then_some(text);
    let from = request.from.unwrap_or_default();
    let place = request.place.unwrap_or_default();
    Submission {
        channel: request.channel,
        id: request.id,
        text: request.text,
        occurred_at: given(request.occurred_at),
        line: given(request.line),
        name: given(from.name),
        phone: given(from.phone),
        email: given(from.email),
        address: given(place.address),
        latitude: place.latitude,
        longitude: place.longitude,
        incomplete: request.incomplete,
    }
}
