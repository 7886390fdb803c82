//! The pages: what a visitor's browser asks for, in the order of a person's day: sign in, look, take a report, review, work on a case.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use chassis::consumer::Waiter;
use chassis::ledger::LedgerClient;
use kernel::Clock;
use tokio_util::sync::CancellationToken;

use crate::clients::Clients;
use crate::project::Live;
use crate::store::Store;

mod assets;
mod case;
mod duplicates;
mod guard;
mod link;
mod list;
mod live;
mod new;
mod page;
mod review;
mod show;
mod sign;
mod track;
mod words;

/// Most bytes of a form: 60,000 characters of four bytes, percent-encoded.
const MOST: usize = 768 * 1024;

/// What every page can use.
pub struct App {
    /// The console's tables.
    pub store: Store,
    /// The ledger: timelines and sealed content.
    pub ledger: LedgerClient,
    /// The other services.
    pub clients: Clients,
    /// Which cases change.
    pub live: Live,
    /// How far the projection is.
    pub waiter: Waiter,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The word to stop: open event streams end.
    pub shutdown: CancellationToken,
    /// Whether cookies go over TLS only.
    pub secure_cookies: bool,
    /// Names of units by code, as routing gave them last.
    pub units: Mutex<Arc<BTreeMap<String, String>>>,
    /// How often each link of a unit's mail was used in which minute.
    pub links: Mutex<(i64, HashMap<String, u32>)>,
}

/// All pages.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(sign::door))
        .route("/sign-in", post(sign::sign_in))
        .route("/sign-out", post(sign::sign_out))
        .route("/cases", get(list::list))
        .route("/cases/rows", get(list::rows))
        .route("/cases/tabs", get(list::tabs))
        .route("/cases/{code}", get(case::show))
        .route("/cases/{code}/content", post(case::content))
        .route("/cases/{code}/{verb}", post(case::act))
        .route("/new", get(new::form).post(new::save))
        .route("/review", get(review::queue))
        .route("/review/{code}", post(review::decide))
        .route("/review/{code}/content", post(review::content))
        .route("/duplicates", get(duplicates::list))
        .route("/track", get(track::look_up))
        .route("/track/{code}", get(track::show))
        .route("/track/{code}/proof", get(track::proof))
        .route("/track/{code}/questions", post(track::ask))
        .route("/track/{code}/answer", post(track::answer))
        .route("/u/{link}", get(link::show))
        .route("/u/{link}/open", post(link::open))
        .route("/u/{link}/{verb}", post(link::act))
        .route("/live", get(live::events))
        .route("/behind", get(list::behind))
        .fallback(guard::nowhere)
        .layer(DefaultBodyLimit::max(MOST))
        .layer(from_fn_with_state(Arc::clone(&app), guard::visit))
        .route("/static/{*file}", get(assets::file))
        .layer(from_fn(guard::headers))
        .with_state(app)
}

impl App {
    /// Names of units by code: asked from routing, and the last answer when it is away.
    pub async fn units(&self) -> Arc<BTreeMap<String, String>> {
        match self.clients.units().await {
            Ok(units) => {
                let units = Arc::new(units);
                *self.known_units() = Arc::clone(&units);
                units
            }
            Err(_) => Arc::clone(&self.known_units()),
        }
    }

    fn known_units(&self) -> std::sync::MutexGuard<'_, Arc<BTreeMap<String, String>>> {
        #[expect(clippy::expect_used, reason = "nothing panics while the lock is held")]
        self.units.lock().expect("no holder panics")
    }
}
