//! The relay: puts what is committed into the stream EVENTS, each event at its own position. The stream is the relay's cursor.
//!
//! One rule heals everything: on any error or timeout, read the stream's last sequence again, compare its last message with the
//! ledger, and go on from there. Publications expect the sequence they follow, so two relays, a repeated batch or a lost
//! acknowledgement can neither repeat an event nor leave one out.

mod publish;
mod streams;

use std::time::Duration;

use async_nats::jetstream::stream::Stream;
use chassis::backoff::Backoff;
use chassis::config::BrokerAccess;
use chassis::nats::Nats;
use chassis::telemetry::names;
use contracts::subjects::headers;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::error::StoreError;
use crate::event::{Filter, StoredEvent};
use crate::leadership::Leadership;
use crate::status::{RelayStatus, RelayStatusSender};
use crate::store::Store;

pub use streams::StreamSettings;

/// Most messages the server takes in one atomic batch.
const LARGEST_BATCH: usize = 1_000;
/// Batches begin at least so far apart: what comes meanwhile travels together. An event that comes after a pause does not wait at all.
const APART: Duration = Duration::from_millis(5);
/// How often an idle relay looks whether the stream is still there and still what it was.
const LOOK: Duration = Duration::from_secs(1);
/// How often a stopped relay looks whether somebody has set things right.
const LOOK_WHEN_STOPPED: Duration = Duration::from_secs(5);

/// Why a session with the stream ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    /// Something failed that may work in a moment.
    #[error("{what}")]
    Broken {
        what: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The ledger could not be read.
    #[error("the ledger cannot be read")]
    Store(#[from] StoreError),
    /// The stream is not this ledger's: nobody may act on it until a person has looked.
    #[error("{0}")]
    NotOurs(String),
}

fn broken(what: &'static str) -> impl Fn(Box<dyn std::error::Error + Send + Sync>) -> Ended {
    move |source| Ended::Broken { what, source }
}

/// Runs the relay until `shutdown`; nothing else ends it. `status` says how far it is, or why it stands still.
pub async fn run(
    store: Store,
    broker: BrokerAccess,
    settings: StreamSettings,
    status: RelayStatusSender,
    leadership: Leadership,
    shutdown: CancellationToken,
) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = relay_for_ever(&store, &broker, &settings, &status, leadership) => {}
    }
}

async fn relay_for_ever(
    store: &Store,
    broker: &BrokerAccess,
    settings: &StreamSettings,
    status: &RelayStatusSender,
    mut leadership: Leadership,
) {
    let mut backoff = Backoff::between_services();
    say(status, "waiting for the broker");
    let nats = loop {
        match Nats::connect(broker, "relay").await {
            Ok(nats) => break nats,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the relay cannot connect; trying again"
                );
                backoff.pause().await;
            }
        }
    };
    let relay = Relay {
        store,
        nats,
        settings,
        status,
    };
    loop {
        if leadership.fence().is_none() {
            say(status, "standing by");
        }
        // Another instance's relay is left alone; were there two, the sequence that a batch expects would keep them apart.
        let fence = leadership.taken().await;
        relay.nats.connected().await;
        let ended = tokio::select! {
            Err(ended) = relay.session(&mut backoff) => ended,
            () = leadership.lost(fence) => continue,
        };
        match &ended {
            Ended::NotOurs(why) => {
                say(status, &format!("stopped: {why}"));
                tracing::error!(
                    why,
                    "the relay stands still: compare stream and ledger (hoiam doctor)"
                );
                tokio::time::sleep(LOOK_WHEN_STOPPED).await;
            }
            other => {
                say(status, "recovering");
                tracing::info!(
                    error = other as &dyn std::error::Error,
                    "the relay looks at the stream again"
                );
                backoff.pause().await;
            }
        }
    }
}

fn say(status: &watch::Sender<RelayStatus>, state: &str) {
    status.send_if_modified(|s| {
        let changed = s.state != state;
        if changed {
            state.clone_into(&mut s.state);
        }
        changed
    });
}

struct Relay<'a> {
    store: &'a Store,
    nats: Nats,
    settings: &'a StreamSettings,
    status: &'a RelayStatusSender,
}

enum Never {}

impl Relay<'_> {
    /// Finds the stream (makes it when it is gone), checks that it is ours, and publishes what follows, until something fails.
    async fn session(&self, backoff: &mut Backoff) -> Result<Never, Ended> {
        let mut head = self.store.watch();
        let stream = streams::ensure(self.nats.jetstream(), self.settings)
            .await
            .map_err(broken("the streams"))?;
        let mut last = self.checked_last(&stream).await?;
        backoff.reset();
        self.at(last);
        let mut next_batch = tokio::time::Instant::now();
        loop {
            tokio::time::sleep_until(next_batch).await;
            head.borrow_and_update();
            let events = self
                .store
                .read_all(last + 1, u64::MAX, LARGEST_BATCH, &Filter::default())
                .await?;
            if events.is_empty() {
                say(self.status, "following");
                if tokio::time::timeout(LOOK, head.changed()).await.is_err() {
                    last = self.look_again(&stream, last).await?;
                }
                continue;
            }
            if events.len() == LARGEST_BATCH {
                say(self.status, "catching up");
            }
            next_batch = tokio::time::Instant::now() + APART;
            metrics::histogram!(names::RELAY_BATCH).record(events.len() as f64);
            last = publish::publish(&self.nats, self.settings.shards, last, events)
                .await
                .map_err(broken("a batch was not stored as expected"))?;
            self.at(last);
        }
    }

    /// The stream's last sequence, if the stream is ours up to there.
    async fn checked_last(&self, stream: &Stream) -> Result<u64, Ended> {
        let info = stream
            .get_info()
            .await
            .map_err(|e| broken("the stream's state")(e.into()))?;
        let last = info.state.last_sequence;
        let head = self.store.head().await?.position;
        if last > head {
            return Err(Ended::NotOurs(format!(
                "the stream ends at {last}, the ledger at {head}: the ledger was restored from an older backup, or the stream belongs to another ledger"
            )));
        }
        // What retention has trimmed cannot be compared; nothing is left that could differ.
        if last == 0 || info.state.messages == 0 {
            return Ok(last);
        }
        let message = stream
            .get_raw_message(last)
            .await
            .map_err(|e| broken("the stream's last message")(e.into()))?;
        let header = |name| message.headers.get(name).map(async_nats::HeaderValue::as_str);
        let event = self.event_at(last).await?;
        let same = header(headers::POSITION) == Some(last.to_string().as_str())
            && header(headers::ID) == Some(event.id.hyphenated().to_string().as_str())
            && header(headers::DATA_HASH) == Some(hex::encode(&event.data_hash).as_str());
        if same {
            Ok(last)
        } else {
            Err(Ended::NotOurs(format!(
                "the stream's message {last} is not the ledger's event {last}"
            )))
        }
    }

    async fn event_at(&self, position: u64) -> Result<StoredEvent, Ended> {
        let mut found = self
            .store
            .read_all(position, position, 1, &Filter::default())
            .await?;
        found
            .pop()
            .ok_or_else(|| Ended::NotOurs(format!("the ledger has no event at {position}")))
    }

    /// When there is nothing to publish: is the stream still there, and where we left it?
    async fn look_again(&self, stream: &Stream, last: u64) -> Result<u64, Ended> {
        let info = stream
            .get_info()
            .await
            .map_err(|e| broken("the stream is gone")(e.into()))?;
        if info.state.last_sequence == last {
            Ok(last)
        } else {
            self.checked_last(stream).await
        }
    }

    fn at(&self, last: u64) {
        metrics::gauge!(names::RELAYED).set(last as f64);
        self.status.send_if_modified(|s| {
            let changed = s.relayed != last;
            s.relayed = last;
            changed
        });
    }
}
