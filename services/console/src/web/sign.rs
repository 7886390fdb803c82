//! The door: sign in, sign out. A wrong password and an unknown login are told alike.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use chassis::config::Secret;

use super::App;
use super::guard::{DOOR, Fields, SESSION, Signed, Visitor, cookie, set_cookie};
use super::page::{Page, html};
use crate::error::Problem;
use crate::people::{self, SignInError};

/// 12 hours, as the session in the database.
pub(super) const SESSION_SECONDS: u32 = (people::SESSION / kernel::Instant::SECOND) as u32;

#[derive(askama::Template)]
#[template(path = "sign_in.html")]
struct Door {
    p: Page,
    login: String,
    problem: Option<String>,
}

/// `GET /`: the door, or the list for who is inside.
pub(super) async fn door(State(app): State<Arc<App>>, visitor: Visitor) -> Result<Response, Problem> {
    if visitor.session.is_some() {
        return Ok(Redirect::to("/cases").into_response());
    }
    page(&app, &visitor, String::new(), None)
}

fn page(app: &App, visitor: &Visitor, login: String, problem: Option<String>) -> Result<Response, Problem> {
    let csrf = if visitor.csrf.is_empty() {
        people::random()
    } else {
        visitor.csrf.clone()
    };
    let door = Door {
        p: Page::of(visitor, "door").at("/").with_csrf(csrf.clone()),
        login,
        problem,
    };
    let mut response = html(&door)?.into_response();
    set_cookie(response.headers_mut(), &cookie(app, DOOR, &csrf, SESSION_SECONDS));
    Ok(response)
}

/// `POST /sign-in`.
pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Problem> {
    let login = fields.get("login").to_owned();
    let password = Secret::new(fields.get("password"));
    let lang = visitor.lang;
    let (status, problem) = match people::sign_in(&app.store, &login, password, app.clock.now()).await {
        Ok(token) => {
            let mut response = Redirect::to("/cases").into_response();
            set_cookie(
                response.headers_mut(),
                &cookie(&app, SESSION, &token, SESSION_SECONDS),
            );
            set_cookie(response.headers_mut(), &cookie(&app, DOOR, "", 0));
            return Ok(response);
        }
        Err(SignInError::Wrong) => (
            StatusCode::UNAUTHORIZED,
            lang.t(
                "Tên đăng nhập hoặc mật khẩu không đúng.",
                "Login or password is wrong.",
            ),
        ),
        Err(SignInError::TooMany) => (
            StatusCode::TOO_MANY_REQUESTS,
            lang.t(
                "Đã nhập sai quá nhiều lần. Xin chờ 15 phút rồi thử lại.",
                "Too many wrong passwords. Please wait 15 minutes and try again.",
            ),
        ),
        Err(SignInError::Store(error)) => return Err(error.into()),
        Err(SignInError::Hash(what)) => {
            tracing::error!(what, "a password could not be checked");
            return Err(Problem::broken());
        }
    };
    let mut response = page(&app, &visitor, login, Some(problem.to_owned()))?;
    *response.status_mut() = status;
    Ok(response)
}

/// `POST /sign-out`.
pub(super) async fn sign_out(
    State(app): State<Arc<App>>,
    signed: Signed,
    _fields: Fields,
) -> Result<Response, Problem> {
    app.store
        .end_session(&people::digest(&signed.visitor.token))
        .await?;
    let mut response = Redirect::to("/").into_response();
    set_cookie(response.headers_mut(), &cookie(&app, SESSION, "", 0));
    Ok(response)
}
