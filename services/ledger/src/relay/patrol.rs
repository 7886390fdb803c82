//! The relay's patrol: compares the stream with the record message by message, slowly, round and round, while this instance leads. What
//! changes on the broker's disk under a running server is found by nobody else until a consumer comes to it, or passes over it.
//!
//! It reports and does nothing: which of the two is right, and whether the stream is to be made anew, is for a person to say.

use std::collections::BTreeMap;
use std::time::Duration;

use chassis::nats::{Nats, StreamState};
use contracts::grpc::ledger as wire;
use contracts::subjects;
use tokio::time::Instant;

use super::audit::compare;
use super::bulk::{self, ReadError};
use crate::error::StoreError;
use crate::event::Filter;
use crate::leadership::Leadership;
use crate::status::RelayStatusSender;
use crate::store::Store;
use crate::telemetry;

/// Between two rounds, and after what could not be read: a stream of a few messages needs no more.
const PAUSE: Duration = Duration::from_secs(5);
/// Most findings kept; a stream that differs everywhere is told by as many.
const MOST: usize = 1_000;
/// Most of them named in the status.
const NAMED: usize = 3;

/// Why a stretch could not be compared; it is tried again.
#[derive(Debug, thiserror::Error)]
enum NotNow {
    #[error("the stream cannot be read")]
    Stream(#[from] ReadError),
    #[error("the stream's state cannot be read")]
    State(#[from] chassis::nats::NatsError),
    #[error("the ledger cannot be read")]
    Ledger(#[from] StoreError),
}

/// What it needs, and what it has found.
pub(super) struct Patrol {
    pub(super) store: Store,
    pub(super) nats: Nats,
    pub(super) shards: u32,
    /// Messages a second, on the average of a stretch.
    pub(super) rate: u32,
    pub(super) status: RelayStatusSender,
    pub(super) found: BTreeMap<u64, String>,
}

impl Patrol {
    /// For ever; asks neither side for anything while another instance leads.
    pub(super) async fn walk(mut self, mut leadership: Leadership) {
        loop {
            let fence = leadership.taken().await;
            tokio::select! {
                () = leadership.lost(fence) => {}
                () = self.rounds() => {}
            }
            self.found.clear();
            self.status.send_modify(|status| status.patrol.clear());
        }
    }

    async fn rounds(&mut self) {
        let mut next = 1;
        loop {
            let began = Instant::now();
            match self.stretch(next).await {
                Ok(Some(upto)) => {
                    let compared = u32::try_from(upto + 1 - next).unwrap_or(u32::MAX);
                    next = upto + 1;
                    let due = Duration::from_secs(1) * compared / self.rate.max(1);
                    tokio::time::sleep_until(began + due).await;
                }
                Ok(None) => {
                    next = 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => {
                    tracing::debug!(error = %chassis::telemetry::chain(&error), "the patrol waits");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn state(&self) -> Result<Option<StreamState>, NotNow> {
        Ok(self.nats.stream_state(subjects::EVENTS).await?)
    }

    /// Compares the next messages; gives the last one looked at, or none at the end of the stream.
    async fn stretch(&mut self, next: u64) -> Result<Option<u64>, NotNow> {
        let Some(state) = self.state().await?.filter(|state| state.messages > 0) else {
            return Ok(None);
        };
        // What was trimmed, or is made anew from further on, differs no more.
        self.found
            .retain(|position, _| *position >= state.first && *position <= state.last);
        let from = next.max(state.first);
        // What lies beyond the head is the relay's to judge.
        let last = state.last.min(self.store.head().await?.position);
        if from > last {
            self.tell(last);
            return Ok(None);
        }
        let held = bulk::read(&self.nats, from).await?;
        // The answer ends where there is no more, or after so many: what is missing before its last message the server left out.
        let upto = match held.last() {
            Some(message) if held.len() >= bulk::BATCH => message.sequence.min(last),
            _ => last.min(from + bulk::BATCH as u64 - 1),
        };
        let count = usize::try_from(upto + 1 - from).unwrap_or(usize::MAX);
        let events = self.store.read_all(from, upto, count, &Filter::default()).await?;
        let read = events.last().map_or(from - 1, |event| event.position);
        let mut held = held.into_iter().peekable();
        let mut missing = Vec::new();
        for event in events {
            let position = event.position;
            while held.next_if(|message| message.sequence < position).is_some() {}
            let Some(message) = held.next_if(|message| message.sequence == position) else {
                missing.push(position);
                continue;
            };
            match compare(self.shards, wire::Event::from(event), &message) {
                Ok(None) => self.well(position),
                Ok(Some(difference)) => self.differs(position, difference.differs.join(", ")),
                Err(error) => self.differs(position, format!("the record: {error}")),
            }
        }
        if !missing.is_empty() {
            // Trimmed since, perhaps, or the whole stream is being made anew: then it is compared in the next round.
            let now = self.state().await?;
            let still = now.is_some_and(|now| now.first == state.first && now.last >= state.last);
            for position in missing.into_iter().filter(|_| still) {
                self.differs(position, "the stream cannot give it".to_owned());
            }
        }
        self.tell(read);
        Ok((read >= from).then_some(read))
    }

    fn well(&mut self, position: u64) {
        if self.found.remove(&position).is_some() {
            tracing::info!(position, "the stream and the record agree again");
        }
    }

    fn differs(&mut self, position: u64, how: String) {
        if self.found.len() >= MOST || self.found.get(&position) == Some(&how) {
            return;
        }
        tracing::error!(
            position,
            how,
            "the stream is not what is on record: `hoiam ledger audit-stream` shows all of it, `hoiam ledger rebuild-stream` makes it anew"
        );
        self.found.insert(position, how);
    }

    /// How far it is, and what it has found.
    fn tell(&self, upto: u64) {
        metrics::gauge!(telemetry::PATROLLED).set(upto as f64);
        metrics::gauge!(telemetry::STREAM_DIFFERS).set(self.found.len() as f64);
        let named: Vec<String> = self
            .found
            .iter()
            .take(NAMED)
            .map(|(position, how)| format!("{position} ({how})"))
            .collect();
        let text = match self.found.len() {
            0 => format!("agrees up to {upto}"),
            all => {
                let more = all.saturating_sub(NAMED);
                let more = if more > 0 {
                    format!(" and at {more} more")
                } else {
                    String::new()
                };
                format!("differs at {}{more}", named.join(", "))
            }
        };
        self.status.send_if_modified(|status| {
            let changed = status.patrol != text;
            status.patrol = text;
            changed
        });
    }
}
