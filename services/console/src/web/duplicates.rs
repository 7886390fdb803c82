//! The list of pairs that may be one matter, for a person to merge.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use contracts::grpc::classification::{ListSuspicionsRequest, Suspicion};
use kernel::CaseId;

use super::App;
use super::guard::Signed;
use super::page::{Page, html};
use crate::case::CaseRow;
use crate::error::Problem;
use crate::lang::Lang;
use crate::roles::Act;

/// Pairs that are shown; the most alike first.
const MOST: u32 = 200;

#[derive(askama::Template)]
#[template(path = "duplicates.html")]
struct Duplicates {
    p: Page,
    rows: Vec<Row>,
}

struct Row {
    code: String,
    about: &'static str,
    of: String,
    of_about: &'static str,
    percent: u32,
    parts: String,
    id: String,
}

/// `GET /duplicates`.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    signed: Signed,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Problem> {
    signed.may(Act::Merge)?;
    let asked = ListSuspicionsRequest {
        at_least: query.get("at").and_then(|p| p.parse().ok()).unwrap_or(0),
        limit: MOST,
    };
    let found = app.clients.classification().list_suspicions(asked).await?;
    let found = found.into_inner().suspicions;
    let cases: Vec<CaseId> = found
        .iter()
        .flat_map(|s| [&s.case_id, &s.of])
        .filter_map(|id| CaseId::from_slice(id))
        .collect();
    let known = app.store.by_case(&cases).await?;
    let lang = signed.lang();
    let rows = found.iter().filter_map(|s| row(s, &known, lang)).collect();
    let page = Duplicates {
        p: Page::signed(&signed, "duplicates").at("/duplicates"),
        rows,
    };
    Ok(html(&page)?.into_response())
}

/// `None` for cases that our own table does not know yet, or that are handled already.
fn row(suspicion: &Suspicion, known: &HashMap<CaseId, CaseRow>, lang: Lang) -> Option<Row> {
    let of = |id: &[u8]| {
        known
            .get(&CaseId::from_slice(id)?)
            .filter(|row| row.state.is_open())
    };
    let (case, other) = (of(&suspicion.case_id)?, of(&suspicion.of)?);
    let about = |row: &CaseRow| row.topic.map_or("", |t| lang.t(t.vi(), t.en()));
    case.merged_into.is_none().then(|| Row {
        code: case.code.clone(),
        about: about(case),
        of: other.code.clone(),
        of_about: about(other),
        percent: (suspicion.score + 5) / 10,
        parts: suspicion.parts.join(" + ").replace('=', " "),
        id: uuid::Uuid::new_v4().to_string(),
    })
}
