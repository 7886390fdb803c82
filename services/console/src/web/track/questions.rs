//! What a unit asks the citizen: read by whoever has the code, once they ask for it (which is on record), and answered once.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use chassis::ledger::{Opened, Purpose};
use contracts::Recorded;
use contracts::events::feedback::{CaseClosed, CaseReopened};
use contracts::events::routing::{
    CaseDispatched, CaseRecalled, CaseReturned, QuestionAnswered, QuestionAsked, ResultReported,
};
use contracts::grpc::routing::AnswerQuestionRequest;
use contracts::sealed::Note;
use kernel::{Actor, Position};

use super::super::case::find;
use super::report;
use crate::error::Problem;
use crate::web::App;
use crate::web::guard::{Fields, Visitor};

/// A question in words, and the id of its answer.
pub(super) struct Asked {
    pub(super) question: u32,
    pub(super) text: String,
    pub(super) id: String,
    /// What was typed, if it was refused.
    pub(super) kept: String,
}

/// The questions that wait for an answer, by position. Routing has the last word; this is what it says by its events.
pub(super) fn open(events: &[Recorded]) -> Vec<(u32, Position)> {
    let mut open: Vec<(u32, Position)> = Vec::new();
    let mut closed = false;
    for event in events.iter().filter(|event| !event.data.is_empty()) {
        let dispatch = |revision| {
            let lead = events.iter().filter(|e| e.position < event.position).rev();
            let lead = lead.filter_map(|e| e.decode::<CaseDispatched>().ok()?).next();
            lead.is_some_and(|lead| lead.revision == revision)
        };
        if let Ok(Some(asked)) = event.decode::<QuestionAsked>() {
            open.push((asked.question, event.position));
        } else if let Ok(Some(answered)) = event.decode::<QuestionAnswered>() {
            open.retain(|(question, _)| *question != answered.question);
        } else if let Ok(Some(recalled)) = event.decode::<CaseRecalled>() {
            if dispatch(recalled.dispatch) {
                open.clear();
            }
        } else if let Ok(Some(result)) = event.decode::<ResultReported>() {
            if result.outcome.as_str() != "partly_done" {
                open.clear();
            }
        } else if event.is::<CaseDispatched>() || event.is::<CaseReturned>() {
            open.clear();
        } else if event.is::<CaseClosed>() {
            closed = true;
        } else if event.is::<CaseReopened>() {
            closed = false;
        }
    }
    if closed { Vec::new() } else { open }
}

/// `POST /track/{code}/questions`: shows the questions. The opening is on record before a word is shown.
pub(in crate::web) async fn ask(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path(code): Path<String>,
    _fields: Fields,
) -> Result<Response, Problem> {
    let row = find(&app, &code).await?;
    let asked = in_words(&app, &visitor, row.case).await?;
    report(&app, &visitor, &row, None, asked).await
}

/// `POST /track/{code}/answer`: the answer goes on record and the unit is told. A refusal shows the questions again, the text kept.
pub(in crate::web) async fn answer(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path(code): Path<String>,
    fields: Fields,
) -> Result<Response, Problem> {
    let row = find(&app, &code).await?;
    let question = fields.get("question").parse().unwrap_or_default();
    let request = AnswerQuestionRequest {
        request_id: fields.get("id").to_owned(),
        actor: actor(&visitor)?.to_string(),
        case_id: row.case.to_vec().into(),
        question,
        text: fields.get("text").to_owned(),
    };
    match app.clients.routing().answer_question(request).await {
        Ok(_) => Ok(Redirect::to(&format!("/track/{}", row.code)).into_response()),
        Err(status) => {
            let mut asked = in_words(&app, &visitor, row.case).await?;
            for it in asked.iter_mut().filter(|it| it.question == question) {
                fields.get("text").clone_into(&mut it.kept);
            }
            report(&app, &visitor, &row, Some(status.into()), asked).await
        }
    }
}

/// The citizen, or who is signed in and heard the answer from them.
fn actor(visitor: &Visitor) -> Result<Actor, Problem> {
    let session = visitor.session.as_ref();
    session.map_or(Ok(Actor::citizen()), |session| {
        session.actor().map_err(|_| Problem::broken())
    })
}

async fn in_words(app: &App, visitor: &Visitor, case: kernel::CaseId) -> Result<Vec<Asked>, Problem> {
    let open = open(&app.ledger.read_case(case).await?);
    let positions: Vec<Position> = open.iter().map(|(_, position)| *position).collect();
    if positions.is_empty() {
        return Ok(Vec::new());
    }
    let actor = actor(visitor)?;
    let role = actor.role().to_owned();
    let reader = Some((actor, role.as_str()));
    let opened = app.ledger.open(Purpose::Handle, &positions, reader).await?;
    let asked = open.into_iter().filter_map(|(question, position)| {
        let Some(Opened::Plain(plain)) = opened.get(&position) else {
            return None;
        };
        let note: Note = serde_json::from_slice(plain).ok()?;
        Some(Asked {
            question,
            text: note.text,
            id: uuid::Uuid::new_v4().to_string(),
            kept: String::new(),
        })
    });
    Ok(asked.collect())
}
