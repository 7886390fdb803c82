//! Runs a projection: one order, batches, its position in its own database.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use contracts::Recorded;
use futures::{FutureExt, TryStreamExt};
use kernel::{Position, Reached};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::source::{Source, SourceError, Wanted};
use super::waiter::{self, Progress, Waiter};
use super::{Deps, Projection, ProjectionError};
use crate::backoff::Backoff;
use crate::ledger::{Filter, LedgerError, Range};
use crate::telemetry::names;

/// Most events of one transaction.
const BATCH: usize = 500;
/// How often an idle projection asks the ledger how far there is nothing for it …
const LOOK: Duration = Duration::from_secs(1);
/// … and how often while somebody waits for it …
const LOOK_WHEN_ASKED: Duration = Duration::from_millis(20);
/// … which they do for at most so long.
const ASKED_FOR: Duration = Duration::from_millis(1_100);

/// Runs a projection until `shutdown`; gives the waiter for reads at once. The future ends early only when the projection is ahead of
/// the ledger, or of another history.
pub fn run_projector(
    projection: Arc<dyn Projection>,
    deps: Deps,
    shutdown: CancellationToken,
) -> (Waiter, impl Future<Output = Result<(), ProjectionError>> + Send) {
    let (progress, waiter) = waiter::channel();
    let run = async move {
        let projector = Projector {
            projection,
            deps,
            progress,
        };
        shutdown
            .run_until_cancelled(projector.run())
            .await
            .unwrap_or(Ok(()))
    };
    (waiter, run)
}

/// Why a session ended.
enum Ended {
    /// To be opened again.
    Source(SourceError),
    /// To be applied again.
    Apply(ProjectionError),
}

struct Projector {
    projection: Arc<dyn Projection>,
    deps: Deps,
    progress: Progress,
}

impl Projector {
    async fn run(mut self) -> Result<(), ProjectionError> {
        let name = self.projection.name();
        let mut backoff = Backoff::between_services();
        loop {
            let ended = match self.projection.position().await {
                Ok(reached) => {
                    self.on_record(reached).await?;
                    self.session(reached.position, &mut backoff).await
                }
                Err(error) => Ended::Apply(error),
            };
            metrics::counter!(names::SESSIONS, "consumer" => name).increment(1);
            match &ended {
                Ended::Source(SourceError::NotOurs(why)) => tracing::error!(
                    projection = name,
                    why,
                    "nothing is read until the stream is the ledger's again"
                ),
                Ended::Source(error) => tracing::info!(
                    projection = name,
                    error = %crate::telemetry::chain(error),
                    "opening the stream again"
                ),
                Ended::Apply(error) => tracing::warn!(
                    projection = name,
                    error = %crate::telemetry::chain(error),
                    "not applied yet; trying again"
                ),
            }
            backoff.pause().await;
        }
    }

    /// A projection that is ahead of the ledger, or saw another event where it is, shows what never happened.
    async fn on_record(&self, reached: Reached) -> Result<(), ProjectionError> {
        let Reached { position, event } = reached;
        let head = match self.deps.ledger.head(Position(0)).await {
            Ok(head) => Position(head.position),
            // Without the ledger nothing new can arrive; it is asked again at the next session.
            Err(_) => return Ok(()),
        };
        let name = || self.projection.name().to_owned();
        if position > head {
            return Err(ProjectionError::AheadOfLedger {
                name: name(),
                position,
                head,
            });
        }
        let Some(seen) = event.filter(|_| position.0 > 0) else {
            return Ok(());
        };
        let range = Range {
            from: position,
            to: Some(position),
            limit: Some(1),
        };
        let stands: Result<Vec<Recorded>, LedgerError> = self
            .deps
            .ledger
            .read_all(range, Filter::default())
            .try_collect()
            .await;
        match stands {
            Ok(stands) if stands.iter().any(|event| event.id != seen) => Err(ProjectionError::OtherHistory {
                name: name(),
                position,
                seen,
            }),
            // Asked again at the next session.
            _ => Ok(()),
        }
    }

    async fn session(&mut self, position: Position, backoff: &mut Backoff) -> Ended {
        let name = self.projection.name();
        let wanted = Wanted {
            // One of its own for each session: an old one, still known to the server, must not share deliveries with it.
            name: format!("{name}-{}", uuid::Uuid::new_v4().simple()),
            durable: false,
            types: self.projection.wants().to_vec(),
            shard: None,
        };
        let mut source = match Source::open(&self.deps, wanted, position).await {
            Ok(source) => source,
            Err(error) => return Ended::Source(error),
        };
        self.progress.reached(position);
        let mut asked_until = Instant::now();
        let mut last_look = Instant::now();
        loop {
            let pause = if Instant::now() < asked_until && self.progress.at() < *self.progress.asked.borrow()
            {
                LOOK_WHEN_ASKED
            } else {
                LOOK
            };
            tokio::select! {
                events = source.next(BATCH) => {
                    let events = match events {
                        Ok(events) => events,
                        Err(error) => return Ended::Source(error),
                    };
                    let Some(last) = events.last().map(|e| e.position) else { continue };
                    if let Err(error) = self.apply(&events).await {
                        return Ended::Apply(error);
                    }
                    backoff.reset();
                    self.progress.reached(last);
                    metrics::counter!(names::HANDLED, "consumer" => name, "outcome" => "done").increment(events.len() as u64);
                    metrics::gauge!(names::LAG, "consumer" => name, "shard" => "all").set(source.pending() as f64);
                }
                // The sender lives as long as a waiter; without one nobody asks.
                Ok(()) = self.progress.asked.changed() => {
                    asked_until = Instant::now() + ASKED_FOR;
                }
                () = tokio::time::sleep_until(last_look + pause) => {
                    last_look = Instant::now();
                    match source.look().await {
                        Ok(passed) => {
                            self.progress.reached(passed);
                            metrics::gauge!(names::CURSOR, "consumer" => name, "shard" => "all").set(passed.0 as f64);
                        }
                        Err(SourceError::Ledger(error)) => tracing::debug!(error = %crate::telemetry::chain(&error), "the ledger does not say how far it is"),
                        Err(error) => return Ended::Source(error),
                    }
                }
            }
        }
    }

    async fn apply(&self, events: &[Recorded]) -> Result<(), ProjectionError> {
        AssertUnwindSafe(self.projection.apply(events))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                Err(ProjectionError::database(anyhow::anyhow!(
                    "applying panicked; the log says where"
                )))
            })
    }
}
