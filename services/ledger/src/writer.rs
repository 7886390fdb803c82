//! The single writer: takes one request, then whatever else waits, and commits them as one transaction on its own connection.

pub(crate) mod batch;
mod clock;
mod lanes;
pub(crate) mod lease;
mod time;
mod transaction;

use std::sync::Arc;
use std::time::Duration;

use chassis::health::Health;
use contracts::grpc::ledger as wire;
use tokio_util::sync::CancellationToken;

use crate::error::{Refused, StoreError};
use crate::leadership::{Leadership, LeadershipSender};
use crate::request::Request;
use crate::store::session::{Backend, Session};
use crate::store::{Engine, Store};
use crate::telemetry;
use crate::vault::Vault;
use lanes::{Lane, Lanes, Pending};
use lease::LeaseRequest;
use time::Timekeeper;

/// Pause between attempts to become the writer.
const STANDBY: Duration = Duration::from_millis(500);
/// How often an instance says that it still writes.
const RENEW: Duration = Duration::from_millis(1_500);
/// Request ids forgotten at one turn: some milliseconds for which others wait.
const FORGET: u32 = 500;
/// Microseconds between two looks for such ids.
const FORGET_EVERY: i64 = 3_600_000_000;
/// Attempts to get a lost connection back before those who wait are told to try again.
const RECONNECTS: u32 = 8;

/// Longest that PostgreSQL may be silent before its connection counts as lost: two statements at their timeout (5 s). A network that
/// swallows packets ends no connection, and nobody would ever be answered again.
const SILENCE: Duration = Duration::from_secs(10);

/// What the writer is asked for.
pub(crate) enum Work {
    /// An append.
    Append(Box<Request>),
    /// A lease; it rides in the same transaction.
    Lease(LeaseRequest),
}

/// The answer to one piece of work.
pub(crate) enum Answer {
    Appended(wire::Appended),
    Lease(wire::Lease),
}

pub(crate) type Outcome = Result<Answer, Refused>;

/// Hands work to the writer. Cheap to clone; the writer ends when the last one is dropped.
#[derive(Clone)]
pub(crate) struct WriterHandle {
    express: Lane,
    bulk: Lane,
    store: Store,
    time: Arc<Timekeeper>,
}

impl WriterHandle {
    /// Appends, and waits until it is committed or refused. A caller that stops waiting does not stop the append.
    pub(crate) async fn append(&self, request: Request) -> Result<wire::Appended, Refused> {
        if request.events() == 0 {
            let head = *self.store.watch().borrow();
            let request_id = crate::event::bytes(request.id);
            return Ok(wire::Appended {
                request_id,
                events: Vec::new(),
                already: false,
                head,
            });
        }
        let lane = if request.express {
            &self.express
        } else {
            &self.bulk
        };
        match lane.ask(Work::Append(Box::new(request))).await? {
            Answer::Appended(appended) => Ok(appended),
            Answer::Lease(_) => Err(Refused::Unavailable),
        }
    }

    /// Why the wall clock is not taken for the time; empty when it is.
    pub(crate) fn clock_doubt(&self) -> String {
        self.time
            .doubt()
            .map(|doubt| doubt.to_string())
            .unwrap_or_default()
    }

    pub(crate) async fn lease(&self, request: LeaseRequest) -> Result<wire::Lease, Refused> {
        match self.express.ask(Work::Lease(request)).await? {
            Answer::Lease(lease) => Ok(lease),
            Answer::Appended(_) => Err(Refused::Unavailable),
        }
    }
}

/// The writer.
pub(crate) struct Writer {
    engine: Engine,
    store: Store,
    vault: Arc<Vault>,
    time: Arc<Timekeeper>,
    /// Who gave their word for the wall clock, at the start.
    accept_clock: Option<String>,
    lanes: Lanes,
    health: Health,
    /// Where our gRPC is reached; empty when nobody said.
    address: String,
    leadership: LeadershipSender,
    /// Where the instance that writes is reached, as far as known.
    leader: String,
}

enum Ended {
    /// Nobody can send any more, or the ledger stops.
    Stopped,
    /// The connection or the leadership is gone; these are unanswered.
    Lost(Vec<Pending>),
}

impl Writer {
    pub(crate) fn new(
        engine: Engine,
        store: Store,
        vault: Arc<Vault>,
        clock: Arc<dyn kernel::Clock>,
        health: Health,
        address: String,
        accept_clock: Option<String>,
    ) -> (WriterHandle, Leadership, Self) {
        let (express, express_rx) = Lane::new();
        let (bulk, bulk_rx) = Lane::new();
        let time = Arc::new(Timekeeper::new(clock));
        let handle = WriterHandle {
            express,
            bulk,
            time: Arc::clone(&time),
            store: store.clone(),
        };
        let lanes = Lanes {
            express: express_rx,
            bulk: bulk_rx,
        };
        let (sender, leadership) = Leadership::new();
        (
            handle,
            leadership,
            Self {
                engine,
                store,
                vault,
                time,
                accept_clock,
                lanes,
                health,
                address,
                leadership: sender,
                leader: String::new(),
            },
        )
    }

    /// Runs until stopped: takes leadership, writes, and when the connection is lost takes it again. What was taken
    /// before the stop is answered.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut stale = None;
        let mut unanswered: Vec<Pending> = Vec::new();
        let mut failures = 0;
        loop {
            match self
                .lead(&mut stale, std::mem::take(&mut unanswered), &stop)
                .await
            {
                Ok(Ended::Stopped) => return,
                Ok(Ended::Lost(pending)) => {
                    unanswered = pending;
                    failures = 0;
                }
                Err((error, pending)) => {
                    unanswered = pending;
                    failures += 1;
                    // What only an operator can mend is not waited for.
                    let long = failures >= RECONNECTS || matches!(error, StoreError::Clock(_));
                    let refused = if matches!(error, StoreError::NotLeader) {
                        self.not_leader()
                    } else {
                        Refused::Unavailable
                    };
                    if matches!(refused, Refused::NotLeader { .. }) || long {
                        unanswered
                            .drain(..)
                            .for_each(|pending| pending.answer(Err(refused.clone())));
                    }
                    if failures == 1 || failures % 120 == 0 {
                        tracing::warn!(
                            error = %chassis::telemetry::chain(&error),
                            "not writing now; trying again"
                        );
                    }
                    if self.stand_by(refused, long, &stop).await {
                        return;
                    }
                }
            }
            self.leading(None);
        }
    }

    fn leading(&self, fence: Option<u64>) {
        metrics::gauge!(telemetry::LEADING).set(f64::from(u8::from(fence.is_some())));
        self.health.set("writing", fence.is_some());
        self.leadership.send_replace(fence);
    }

    fn not_leader(&self) -> Refused {
        Refused::NotLeader {
            leader: self.leader.clone(),
        }
    }

    async fn lead(
        &mut self,
        stale: &mut Option<Backend>,
        unanswered: Vec<Pending>,
        stop: &CancellationToken,
    ) -> Result<Ended, (StoreError, Vec<Pending>)> {
        let opening = async {
            let word = self.may_begin().await?;
            let mut session = Session::open(&self.engine, stale.clone(), &self.address).await?;
            let backend = session.backend().await?;
            self.record_word(&mut session, word).await?;
            self.vault.before_writing(&self.store, self.time.now()).await?;
            Ok((session, backend))
        };
        let opened = tokio::time::timeout(SILENCE, opening).await;
        let mut session = match opened.unwrap_or_else(|_| Err(silent())) {
            Ok((session, backend)) => {
                *stale = backend;
                session
            }
            Err(error) => return Err((error, unanswered)),
        };
        self.leading(Some(session.fence()));
        tracing::info!(
            engine = self.store.engine(),
            fence = session.fence(),
            "this instance writes"
        );
        let ended = self.write_until_lost(&mut session, unanswered, stop).await;
        if matches!(ended, Ended::Stopped) {
            session.close().await;
        }
        Ok(ended)
    }

    async fn write_until_lost(
        &mut self,
        session: &mut Session,
        unanswered: Vec<Pending>,
        stop: &CancellationToken,
    ) -> Ended {
        if !unanswered.is_empty()
            && let Some(lost) = self.process(session, unanswered).await
        {
            // Twice in a row: those who wait are told to try again, with the same ids.
            lost.into_iter()
                .for_each(|pending| pending.answer(Err(Refused::Unavailable)));
            return Ended::Lost(Vec::new());
        }
        let mut renew = tokio::time::interval(RENEW);
        let mut forget_after = 0;
        renew.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let batch = tokio::select! {
                batch = self.lanes.next() => batch,
                _ = renew.tick() => {
                    let keeping = self.keep(session, &mut forget_after);
                    let kept = match &self.engine {
                        Engine::Sqlite(_) => keeping.await,
                        Engine::Postgres(_) => tokio::time::timeout(SILENCE, keeping).await.unwrap_or_else(|_| Err(silent())),
                    };
                    if let Err(error) = kept {
                        tracing::warn!(error = %chassis::telemetry::chain(&error), "the leadership could not be kept");
                        return Ended::Lost(Vec::new());
                    }
                    continue;
                }
                () = stop.cancelled(), if self.lanes.open() => {
                    self.lanes.close();
                    continue;
                }
            };
            let Some(batch) = batch else { return Ended::Stopped };
            if let Some(lost) = self.process(session, batch).await {
                return Ended::Lost(lost);
            }
        }
    }

    /// What is done however much or little is to be written: says that this instance still writes, looks at the clock, and once an hour
    /// forgets the clients' request ids that are past their time, a few at each turn.
    async fn keep(&self, session: &mut Session, forget_after: &mut i64) -> Result<(), StoreError> {
        session.renew().await?;
        self.look_at_the_clock(session).await?;
        let now = self.time.now();
        if now >= *forget_after && session.forget_requests(FORGET).await? < u64::from(FORGET) {
            *forget_after = now.saturating_add(FORGET_EVERY);
        }
        Ok(())
    }

    /// Commits a batch and answers it. What comes back is unanswered: the session is of no more use.
    async fn process(&mut self, session: &mut Session, batch: Vec<Pending>) -> Option<Vec<Pending>> {
        let works: Vec<&Work> = batch.iter().map(|pending| &pending.work).collect();
        let done = match &self.engine {
            // A file answers, with an error at worst; what is under way on it is never dropped.
            Engine::Sqlite(_) => Some(self.transact(session, &works).await),
            // Dropped half-way only together with its connection: what became of it is looked up on the next.
            Engine::Postgres(_) => tokio::time::timeout(SILENCE, self.transact(session, &works))
                .await
                .ok(),
        };
        let error = match done {
            None => {
                tracing::error!(requests = batch.len(), "the database is silent; connecting anew");
                return Some(batch);
            }
            Some(Ok(outcomes)) => {
                batch
                    .into_iter()
                    .zip(outcomes)
                    .for_each(|(pending, outcome)| pending.answer(outcome));
                return None;
            }
            Some(Err(error)) => error,
        };
        tracing::error!(
            error = %chassis::telemetry::chain(&error),
            requests = batch.len(),
            "a batch failed"
        );
        let alive = tokio::time::timeout(SILENCE, session.recover())
            .await
            .unwrap_or(false);
        if matches!(error, StoreError::NotLeader) {
            self.look_at_the_head().await;
            let refused = self.not_leader();
            batch
                .into_iter()
                .for_each(|pending| pending.answer(Err(refused.clone())));
            return Some(Vec::new());
        }
        if !alive {
            return Some(batch);
        }
        if batch.len() == 1 {
            batch
                .into_iter()
                .for_each(|pending| pending.answer(Err(Refused::Unavailable)));
            return None;
        }
        // One request may be what the database chokes on: each for itself, so that its neighbours pass.
        let mut rest = batch.into_iter();
        while let Some(pending) = rest.next() {
            if let Some(mut lost) = Box::pin(self.process(session, vec![pending])).await {
                lost.extend(rest);
                return Some(lost);
            }
        }
        None
    }

    /// Waits a while before the next attempt; true when the ledger stops. Who asks meanwhile is refused at once when
    /// another instance writes or the database has been away for long.
    async fn stand_by(&mut self, refused: Refused, long: bool, stop: &CancellationToken) -> bool {
        self.look_at_the_head().await;
        let (refuse, refused) = match refused {
            Refused::NotLeader { .. } => (true, self.not_leader()),
            other => (long, other),
        };
        let pause = tokio::time::sleep(STANDBY);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => return false,
                () = stop.cancelled() => return true,
                batch = self.lanes.next(), if refuse => match batch {
                    Some(batch) => batch.into_iter().for_each(|pending| pending.answer(Err(refused.clone()))),
                    None => return true,
                },
            }
        }
    }

    /// Learns from the database how far another instance is, and where it is reached.
    async fn look_at_the_head(&mut self) {
        match self.store.refresh().await {
            Ok(head) => self.leader = head.leader,
            Err(error) => tracing::debug!(
                error = %chassis::telemetry::chain(&error),
                "the head cannot be read"
            ),
        }
    }
}

fn silent() -> StoreError {
    sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()).into()
}
