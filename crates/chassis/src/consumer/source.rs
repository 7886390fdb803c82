//! Where a consumer's events come from: the stream from a position on, and the ledger for what the stream no longer holds.

use std::collections::VecDeque;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::{self, AckKind};
use contracts::{Recorded, subjects};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use kernel::Position;
use tokio::sync::watch;

use super::Deps;
use crate::ledger::{Filter, LedgerClient, LedgerError, Range};
use crate::nats::{Connection, Nats, StreamState, from_headers};

/// How many messages one pull asks for; the client asks again when half of them have come.
const PULL: usize = 500;
/// Delivered again when not acknowledged for this long; only a sign of life, since what we know we do not handle twice.
const ACK_WAIT: Duration = Duration::from_secs(60);
/// Most messages that wait for their acknowledgement: over the loop's own window of 4,096, so that only one event that stands for long
/// brings us there. Beyond, the oldest are acknowledged all the same: the cursor alone says what is done, and the server must not stop
/// delivering because of one case.
const MOST_WAITING: usize = 5_000;
/// Most messages that the server delivers unacknowledged: those, and what is on its way.
const MOST_UNACKNOWLEDGED: i64 = 8_000;

/// How long the ledger may take to say how far there is nothing for us: nothing else happens meanwhile.
const LOOK_WITHIN: Duration = Duration::from_secs(1);

/// Positions looked through in one call; a long history in which nothing is for us is passed in many.
const STRETCH: u64 = 20_000;

/// What a consumer wants of the stream.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Name of the JetStream consumer.
    pub(super) name: String,
    /// Kept by name and acknowledged, so that everybody can see how far it is; otherwise it goes with the connection.
    pub(super) durable: bool,
    /// Types without version; empty: all.
    pub(super) types: Vec<&'static str>,
    /// Which shard of how many; `None`: all.
    pub(super) shard: Option<(u32, u32)>,
}

impl Wanted {
    fn filters(&self) -> Vec<String> {
        if self.types.is_empty() {
            return vec![self.shard.map_or_else(
                || subjects::EVENTS_SUBJECTS.to_owned(),
                |(shard, _)| subjects::shard_filter(shard),
            )];
        }
        let filter = |kind: &&str| match self.shard {
            Some((shard, _)) => subjects::event_filter(shard, kind),
            None => subjects::event_filter_any_shard(kind),
        };
        let mut filters: Vec<String> = self.types.iter().map(filter).collect();
        filters.sort();
        filters.dedup();
        filters
    }

    fn ledger_filter(&self) -> Filter {
        Filter {
            types: self.types.iter().map(|t| (*t).to_owned()).collect(),
            ..Filter::default()
        }
    }

    /// Whether an event is of this shard. The filter has seen to its type.
    fn is_ours(&self, event: &Recorded) -> bool {
        self.shard.is_none_or(|(shard, shards)| {
            subjects::shard_of(&event.case.map_or(event.stream.id, |c| c.0), shards) == shard
        })
    }
}

/// Why a source ended. It is opened again from the cursor.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    /// The broker: a restart, a lost connection, a deleted stream or consumer.
    #[error("{what}")]
    Broker {
        what: &'static str,
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The ledger.
    #[error("the ledger cannot be read")]
    Ledger(#[from] LedgerError),
    /// The stream holds something that the relay never wrote there: nobody acts on it.
    #[error("the stream is not the ledger's: {0}")]
    NotOurs(String),
}

fn broker<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    what: &'static str,
) -> impl FnOnce(E) -> SourceError {
    move |source| SourceError::Broker {
        what,
        source: Some(source.into()),
    }
}

fn lost(what: &'static str) -> SourceError {
    SourceError::Broker { what, source: None }
}

pub(super) struct Source {
    wanted: Wanted,
    ledger: LedgerClient,
    nats: Nats,
    gap: Option<BoxStream<'static, Result<Recorded, LedgerError>>>,
    /// Last position that the gap covers.
    gap_end: u64,
    messages: Box<pull::Stream>,
    connection: watch::Receiver<Connection>,
    epoch: u64,
    /// Highest position given, or known not to be wanted.
    passed: u64,
    /// Highest position given.
    given: u64,
    /// The consumer's own count of deliveries, dense: a hole means that a delivery was lost.
    deliveries: u64,
    acks: VecDeque<(u64, jetstream::message::Acker)>,
    /// How many events for us the stream still holds.
    pending: u64,
    overdue: Option<u64>,
    /// Taken from the stream, and not given yet.
    ready: Vec<Recorded>,
}

impl Source {
    /// Opens at the position after `cursor`. The durable is only a cache of the cursor, so it is made anew.
    pub(super) async fn open(deps: &Deps, wanted: Wanted, cursor: Position) -> Result<Self, SourceError> {
        deps.nats.connected().await;
        let connection = deps.nats.connection();
        let epoch = connection.borrow().epoch;
        let jetstream = deps.nats.jetstream();
        let state = deps
            .nats
            .stream_state(subjects::EVENTS)
            .await
            .map_err(broker("the stream's state"))?;
        let state = state.ok_or_else(|| lost("there is no stream EVENTS yet; the relay makes it"))?;
        whole(&state)?;
        // An empty stream says first = last + 1.
        let start = state.first.max(cursor.0 + 1);
        let consumer = make(jetstream, &wanted, start).await?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(PULL)
            .expires(Duration::from_secs(30))
            .heartbeat(Duration::from_secs(3))
            .messages()
            .await
            .map_err(broker("the pull from the stream"))?;
        let gap = (start > cursor.0 + 1).then(|| {
            let range = Range {
                from: Position(cursor.0 + 1),
                to: Some(Position(start - 1)),
                limit: None,
            };
            tracing::info!(
                consumer = wanted.name,
                from = cursor.0 + 1,
                to = start - 1,
                "the stream no longer reaches back; reading from the ledger"
            );
            deps.ledger.read_all(range, wanted.ledger_filter()).boxed()
        });
        let (ledger, nats) = (deps.ledger.clone(), deps.nats.clone());
        let messages = Box::new(messages);
        let (passed, given, acks) = (cursor.0, cursor.0, VecDeque::new());
        Ok(Self {
            wanted,
            ledger,
            nats,
            gap,
            gap_end: start - 1,
            messages,
            connection,
            epoch,
            passed,
            given,
            deliveries: 0,
            acks,
            pending: 0,
            overdue: None,
            ready: Vec::new(),
        })
    }

    /// The events that are ready, at most `most`; waits for the first. May give none. Safe to be dropped while it waits.
    pub(super) async fn next(&mut self, most: usize) -> Result<Vec<Recorded>, SourceError> {
        if let Some(gap) = &mut self.gap {
            let mut events = Vec::new();
            let mut item = Some(gap.next().await);
            while let Some(event) = item {
                let Some(event) = event else {
                    self.gap = None;
                    break;
                };
                events.push(event?);
                item = if events.len() < most {
                    gap.next().now_or_never()
                } else {
                    None
                };
            }
            events.retain(|e| self.wanted.is_ours(e));
            self.give(events.last());
            if self.gap.is_none() {
                self.passed = self.passed.max(self.gap_end);
            }
            return Ok(events);
        }
        if self.acks.len() > MOST_WAITING {
            self.acknowledge(Position(0)).await;
        }
        // What was taken stays in `ready` until it is given, so that nothing is lost when this future is dropped.
        if self.ready.is_empty() {
            let first = {
                let epoch = self.epoch;
                tokio::select! {
                    message = self.messages.next() => message,
                    _ = self.connection.wait_for(|c| c.epoch != epoch) => return Err(lost("the connection was lost for a while")),
                }
            };
            let first = self.take(first)?;
            self.ready.extend(first);
            while self.ready.len() < most
                && let Some(message) = self.messages.next().now_or_never()
            {
                let event = self.take(message)?;
                self.ready.extend(event);
            }
        }
        if self.leaves_something_out() {
            self.nothing_was_trimmed().await?;
        }
        let events = std::mem::take(&mut self.ready);
        self.give(events.last());
        Ok(events)
    }

    /// Whether there are positions of which nothing is known between what was passed and what was taken, or within it: not for us, most
    /// often.
    fn leaves_something_out(&self) -> bool {
        let due = self.passed + 1..;
        self.ready
            .iter()
            .zip(due)
            .any(|(event, due)| event.position.0 != due)
    }

    /// The server leaves out in silence what the stream trimmed before it could be delivered: while we were behind, or while nobody asked
    /// it for more. So it is asked, after the delivery, whether the stream still reaches back to where we were before: then it has left
    /// out nothing that was for us.
    async fn nothing_was_trimmed(&mut self) -> Result<(), SourceError> {
        let state = self.nats.stream_state(subjects::EVENTS).await;
        match state.map_err(broker("the stream's state"))? {
            Some(state) if state.first <= self.passed + 1 => whole(&state),
            _ => Err(lost("the stream was trimmed up to where we are")),
        }
    }

    fn give(&mut self, last: Option<&Recorded>) {
        if let Some(last) = last {
            self.given = self.given.max(last.position.0);
            self.passed = self.passed.max(self.given);
            self.overdue = None;
        }
    }

    /// Checks one message: nothing lost before it, its number is its position, and it was not given before.
    fn take(
        &mut self,
        message: Option<Result<jetstream::Message, pull::MessagesError>>,
    ) -> Result<Option<Recorded>, SourceError> {
        let message = message
            .ok_or_else(|| lost("the pull ended"))?
            .map_err(broker("the pull broke off"))?;
        let info = message.info().map_err(broker("a message without its numbers"))?;
        let (sequence, delivery, pending) = (info.stream_sequence, info.consumer_sequence, info.pending);
        if delivery != self.deliveries + 1 {
            return Err(lost("a delivery was lost"));
        }
        self.deliveries = delivery;
        self.pending = pending;
        let (message, acker) = message.split();
        let headers = message
            .headers
            .as_ref()
            .ok_or_else(|| SourceError::NotOurs(format!("message {sequence} has no headers")))?;
        let event = from_headers(headers, &message.payload)
            .map_err(|e| SourceError::NotOurs(format!("message {sequence}: {e}")))?;
        if event.position.0 != sequence {
            return Err(SourceError::NotOurs(format!(
                "message {sequence} claims position {}",
                event.position
            )));
        }
        if sequence <= self.given {
            return Ok(None);
        }
        // Within one call `given` moves only at its end; deliveries are in order, so only a redelivery could come twice, and that
        // is below what an earlier call gave.
        if self.wanted.durable {
            self.acks.push_back((sequence, acker));
        }
        Ok(Some(event))
    }

    /// How many events for us the stream still holds, as of the last delivery.
    pub(super) fn pending(&self) -> u64 {
        self.pending
    }

    /// Asks the ledger how far there is nothing for us beyond what was given: what is not wanted never arrives, but the cursor has to
    /// pass it. Also finds out when the stream fails to deliver what is there.
    pub(super) async fn look(&mut self) -> Result<Position, SourceError> {
        match tokio::time::timeout(LOOK_WITHIN, self.ask_the_ledger()).await {
            Ok(passed) => passed,
            // It is busy or away; the next look asks again.
            Err(_) => Ok(Position(self.passed)),
        }
    }

    async fn ask_the_ledger(&mut self) -> Result<Position, SourceError> {
        let head = self.ledger.head(Position(0)).await?;
        if head.position < self.given {
            return Err(lost(
                "the ledger ends before what it gave: it is another, or was restored from an older backup",
            ));
        }
        if self.gap.is_some() || head.position <= self.passed {
            return Ok(Position(self.passed));
        }
        // A stretch at a time: what was looked through stays looked through when there is no time for the rest.
        while self.passed < head.position {
            let to = head.position.min(self.passed + STRETCH);
            let next = self.next_on_record(to).await?;
            self.passed = self.passed.max(next.map_or(to, |n| n - 1));
            let Some(next) = next else { continue };
            if next <= head.relayed && self.overdue.replace(next) == Some(next) {
                return Err(lost("the stream holds an event for us and does not deliver it"));
            }
            break;
        }
        Ok(Position(self.passed))
    }

    /// The next position for us that is on record, beyond what was passed.
    async fn next_on_record(&mut self, to: u64) -> Result<Option<u64>, LedgerError> {
        let range = Range {
            from: Position(self.passed + 1),
            to: Some(Position(to)),
            limit: None,
        };
        let mut events = std::pin::pin!(self.ledger.read_all(range, self.wanted.ledger_filter()));
        while let Some(event) = events.next().await {
            let event = event?;
            if self.wanted.is_ours(&event) {
                return Ok(Some(event.position.0));
            }
        }
        Ok(None)
    }

    /// Acknowledges everything up to a position, in one message.
    pub(super) async fn acknowledge(&mut self, upto: Position) {
        let mut last = None;
        while self.acks.len() > MOST_WAITING || self.acks.front().is_some_and(|(p, _)| *p <= upto.0) {
            last = self.acks.pop_front();
        }
        if let Some((_, acker)) = last
            && let Err(error) = acker.ack().await
        {
            // The durable is a cache: what is not acknowledged comes again and is known.
            tracing::debug!(error = %crate::telemetry::chain(&*error), "an acknowledgement was lost");
        }
    }

    /// Tells the server that what is not acknowledged is still being worked on.
    pub(super) async fn in_progress(&mut self) {
        for (_, acker) in &self.acks {
            if acker.ack_with(AckKind::Progress).await.is_err() {
                return;
            }
        }
    }
}

/// The server passes over a hole in silence, so nobody reads from a stream that has one; the relay makes it anew.
fn whole(state: &StreamState) -> Result<(), SourceError> {
    match state.missing() {
        0 => Ok(()),
        _ => Err(lost("the stream has lost messages; the relay makes it anew")),
    }
}

async fn make(
    jetstream: &jetstream::Context,
    wanted: &Wanted,
    start: u64,
) -> Result<PullConsumer, SourceError> {
    let (ack_policy, inactive) = if wanted.durable {
        (AckPolicy::All, Duration::ZERO)
    } else {
        (AckPolicy::None, Duration::from_secs(60))
    };
    let config = pull::Config {
        durable_name: wanted.durable.then(|| wanted.name.clone()),
        name: Some(wanted.name.clone()),
        deliver_policy: DeliverPolicy::ByStartSequence {
            start_sequence: start,
        },
        ack_policy,
        ack_wait: if wanted.durable { ACK_WAIT } else { Duration::ZERO },
        max_ack_pending: if wanted.durable { MOST_UNACKNOWLEDGED } else { 0 },
        filter_subjects: wanted.filters(),
        inactive_threshold: inactive,
        // A cache needs no disk; where it was is in the cursor.
        memory_storage: true,
        num_replicas: 1,
        ..Default::default()
    };
    if wanted.durable {
        // Whatever an earlier session left; most often there is one.
        let _ = jetstream
            .delete_consumer_from_stream(&wanted.name, subjects::EVENTS)
            .await;
    }
    jetstream
        .create_consumer_on_stream(config, subjects::EVENTS)
        .await
        .map_err(broker("the consumer on the stream"))
}
