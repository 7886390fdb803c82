//! The phone operator's form: who calls, what they say, saved in one keystroke; the case is there when the page comes back.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::grpc::intake::{Place, Reporter, SubmitRequest};

use super::App;
use super::case::after;
use super::guard::{Fields, Signed};
use super::page::{Page, html};
use crate::error::Problem;
use crate::roles::Act;

#[derive(askama::Template)]
#[template(path = "new.html")]
struct New {
    p: Page,
    v: Values,
    problem: Option<String>,
}

/// What is in the form; kept when it could not be saved.
struct Values {
    /// The id of this report: sent twice, it is one report.
    id: String,
    line: String,
    text: String,
    address: String,
    phone: String,
    name: String,
    incomplete: bool,
    express: bool,
}

/// `GET /new`.
pub(super) async fn form(signed: Signed) -> Result<Response, Problem> {
    signed.may(Act::TakeReport)?;
    let v = Values {
        id: uuid::Uuid::new_v4().to_string(),
        line: "1022".to_owned(),
        text: String::new(),
        address: String::new(),
        phone: String::new(),
        name: String::new(),
        incomplete: false,
        express: false,
    };
    Ok(html(&New {
        p: Page::signed(&signed, "new"),
        v,
        problem: None,
    })?
    .into_response())
}

/// `POST /new`.
pub(super) async fn save(
    State(app): State<Arc<App>>,
    signed: Signed,
    fields: Fields,
) -> Result<Response, Problem> {
    signed.may(Act::TakeReport)?;
    let get = |name| fields.get(name).to_owned();
    let v = Values {
        id: get("id"),
        line: get("line"),
        text: get("text"),
        address: get("address"),
        phone: get("phone"),
        name: get("name"),
        incomplete: fields.ticked("incomplete"),
        express: fields.ticked("express"),
    };
    let request = SubmitRequest {
        channel: "phone".to_owned(),
        id: v.id.clone(),
        text: v.text.clone(),
        occurred_at: String::new(),
        line: v.line.clone(),
        from: Some(Reporter {
            name: v.name.clone(),
            phone: v.phone.clone(),
            email: String::new(),
        }),
        place: Some(Place {
            address: v.address.clone(),
            latitude: None,
            longitude: None,
        }),
        // A person waits at the other end of the line; only the operator's word makes it an emergency, intake hears the words of danger.
        express: v.express,
        actor: signed.actor()?.to_string(),
        incomplete: v.incomplete,
    };
    match app.clients.intake().submit(request).await {
        Ok(saved) => {
            let saved = saved.into_inner();
            Ok(after(&saved.code, saved.position))
        }
        Err(status) => {
            let problem = Problem::from(status);
            let sentence = problem.whole(signed.lang());
            let page = New {
                p: Page::signed(&signed, "new").at("/new"),
                v,
                problem: Some(sentence),
            };
            Ok((problem.status, html(&page)?).into_response())
        }
    }
}
