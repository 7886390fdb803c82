//! The citizen's page: where their report stands, what they were told, and what they are asked. Public: neither what was reported nor
//! identity, nor who handles what inside the house.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use chassis::ledger::Proof;
use contracts::events::feedback::CitizenTold;
use kernel::ids::BadCode;
use kernel::{Position, TrackingCode};

use super::App;
use super::guard::{DOOR, Visitor, cookie, set_cookie};
use super::page::{Page, html};
use super::show::sentence_case;
use super::sign::SESSION_SECONDS;
use crate::case::{CaseRow, State as Where};
use crate::error::Problem;
use crate::lang::Lang;
use crate::people;
use crate::timeline::when;
use crate::words::{List, say};

mod questions;

use questions::Asked;
pub(super) use questions::{answer, ask};

#[derive(askama::Template)]
#[template(path = "track.html")]
struct Track {
    p: Page,
    code: String,
    problem: Option<String>,
    found: Option<Found>,
}

struct Found {
    now: &'static str,
    steps: Vec<(&'static str, &'static str)>,
    told: Vec<(String, String, String)>,
    /// How many questions wait for an answer.
    open: usize,
    /// The questions in words, once the visitor asked for them.
    asked: Vec<Asked>,
    /// Whether the receipt is under a published checkpoint; `None` where the ledger signs no log.
    provable: Option<bool>,
}

/// `GET /track?code=`: the form, and where it leads.
pub(super) async fn look_up(
    visitor: Visitor,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Problem> {
    let typed = query.get("code").cloned().unwrap_or_default();
    if typed.is_empty() {
        return page(&visitor, String::new(), StatusCode::OK, None);
    }
    let lang = visitor.lang;
    match TrackingCode::parse(&typed) {
        Ok(code) => Ok(Redirect::to(&format!("/track/{code}")).into_response()),
        Err(BadCode::Shape) => {
            let problem = lang.t(
                "Mã tra cứu có dạng HA-7K3MX-9QP4T-5.",
                "A tracking code looks like HA-7K3MX-9QP4T-5.",
            );
            page(&visitor, typed, StatusCode::UNPROCESSABLE_ENTITY, Some(problem))
        }
        Err(BadCode::Check) => {
            let problem = lang.t(
                "Mã bị gõ nhầm ở đâu đó: ký tự cuối không khớp. Xin xem lại.",
                "The code was mistyped somewhere: its last character does not fit. Please check it.",
            );
            page(&visitor, typed, StatusCode::UNPROCESSABLE_ENTITY, Some(problem))
        }
    }
}

/// `GET /track/{code}`.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    let code = TrackingCode::parse(&code).map_err(|_| Problem::not_found())?;
    let lang = visitor.lang;
    let Some(row) = app.store.by_code(code.as_str()).await? else {
        let problem = lang.t(
            "Chưa thấy phản ánh nào có mã này. Nếu vừa gửi, xin thử lại sau ít phút.",
            "No report has this code yet. If you just sent it, please try again in a few minutes.",
        );
        return page(&visitor, code.to_string(), StatusCode::NOT_FOUND, Some(problem));
    };
    report(&app, &visitor, &row, None, Vec::new()).await
}

/// The page of a report, with the questions that were opened for it.
async fn report(
    app: &App,
    visitor: &Visitor,
    row: &CaseRow,
    problem: Option<Problem>,
    asked: Vec<Asked>,
) -> Result<Response, Problem> {
    let lang = visitor.lang;
    let events = app.ledger.read_case(row.case).await?;
    let told = events
        .iter()
        .filter_map(|event| {
            let told = event.decode::<CitizenTold>().ok()??;
            let what = sentence_case(&say(List::Told, told.what.as_str(), lang));
            Some((what, when(event.recorded_at), event.recorded_at.to_string()))
        })
        .collect();
    let head = app.ledger.head(Position(0)).await?;
    let provable = (head.log_state != "off").then_some(head.log_cosigned >= row.received.0);
    let open = questions::open(&events).len();
    let found = Found {
        provable,
        now: now(row.state, lang),
        steps: steps(row.state, lang),
        told,
        open,
        asked,
    };
    let csrf = if visitor.csrf.is_empty() {
        people::random()
    } else {
        visitor.csrf.clone()
    };
    let status = problem.as_ref().map_or(StatusCode::OK, |p| p.status);
    let page = Track {
        p: Page::of(visitor, "track")
            .at(&format!("/track/{}", row.code))
            .with_csrf(csrf.clone()),
        code: row.code.clone(),
        problem: problem.map(|p| p.whole(lang)),
        found: Some(found),
    };
    let mut response = (status, html(&page)?).into_response();
    if open > 0 && visitor.session.is_none() {
        set_cookie(response.headers_mut(), &cookie(app, DOOR, &csrf, SESSION_SECONDS));
    }
    Ok(response)
}

/// `GET /track/{code}/proof`: the proof file of the receipt, to be kept and checked without asking the city.
pub(super) async fn proof(
    State(app): State<Arc<App>>,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    let code = TrackingCode::parse(&code).map_err(|_| Problem::not_found())?;
    let row = app.store.by_code(code.as_str()).await?;
    let row = row.ok_or_else(Problem::not_found)?;
    match app.ledger.prove(row.received).await? {
        Proof::File(file) => {
            let name = format!("attachment; filename=\"{code}.tlog-proof\"");
            let kind = "text/plain; charset=utf-8".to_owned();
            Ok(([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name)], file).into_response())
        }
        Proof::NotYetCovered(_) => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Bằng chứng chưa sẵn sàng: sổ ghi chưa được ký tới phản ánh này. Xin thử lại sau ít phút.",
            "The proof is not ready: the record has not been signed up to this report yet. Please try again in a few minutes.",
        )),
    }
}

fn page(
    visitor: &Visitor,
    code: String,
    status: StatusCode,
    problem: Option<&'static str>,
) -> Result<Response, Problem> {
    let page = Track {
        p: Page::of(visitor, "track"),
        code,
        problem: problem.map(str::to_owned),
        found: None,
    };
    Ok((status, html(&page)?).into_response())
}

/// Where it stands, as the citizen is told: nothing of the house's own steps.
fn now(state: Where, lang: Lang) -> &'static str {
    match step(state) {
        0 => lang.t(
            "Đã tiếp nhận, đang được xem xét.",
            "Received; it is being looked at.",
        ),
        1 => lang.t("Đã chuyển tới nơi phải xử lý.", "With those who must act."),
        2 => lang.t(
            "Đã có kết quả, đang báo lại cho bạn.",
            "There is a result; you are being told.",
        ),
        _ => lang.t("Đã trả lời và kết thúc.", "Answered and closed."),
    }
}

const fn step(state: Where) -> usize {
    match state {
        Where::Received | Where::InReview | Where::AtDesk | Where::WithOffice | Where::Reopened => 0,
        Where::WithUnit | Where::Accepted | Where::Merged => 1,
        Where::Answered => 2,
        Where::Closed => 3,
    }
}

fn steps(state: Where, lang: Lang) -> Vec<(&'static str, &'static str)> {
    let names = [
        lang.t("Tiếp nhận", "Received"),
        lang.t("Chuyển xử lý", "With those who act"),
        lang.t("Có kết quả", "Result"),
        lang.t("Đã trả lời", "Answered"),
    ];
    let here = step(state);
    let class = |i: usize| match i.cmp(&here) {
        std::cmp::Ordering::Less => "past",
        std::cmp::Ordering::Equal => "now",
        std::cmp::Ordering::Greater => "",
    };
    names
        .into_iter()
        .enumerate()
        .map(|(i, name)| (name, class(i)))
        .collect()
}
