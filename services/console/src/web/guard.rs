//! What stands around every page: who the visitor is, the headers that protect them, and problems written as pages.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Query, Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Form, RequestExt};
use kernel::Position;
use tracing::Instrument;

use super::App;
use super::page::{Page, html};
use crate::error::Problem;
use crate::lang::Lang;
use crate::people::{self, Session};
use crate::roles::{Act, may};

/// Cookie of a session.
pub(super) const SESSION: &str = "hoiam_session";
/// Cookie that the form at the door must match.
pub(super) const DOOR: &str = "hoiam_door";
const LANG: &str = "hoiam_lang";

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; \
connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Who asks, and in which language.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) lang: Lang,
    pub(super) session: Option<Session>,
    /// What forms must carry: the session's, or the door's.
    pub(super) csrf: String,
    /// The session's token, as the cookie has it.
    pub(super) token: String,
    /// This address with the other language.
    pub(super) switch: String,
    /// How far the cases were when the request came: its page shows at least that.
    pub(super) seen: Position,
}

#[derive(askama::Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    p: Page,
    status: u16,
    title: &'static str,
    sentence: String,
    detail: String,
}

/// Finds out who asks, lets the page answer, and writes a problem as a page in their language.
pub(super) async fn visit(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let cookies = cookies(request.headers());
    let chosen = query(request.uri()).get("lang").and_then(|l| Lang::parse(l));
    let lang = chosen
        .or_else(|| cookies.get(LANG).and_then(|l| Lang::parse(l)))
        .unwrap_or_default();
    let token = cookies.get(SESSION).cloned().unwrap_or_default();
    let session = if token.is_empty() {
        Ok(None)
    } else {
        app.store.session(&people::digest(&token), app.clock.now()).await
    };
    let (session, failed) = match session {
        Ok(session) => (session, None),
        Err(error) => (None, Some(Problem::from(error))),
    };
    let csrf = session.as_ref().map_or_else(
        || cookies.get(DOOR).cloned().unwrap_or_default(),
        |s| s.csrf.clone(),
    );
    let visitor = Visitor {
        lang,
        session,
        csrf,
        token,
        switch: switch(request.uri(), lang),
        seen: app.live.position(),
    };
    request.extensions_mut().insert(visitor.clone());
    let mut response = match failed {
        Some(problem) => problem.into_response(),
        None => {
            // The route, never the address: a span names no case.
            let route = request
                .extensions()
                .get::<MatchedPath>()
                .map_or("", MatchedPath::as_str);
            let span = tracing::info_span!("page", http.method = %request.method(), http.route = route);
            next.run(request).instrument(span).await
        }
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let page = ProblemPage {
            p: Page::of(&visitor, ""),
            status: problem.status.as_u16(),
            title: problem.title(lang),
            sentence: problem.sentence(lang).to_owned(),
            detail: problem.detail.clone(),
        };
        response = html(&page).map_or_else(
            |_| problem.status.into_response(),
            |page| (problem.status, page).into_response(),
        );
    } else if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
        response = (
            StatusCode::PAYLOAD_TOO_LARGE,
            lang.t("Nội dung quá dài.\n", "The content is too long.\n"),
        )
            .into_response();
    }
    if let Some(chosen) = chosen {
        set_cookie(
            response.headers_mut(),
            &cookie(&app, LANG, chosen.code(), 365 * 24 * 60 * 60),
        );
    }
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Headers of every answer.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
    ] {
        // A page may say less of itself than the others.
        response
            .headers_mut()
            .entry(HeaderName::from_static(name))
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

/// What has no page.
pub(super) async fn nowhere() -> Problem {
    Problem::not_found()
}

fn cookies(headers: &HeaderMap) -> HashMap<String, String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn query(uri: &Uri) -> HashMap<String, String> {
    Query::try_from_uri(uri).map(|Query(q)| q).unwrap_or_default()
}

fn switch(uri: &Uri, lang: Lang) -> String {
    let kept = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|part| !part.is_empty() && !part.starts_with("lang="));
    let other = format!("lang={}", lang.other());
    let parts: Vec<&str> = kept.chain([other.as_str()]).collect();
    format!("{}?{}", uri.path(), parts.join("&"))
}

/// A cookie of ours; `seconds` 0 ends it.
pub(super) fn cookie(app: &App, name: &str, value: &str, seconds: u32) -> String {
    let secure = if app.secure_cookies { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}")
}

/// Adds a cookie to an answer.
pub(super) fn set_cookie(headers: &mut HeaderMap, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        headers.append(header::SET_COOKIE, value);
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(Problem::broken)
    }
}

/// A visitor who is signed in.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    pub(super) visitor: Visitor,
    pub(super) session: Session,
}

impl Signed {
    /// Refuses what the role may not do.
    pub(super) fn may(&self, act: Act) -> Result<(), Problem> {
        if may(self.session.role, act) {
            Ok(())
        } else {
            Err(Problem::not_your_role())
        }
    }

    /// The person as the actor of an event.
    pub(super) fn actor(&self) -> Result<kernel::Actor, Problem> {
        self.session.actor().map_err(|_| Problem::broken())
    }

    pub(super) fn lang(&self) -> Lang {
        self.visitor.lang
    }
}

impl<S: Sync> FromRequestParts<S> for Signed {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        match visitor.session.clone() {
            Some(session) => Ok(Self { visitor, session }),
            None => Err(Problem::sign_in_first()),
        }
    }
}

/// The fields of a form that came from one of our pages: the token it carries was checked.
#[derive(Debug)]
pub(super) struct Fields(HashMap<String, String>);

impl Fields {
    /// A field, without the white space around it; empty when absent.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |v| v.trim())
    }

    /// Whether a box is ticked.
    pub(super) fn ticked(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;
    async fn from_request(mut request: Request, _: &S) -> Result<Self, Problem> {
        let visitor: Visitor = request.extract_parts().await?;
        let too_long = || {
            Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "Biểu mẫu không đọc được hoặc quá dài. Chưa ghi gì.",
                "The form cannot be read or is too long. Nothing was recorded.",
            )
        };
        let Form(fields): Form<HashMap<String, String>> = request.extract().await.map_err(|_| too_long())?;
        let carried = fields.get("csrf").map_or("", String::as_str);
        if carried.is_empty() || !people::same(carried, &visitor.csrf) {
            return Err(Problem::stale_form());
        }
        Ok(Self(fields))
    }
}
