//! The page of one case: facts, story, content on request, and what this person can do now.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use kernel::{CaseId, Position, TrackingCode};

use super::App;
use super::guard::{Fields, Signed};
use super::page::{Page, html};
use super::show::{RowView, left, sentence_case, short};
use super::words::{self, Words};
use crate::case::{Awaits, CaseRow};
use crate::error::Problem;
use crate::lang::Lang;
use crate::roles::{Act, fits, may};
use crate::timeline::{self, Line, when};
use crate::words::{List, say};

mod act;

use act::Action;
pub(super) use act::act;

#[derive(askama::Template)]
#[template(path = "case.html")]
struct CasePage {
    p: Page,
    code: String,
    case: CaseId,
    row: RowView,
    facts: Vec<(&'static str, String)>,
    story: Vec<Line>,
    may_open: bool,
    words: Option<Words>,
    actions: Vec<Action>,
    review: bool,
    problem: Option<String>,
    waiting: bool,
}

#[derive(askama::Template)]
#[template(path = "waiting.html")]
struct Waiting {
    p: Page,
    code: String,
    at: Position,
}

/// `GET /cases/{code}`, with `?at=` after a write: the page waits up to a second for it.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    signed: Signed,
    Path(code): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Problem> {
    let code = TrackingCode::parse(&code).map_err(|_| Problem::not_found())?;
    let at = query.get("at").and_then(|p| p.parse().ok()).map(Position);
    let reached = match at {
        Some(position) => app.waiter.reached(position).await,
        None => true,
    };
    let Some(row) = app.store.by_code(code.as_str()).await? else {
        if reached {
            return Err(Problem::not_found());
        }
        let page = Waiting {
            p: Page::signed(&signed, "cases"),
            code: code.to_string(),
            at: at.unwrap_or_default(),
        };
        return Ok(html(&page)?.into_response());
    };
    page(
        &app,
        &signed,
        &row,
        Extra {
            waiting: !reached,
            ..Extra::default()
        },
    )
    .await
}

/// `POST /cases/{code}/content`: opens what was said; the opening is on record before a word is shown.
pub(super) async fn content(
    State(app): State<Arc<App>>,
    signed: Signed,
    Path(code): Path<String>,
    _fields: Fields,
) -> Result<Response, Problem> {
    signed.may(Act::OpenContent)?;
    let row = find(&app, &code).await?;
    let units = app.units().await;
    let purpose = words::purpose_of(signed.session.role);
    let words = words::open(&app, &signed, &row, purpose, &units).await?;
    page(
        &app,
        &signed,
        &row,
        Extra {
            words: Some(words),
            ..Extra::default()
        },
    )
    .await
}

/// What a page shows beside the case itself.
#[derive(Default)]
struct Extra {
    words: Option<Words>,
    problem: Option<Problem>,
    /// Verb and text of the form that was refused.
    kept: Option<(String, String)>,
    waiting: bool,
}

pub(super) async fn find(app: &App, code: &str) -> Result<CaseRow, Problem> {
    let code = TrackingCode::parse(code).map_err(|_| Problem::not_found())?;
    app.store
        .by_code(code.as_str())
        .await?
        .ok_or_else(Problem::not_found)
}

async fn page(app: &App, signed: &Signed, row: &CaseRow, extra: Extra) -> Result<Response, Problem> {
    let lang = signed.lang();
    let units = app.units().await;
    let story = timeline::story(&app.ledger.read_case(row.case).await?, lang, &units);
    let (role, office) = (signed.session.role, signed.session.office);
    let now = app.clock.now();
    let mut actions: Vec<Action> = Act::ALL
        .into_iter()
        .filter(|a| may(role, *a) && fits(*a, row, office))
        .filter_map(|a| act::form(a, row, &units, lang))
        .collect();
    if let Some((verb, text)) = extra.kept {
        for action in actions.iter_mut().filter(|a| a.verb == verb) {
            action.kept.clone_from(&text);
        }
    }
    let status = extra.problem.as_ref().map_or(StatusCode::OK, |p| p.status);
    let page = CasePage {
        p: Page::signed(signed, "cases").at(&format!("/cases/{}", row.code)),
        code: row.code.clone(),
        case: row.case,
        row: RowView::new(row, now, lang, &units),
        facts: facts(row, &units, now, lang),
        story,
        may_open: may(role, Act::OpenContent),
        words: extra.words,
        actions,
        review: may(role, Act::Review) && fits(Act::Review, row, office),
        problem: extra.problem.map(|p| p.whole(lang)),
        waiting: extra.waiting,
    };
    Ok((status, html(&page)?).into_response())
}

fn facts(
    row: &CaseRow,
    units: &BTreeMap<String, String>,
    now: kernel::Instant,
    lang: Lang,
) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let mut fact = |name, value: Option<String>| facts.extend(value.map(|v| (name, v)));
    macro_rules! named {
        ($x:expr) => {
            $x.map(|x| lang.t(x.vi(), x.en()).to_owned())
        };
    }
    fact(lang.t("Tiếp nhận", "Received"), Some(when(row.received_at)));
    fact(lang.t("Kênh", "Channel"), named!(row.channel));
    fact(lang.t("Lĩnh vực", "Field"), named!(row.field));
    fact(lang.t("Chủ đề", "Topic"), named!(row.topic));
    fact(lang.t("Loại", "Kind"), named!(row.kind));
    fact(lang.t("Độ khẩn", "Urgency"), named!(row.urgency));
    fact(
        lang.t("Mức trả lời", "Level of answer"),
        row.level.map(|l| format!("{l} · {}", level_name(l, lang))),
    );
    fact(lang.t("Văn phòng", "Office"), named!(row.office));
    let disputed = row.disputed.map(|awaits| match awaits {
        Awaits::Office(office) => lang.t(office.vi(), office.en()),
        Awaits::Leaders => lang.t("lãnh đạo thành phố", "the city's leaders"),
    });
    fact(
        lang.t("Tranh chấp thẩm quyền, chờ", "Disputed, waits for"),
        disputed.map(str::to_owned),
    );
    let unit =
        (!row.unit.is_empty()).then(|| units.get(&row.unit).cloned().unwrap_or_else(|| row.unit.clone()));
    let label = if row.revision > 0 {
        lang.t("Đơn vị", "Unit")
    } else {
        lang.t("Đơn vị đề xuất", "Unit proposed")
    };
    fact(label, unit);
    if row.revision > 1 {
        fact(lang.t("Thông báo số", "Notice"), Some(row.revision.to_string()));
    }
    for owed in row.owed.iter().filter(|_| row.state.is_open()) {
        let name = sentence_case(&say(List::Obligation, &owed.what, lang));
        fact(
            lang.t("Còn phải làm", "Owed"),
            Some(format!(
                "{name}: {} ({})",
                short(owed.due, now),
                left(owed.due, now, lang)
            )),
        );
    }
    facts
}

/// What a level means, in few words.
pub(super) fn level_name(level: u8, lang: Lang) -> &'static str {
    match level {
        1 => lang.t("hướng dẫn ngay", "guided at once"),
        2 => lang.t("chuyển người đứng đầu đơn vị", "to the head of the unit"),
        3 => lang.t("xin ý kiến lãnh đạo", "the leaders are asked"),
        4 => lang.t("xác minh, đối thoại", "verification and dialogue"),
        _ => lang.t("hiến kế, thư cảm ơn", "proposal, letter of thanks"),
    }
}

/// Where a write leads: the case, waiting for what was written.
pub(super) fn after(code: &str, position: u64) -> Response {
    Redirect::to(&format!("/cases/{code}?at={position}")).into_response()
}
