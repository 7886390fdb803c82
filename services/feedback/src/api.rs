//! People's commands over gRPC: the operator's guidance, the leaders' opinion, the dialogue, the letter, and reopening.

use std::sync::Arc;

use chassis::callers::{Caller, Callers};
use contracts::grpc::feedback::feedback_server::{Feedback, FeedbackServer};
use contracts::grpc::feedback::{AnswerRequest, Done, OpinionRequest, ReopenRequest};
use feedback_domain::{Act, Opinion};
use kernel::{Actor, CaseId, Clock, RequestId};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use crate::error::CommandError;
use crate::handle::{Ask, Cause, Desk};

/// Most characters of a person's words: they go into a note and into a message, each at most 256 KiB.
const MOST_WORDS: usize = 20_000;

struct Api {
    desk: Arc<Desk>,
    callers: Callers,
    clock: Arc<dyn Clock>,
}

/// The service, to be served.
pub(crate) fn service(
    desk: Arc<Desk>,
    callers: Callers,
    clock: Arc<dyn Clock>,
) -> FeedbackServer<impl Feedback> {
    FeedbackServer::new(Api { desk, callers, clock })
}

/// What the five commands have in common.
struct Common {
    verb: &'static str,
    roles: &'static [&'static str],
    request_id: String,
    actor: String,
    case_id: Vec<u8>,
    words: String,
    words_needed: bool,
}

#[tonic::async_trait]
impl Feedback for Api {
    async fn answer_at_desk(&self, request: Request<AnswerRequest>) -> Result<Response<Done>, Status> {
        self.answer(
            "answer_at_desk",
            &["operator", "office"],
            Act::AnswerAtDesk,
            request,
        )
        .await
    }

    async fn record_dialogue(&self, request: Request<AnswerRequest>) -> Result<Response<Done>, Status> {
        self.answer(
            "record_dialogue",
            &["office", "leader"],
            Act::RecordDialogue,
            request,
        )
        .await
    }

    async fn send_letter(&self, request: Request<AnswerRequest>) -> Result<Response<Done>, Status> {
        self.answer("send_letter", &["office", "leader"], Act::SendLetter, request)
            .await
    }

    async fn give_opinion(&self, request: Request<OpinionRequest>) -> Result<Response<Done>, Status> {
        let (metadata, sent, asked) = taken_apart(request);
        let opinion: Opinion = asked
            .opinion
            .parse()
            .map_err(|e: kernel::UnknownWord| bad(e.to_string()))?;
        let common = Common {
            verb: "give_opinion",
            roles: &["leader", "office"],
            request_id: asked.request_id,
            actor: asked.actor,
            case_id: asked.case_id.to_vec(),
            words: asked.text,
            // The citizen is told that it was declined, and why.
            words_needed: opinion == Opinion::Decline,
        };
        self.command(&metadata, common, Act::GiveOpinion(opinion), sent)
            .await
    }

    async fn reopen(&self, request: Request<ReopenRequest>) -> Result<Response<Done>, Status> {
        let (metadata, sent, asked) = taken_apart(request);
        let reason = asked
            .reason_code
            .parse()
            .map_err(|e: kernel::UnknownWord| bad(e.to_string()))?;
        let common = Common {
            verb: "reopen",
            roles: &["citizen", "operator", "office", "leader", "inspector"],
            request_id: asked.request_id,
            actor: asked.actor,
            case_id: asked.case_id.to_vec(),
            words: asked.reason,
            words_needed: false,
        };
        self.command(&metadata, common, Act::Reopen(reason), sent).await
    }
}

impl Api {
    async fn answer(
        &self,
        verb: &'static str,
        roles: &'static [&'static str],
        act: Act,
        request: Request<AnswerRequest>,
    ) -> Result<Response<Done>, Status> {
        let (metadata, sent, asked) = taken_apart(request);
        let common = Common {
            verb,
            roles,
            request_id: asked.request_id,
            actor: asked.actor,
            case_id: asked.case_id.to_vec(),
            words: asked.text,
            words_needed: true,
        };
        self.command(&metadata, common, act, sent).await
    }

    async fn command(
        &self,
        metadata: &MetadataMap,
        common: Common,
        act: Act,
        sent: Vec<u8>,
    ) -> Result<Response<Done>, Status> {
        let caller = self.callers.authenticate(metadata)?;
        let actor = person(&caller, &common)?;
        let case =
            CaseId::from_slice(&common.case_id).ok_or_else(|| bad("the case id has 16 bytes".to_owned()))?;
        let id = &common.request_id;
        if id.trim().is_empty() || id.chars().count() > 128 {
            return Err(bad(
                "give a request id of 1 to 128 characters; the same one repeats the same request".to_owned(),
            ));
        }
        let words = common.words.trim();
        if words.contains('\0') || words.chars().count() > MOST_WORDS {
            return Err(bad(format!(
                "the text holds a NUL or more than {MOST_WORDS} characters; shorten it"
            )));
        }
        if common.words_needed && words.is_empty() {
            return Err(bad(
                "the text is empty; write what the citizen or the record is to read".to_owned(),
            ));
        }
        let request = RequestId::client(&format!("feedback/{}/{}", caller.name, common.verb), id);
        let ask = Ask {
            case,
            act,
            actor,
            at: self.clock.now(),
            words: (!words.is_empty()).then(|| words.to_owned()),
            outcome: String::new(),
            committed: None,
            unit: None,
            cause: Cause::Client { request, sent },
        };
        let done = self.desk.handle(&ask).await.map_err(Status::from)?;
        // No command of a person holds without an event of its own: what holds already is rejected by name.
        let done = done.ok_or_else(|| Status::internal("the command had no effect and no reason"))?;
        let position = done.events.first().map_or(done.position, |event| event.position);
        Ok(Response::new(Done {
            position: position.0,
            already: done.already,
        }))
    }
}

/// Metadata, the digestible bytes of what was sent, and the message itself.
fn taken_apart<M: prost::Message>(request: Request<M>) -> (MetadataMap, Vec<u8>, M) {
    let (metadata, _, message) = request.into_parts();
    let sent = message.encode_to_vec();
    (metadata, sent, message)
}

fn person(caller: &Caller, common: &Common) -> Result<Actor, Status> {
    if !caller.acts_for_people {
        return Err(not_allowed(
            "this caller may not act for people; sign in at the console",
        ));
    }
    let actor = Actor::parse(&common.actor).map_err(|error| bad(error.to_string()))?;
    if !common.roles.contains(&actor.role()) {
        return Err(not_allowed(&format!("this is for: {}", common.roles.join(", "))));
    }
    Ok(actor)
}

fn bad(what: String) -> Status {
    CommandError::BadInput(what).into()
}

fn not_allowed(what: &str) -> Status {
    CommandError::NotAllowed(what.to_owned()).into()
}
