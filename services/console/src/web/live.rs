//! Server-sent events: an open page is told that something changed and asks again by itself. No content travels here.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use kernel::{CaseId, Position};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio_util::sync::CancellationToken;

use super::App;
use super::guard::Signed;

/// How often one page is told at most: a flood of reports makes no flood of requests.
const PACE: Duration = Duration::from_millis(700);

/// `GET /live`, of all cases or with `?case=` of one. `?after=` is the position up to which the page shows everything: what changed
/// between the page and this request, or while the connection was cut, is told at once.
pub(super) async fn events(
    State(app): State<Arc<App>>,
    _signed: Signed,
    Query(query): Query<HashMap<String, String>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = app.live.listen();
    let after = query.get("after").and_then(|p| p.parse().ok()).map(Position);
    let listening = Listening {
        changes,
        behind: after.is_some_and(|after| app.live.position() > after),
        only: query.get("case").and_then(|c| c.parse().ok()),
        shutdown: app.shutdown.clone(),
        rested: true,
    };
    // An event without data would not be dispatched by the browser.
    let stream = futures::stream::unfold(listening, |mut l| async move {
        l.change()
            .await
            .then(|| (Ok(Event::default().event("changed").data("now")), l))
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

struct Listening {
    changes: Receiver<Arc<[CaseId]>>,
    /// Whether something changed before it listened.
    behind: bool,
    only: Option<CaseId>,
    shutdown: CancellationToken,
    rested: bool,
}

impl Listening {
    /// Waits for the next change worth telling; `false` when the console stops.
    async fn change(&mut self) -> bool {
        let mut pending = std::mem::take(&mut self.behind);
        if !self.rested {
            tokio::select! {
                () = self.shutdown.cancelled() => return false,
                () = tokio::time::sleep(PACE) => {}
            }
            pending = self.drain();
        }
        while !pending {
            tokio::select! {
                () = self.shutdown.cancelled() => return false,
                change = self.changes.recv() => match change {
                    Ok(cases) => pending = self.concerns(&cases),
                    Err(RecvError::Lagged(_)) => pending = true,
                    Err(RecvError::Closed) => return false,
                },
            }
        }
        self.rested = false;
        true
    }

    /// What came in while it rested: one telling for all of it.
    fn drain(&mut self) -> bool {
        let mut pending = false;
        loop {
            match self.changes.try_recv() {
                Ok(cases) => pending |= self.concerns(&cases),
                Err(TryRecvError::Lagged(_)) => pending = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return pending,
            }
        }
    }

    fn concerns(&self, cases: &[CaseId]) -> bool {
        self.only
            .map_or(!cases.is_empty(), |only| cases.binary_search(&only).is_ok())
    }
}
