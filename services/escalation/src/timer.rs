//! The timer: looks for deadlines that have passed and puts each on record, once, however long this service was away.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chassis::ledger::{Append, Expected, Guard, LedgerClient, Origin, StreamWrite};
use escalation_domain::{Command, Obligations, Rejection};
use futures::StreamExt;
use kernel::{Clock, Decider, RequestId};
use tokio_util::sync::CancellationToken;

use crate::store::{Due, Store};
use crate::story::{CATEGORIES, Story};
use crate::{names, wire};

/// Names the timer's requests; never changes.
const CONSUMER: &str = "escalation-timer";
/// How often it looks. The clock it goes by may be another than the machine's, so it looks rather than sleeps until the next deadline.
const INTERVAL: Duration = Duration::from_secs(1);
/// Every so many looks, what is owed is counted.
const COUNT_EVERY: u32 = 10;
/// How many rows at a time, and how many cases beside each other.
const PAGE: i64 = 500;
const BESIDE: usize = 16;
/// How often a decision is made anew when the case moves meanwhile.
const ATTEMPTS: usize = 5;

/// Watches the table of obligations.
pub(crate) struct Timer {
    ledger: LedgerClient,
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Timer {
    pub(crate) fn new(ledger: LedgerClient, store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { ledger, store, clock }
    }

    /// Looks every second until the word to stop. What fails is looked at again the next time: it is still due then.
    pub(crate) async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut tick = tokio::time::interval(INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut round = 0_u32;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                _ = tick.tick() => {}
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                swept = self.look_round(round.is_multiple_of(COUNT_EVERY)) => {
                    if let Err(error) = swept {
                        tracing::warn!(error = format!("{error:#}"), "deadlines could not be looked at; trying again");
                    }
                }
            }
            round = round.wrapping_add(1);
        }
    }

    /// Records misses, and every so often counts what is owed.
    async fn look_round(&self, count: bool) -> anyhow::Result<()> {
        self.sweep().await?;
        if count {
            for (standing, number) in self.store.owed().await? {
                metrics::gauge!(names::OWED, "standing" => standing).set(number as f64);
            }
        }
        Ok(())
    }

    /// Records every miss there is now.
    async fn sweep(&self) -> anyhow::Result<()> {
        let now = self.clock.now();
        let mut last = None;
        loop {
            let page = self.store.due(now, last.as_ref(), PAGE).await?;
            let Some(end) = page.last() else {
                return Ok(());
            };
            last = Some(end.clone());
            let looks = page.into_iter().map(|due| async move { self.look(&due).await });
            let looked: Vec<_> = futures::stream::iter(looks)
                .buffer_unordered(BESIDE)
                .collect()
                .await;
            // One case that cannot be decided must not hide the others.
            for error in looked.into_iter().filter_map(Result::err) {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "a deadline passed but is not on record yet; trying again"
                );
            }
        }
    }

    /// Decides from the ledger, not from the table, whether this one was missed.
    async fn look(&self, due: &Due) -> anyhow::Result<()> {
        let mut overtaken = None;
        for _ in 0..ATTEMPTS {
            let story = Story::of(self.ledger.read_case(due.case).await?);
            let opening = story
                .opening(due.obligation)
                .context("the table holds an obligation that is not on record")?;
            let command = Command::RecordMiss {
                obligation: due.obligation,
                due_revision: due.due_revision,
                now: self.clock.now(),
                since: story.since(opening)?,
            };
            let (obligations, version) = story.obligations()?;
            let events = match Obligations::decide(&obligations, command) {
                Ok(events) => events,
                Err(Rejection::NotDue { .. }) => return Ok(()), // the clock was set back since the table was asked
                Err(rejection) => return Err(rejection.into()),
            };
            if events.is_empty() {
                return Ok(()); // done, or it was done in time and the reactor will say so
            }
            let outcomes = names::outcomes(&events);
            let events = events
                .into_iter()
                .map(|event| wire::new_event(event, due.due))
                .collect();
            let append = Append {
                request: RequestId::timer(due.obligation, due.due_revision, "missed"),
                origin: Origin::Reaction {
                    consumer: CONSUMER.to_owned(),
                },
                case: Some(due.case),
                streams: vec![StreamWrite::new(
                    wire::stream(due.case),
                    Expected::folded(version),
                    events,
                )],
                unless: vec![Guard {
                    case: due.case,
                    after: story.position(),
                    categories: CATEGORIES.to_vec(),
                }],
                express: false,
                correlation: opening.correlation.clone(),
                causation: Some(opening.id),
                traceparent: None,
            };
            match self.ledger.append(append).await {
                Ok(appended) => {
                    if !appended.already {
                        names::count(&outcomes);
                    }
                    return Ok(());
                }
                Err(error) if error.is_overtaken() => overtaken = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        overtaken.map_or(Ok(()), |error| Err(error.into()))
    }
}
