//! The HTTP entrance: a plain form for people, and JSON for programs.

mod words;

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use futures::StreamExt;
use intake_domain::{Reason, Submission};
use kernel::taxonomy::Channel;
use kernel::{Actor, Instant};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::Instrument;

use crate::error::NotTaken;
use crate::handle::{Desk, Entrance, Receipt};
use crate::{names, parse};
use words::{EN, VI, Words};

/// Reports read and put on record at a time; a flood beyond them waits and is then sent away, and the gateways' lanes go on.
const AT_A_TIME: usize = 256;
/// How long one waits for its turn.
const TURN: Duration = Duration::from_secs(3);
/// How long a body may take, so that no dripping connection holds a place.
const BODY: Duration = Duration::from_secs(10);

/// The desk, and who may stand at it.
#[derive(Clone)]
struct Door {
    desk: Arc<Desk>,
    places: Arc<Semaphore>,
}

/// `GET /` the form; `POST /reports` from the form (answered by a page) or as JSON (answered by `ReceiptOut`).
pub(crate) fn router(desk: Arc<Desk>) -> Router {
    let header = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
    };
    Router::new()
        .route("/", get(form))
        .route("/reports", post(report))
        .layer(DefaultBodyLimit::disable()) // `read` bounds it
        .layer(header(
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ))
        .layer(header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(REFERRER_POLICY, "no-referrer"))
        .layer(header(CACHE_CONTROL, "no-store"))
        .with_state(Door {
            desk,
            places: Arc::new(Semaphore::new(AT_A_TIME)),
        })
}

/// What the form sends. May hold personal data.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Fields {
    id: String,
    text: String,
    address: String,
    name: String,
    phone: String,
    email: String,
    lang: String,
}

#[derive(Template)]
#[template(path = "form.html")]
struct FormPage<'a> {
    t: &'static Words,
    fields: &'a Fields,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "receipt.html")]
struct ReceiptPage<'a> {
    t: &'static Words,
    code: &'a str,
    at: String,
}

/// In both languages: which one was chosen stands in the body, which was not read.
#[derive(Template)]
#[template(path = "crowded.html")]
struct CrowdedPage {
    t: &'static Words,
    en: &'static Words,
}

#[derive(Deserialize)]
struct Switch {
    lang: Option<String>,
}

async fn form(Query(switch): Query<Switch>) -> Response {
    let fields = Fields {
        id: fresh_id(),
        ..Fields::default()
    };
    page(
        StatusCode::OK,
        &FormPage {
            t: words(switch.lang.as_deref().unwrap_or_default()),
            fields: &fields,
            error: None,
        },
    )
}

async fn report(State(Door { desk, places }): State<Door>, headers: HeaderMap, body: Body) -> Response {
    let span = tracing::info_span!(names::SPAN_RECEIVE, otel.kind = "server", lane = "http");
    let traceparent = headers
        .get("traceparent")
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    chassis::telemetry::trace::set_parent(&span, &traceparent);
    let media = headers
        .get(CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let media = media
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let answer = async {
        let Ok(Ok(_place)) = tokio::time::timeout(TURN, places.acquire()).await else {
            metrics::counter!(names::SENT_AWAY).increment(1);
            return crowded(&media);
        };
        let read = tokio::time::timeout(BODY, read(body)).await;
        match (read.unwrap_or(Err(Unread::BrokeOff)), media.as_str()) {
            (Ok(body), "application/json") => from_program(&desk, &body).await,
            (Ok(body), "application/x-www-form-urlencoded") => from_person(&desk, &body).await,
            (Ok(_), _) => {
                let detail = "Send application/json or application/x-www-form-urlencoded.";
                refusal(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "unsupported_media_type",
                    detail,
                )
            }
            (Err(Unread::TooLarge), _) => refused_json(&NotTaken::Refused(Reason::TooLarge.into())),
            (Err(Unread::BrokeOff), _) => refusal(
                StatusCode::BAD_REQUEST,
                "broke_off",
                "The body broke off; send it again with the same id.",
            ),
        }
    };
    chassis::telemetry::trace::caused_by(traceparent, answer)
        .instrument(span)
        .await
}

/// Why a body could not be read.
enum Unread {
    TooLarge,
    BrokeOff,
}

/// Reads a body of at most `MAX_BODY`. Of a larger one the rest is heard out (up to a bound) and dropped, so that the sender hears the
/// refusal and not a broken connection.
async fn read(body: Body) -> Result<Bytes, Unread> {
    const HEARD_OUT: usize = 32 << 20;
    let mut stream = body.into_data_stream();
    let (mut kept, mut size) = (Vec::new(), 0);
    while let Some(part) = stream.next().await {
        let part = part.map_err(|_| Unread::BrokeOff)?;
        size += part.len();
        if size <= parse::MAX_BODY {
            kept.extend_from_slice(&part);
        } else if size > HEARD_OUT {
            break;
        } else {
            kept = Vec::new();
        }
    }
    if size > parse::MAX_BODY {
        Err(Unread::TooLarge)
    } else {
        Ok(kept.into())
    }
}

async fn from_program(desk: &Desk, body: &[u8]) -> Response {
    let report = match parse::report(body) {
        Ok(report) => report,
        Err(unreadable) => return refused_json(&NotTaken::Refused(unreadable.refused)),
    };
    let id = report.id.clone();
    // A program may say for which channel it speaks; what it says is checked, never replaced.
    let channel = report
        .channel
        .clone()
        .unwrap_or_else(|| Channel::Web.code().to_owned());
    match desk
        .receive_soon(&entrance(), parse::submission(&channel, report))
        .await
    {
        Ok(receipt) => axum::Json(receipt.to_wire(id)).into_response(),
        Err(not_taken) => refused_json(&not_taken),
    }
}

async fn from_person(desk: &Desk, body: &[u8]) -> Response {
    // The form decoder replaces bytes that are no UTF-8; what a person typed must arrive as it was, or be refused.
    let Some(mut fields) = fields_of(body) else {
        let fields = Fields {
            id: fresh_id(),
            ..Fields::default()
        };
        return form_again(&NotTaken::Refused(Reason::InvalidUtf8.into()), &fields);
    };
    if fields.id.is_empty() {
        fields.id = fresh_id();
    }
    match desk.receive_soon(&entrance(), fields.submission()).await {
        Ok(receipt) => receipt_page(&receipt, words(&fields.lang)),
        Err(not_taken) => {
            if matches!(&not_taken, NotTaken::Refused(refused) if refused.reason == Reason::ReusedId) {
                fields.id = fresh_id(); // somebody went back and wrote something else: that is another report
            }
            form_again(&not_taken, &fields)
        }
    }
}

impl Fields {
    fn submission(&self) -> Submission {
        let given = |text: &String| (!text.is_empty()).then(|| text.clone());
        Submission {
            channel: Channel::Web.code().to_owned(),
            id: self.id.clone(),
            text: self.text.replace("\r\n", "\n"), // how browsers send line ends, not what was typed
            name: given(&self.name),
            phone: given(&self.phone),
            email: given(&self.email),
            address: given(&self.address),
            ..Submission::default()
        }
    }
}

fn fields_of(body: &[u8]) -> Option<Fields> {
    let fields: Fields = serde_urlencoded::from_bytes(body).ok()?;
    let replaced = |text: &String| text.contains('\u{fffd}');
    let all = [
        &fields.id,
        &fields.text,
        &fields.address,
        &fields.name,
        &fields.phone,
        &fields.email,
    ];
    let sent_so = || body.windows(9).any(|w| w.eq_ignore_ascii_case(b"%EF%BF%BD"));
    (!all.into_iter().any(replaced) || sent_so()).then_some(fields)
}

/// Whoever comes by the web is the citizen; a flood of them must not overtake the express lane.
fn entrance() -> Entrance {
    Entrance {
        gateway: "http".to_owned(),
        sender: "http".to_owned(),
        actor: Actor::citizen(),
        express: false,
    }
}

/// A new form has an id of its own, so that pressing the button twice is one report.
fn fresh_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

fn words(lang: &str) -> &'static Words {
    if lang == EN.code { &EN } else { &VI }
}

fn form_again(not_taken: &NotTaken, fields: &Fields) -> Response {
    let t = words(&fields.lang);
    let error = match not_taken {
        NotTaken::Refused(refused) if t.code == VI.code => refused.reason.vi().to_owned(),
        NotTaken::Refused(refused) => refused.reason.en().to_owned(),
        NotTaken::Unavailable(_) | NotTaken::Fault(_) => t.later.to_owned(),
    };
    page(
        not_taken.http(),
        &FormPage {
            t,
            fields,
            error: Some(error),
        },
    )
}

fn receipt_page(receipt: &Receipt, t: &'static Words) -> Response {
    page(
        StatusCode::OK,
        &ReceiptPage {
            t,
            code: receipt.code.as_str(),
            at: city_time(receipt.accepted_at),
        },
    )
}

/// `24/03/2026 08:00:00`, at UTC+7, where the city is.
fn city_time(at: Instant) -> String {
    at.timestamp()
        .to_zoned_datetime(jiff::tz::TimeZone::fixed(jiff::tz::offset(7)))
        .strftime("%d/%m/%Y %H:%M:%S")
        .to_string()
}

fn page(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(error = %chassis::telemetry::chain(&error), "a page could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Nothing was read: what was typed is still in the browser, one step back.
fn crowded(media: &str) -> Response {
    let mut response = if media == "application/json" {
        let detail = "Too many reports come at once; send it again in a moment with the same id.";
        refusal(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
    } else {
        page(StatusCode::SERVICE_UNAVAILABLE, &CrowdedPage { t: &VI, en: &EN })
    };
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

fn refused_json(not_taken: &NotTaken) -> Response {
    refusal(not_taken.http(), not_taken.reason(), &not_taken.to_string())
}

fn refusal(status: StatusCode, reason: &str, detail: &str) -> Response {
    (
        status,
        axum::Json(serde_json::json!({ "reason": reason, "detail": detail })),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_that_is_no_utf8_is_told_from_one_that_is() {
        assert_eq!(fields_of("text=Ng%E1%BA%ADp".as_bytes()).unwrap().text, "Ngập");
        assert!(fields_of(b"text=Ng%FFp").is_none());
        assert_eq!(fields_of(b"text=a%EF%BF%BDb").unwrap().text, "a\u{fffd}b");
    }

    #[test]
    fn what_was_typed_is_shown_again_as_text_and_never_as_markup() {
        let fields = Fields {
            text: "</textarea><script>alert(1)</script>".into(),
            name: "\"><b>".into(),
            ..Fields::default()
        };
        let html = FormPage {
            t: &VI,
            fields: &fields,
            error: None,
        }
        .render()
        .unwrap();
        assert!(!html.contains("<script>") && !html.contains("\"><b>"));
        assert!(html.contains("lang=\"vi\"") && html.contains("English"));
    }

    #[test]
    fn the_time_of_the_receipt_is_the_citys() {
        assert_eq!(
            city_time(Instant::parse("2026-03-24T01:00:00Z").unwrap()),
            "24/03/2026 08:00:00"
        );
    }
}
