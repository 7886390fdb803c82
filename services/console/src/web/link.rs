//! The page behind the signed link in a unit's mail: an officer works on one case without a login. Reading it changes nothing, whoever
//! follows links in mails; what the citizen said is opened, and every answer given, by a form.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use contracts::grpc::routing::{
    OpenReply, ProgressRequest, ReadLinkReply, ReadLinkRequest, ResultRequest, ReturnRequest, UnitRequest,
};
use kernel::Instant;
use kernel::taxonomy::{Office, Topic, Urgency};
use tonic::{Code, Status};

use super::App;
use super::case::level_name;
use super::guard::{DOOR, Fields, Visitor, cookie, set_cookie};
use super::page::{Choice, Page, Select, html};
use crate::error::Problem;
use crate::lang::Lang;
use crate::people;
use crate::timeline::when;
use crate::words::{List, options};

/// Most requests of one link in a minute.
const MOST_A_MINUTE: u32 = 30;
/// The form's cookie lasts as long as somebody may take to write an answer.
const FORM_SECONDS: u32 = 12 * 60 * 60;

#[derive(askama::Template)]
#[template(path = "link.html")]
struct LinkPage {
    p: Page,
    /// The link's token: letters, digits, `_`, `-`, `.`.
    link: String,
    code: String,
    /// Why nothing can be done by it any more.
    over: Option<&'static str>,
    accepted: bool,
    facts: Vec<(&'static str, String)>,
    words: Option<OpenReply>,
    forms: Vec<Form>,
    problem: Option<String>,
    done: bool,
}

/// One thing an officer can do.
struct Form {
    verb: &'static str,
    id: String,
    title: &'static str,
    select: Option<Select>,
    text: &'static str,
    date: bool,
    button: &'static str,
    kept: String,
}

/// What a page shows beside the case itself.
#[derive(Default)]
struct Extra {
    words: Option<OpenReply>,
    problem: Option<Problem>,
    kept: Option<(String, String)>,
}

/// `GET /u/{link}`: facts and forms.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path(link): Path<String>,
) -> Result<Response, Problem> {
    page(&app, &visitor, &link, Extra::default()).await
}

/// `POST /u/{link}/open`: opens what was said; the opening is on record before a word is shown.
pub(super) async fn open(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path(link): Path<String>,
    _fields: Fields,
) -> Result<Response, Problem> {
    read(&app, &link).await?;
    let request = on(&link, uuid::Uuid::new_v4().to_string());
    let extra = match app.clients.routing().open(request).await {
        Ok(reply) => Extra {
            words: Some(reply.into_inner()),
            ..Extra::default()
        },
        Err(status) => Extra {
            problem: Some(status.into()),
            ..Extra::default()
        },
    };
    page(&app, &visitor, &link, extra).await
}

/// `POST /u/{link}/{verb}`: accept, return, progress, result. A refusal shows the page again, with the sentence and the text kept.
pub(super) async fn act(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path((link, verb)): Path<(String, String)>,
    fields: Fields,
) -> Result<Response, Problem> {
    read(&app, &link).await?;
    match send(&app, &link, &verb, &fields).await {
        Ok(()) => Ok(Redirect::to(&format!("/u/{link}")).into_response()),
        Err(status) => {
            let extra = Extra {
                problem: Some(status.into()),
                kept: Some((verb, fields.get("text").to_owned())),
                ..Extra::default()
            };
            page(&app, &visitor, &link, extra).await
        }
    }
}

async fn send(app: &App, link: &str, verb: &str, fields: &Fields) -> Result<(), Status> {
    let on = on(link, fields.get("id").to_owned());
    let text = fields.get("text").to_owned();
    let mut routing = app.clients.routing();
    match verb {
        "accept" => routing.accept(on).await?,
        "return" => {
            let request = ReturnRequest {
                on: Some(on),
                reason_code: fields.get("reason").to_owned(),
                reason: text,
                ..ReturnRequest::default()
            };
            routing.r#return(request).await?
        }
        "progress" => {
            let request = ProgressRequest {
                on: Some(on),
                text,
                committed_date: fields.get("date").to_owned(),
                ..ProgressRequest::default()
            };
            routing.report_progress(request).await?
        }
        "result" => {
            let request = ResultRequest {
                on: Some(on),
                outcome: fields.get("outcome").to_owned(),
                text,
                ..ResultRequest::default()
            };
            routing.report_result(request).await?
        }
        _ => return Err(Status::not_found("there is no such step")),
    };
    Ok(())
}

/// Unit, case and revision are those of the link: routing reads them in it.
fn on(link: &str, request_id: String) -> UnitRequest {
    UnitRequest {
        request_id,
        link: link.to_owned(),
        ..UnitRequest::default()
    }
}

async fn page(app: &App, visitor: &Visitor, link: &str, extra: Extra) -> Result<Response, Problem> {
    let found = read(app, link).await?;
    let lang = visitor.lang;
    let over = over(&found.state, lang);
    let accepted = found.state == "accepted";
    let mut forms = if over.is_some() {
        Vec::new()
    } else {
        forms(accepted, lang)
    };
    if let Some((verb, text)) = extra.kept {
        for form in forms.iter_mut().filter(|form| form.verb == verb) {
            form.kept.clone_from(&text);
        }
    }
    // A link tells nothing of a case that is not the unit's any more.
    let facts = if over.is_some() {
        Vec::new()
    } else {
        facts(&found, lang)
    };
    let csrf = if visitor.csrf.is_empty() {
        people::random()
    } else {
        visitor.csrf.clone()
    };
    let status = match (&extra.problem, over) {
        (Some(problem), _) => problem.status,
        (None, Some(_)) => StatusCode::GONE,
        (None, None) => StatusCode::OK,
    };
    let page = LinkPage {
        p: Page::of(visitor, "link")
            .at(&format!("/u/{link}"))
            .with_csrf(csrf.clone()),
        link: link.to_owned(),
        code: found.code,
        over,
        accepted,
        facts,
        words: extra.words,
        forms,
        problem: extra.problem.map(|problem| problem.whole(lang)),
        done: found.state == "already_answered",
    };
    let mut response = (status, html(&page)?).into_response();
    let headers = response.headers_mut();
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex, nofollow"));
    if visitor.session.is_none() {
        set_cookie(headers, &cookie(app, DOOR, &csrf, FORM_SECONDS));
    }
    Ok(response)
}

/// What routing says of a link; refuses who asks too often by one.
async fn read(app: &App, link: &str) -> Result<ReadLinkReply, Problem> {
    match app
        .clients
        .routing()
        .read_link(ReadLinkRequest {
            link: link.to_owned(),
        })
        .await
    {
        Ok(reply) => limit(app, link).map(|()| reply.into_inner()),
        Err(status) if status.code() == Code::NotFound => Err(no_link()),
        Err(status) => Err(status.into()),
    }
}

fn no_link() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "Đường dẫn này không đúng: có thể bị cắt khi sao chép, hoặc đơn vị đã đổi địa chỉ nhận thư. Xin mở lại từ thư gốc, hoặc hỏi văn phòng.",
        "This link is not valid: it may have been cut when it was copied, or the unit's mail address was changed. Please open it from the mail itself, or ask the office.",
    )
}

/// Refuses who asks too often by one link, which is one of ours: nobody fills the list with others.
fn limit(app: &App, link: &str) -> Result<(), Problem> {
    let minute = app.clock.now().0.div_euclid(60 * Instant::SECOND);
    #[expect(clippy::expect_used, reason = "nothing panics while the lock is held")]
    let mut asked = app.links.lock().expect("no holder panics");
    if asked.0 != minute {
        *asked = (minute, Default::default());
    }
    let count = asked.1.entry(people::digest(link)).or_default();
    *count += 1;
    if *count <= MOST_A_MINUTE {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "Đường dẫn này được mở quá nhiều lần. Xin chờ một phút rồi thử lại.",
        "This link was used too often. Please wait a minute and try again.",
    ))
}

/// What happened to what the link was for, and what to do; `None` while it is the unit's.
fn over(state: &str, lang: Lang) -> Option<&'static str> {
    Some(match state {
        "waiting" | "accepted" => return None,
        "expired" => lang.t(
            "Đường dẫn đã quá 30 ngày nên hết hiệu lực. Vụ việc vẫn của đơn vị: xin liên hệ văn phòng để nhận lại.",
            "The link is older than 30 days and no longer good. The case is still your unit's: please ask the office to send it again.",
        ),
        "already_answered" => lang.t(
            "Kết quả của đơn vị đã được ghi nhận. Nếu cần nói thêm, xin liên hệ văn phòng để mở lại vụ việc.",
            "Your unit's result is on record. If more is to be said, please ask the office to reopen the case.",
        ),
        "already_returned" => lang.t(
            "Đơn vị đã trả lại vụ việc này; văn phòng hoặc đơn vị khác đang xử lý.",
            "Your unit returned this case; it is with the office or another unit.",
        ),
        "recalled" => lang.t(
            "Vụ việc đã được rút khỏi đơn vị. Đơn vị không phải làm gì thêm.",
            "The case was taken back from your unit. Nothing more is owed.",
        ),
        "old_revision" => lang.t(
            "Vụ việc đã được chuyển lại bằng một thông báo mới hơn. Nếu là của đơn vị, xin dùng đường dẫn trong thư mới nhất.",
            "The case was dispatched again by a newer notice. If it is your unit's, please use the link in the latest mail.",
        ),
        "erased" => lang.t(
            "Nội dung vụ việc đã được xóa theo luật.",
            "The content of this case was lawfully erased.",
        ),
        _ => lang.t(
            "Vụ việc không còn ở đơn vị. Nếu chưa rõ vì sao, xin hỏi văn phòng.",
            "The case is no longer with your unit. If it is not clear why, please ask the office.",
        ),
    })
}

fn facts(found: &ReadLinkReply, lang: Lang) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        (lang.t("Đơn vị", "Unit"), found.unit_name.clone()),
        (lang.t("Thông báo số", "Notice"), found.revision.to_string()),
        (
            lang.t("Chuyển lúc", "Put before it"),
            when(Instant(found.dispatched_at)),
        ),
    ];
    if let Ok(office) = found.office.parse::<Office>() {
        facts.push((
            lang.t("Văn phòng", "Office"),
            lang.t(office.vi(), office.en()).to_owned(),
        ));
    }
    if let Ok(topic) = found.topic.parse::<Topic>() {
        facts.push((
            lang.t("Chủ đề", "Topic"),
            lang.t(topic.vi(), topic.en()).to_owned(),
        ));
    }
    if let Ok(urgency) = found.urgency.parse::<Urgency>() {
        facts.push((
            lang.t("Độ khẩn", "Urgency"),
            lang.t(urgency.vi(), urgency.en()).to_owned(),
        ));
    }
    if let Some(level) = u8::try_from(found.level)
        .ok()
        .filter(|level| (1..=5).contains(level))
    {
        facts.push((
            lang.t("Mức trả lời", "Level of answer"),
            format!("{level} · {}", level_name(level, lang)),
        ));
    }
    facts.push((
        lang.t("Đường dẫn có hiệu lực tới", "Link good until"),
        when(Instant(found.until)),
    ));
    facts
}

fn forms(accepted: bool, lang: Lang) -> Vec<Form> {
    let select = |name, label, value: &str, list| Select {
        name,
        label,
        key: "",
        value: value.to_owned(),
        options: options(list, lang)
            .into_iter()
            .map(|(v, t)| Choice::new(v, t))
            .collect(),
    };
    let form = |verb, title, button| Form {
        verb,
        id: uuid::Uuid::new_v4().to_string(),
        title,
        select: None,
        text: "",
        date: false,
        button,
        kept: String::new(),
    };
    let accept = form(
        "accept",
        lang.t("Nhận việc", "Accept"),
        lang.t("Nhận việc", "Accept the case"),
    );
    let result = Form {
        select: Some(select(
            "outcome",
            lang.t("Kết quả", "Outcome"),
            "done",
            List::Outcome,
        )),
        text: lang.t("Trả lời người dân", "The answer to the citizen"),
        ..form(
            "result",
            lang.t("Báo kết quả", "Report the result"),
            lang.t("Gửi kết quả", "Send the result"),
        )
    };
    let progress = Form {
        text: lang.t("Việc đang tới đâu", "How far it is"),
        date: true,
        ..form(
            "progress",
            lang.t("Báo tiến độ", "Report progress"),
            lang.t("Gửi tiến độ", "Send progress"),
        )
    };
    let back = Form {
        select: Some(select(
            "reason",
            lang.t("Lý do", "Reason"),
            "not_ours",
            List::ReturnReason,
        )),
        text: lang.t("Giải thích", "Explanation"),
        ..form(
            "return",
            lang.t("Trả lại", "Return"),
            lang.t("Trả lại vụ việc", "Return the case"),
        )
    };
    if accepted {
        vec![result, progress, back]
    } else {
        vec![accept, result, progress, back]
    }
}
