//! Routing over gRPC: the office's orders, and the desk of a unit for its system or its officers.

pub(crate) mod outlet;
mod watch;
mod who;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chassis::callers::Callers;
use chassis::consumer::Waiter;
use chassis::telemetry::trace;
use contracts::grpc::routing::routing_server::{Routing, RoutingServer};
use contracts::grpc::routing::{
    AnswerQuestionRequest, AskRequest, DispatchRequest, Done, JoinRequest, ListCasesReply, ListCasesRequest,
    ListDeliveriesReply, ListDeliveriesRequest, ListOutletsReply, ListOutletsRequest, ListUnitsReply,
    ListUnitsRequest, Notice, OpenReply, OutletRequest, ProgressRequest, Question, ReadLinkReply,
    ReadLinkRequest, ReplayDeliveriesRequest, ResultRequest, ReturnRequest, SetOutletReply, SetOutletRequest,
    Unit, UnitCase, UnitRequest, WatchRequest,
};
use contracts::wire::DeskRequest;
use futures::stream::BoxStream;
use kernel::{CaseId, Position, RequestId};
use routing_domain::{Command, UnitCode, city_date};
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};
use tracing::Span;

use crate::desk::{self, Call, Desk, Verb};
use crate::error::Refusal;
use crate::handle::{self, Asked, Handler};
use crate::names;
use crate::outlet::link::Link;
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
    shutdown: CancellationToken,
}

/// The service, to be served.
pub(crate) fn service(
    desk: Arc<Desk>,
    handler: Arc<Handler>,
    store: Store,
    cases: Waiter,
    outlets: outlet::Outlets,
    callers: Callers,
    shutdown: CancellationToken,
) -> RoutingServer<impl Routing> {
    RoutingServer::new(Api {
        desk,
        handler,
        store,
        cases,
        outlets,
        callers,
        shutdown,
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

fn request_id(id: &str) -> Result<(), Status> {
    if (1..=128).contains(&id.chars().count()) {
        return Ok(());
    }
    Err(Status::invalid_argument(
        "request_id must have 1 to 128 characters: your own id of this request",
    ))
}

fn question(asked: contracts::wire::Question) -> Question {
    Question {
        question: asked.question,
        text: asked.text,
        answered: asked.answer.is_some(),
        answer: asked.answer.unwrap_or_default(),
    }
}

fn case_id(bytes: &[u8]) -> Result<CaseId, Status> {
    CaseId::from_slice(bytes).ok_or_else(|| Status::invalid_argument("case_id must have 16 bytes"))
}

impl Api {
    /// The request of a unit as its desk takes it, after who asks is known to have the right.
    async fn call(
        &self,
        metadata: &MetadataMap,
        on: Option<UnitRequest>,
        verb: Verb,
    ) -> Result<Call, Status> {
        let on = on.ok_or_else(|| {
            Status::invalid_argument("`on` is missing: the unit, the case and the revision")
        })?;
        let caller = self.callers.authenticate(metadata)?;
        let (unit, actor, case, revision, role) = if on.link.is_empty() {
            let (unit, actor) = who::answers(&caller, &on.unit, &on.actor)?;
            (unit, actor, case_id(&on.case_id)?, on.revision, desk::AS_UNIT)
        } else {
            let Link { case, notice, .. } = self.outlets.link(&caller, &on.link).await?;
            let (unit, actor) = who::answers(&caller, notice.unit.as_str(), "")?;
            (unit, actor, case, notice.revision, desk::BY_LINK)
        };
        let request = DeskRequest {
            request_id: on.request_id,
            case,
            revision,
            code: None,
            text: None,
            better_unit: None,
            committed_date: None,
            unit: None,
            attachments: Vec::new(),
        };
        Ok(Call {
            unit,
            caller: caller.name.clone(),
            actor,
            role,
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

/// As they are sent over NATS.
fn files(attachments: &[Bytes]) -> Vec<String> {
    attachments.iter().map(|file| STANDARD.encode(file)).collect()
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
        request_id(&order.request_id)?;
        let unit =
            UnitCode::parse(&order.unit).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let case = case_id(&order.case_id)?;
        let asked = Asked {
            request: RequestId::client(&format!("routing/{}/dispatch", caller.name), &order.request_id),
            sent: format!("{case} {unit} {actor}").into_bytes(),
            actor,
            case,
            note: None,
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
        let call = self.call(&metadata, Some(on), Verb::Open).await?;
        let content = trace::serving(&metadata, span(), self.desk.open(&call)).await?;
        let place = content.report.place;
        let mut reply = OpenReply {
            text: content.report.text,
            address: place.address.unwrap_or_default(),
            latitude: place.latitude,
            longitude: place.longitude,
            position: content.position.0,
            task: content.task.unwrap_or_default(),
            questions: content.questions.into_iter().map(question).collect(),
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
        let call = self.call(&metadata, Some(on), Verb::Accept).await?;
        self.act(&metadata, call).await
    }

    async fn r#return(&self, request: Request<ReturnRequest>) -> Result<Response<Done>, Status> {
        let (metadata, _, back) = request.into_parts();
        let mut call = self.call(&metadata, back.on, Verb::Return).await?;
        call.request.code = given(back.reason_code);
        call.request.text = given(back.reason);
        call.request.better_unit = given(back.better_unit);
        self.act(&metadata, call).await
    }

    async fn ask(&self, request: Request<AskRequest>) -> Result<Response<Done>, Status> {
        let (metadata, _, asks) = request.into_parts();
        let mut call = self.call(&metadata, asks.on, Verb::Ask).await?;
        call.request.text = given(asks.question);
        self.act(&metadata, call).await
    }

    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<Done>, Status> {
        let (metadata, _, join) = request.into_parts();
        let mut call = self.call(&metadata, join.on, Verb::Join).await?;
        call.request.unit = given(join.unit);
        call.request.text = given(join.task);
        self.act(&metadata, call).await
    }

    async fn answer_question(
        &self,
        request: Request<AnswerQuestionRequest>,
    ) -> Result<Response<Done>, Status> {
        let (metadata, _, answer) = request.into_parts();
        let caller = self.callers.authenticate(&metadata)?;
        let actor = who::answers_questions(&caller, &answer.actor)?;
        request_id(&answer.request_id)?;
        let case = case_id(&answer.case_id)?;
        let request = RequestId::client(
            &format!("routing/{}/answer_question", caller.name),
            &answer.request_id,
        );
        let sent = prost::Message::encode_to_vec(&answer);
        let answering = self
            .desk
            .answer(request, sent, actor, case, (answer.question, answer.text));
        Ok(done(trace::serving(&metadata, span(), answering).await?))
    }

    async fn report_progress(&self, request: Request<ProgressRequest>) -> Result<Response<Done>, Status> {
        let (metadata, _, progress) = request.into_parts();
        let mut call = self.call(&metadata, progress.on, Verb::Progress).await?;
        call.request.text = given(progress.text);
        call.request.committed_date = given(progress.committed_date);
        call.request.attachments = files(&progress.attachments);
        self.act(&metadata, call).await
    }

    async fn report_result(&self, request: Request<ResultRequest>) -> Result<Response<Done>, Status> {
        let (metadata, _, result) = request.into_parts();
        let mut call = self.call(&metadata, result.on, Verb::Result).await?;
        call.request.code = given(result.outcome);
        call.request.text = given(result.text);
        call.request.attachments = files(&result.attachments);
        self.act(&metadata, call).await
    }

    type WatchStream = BoxStream<'static, Result<Notice, Status>>;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let (metadata, _, asked) = request.into_parts();
        let caller = self.callers.authenticate(&metadata)?;
        let unit = who::watches(&caller, &asked.unit)?;
        let by = watch::Watching {
            handler: Arc::clone(&self.handler),
            store: self.store.clone(),
            cases: self.cases.clone(),
            callers: self.callers.clone(),
            shutdown: self.shutdown.clone(),
        };
        Ok(Response::new(watch::watch(
            by,
            metadata,
            unit,
            Position(asked.after),
        )))
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

    async fn read_link(&self, request: Request<ReadLinkRequest>) -> Result<Response<ReadLinkReply>, Status> {
        let caller = self.callers.authenticate(request.metadata())?;
        who::passes_links(&caller)?;
        let reply = self.outlets.read_link(&self.handler, &request.get_ref().link);
        Ok(Response::new(reply.await?))
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
