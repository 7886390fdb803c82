//! The live list: tabs by state, filters, rows that appear by themselves, and how far behind the page is.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use kernel::taxonomy::{Destination, Field, Topic, Urgency};
use kernel::{Position, TrackingCode};

use super::App;
use super::guard::Signed;
use super::page::{Choice, Page, Select, html};
use super::show::RowView;
use crate::case::State as Where;
use crate::error::Problem;
use crate::filter::Filter;
use crate::lang::Lang;
use crate::roles::Role;
use crate::store::Counts;

/// Rows of a page.
const PAGE: u32 = 50;
/// Open emergencies pinned above the list.
const PINNED: u32 = 5;

#[derive(askama::Template)]
#[template(path = "cases.html")]
struct List {
    p: Page,
    f: Filter,
    tabs: Vec<Tab>,
    selects: Vec<Select>,
    pinned: Vec<RowView>,
    rows: String,
}

#[derive(askama::Template)]
#[template(path = "rows.html")]
struct Rows {
    lang: Lang,
    rows: Vec<RowView>,
    older: String,
    head: u64,
}

#[derive(askama::Template)]
#[template(path = "tabs.html")]
struct Tabs {
    p: Page,
    tabs: Vec<Tab>,
}

struct Tab {
    name: &'static str,
    href: String,
    count: Option<u64>,
    here: bool,
    class: &'static str,
}

type Asked = Query<HashMap<String, String>>;

/// `GET /cases`.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    signed: Signed,
    Query(query): Asked,
) -> Result<Response, Problem> {
    let filter = Filter::read(&query);
    if let Ok(code) = TrackingCode::parse(&filter.q)
        && app.store.by_code(code.as_str()).await?.is_some()
    {
        return Ok(Redirect::to(&format!("/cases/{code}")).into_response());
    }
    let (lang, role, now) = (signed.lang(), signed.session.role, app.clock.now());
    let units = app.units().await;
    let counts = app.store.counts().await?;
    let pinned = if filter.any() {
        Vec::new()
    } else {
        app.store.dangers(PINNED).await?
    };
    let page = List {
        p: Page::signed(&signed, "cases"),
        tabs: tabs_of(&filter, &counts, role, lang),
        selects: selects(&filter, &units, lang),
        pinned: pinned
            .iter()
            .map(|r| RowView::new(r, now, lang, &units))
            .collect(),
        rows: rows_of(&app, &filter, role, lang, &units).await?,
        f: filter,
    };
    Ok(html(&page)?.into_response())
}

/// `GET /cases/rows`: the same rows, when something changed.
pub(super) async fn rows(
    State(app): State<Arc<App>>,
    signed: Signed,
    Query(query): Asked,
) -> Result<Html<String>, Problem> {
    let units = app.units().await;
    let role = signed.session.role;
    Ok(Html(
        rows_of(&app, &Filter::read(&query), role, signed.lang(), &units).await?,
    ))
}

/// `GET /cases/tabs`: the counts, when something changed.
pub(super) async fn tabs(
    State(app): State<Arc<App>>,
    signed: Signed,
    Query(query): Asked,
) -> Result<Html<String>, Problem> {
    let counts = app.store.counts().await?;
    let tabs = tabs_of(&Filter::read(&query), &counts, signed.session.role, signed.lang());
    html(&Tabs {
        p: Page::signed(&signed, "cases"),
        tabs,
    })
}

/// `GET /behind`: how far the pages are behind the ledger.
pub(super) async fn behind(State(app): State<Arc<App>>, signed: Signed) -> String {
    let (lang, here) = (signed.lang(), app.waiter.position());
    let asked = app.ledger.head(Position(0));
    let Ok(Ok(head)) = tokio::time::timeout(std::time::Duration::from_secs(2), asked).await else {
        return lang
            .t("Sổ cái chưa trả lời", "The ledger does not answer")
            .to_owned();
    };
    match (lang, head.position.saturating_sub(here.0)) {
        (Lang::Vi, 0) => format!("Đủ tới sự kiện {here}"),
        (Lang::En, 0) => format!("Up to date, event {here}"),
        (Lang::Vi, n) => format!("Đang chậm {n} sự kiện ({here} trên {})", head.position),
        (Lang::En, n) => format!("{n} events behind ({here} of {})", head.position),
    }
}

async fn rows_of(
    app: &App,
    filter: &Filter,
    role: Role,
    lang: Lang,
    units: &BTreeMap<String, String>,
) -> Result<String, Problem> {
    let mut found = app.store.list(filter, role, PAGE + 1).await?;
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let older = found
        .last()
        .filter(|_| more)
        .map(|last| {
            Filter {
                before: Some(last.received),
                ..filter.clone()
            }
            .query()
        })
        .unwrap_or_default();
    let now = app.clock.now();
    let rows = found.iter().map(|r| RowView::new(r, now, lang, units)).collect();
    let rows = Rows {
        lang,
        rows,
        older,
        head: app.waiter.position().0,
    };
    Ok(html(&rows)?.0)
}

fn tabs_of(filter: &Filter, counts: &Counts, role: Role, lang: Lang) -> Vec<Tab> {
    let tab = |name, to: Filter, count, class| {
        let query = to.query();
        let href = if query.is_empty() {
            "/cases".to_owned()
        } else {
            format!("/cases?{query}")
        };
        let here = filter.state == to.state
            && filter.mine == to.mine
            && filter.disputed == to.disputed
            && (filter.late == "now") == (to.late == "now");
        Tab {
            name,
            href,
            count,
            here,
            class,
        }
    };
    let mut tabs = vec![tab(lang.t("Tất cả", "All"), Filter::default(), None, "")];
    let (mine, level) = Filter::desk_of(role);
    if !mine.is_empty() {
        // One level of a state is not counted apart; the number would be another than what the tab shows.
        let count = level.is_none().then(|| mine.iter().map(|s| counts.of(*s)).sum());
        tabs.push(tab(
            lang.t("Bàn của tôi", "My desk"),
            Filter {
                mine: true,
                ..Filter::default()
            },
            count,
            "mine",
        ));
    }
    for state in Where::ALL {
        let count = state.is_open().then(|| counts.of(state));
        if count == Some(0) && filter.state != Some(state) {
            continue;
        }
        tabs.push(tab(
            state.name(lang),
            Filter {
                state: Some(state),
                ..Filter::default()
            },
            count,
            "",
        ));
    }
    if counts.disputed > 0 || filter.disputed {
        let disputed = Filter {
            disputed: true,
            ..Filter::default()
        };
        let name = lang.t("Tranh chấp thẩm quyền", "Disputed");
        tabs.push(tab(name, disputed, Some(counts.disputed), ""));
    }
    let late = Filter {
        late: "now".to_owned(),
        ..Filter::default()
    };
    tabs.push(tab(
        lang.t("Quá hạn", "Overdue"),
        late,
        Some(counts.overdue),
        "alarm",
    ));
    tabs
}

fn selects(filter: &Filter, units: &BTreeMap<String, String>, lang: Lang) -> Vec<Select> {
    let select = |name, vi, en, value: String, options| Select {
        name,
        label: lang.t(vi, en),
        key: "",
        value,
        options,
    };
    let text = |x: Option<String>| x.unwrap_or_default();
    let levels = (1..=5)
        .map(|n| Choice::new(n.to_string(), format!("{} {n}", lang.t("Mức", "Level"))))
        .collect();
    let mut names: Vec<_> = units.iter().map(|(code, name)| Choice::new(code, name)).collect();
    names.sort_by(|a, b| a.text.cmp(&b.text));
    macro_rules! choices {
        ($type:ty) => {
            <$type>::ALL
                .iter()
                .map(|x| Choice::new(x.code(), lang.t(x.vi(), x.en())))
                .collect()
        };
    }
    vec![
        select(
            "level",
            "Mức",
            "Level",
            text(filter.level.map(|x| x.to_string())),
            levels,
        ),
        select(
            "urgency",
            "Độ khẩn",
            "Urgency",
            text(filter.urgency.map(|x| x.to_string())),
            choices!(Urgency),
        ),
        select(
            "field",
            "Lĩnh vực",
            "Field",
            text(filter.field.map(|x| x.to_string())),
            choices!(Field),
        ),
        select(
            "topic",
            "Chủ đề",
            "Topic",
            text(filter.topic.map(|x| x.to_string())),
            choices!(Topic),
        ),
        select(
            "destination",
            "Nơi đến",
            "Destination",
            text(filter.destination.map(|x| x.to_string())),
            choices!(Destination),
        ),
        select("unit", "Đơn vị", "Unit", filter.unit.clone(), names),
    ]
}
