//! Runs a reaction: one lease, one cursor and one durable per shard.

use std::sync::Arc;
use std::time::Duration;

use contracts::Recorded;
use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use kernel::Position;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ahead::{Ahead, Arrival};
use super::cursor::Cursor;
use super::handling::Handling;
use super::source::{Source, SourceError, Wanted};
use super::{Delivered, Deps, Reaction};
use crate::backoff::Backoff;
use crate::failpoint;
use crate::ledger::{Lease, LeaseKey, LedgerError, Opened, Purpose};
use crate::service::DRAIN;
use crate::telemetry::names;

/// How long a lease holds without being renewed: how long a shard stands still when its holder dies.
const TTL: Duration = Duration::from_secs(9);
/// Renewed three times in that time.
const RENEW: Duration = Duration::from_secs(3);
/// A moved cursor is saved after this time …
const SAVE_AFTER: Duration = Duration::from_millis(200);
/// … or so many events.
const SAVE_EVERY: u64 = 500;
/// How often an idle consumer asks the ledger how far there is nothing for it.
const LOOK: Duration = Duration::from_secs(1);
/// Most events under way; beyond, no more are taken from the stream.
const WINDOW: usize = 4_096;
/// Most events taken at once, and so opened in one call.
const BATCH: usize = 256;
/// How often the server is told that unacknowledged events are still being worked on.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);

/// Runs a reaction until `shutdown`; nothing else ends it. Running handlers finish, the cursor is saved, the lease released.
pub async fn run_reactor(reaction: Arc<dyn Reaction>, deps: Deps, shutdown: CancellationToken) {
    let shards = (0..deps.shards.max(1))
        .map(|shard| run_shard(Arc::clone(&reaction), deps.clone(), shard, shutdown.clone()));
    join_all(shards).await;
}

async fn run_shard(reaction: Arc<dyn Reaction>, deps: Deps, shard: u32, shutdown: CancellationToken) {
    let consumer = reaction.consumer();
    let key = LeaseKey {
        consumer: consumer.to_owned(),
        shard,
        holder: deps.holder.clone(),
    };
    while !shutdown.is_cancelled() {
        let Some(lease) = shutdown.run_until_cancelled(take_lease(&deps, &key)).await else {
            return;
        };
        tracing::info!(consumer, shard, cursor = lease.position, "the shard is ours");
        let mut held = Held {
            key: &key,
            fence: lease.fence,
            renewed: Instant::now(),
            saved: Position(lease.position),
        };
        let mut backoff = Backoff::between_services();
        loop {
            let Some(end) = session(&reaction, &deps, shard, &mut held, &shutdown, &mut backoff).await else {
                break;
            };
            metrics::counter!(names::SESSIONS, "consumer" => consumer).increment(1);
            match &end {
                SourceError::NotOurs(why) => tracing::error!(
                    consumer,
                    shard,
                    why,
                    "nothing is handled until the stream is the ledger's again"
                ),
                other => tracing::info!(
                    consumer,
                    shard,
                    error = %crate::telemetry::chain(other),
                    "opening the stream again from the cursor"
                ),
            }
            if held.is_over() || shutdown.run_until_cancelled(backoff.pause()).await.is_none() {
                break;
            }
        }
        if shutdown.is_cancelled() && !held.is_over() {
            let released = tokio::time::timeout(
                Duration::from_secs(3),
                deps.ledger.release_lease(&key, held.fence, held.saved),
            )
            .await;
            tracing::info!(
                consumer,
                shard,
                cursor = held.saved.0,
                released = matches!(released, Ok(Ok(_))),
                "stopped"
            );
        }
    }
}

/// Asks for the lease until it is ours.
async fn take_lease(deps: &Deps, key: &LeaseKey) -> Lease {
    let mut backoff = Backoff::new(Duration::from_millis(100), RENEW);
    loop {
        match deps.ledger.take_lease(key, TTL).await {
            Ok(lease) if lease.held => return lease,
            Ok(_) => {}
            Err(error) => tracing::warn!(
                consumer = key.consumer,
                error = %crate::telemetry::chain(&error),
                "cannot take the lease yet"
            ),
        }
        backoff.pause().await;
    }
}

/// A lease we hold, as long as it is renewed in time.
struct Held<'a> {
    key: &'a LeaseKey,
    fence: u64,
    /// When the renewal that succeeded last was sent.
    renewed: Instant,
    saved: Position,
}

impl Held<'_> {
    fn is_over(&self) -> bool {
        self.renewed.elapsed() >= TTL
    }

    fn lose(&mut self) {
        self.renewed = Instant::now().checked_sub(TTL).unwrap_or(self.renewed);
    }
}

type Opening = BoxFuture<'static, Vec<Delivered>>;
type Saving = JoinHandle<(Instant, Position, Result<Lease, LedgerError>)>;

/// Handles the shard's events from the cursor on. `None`: told to stop, or the lease is lost; else why the stream has to be opened again.
async fn session(
    reaction: &Arc<dyn Reaction>,
    deps: &Deps,
    shard: u32,
    held: &mut Held<'_>,
    shutdown: &CancellationToken,
    backoff: &mut Backoff,
) -> Option<SourceError> {
    let wanted = Wanted {
        name: format!("{}-{shard}", reaction.consumer()),
        durable: true,
        types: reaction.wants().to_vec(),
        shard: Some((shard, deps.shards.max(1))),
    };
    let opened = tokio::select! {
        () = shutdown.cancelled() => return None,
        opened = tokio::time::timeout(RENEW, Source::open(deps, wanted, held.saved)) => opened,
    };
    // The broker may be away for long: the shard stays ours meanwhile.
    renew(deps, held).await;
    let mut source = match opened {
        _ if held.is_over() => return None,
        Ok(Ok(source)) => source,
        Ok(Err(error)) => return Some(error),
        Err(_) => {
            return Some(SourceError::Broker {
                what: "the broker does not answer",
                source: None,
            });
        }
    };
    let ahead = Ahead::open(deps, &**reaction, shard).await;
    let ahead = match ahead {
        Ok(ahead) => ahead,
        Err(error) => {
            return Some(SourceError::Broker {
                what: "the subscription to what is told ahead",
                source: Some(error.into()),
            });
        }
    };
    let mut run = Run {
        deps,
        ahead,
        cursor: Cursor::at(held.saved),
        handling: Handling::new(Arc::clone(reaction), deps.clone()),
        opening: None,
        saving: None,
        settled_since_save: 0,
        last_save: Instant::now(),
        labels: [
            ("consumer", reaction.consumer().to_owned()),
            ("shard", shard.to_string()),
        ],
    };
    let end = run
        .handle(&mut source, reaction.opens(), held, shutdown, backoff)
        .await;
    run.finish(&mut source, held).await;
    end
}

async fn renew(deps: &Deps, held: &mut Held<'_>) {
    let sent = Instant::now();
    match tokio::time::timeout(
        RENEW,
        deps.ledger.save_cursor(held.key, held.fence, held.saved, TTL),
    )
    .await
    {
        Ok(Ok(_)) => held.renewed = sent,
        Ok(Err(LedgerError::LeaseLost { .. })) => held.lose(),
        _ => {}
    }
}

struct Run<'a> {
    deps: &'a Deps,
    ahead: Ahead,
    cursor: Cursor,
    handling: Handling,
    opening: Option<Opening>,
    saving: Option<Saving>,
    settled_since_save: u64,
    last_save: Instant,
    labels: [(&'static str, String); 2],
}

impl Run<'_> {
    async fn handle(
        &mut self,
        source: &mut Source,
        opens: Option<Purpose>,
        held: &mut Held<'_>,
        shutdown: &CancellationToken,
        backoff: &mut Backoff,
    ) -> Option<SourceError> {
        let mut next_look = Instant::now();
        let mut next_sign = Instant::now() + SIGN_OF_LIFE;
        loop {
            let idle = self.handling.is_idle() && self.opening.is_none();
            let due = self.next_save(held);
            let wake = if idle {
                due.min(next_look)
            } else {
                due.min(next_sign)
            };
            tokio::select! {
                () = shutdown.cancelled() => return None,
                Some(position) = self.handling.next_settled() => {
                    if !self.ahead.settled(position) {
                        self.cursor.done(position);
                        self.settled_since_save += 1;
                    }
                }
                Some(delivered) = async { Some(self.opening.as_mut()?.await) } => {
                    self.opening = None;
                    delivered.into_iter().for_each(|d| self.handling.take_on(d));
                }
                // Not while a batch is being opened: what it holds of the same case goes first.
                (case, delivered) = self.ahead.next(self.cursor.passed()), if self.opening.is_none() => {
                    delivered.into_iter().for_each(|d| self.handling.take_on(d));
                    self.handling.hurry(case);
                }
                events = source.next(BATCH), if self.opening.is_none() && self.cursor.under_way() < WINDOW => {
                    let events = match events {
                        Ok(events) => events,
                        Err(error) => return Some(error),
                    };
                    backoff.reset();
                    next_look = Instant::now() + LOOK;
                    let delivered = self.begin(events);
                    self.opening = Some(match opens {
                        Some(purpose) => open(self.deps.clone(), purpose, delivered).boxed(),
                        None => std::future::ready(delivered).boxed(),
                    });
                }
                Some(saved) = async { Some(self.saving.as_mut()?.await) } => {
                    self.saving = None;
                    if !self.saved(saved, source, held).await {
                        return None;
                    }
                }
                () = tokio::time::sleep_until(wake) => {
                    if held.is_over() {
                        tracing::warn!(consumer = held.key.consumer, "the lease could not be renewed in time; handling stops");
                        return None;
                    }
                    if idle && Instant::now() >= next_look {
                        next_look = Instant::now() + LOOK;
                        match source.look().await {
                            Ok(passed) => self.cursor.pass(passed),
                            Err(SourceError::Ledger(error)) => tracing::debug!(error = %crate::telemetry::chain(&error), "the ledger does not say how far it is"),
                            Err(error) => return Some(error),
                        }
                    }
                    if Instant::now() >= next_sign {
                        next_sign = Instant::now() + SIGN_OF_LIFE;
                        source.in_progress().await;
                    }
                }
            }
            self.save_if_due(source, held);
        }
    }

    /// Takes events on, but for those that were handled ahead of the stream.
    fn begin(&mut self, events: Vec<Recorded>) -> Vec<Delivered> {
        let mut delivered = Vec::with_capacity(events.len());
        for event in events {
            self.cursor.begin(event.position);
            match self.ahead.arrives(event.position) {
                Arrival::New => delivered.push(Delivered { event, content: None }),
                Arrival::UnderWay => {}
                Arrival::Settled => self.cursor.done(event.position),
            }
        }
        delivered
    }

    /// When the cursor or the lease has to be saved next.
    fn next_save(&self, held: &Held<'_>) -> Instant {
        if self.saving.is_some() {
            return held.renewed + TTL;
        }
        let moved = self.cursor.position() > held.saved;
        if moved {
            self.last_save + SAVE_AFTER
        } else {
            held.renewed + RENEW
        }
        .max(self.last_save + SAVE_AFTER)
    }

    fn save_if_due(&mut self, source: &Source, held: &Held<'_>) {
        let position = self.cursor.position();
        let enough = self.settled_since_save >= SAVE_EVERY && position > held.saved;
        if self.saving.is_some() || !(enough || Instant::now() >= self.next_save(held)) {
            return;
        }
        if position > held.saved {
            failpoint::hit("consumer.after_effect_before_cursor");
        }
        self.last_save = Instant::now();
        self.settled_since_save = 0;
        self.measure(source);
        let (ledger, key, fence, sent) = (
            self.deps.ledger.clone(),
            held.key.clone(),
            held.fence,
            Instant::now(),
        );
        self.saving = Some(tokio::spawn(async move {
            (
                sent,
                position,
                ledger.save_cursor(&key, fence, position, TTL).await,
            )
        }));
    }

    /// What became of saving; `false` when the lease is lost.
    async fn saved(
        &mut self,
        saved: Result<(Instant, Position, Result<Lease, LedgerError>), tokio::task::JoinError>,
        source: &mut Source,
        held: &mut Held<'_>,
    ) -> bool {
        match saved {
            Ok((sent, position, Ok(_))) => {
                held.renewed = sent;
                held.saved = held.saved.max(position);
                source.acknowledge(position).await;
                true
            }
            Ok((_, _, Err(LedgerError::LeaseLost { fence }))) => {
                tracing::warn!(
                    consumer = held.key.consumer,
                    fence,
                    "another replica took the shard; handling stops"
                );
                held.lose();
                false
            }
            Ok((_, _, Err(error))) => {
                tracing::warn!(
                    consumer = held.key.consumer,
                    error = %crate::telemetry::chain(&error),
                    "the cursor is not saved yet"
                );
                true
            }
            Err(_) => true,
        }
    }

    /// Handlers at work finish; what they did is saved if the lease is still ours.
    async fn finish(mut self, source: &mut Source, held: &mut Held<'_>) {
        if let Some(saving) = self.saving.take()
            && let Ok(Ok((_, position, Ok(_)))) = tokio::time::timeout(RENEW, saving).await
        {
            held.saved = held.saved.max(position);
        }
        let Self {
            deps,
            mut cursor,
            mut ahead,
            handling,
            ..
        } = self;
        for position in handling.stop(DRAIN.saturating_sub(RENEW)).await {
            if !ahead.settled(position) {
                cursor.done(position);
            }
        }
        let position = cursor.position();
        if held.is_over() || position <= held.saved {
            return;
        }
        failpoint::hit("consumer.after_effect_before_cursor");
        let sent = Instant::now();
        match tokio::time::timeout(
            RENEW,
            deps.ledger.save_cursor(held.key, held.fence, position, TTL),
        )
        .await
        {
            Ok(Ok(_)) => {
                held.renewed = sent;
                held.saved = position;
                source.acknowledge(position).await;
            }
            Ok(Err(LedgerError::LeaseLost { .. })) => held.lose(),
            _ => tracing::warn!(
                consumer = held.key.consumer,
                "the cursor could not be saved; some events come again"
            ),
        }
    }

    fn measure(&self, source: &Source) {
        let position = self.cursor.position().0;
        metrics::gauge!(names::CURSOR, &self.labels).set(position as f64);
        metrics::gauge!(names::LAG, &self.labels)
            .set((source.pending() + self.cursor.under_way() as u64) as f64);
    }
}

/// Opens the sealed content of a batch in one call, for as long as it takes.
pub(super) async fn open(deps: Deps, purpose: Purpose, mut delivered: Vec<Delivered>) -> Vec<Delivered> {
    let positions: Vec<Position> = delivered
        .iter()
        .filter(|d| d.event.has_sealed)
        .map(|d| d.event.position)
        .collect();
    if positions.is_empty() {
        return delivered;
    }
    let mut backoff = Backoff::between_services();
    let mut opened = loop {
        match deps.ledger.open(purpose, &positions, None).await {
            Ok(opened) => break opened,
            Err(error) => {
                if (backoff.failures() + 1).is_power_of_two() {
                    tracing::warn!(
                        ?purpose,
                        error = %crate::telemetry::chain(&error),
                        "the content cannot be opened yet; trying again"
                    );
                }
                backoff.pause().await;
            }
        }
    };
    for d in delivered.iter_mut().filter(|d| d.event.has_sealed) {
        d.content = Some(opened.remove(&d.event.position).unwrap_or(Opened::NothingSealed));
    }
    delivered
}
