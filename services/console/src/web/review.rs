//! The review queue: what a person must confirm before it leaves the house, with the reasons and the rules' suggestion.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use chassis::ledger::Purpose;
use contracts::grpc::classification::{DecideReviewRequest, ListReviewsRequest, Review, Suggestion};
use kernel::taxonomy::{Field, Kind, Topic, Urgency};
use kernel::{CaseId, Instant, TrackingCode};

use super::App;
use super::case::find;
use super::guard::{Fields, Signed};
use super::page::{Choice, Page, Select, html};
use super::show::short;
use super::words::{self, Words};
use crate::case::CaseRow;
use crate::error::Problem;
use crate::lang::Lang;
use crate::roles::Act;
use crate::words::{List, say};

/// Items of the queue that are shown; the oldest first.
const MOST: u32 = 500;

#[derive(askama::Template)]
#[template(path = "review.html")]
struct Queue {
    p: Page,
    items: Vec<Item>,
    chosen: Option<Chosen>,
    words: Option<Words>,
    problem: Option<String>,
}

struct Item {
    code: String,
    about: &'static str,
    reasons: String,
    urgency: String,
    when: String,
    iso: String,
    here: bool,
}

struct Chosen {
    code: String,
    reasons: Vec<String>,
    confidence: u32,
    id: String,
    topic: String,
    topics: Vec<(&'static str, Vec<Choice>)>,
    selects: Vec<Select>,
    kept: String,
}

/// What a page shows beside the queue.
#[derive(Default)]
struct Extra {
    code: Option<String>,
    at: u64,
    words: Option<Words>,
    problem: Option<Problem>,
    kept: Option<Suggestion>,
    reason: String,
}

/// `GET /review`, with `?code=` for one of them.
pub(super) async fn queue(
    State(app): State<Arc<App>>,
    signed: Signed,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Problem> {
    signed.may(Act::Review)?;
    let code = query
        .get("code")
        .and_then(|c| TrackingCode::parse(c).ok())
        .map(|c| c.to_string());
    let at = query.get("at").and_then(|p| p.parse().ok()).unwrap_or(0);
    page(
        &app,
        &signed,
        Extra {
            code,
            at,
            ..Extra::default()
        },
    )
    .await
}

/// `POST /review/{code}/content`.
pub(super) async fn content(
    State(app): State<Arc<App>>,
    signed: Signed,
    Path(code): Path<String>,
    _fields: Fields,
) -> Result<Response, Problem> {
    signed.may(Act::Review)?;
    let row = find(&app, &code).await?;
    let units = app.units().await;
    let words = words::open(&app, &signed, &row, Purpose::Review, &units).await?;
    page(
        &app,
        &signed,
        Extra {
            code: Some(row.code),
            words: Some(words),
            ..Extra::default()
        },
    )
    .await
}

/// `POST /review/{code}`: the decision; then the next one.
pub(super) async fn decide(
    State(app): State<Arc<App>>,
    signed: Signed,
    Path(code): Path<String>,
    fields: Fields,
) -> Result<Response, Problem> {
    signed.may(Act::Review)?;
    let row = find(&app, &code).await?;
    let get = |name| fields.get(name).to_owned();
    let topic = get("topic");
    // The field follows the topic; a person cannot pick a pair that does not fit.
    let field = topic
        .parse::<Topic>()
        .map(|t| t.field().to_string())
        .unwrap_or_default();
    let level = get("level").parse().unwrap_or(0);
    let request = DecideReviewRequest {
        request_id: get("id"),
        actor: signed.actor()?.to_string(),
        case_id: row.case.to_vec().into(),
        field,
        topic,
        kind: get("kind"),
        urgency: get("urgency"),
        level,
        reason: get("reason"),
    };
    match app.clients.classification().decide_review(request.clone()).await {
        Ok(done) => Ok(Redirect::to(&format!("/review?at={}", done.into_inner().position)).into_response()),
        Err(status) => {
            let kept = Suggestion {
                field: request.field,
                topic: request.topic,
                kind: request.kind,
                urgency: request.urgency,
                level: request.level,
                confidence: 0.0,
            };
            let extra = Extra {
                code: Some(row.code),
                problem: Some(status.into()),
                kept: Some(kept),
                reason: request.reason,
                ..Extra::default()
            };
            page(&app, &signed, extra).await
        }
    }
}

async fn page(app: &App, signed: &Signed, extra: Extra) -> Result<Response, Problem> {
    let asked = ListReviewsRequest {
        at_least: extra.at,
        limit: MOST,
    };
    let reviews = app
        .clients
        .classification()
        .list_reviews(asked)
        .await?
        .into_inner()
        .reviews;
    let cases: Vec<CaseId> = reviews
        .iter()
        .filter_map(|r| CaseId::from_slice(&r.case_id))
        .collect();
    let rows = app.store.by_case(&cases).await?;
    let lang = signed.lang();
    let now = app.clock.now();
    // A case that our own table does not know yet comes a moment later, by itself.
    let mut known: Vec<(&Review, &CaseRow)> = reviews
        .iter()
        .filter_map(|r| Some((r, rows.get(&CaseId::from_slice(&r.case_id)?)?)))
        .filter(|(_, row)| !row.code.is_empty())
        .collect();
    // Emergencies overtake; the rest by age.
    known.sort_by_key(|(review, row)| (row.urgency.unwrap_or(Urgency::Normal), review.position));
    let wanted = extra.code.as_deref();
    let chosen = known
        .iter()
        .find(|(_, row)| Some(row.code.as_str()) == wanted)
        .or_else(|| known.first().filter(|_| wanted.is_none()));
    let here = chosen.map(|(_, row)| row.code.clone()).unwrap_or_default();
    let items = known
        .iter()
        .map(|(review, row)| Item {
            code: row.code.clone(),
            about: row.topic.map_or(lang.t("Chưa rõ chủ đề", "No topic yet"), |t| {
                lang.t(t.vi(), t.en())
            }),
            reasons: reasons(review, lang).join(", "),
            urgency: row.urgency.map(|u| u.to_string()).unwrap_or_default(),
            when: short(Instant(review.requested_at), now),
            iso: Instant(review.requested_at).to_string(),
            here: row.code == here,
        })
        .collect();
    let chosen = chosen.map(|(review, row)| choose(review, row, extra.kept, extra.reason, lang));
    let status = extra.problem.as_ref().map_or(StatusCode::OK, |p| p.status);
    let page = Queue {
        p: Page::signed(signed, "review").at("/review"),
        items,
        chosen,
        words: extra.words,
        problem: extra.problem.map(|p| p.whole(lang)),
    };
    Ok((status, html(&page)?).into_response())
}

fn reasons(review: &Review, lang: Lang) -> Vec<String> {
    review
        .reasons
        .iter()
        .map(|r| say(List::ReviewReason, r, lang).into_owned())
        .collect()
}

fn choose(review: &Review, row: &CaseRow, kept: Option<Suggestion>, reason: String, lang: Lang) -> Chosen {
    let suggested = review.suggestion.clone().unwrap_or_default();
    // Suggestions are fractions of one.
    let confidence = (suggested.confidence.clamp(0.0, 1.0) * 100.0).round() as u32;
    let values = kept.unwrap_or(suggested);
    let mut topics: BTreeMap<Field, Vec<Choice>> = BTreeMap::new();
    for topic in Topic::ALL {
        topics
            .entry(topic.field())
            .or_default()
            .push(Choice::new(topic.code(), lang.t(topic.vi(), topic.en())));
    }
    let select = |name, label, key, value: String, options| Select {
        name,
        label,
        key,
        value,
        options,
    };
    macro_rules! choices {
        ($type:ty) => {
            <$type>::ALL
                .iter()
                .map(|x| Choice::new(x.code(), lang.t(x.vi(), x.en())))
                .collect()
        };
    }
    let levels = (1..=5_u8)
        .map(|n| {
            Choice::new(
                n.to_string(),
                format!("{n} · {}", super::case::level_name(n, lang)),
            )
        })
        .collect();
    Chosen {
        code: row.code.clone(),
        reasons: reasons(review, lang),
        confidence,
        id: uuid::Uuid::new_v4().to_string(),
        topic: values.topic,
        topics: topics
            .into_iter()
            .map(|(f, t)| (lang.t(f.vi(), f.en()), t))
            .collect(),
        selects: vec![
            select("kind", lang.t("Loại", "Kind"), "L", values.kind, choices!(Kind)),
            select(
                "urgency",
                lang.t("Độ khẩn", "Urgency"),
                "U",
                values.urgency,
                choices!(Urgency),
            ),
            select(
                "level",
                lang.t("Mức trả lời", "Level"),
                "M",
                values.level.to_string(),
                levels,
            ),
        ],
        kept: reason,
    }
}
