//! Routing over gRPC: the office's orders, and the desk of a unit for its system or its officers.

mod dispute;
pub(crate) mod outlet;
mod policy;
mod who;

use std::sync::Arc;

use chassis::callers::Callers;
use chassis::consumer::Waiter;
use chassis::telemetry::trace;
use contracts::grpc::routing::routing_server::{Routing, RoutingServer};
use contracts::grpc::routing::{
    AnswerDisputeRequest, DecideDisputeRequest, DispatchRequest, Done, ListCasesReply, ListCasesRequest,
    ListDeliveriesReply, ListDeliveriesRequest, ListOutletsReply, ListOutletsRequest, ListPoliciesReply,
    ListPoliciesRequest, ListUnitsReply, ListUnitsRequest, OpenDisputeRequest, OpenReply, OutletRequest,
    PolicyVersion, ProgressRequest, PublishPolicyRequest, ReadPolicyReply, ReadPolicyRequest,
    ReplayDeliveriesRequest, ResultRequest, ReturnRequest, SetOutletReply, SetOutletRequest, Unit, UnitCase,
    UnitRequest,
};
use contracts::wire::DeskRequest;
use kernel::{CaseId, Position, RequestId};
use routing_domain::{Command, UnitCode, city_date};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};
use tracing::Span;

use crate::desk::{Call, Desk, Verb};
use crate::error::Refusal;
use crate::handle::{self, Asked, Handler};
use crate::names;
use crate::store::{Row, Store};

/// Most rows of one list.
const MOST_ROWS: u32 = 1_000;
/// Rows of a list that asks for no number.
const SOME_ROWS: u32 = 100;

struct Api {
    desk: Arc<Desk>,
    handler: Arc<Handler>,
    store: Store,
    cases: Waiter,
    outlets: outlet::Outlets,
    callers: Callers,
}

/// The service, to be served.
pub(crate) fn service(
    desk: Arc<Desk>,
    handler: Arc<Handler>,
    store: Store,
    cases: Waiter,
    outlets: outlet::Outlets,
    callers: Callers,
) -> RoutingServer<impl Routing> {
    RoutingServer::new(Api {
        desk,
        handler,
        store,
        cases,
        outlets,
        callers,
    })
}

/// The span of a call to the desk.
fn span() -> Span {
    tracing::info_span!(names::SPAN_DESK, otel.kind = "server")
}

fn done(done: handle::Done) -> Response<Done> {
    Response::new(Done {
        position: done.position.0,
        already: done.already,
    })
}

fn case_id(bytes: &[u8]) -> Result<CaseId, Status> {
    CaseId::from_slice(bytes).ok_or_else(|| Status::invalid_argument("case_id must have 16 bytes"))
}

impl Api {
    /// The request of a unit as its desk takes it, after who asks is known to have the right.
    fn call(&self, metadata: &MetadataMap, on: Option<UnitRequest>, verb: Verb) -> Result<Call, Status> {
        let on = on.ok_or_else(|| {
            Status::invalid_argument("`on` is missing: the unit, the case and the revision")
        })?;
        let caller = self.callers.authenticate(metadata)?;
        let (unit, actor) = who::answers(&caller, &on.unit, &on.actor)?;
        let request = DeskRequest {
            request_id: on.request_id,
            case: case_id(&on.case_id)?,
            revision: on.revision,
            code: None,
            text: None,
            better_unit: None,
            committed_date: None,
        };
        Ok(Call {
            unit,
            caller: caller.name.clone(),
            actor,
            verb,
            request,
        })
    }

    /// A person's request about an outlet, after who asks is known to have the right.
    fn outlet(&self, metadata: &MetadataMap, on: Option<OutletRequest>) -> Result<outlet::Asked, Status> {
        let on = on.ok_or_else(|| Status::invalid_argument("`on` is missing: the unit and the carrier"))?;
        let caller = self.callers.authenticate(metadata)?;
        let actor = who::sets_outlets(&caller, &on.actor)?;
        outlet::Asked::read(&caller.name, actor, on)
    }

    async fn act(&self, metadata: &MetadataMap, call: Call) -> Result<Response<Done>, Status> {
        Ok(done(
            trace::serving(metadata, span(), self.desk.act(&call)).await?,
        ))
    }
}

fn given(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

#[tonic::async_trait]
impl Routing for Api {
    async fn dispatch(&self, request: Request<DispatchRequest>) -> Result<Response<Done>, Status> {
        let (metadata, _, order) = request.into_parts();
        let caller = self.callers.authenticate(&metadata)?;
        let actor = who::orders(&caller, &order.actor)?;
        if !(1..=128).contains(&order.request_id.chars().count()) {
            return Err(Status::invalid_argument(
                "request_id must have 1 to 128 characters: your own id of this order",
            ));
        }
        let unit =
            UnitCode::parse(&order.unit).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let case = case_id(&order.case_id)?;
        let asked = Asked {
            request: RequestId::client(&format!("routing/{}/dispatch", caller.name), &order.request_id),
            sent: format!("{case} {unit} {actor}").into_bytes(),
            actor,
            case,
            words: None,
        };
        let ordering = self.handler.command(&asked, |on| {
            Ok(Command::DispatchOnOrder {
                unit: unit.clone(),
                standing: on.standing(&unit),
            })
        });
        Ok(done(trace::serving(&metadata, span(), ordering).await?))
    }

    async fn list_cases(
        &self,
        request: Request<ListCasesRequest>,
    ) -> Result<Response<ListCasesReply>, Status> {
        let caller = self.callers.authenticate(request.metadata())?;
        let request = request.into_inner();
        let unit = who::reads(&caller, &request.unit)?;
        // Not there after a second: the answer says how far it is, and the page that it is still being processed.
        self.cases.reached(Position(request.at_least)).await;
        let position = self.cases.position().0;
        let limit = if request.limit == 0 {
            SOME_ROWS
        } else {
            request.limit.min(MOST_ROWS)
        };
        let rows = self.store.list(unit.as_ref().map(UnitCode::as_str), limit).await;
        let rows = rows.map_err(|error| Refusal::Unavailable(error.into()))?;
        Ok(Response::new(ListCasesReply {
            cases: rows.into_iter().map(unit_case).collect(),
            position,
        }))
    }

    async fn open(&self, request: Request<UnitRequest>) -> Result<Response<OpenReply>, Status> {
        let (metadata, _, on) = request.into_parts();
        let call = self.call(&metadata, Some(on), Verb::Open)?;
        let content = trace::serving(&metadata, span(), self.desk.open(&call)).await?;
        let place = content.report.place;
        let mut reply = OpenReply {
            text: content.report.text,
            address: place.address.unwrap_or_default(),
            latitude: place.latitude,
            longitude: place.longitude,
            position: content.position.0,
            ..OpenReply::default()
        };
        if let Some(finding) = content.finding {
            reply.field = finding.field.map(|x| x.code().to_owned()).unwrap_or_default();
            reply.topic = finding.topic.map(|x| x.code().to_owned()).unwrap_or_default();
            reply.kind = finding.kind.code().to_owned();
            reply.urgency = finding.urgency.code().to_owned();
            reply.level = u32::from(finding.level.get());
        }
        Ok(Response::new(reply))
    }

    async fn accept(&self, request: Request<UnitRequest>) -> Result<Response<Done>, Status> {
        let (metadata, _, on) = request.into_parts();
        let call = self.call(&metadata, Some(on), Verb::Accept)?;
        self.act(&metadata, call).await
    }

    async fn r#return(&self, request: Request<ReturnRequest>) -> Result<Response<Done>, Status> {
        let (metadata, _, back) = request.into_parts();
        let mut call = self.call(&metadata, back.on, Verb::Return)?;
        call.request.code = given(back.reason_code);
        call.request.text = given(back.reason);
        call.request.better_unit = given(back.better_unit);
        self.act(&metadata, call).await
    }

    async fn report_progress(&self, request: Request<ProgressRequest>) -> Result<Response<Done>, Status> {
        let (metadata, _, progress) = request.into_parts();
        let mut call = self.call(&metadata, progress.on, Verb::Progress)?;
        call.request.text = given(progress.text);
        call.request.committed_date = given(progress.committed_date);
        self.act(&metadata, call).await
    }

    async fn report_result(&self, request: Request<ResultRequest>) -> Result<Response<Done>, Status> {
        let (metadata, _, result) = request.into_parts();
        let mut call = self.call(&metadata, result.on, Verb::Result)?;
        call.request.code = given(result.outcome);
        call.request.text = given(result.text);
        self.act(&metadata, call).await
    }

    async fn list_units(
        &self,
        request: Request<ListUnitsRequest>,
    ) -> Result<Response<ListUnitsReply>, Status> {
        self.callers.authenticate(request.metadata())?;
        let (policy, now) = self.handler.present().await?;
        let units = policy
            .units_on(city_date(now))
            .map(|unit| Unit {
                code: unit.code.to_string(),
                name: unit.vi.clone(),
            })
            .collect();
        Ok(Response::new(ListUnitsReply { units }))
    }

    async fn publish_policy(
        &self,
        request: Request<PublishPolicyRequest>,
    ) -> Result<Response<PolicyVersion>, Status> {
        let caller = self.callers.authenticate(request.metadata())?;
        let request = request.into_inner();
        let by = who::publishes(&caller, &request.actor)?;
        Ok(Response::new(
            policy::publish(&self.handler, &caller.name, by, request).await?,
        ))
    }

    async fn list_policies(
        &self,
        request: Request<ListPoliciesRequest>,
    ) -> Result<Response<ListPoliciesReply>, Status> {
        let caller = self.callers.authenticate(request.metadata())?;
        who::reads_policies(&caller)?;
        let versions = policy::list(&self.handler).await?;
        Ok(Response::new(ListPoliciesReply { versions }))
    }

    async fn read_policy(
        &self,
        request: Request<ReadPolicyRequest>,
    ) -> Result<Response<ReadPolicyReply>, Status> {
        let caller = self.callers.authenticate(request.metadata())?;
        who::reads_policies(&caller)?;
        let position = Position(request.into_inner().position);
        Ok(Response::new(policy::read(&self.handler, position).await?))
    }

    async fn set_outlet(
        &self,
        request: Request<SetOutletRequest>,
    ) -> Result<Response<SetOutletReply>, Status> {
        let (metadata, _, mut request) = request.into_parts();
        let asked = self.outlet(&metadata, request.on.take())?;
        Ok(Response::new(
            self.outlets.set(&self.handler, &asked, &request).await?,
        ))
    }

    async fn remove_outlet(&self, request: Request<OutletRequest>) -> Result<Response<Done>, Status> {
        let (metadata, _, on) = request.into_parts();
        let asked = self.outlet(&metadata, Some(on))?;
        Ok(done(self.outlets.remove(&asked).await?))
    }

    async fn list_outlets(
        &self,
        request: Request<ListOutletsRequest>,
    ) -> Result<Response<ListOutletsReply>, Status> {
        let caller = self.callers.authenticate(request.metadata())?;
        let unit = who::reads(&caller, &request.get_ref().unit)?;
        Ok(Response::new(self.outlets.list(unit.as_ref()).await?))
    }

    async fn list_deliveries(
        &self,
        request: Request<ListDeliveriesRequest>,
    ) -> Result<Response<ListDeliveriesReply>, Status> {
        let caller = self.callers.authenticate(request.metadata())?;
        let request = request.into_inner();
        let unit = who::reads(&caller, &request.unit)?
            .ok_or_else(|| Status::invalid_argument("unit is missing: name one"))?;
        Ok(Response::new(self.outlets.deliveries(&unit, &request).await?))
    }

    async fn replay_deliveries(
        &self,
        request: Request<ReplayDeliveriesRequest>,
    ) -> Result<Response<Done>, Status> {
        let (metadata, _, mut request) = request.into_parts();
        let asked = self.outlet(&metadata, request.on.take())?;
        Ok(done(self.outlets.replay(&asked, &request).await?))
    }

    async fn open_dispute(&self, request: Request<OpenDisputeRequest>) -> Result<Response<Done>, Status> {
        let (metadata, _, said) = request.into_parts();
        let caller = self.callers.authenticate(&metadata)?;
        let opening = dispute::open(&self.handler, &caller, said);
        Ok(done(trace::serving(&metadata, span(), opening).await?))
    }

    async fn answer_dispute(&self, request: Request<AnswerDisputeRequest>) -> Result<Response<Done>, Status> {
        let (metadata, _, said) = request.into_parts();
        let caller = self.callers.authenticate(&metadata)?;
        let answering = dispute::answer(&self.handler, &caller, said);
        Ok(done(trace::serving(&metadata, span(), answering).await?))
    }

    async fn decide_dispute(&self, request: Request<DecideDisputeRequest>) -> Result<Response<Done>, Status> {
        let (metadata, _, said) = request.into_parts();
        let caller = self.callers.authenticate(&metadata)?;
        let deciding = dispute::decide(&self.handler, &caller, said);
        Ok(done(trace::serving(&metadata, span(), deciding).await?))
    }
}

fn unit_case(row: Row) -> UnitCase {
    UnitCase {
        case_id: row.case.to_vec().into(),
        code: row.code,
        unit: row.unit,
        revision: row.revision,
        state: row.state,
        office: row.office,
        topic: row.topic,
        urgency: row.urgency,
        level: row.level,
        dispatched_at: row.dispatched_at,
    }
}
