//! Handling events: one after the other within a case, many cases beside each other, each until it is done or parked.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use kernel::{CaseId, Position};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use super::park::park;
use super::{Delivered, Deps, Failure, Reaction};
use crate::backoff::Backoff;
use crate::ledger::Opened;
use crate::telemetry::{names, trace};

/// Most handlers at work at the same time; those that wait for their next attempt do not count.
const BESIDE_EACH_OTHER: usize = 64;
/// The same for cases in a hurry: they do not wait behind the flood.
const HURRYING_BESIDE_EACH_OTHER: usize = 16;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its effect is on record, or it is parked.
    Settled,
    /// We were told to stop before.
    Stopped,
}

struct Handled {
    lane: Uuid,
    position: Position,
    outcome: Outcome,
}

/// What is under way of one case: one event is being handled, and what follows waits.
struct Lane {
    waiting: VecDeque<Delivered>,
    /// Said when the case does not wait behind the others any longer.
    hurry: CancellationToken,
}

struct Worker {
    reaction: Arc<dyn Reaction>,
    deps: Deps,
    at_work: Semaphore,
    hurrying: Semaphore,
    stop: CancellationToken,
}

/// All events under way in one shard.
pub(super) struct Handling {
    worker: Arc<Worker>,
    lanes: HashMap<Uuid, Lane>,
    running: JoinSet<Handled>,
}

impl Handling {
    pub(super) fn new(reaction: Arc<dyn Reaction>, deps: Deps) -> Self {
        let worker = Arc::new(Worker {
            reaction,
            deps,
            at_work: Semaphore::new(BESIDE_EACH_OTHER),
            hurrying: Semaphore::new(HURRYING_BESIDE_EACH_OTHER),
            stop: CancellationToken::new(),
        });
        Self {
            worker,
            lanes: HashMap::new(),
            running: JoinSet::new(),
        }
    }

    /// Takes an event on, after those of its case that came before.
    pub(super) fn take_on(&mut self, delivered: Delivered) {
        let id = delivered.event.case.map_or(delivered.event.stream.id, |c| c.0);
        match self.lanes.get_mut(&id) {
            Some(lane) => lane.waiting.push_back(delivered),
            None => {
                let hurry = CancellationToken::new();
                self.start(id, delivered, hurry.clone());
                let waiting = VecDeque::new();
                self.lanes.insert(id, Lane { waiting, hurry });
            }
        }
    }

    /// Lets what is under way of a case wait behind no other.
    pub(super) fn hurry(&self, case: CaseId) {
        if let Some(lane) = self.lanes.get(&case.0) {
            lane.hurry.cancel();
        }
    }

    fn start(&mut self, lane: Uuid, delivered: Delivered, hurry: CancellationToken) {
        self.running
            .spawn(Arc::clone(&self.worker).handle(lane, delivered, hurry));
    }

    /// Waits for the next event to be settled; `None` when nothing is under way or the last one was told to stop. Safe to be dropped while it waits.
    pub(super) async fn next_settled(&mut self) -> Option<Position> {
        while let Some(joined) = self.running.join_next().await {
            // Panics of handlers are caught inside; only an aborted task is no result.
            let Ok(Handled {
                lane,
                position,
                outcome,
            }) = joined
            else {
                continue;
            };
            if outcome == Outcome::Stopped {
                continue;
            }
            let next = self
                .lanes
                .get_mut(&lane)
                .and_then(|it| Some((it.waiting.pop_front()?, it.hurry.clone())));
            match next {
                Some((next, hurry)) if !self.worker.stop.is_cancelled() => self.start(lane, next, hurry),
                _ => {
                    self.lanes.remove(&lane);
                }
            }
            return Some(position);
        }
        None
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// No new attempts; handlers at work finish. Gives what was still settled. After `within` the rest is dropped: it comes again.
    pub(super) async fn stop(mut self, within: Duration) -> Vec<Position> {
        self.worker.stop.cancel();
        let mut settled = Vec::new();
        let finish = async {
            while let Some(position) = self.next_settled().await {
                settled.push(position);
            }
        };
        if tokio::time::timeout(within, finish).await.is_err() {
            tracing::warn!(
                consumer = self.worker.reaction.consumer(),
                "handlers did not finish in time and are dropped; their events come again"
            );
        }
        settled
    }
}

impl Worker {
    async fn handle(self: Arc<Self>, lane: Uuid, delivered: Delivered, hurry: CancellationToken) -> Handled {
        let event = &delivered.event;
        let position = event.position;
        let span = tracing::info_span!(
            names::SPAN_HANDLE,
            otel.kind = "consumer",
            consumer = self.reaction.consumer(),
            "event.type" = event.kind,
            "event.position" = position.0,
            "case.id" = event.case.map(tracing::field::display),
        );
        trace::set_parent(&span, &event.traceparent);
        let settle =
            trace::caused_by(event.traceparent.clone(), self.settle(&delivered, &hurry)).instrument(span);
        let outcome = settle.await;
        Handled {
            lane,
            position,
            outcome,
        }
    }

    /// Attempts until it is done or parked.
    async fn settle(&self, delivered: &Delivered, hurry: &CancellationToken) -> Outcome {
        let consumer = self.reaction.consumer();
        if let Some(Opened::Refused(why)) = &delivered.content {
            // The ledger said so of this one event (it is damaged, say), and will say the same again.
            return self.set_aside(delivered, "content_refused", why).await;
        }
        let mut backoff = Backoff::of_a_handler();
        loop {
            if self.stop.is_cancelled() {
                return Outcome::Stopped;
            }
            let (reason, detail) = match self.attempt(delivered, hurry).await {
                Ok(()) => {
                    metrics::counter!(names::HANDLED, "consumer" => consumer, "outcome" => "done")
                        .increment(1);
                    return Outcome::Settled;
                }
                Err(Failure::Transient(error)) => {
                    metrics::counter!(names::RETRIED, "consumer" => consumer).increment(1);
                    let failures = backoff.failures() + 1;
                    // The 1st, 2nd, 4th, 8th …: a long outage does not fill the log.
                    if failures.is_power_of_two() {
                        tracing::warn!(
                            consumer,
                            failures,
                            error = format!("{error:#}"),
                            "not handled yet; trying again"
                        );
                    }
                    tokio::select! {
                        () = backoff.pause() => continue,
                        () = self.stop.cancelled() => return Outcome::Stopped,
                    }
                }
                Err(Failure::Poison { reason, detail }) => (reason, detail),
            };
            return self.set_aside(delivered, reason, &detail).await;
        }
    }

    async fn attempt(&self, delivered: &Delivered, hurry: &CancellationToken) -> Result<(), Failure> {
        let hurrying = async {
            hurry.cancelled().await;
            self.hurrying.acquire().await
        };
        let permit = tokio::select! {
            permit = self.at_work.acquire() => permit,
            permit = hurrying => permit,
        };
        let Ok(_at_work) = permit else {
            return Err(Failure::transient(anyhow::anyhow!("stopping")));
        };
        let started = Instant::now();
        let result = AssertUnwindSafe(self.reaction.react(delivered))
            .catch_unwind()
            .await;
        metrics::histogram!(names::HANDLE_SECONDS, "consumer" => self.reaction.consumer())
            .record(started.elapsed().as_secs_f64());
        // What a panic says may hold what a person typed; the place is in the log already.
        result.unwrap_or_else(|_| {
            Err(Failure::poison(
                "panicked",
                "the handler panicked; the log says where",
            ))
        })
    }

    async fn set_aside(&self, delivered: &Delivered, reason: &str, detail: &str) -> Outcome {
        let consumer = self.reaction.consumer();
        let mut backoff = Backoff::of_a_handler();
        tracing::error!(
            consumer,
            reason,
            detail,
            "the event cannot be handled and is parked"
        );
        while let Err(error) = park(
            &self.deps.nats,
            &*self.deps.clock,
            consumer,
            &delivered.event,
            reason,
            detail,
        )
        .await
        {
            tracing::warn!(
                consumer,
                error = %crate::telemetry::chain(&error),
                "cannot park yet; trying again"
            );
            tokio::select! {
                () = backoff.pause() => {}
                () = self.stop.cancelled() => return Outcome::Stopped,
            }
        }
        metrics::counter!(names::HANDLED, "consumer" => consumer, "outcome" => "parked").increment(1);
        Outcome::Settled
    }
}
