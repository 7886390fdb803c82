//! HTTP/1.1 on one listener: so many connections and no more, and none that keeps its place by silence.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::config::HttpLimits;

/// How long to wait when the system gives no more connections (most often: no more open files).
const EXHAUSTED: Duration = Duration::from_millis(100);

/// Serves until the word to stop; then what is being answered is answered.
pub(super) async fn serve(listener: TcpListener, app: Router, limits: HttpLimits, stop: CancellationToken) {
    let places = Arc::new(Places {
        free: Arc::new(Semaphore::new(limits.http_connections as usize)),
        silent: Mutex::default(),
        one_fell_silent: Notify::new(),
    });
    let patience = Duration::from_secs(limits.http_head_seconds.into());
    // Ends its tasks when this future is dropped.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        // Nothing else may interrupt: a connection that was taken and waits for its place would be lost.
        tokio::select! {
            () = stop.cancelled() => break,
            (stream, free) = next(&listener, &places) => {
                let place = Arc::new(Place::taken(&places));
                connections.spawn(connection(stream, app.clone(), place, patience, free, stop.clone()));
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// The next connection, once there is a place for it.
async fn next(listener: &TcpListener, places: &Places) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, places.one().await),
            Err(error) => {
                tracing::warn!(error = %crate::telemetry::chain(&error), "no connection can be taken");
                tokio::time::sleep(EXHAUSTED).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    app: Router,
    place: Arc<Place>,
    patience: Duration,
    _free: OwnedSemaphorePermit,
    stop: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let called = Arc::clone(&place);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let at_work = AtWork::on(&called);
        let mut app = app.clone();
        async move {
            let answer = app.call(request.map(Body::new)).await?;
            Ok::<_, Infallible>(answer.map(|body| Answering {
                body,
                _at_work: at_work,
            }))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let mut stopping = false;
    loop {
        tokio::select! {
            // Whoever hangs up, is too slow or speaks no HTTP is nobody's problem.
            _ = connection.as_mut() => return,
            () = place.given_up.cancelled() => return,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// All places, and who sits on one without a request at work, by when they fell silent.
struct Places {
    free: Arc<Semaphore>,
    silent: Mutex<Silent>,
    one_fell_silent: Notify,
}

#[derive(Default)]
struct Silent {
    turn: u64,
    since: BTreeMap<u64, CancellationToken>,
}

impl Places {
    /// A free place; made free, if need be, by whoever has been silent for longest.
    async fn one(&self) -> OwnedSemaphorePermit {
        loop {
            // Listened for before anybody is looked for, so that none who falls silent in between is missed.
            let mut another = std::pin::pin!(self.one_fell_silent.notified());
            another.as_mut().enable();
            if let Ok(free) = Arc::clone(&self.free).try_acquire_owned() {
                return free;
            }
            let longest = self.silent().since.pop_first();
            let one_leaves = longest.is_some();
            if let Some((_, given_up)) = longest {
                given_up.cancel();
            }
            tokio::select! {
                Ok(free) = Arc::clone(&self.free).acquire_owned() => return free,
                () = another, if !one_leaves => {}
            }
        }
    }

    fn silent(&self) -> std::sync::MutexGuard<'_, Silent> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn falls_silent(&self, given_up: &CancellationToken) -> u64 {
        let mut silent = self.silent();
        silent.turn += 1;
        let turn = silent.turn;
        silent.since.insert(turn, given_up.clone());
        drop(silent);
        self.one_fell_silent.notify_waiters();
        turn
    }
}

/// One connection's.
struct Place {
    places: Arc<Places>,
    given_up: CancellationToken,
    at_work: Mutex<Work>,
}

/// Requests at work (a body may still go out when the next begins), and since when there is none.
struct Work {
    requests: usize,
    silent_since: u64,
}

impl Place {
    fn taken(places: &Arc<Places>) -> Self {
        let given_up = CancellationToken::new();
        let work = Work {
            requests: 0,
            silent_since: places.falls_silent(&given_up),
        };
        Self {
            places: Arc::clone(places),
            given_up,
            at_work: Mutex::new(work),
        }
    }

    fn work(&self) -> std::sync::MutexGuard<'_, Work> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let since = self.work().silent_since;
        self.places.silent().since.remove(&since);
    }
}

/// While it lives, its connection has a request at work.
struct AtWork(Arc<Place>);

impl AtWork {
    fn on(place: &Arc<Place>) -> Self {
        let mut work = place.work();
        work.requests += 1;
        if work.requests == 1 {
            place.places.silent().since.remove(&work.silent_since);
        }
        drop(work);
        Self(Arc::clone(place))
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        let mut work = self.0.work();
        work.requests -= 1;
        if work.requests == 0 {
            work.silent_since = self.0.places.falls_silent(&self.0.given_up);
        }
    }
}

/// An answer's body, which is work until it has gone out.
struct Answering {
    body: Body,
    _at_work: AtWork,
}

impl hyper::body::Body for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
