//! The relay: puts what is committed into the stream EVENTS, each event at its own position. The stream is the relay's cursor.
//!
//! One rule heals everything: on any error or timeout, read the stream's last sequence again, compare its last message with the
//! ledger, and go on from there. Publications expect the sequence they follow, so two relays, a repeated batch or a lost
//! acknowledgement can neither repeat an event nor leave one out.
//!
//! What the stream has lost is made good without asking: its tail by publishing on, its middle by making it anew, since a consumer that
//! comes to a hole would pass it without a sign. What it holds too much, or otherwise, a person has to judge: it may be all that is left.

pub mod audit;
pub mod bulk;
mod check;
mod patrol;
mod publish;
pub(crate) mod rebuild;
mod streams;

use std::collections::BTreeMap;
use std::time::Duration;

use chassis::backoff::Backoff;
use chassis::config::BrokerAccess;
use chassis::nats::Nats;
use chassis::telemetry::names;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::StoreError;
use crate::event::Filter;
use crate::leadership::Leadership;
use crate::status::{RelayStatus, RelayStatusSender};
use crate::store::Store;

use patrol::Patrol;
pub(crate) use rebuild::{Orders, RelayHandle};
pub use streams::StreamSettings;

/// Most messages the server takes in one atomic batch.
const LARGEST_BATCH: usize = 1_000;
/// Batches begin at least so far apart: what comes meanwhile travels together. An event that comes after a pause does not wait at all.
const APART: Duration = Duration::from_millis(5);
/// How often an idle relay looks whether the stream is still there and still what it was.
const LOOK: Duration = Duration::from_secs(1);
/// How often a stopped relay looks whether somebody has set things right.
const LOOK_WHEN_STOPPED: Duration = Duration::from_secs(5);
/// A stream that loses messages again so soon after it was made anew lies on a bad disk: making it once more is no cure.
const SOON: Duration = Duration::from_secs(10 * 60);

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
    /// The stream is ours, and has lost messages that publishing on does not bring back.
    #[error("{0}")]
    Damaged(String),
    /// Another instance writes, whose relay it is now.
    #[error("another instance leads now")]
    Deposed,
}

fn broken(what: &'static str) -> impl Fn(Box<dyn std::error::Error + Send + Sync>) -> Ended {
    move |source| Ended::Broken { what, source }
}

/// Runs the relay until `shutdown`; nothing else ends it. `status` says how far it is, or why it stands still; `orders` are what an
/// administrator asks of it.
pub(crate) async fn run(
    store: Store,
    broker: BrokerAccess,
    settings: StreamSettings,
    status: RelayStatusSender,
    leadership: Leadership,
    orders: Orders,
    shutdown: CancellationToken,
) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = relay_for_ever(&store, &broker, &settings, &status, leadership, orders) => {}
    }
}

async fn relay_for_ever(
    store: &Store,
    broker: &BrokerAccess,
    settings: &StreamSettings,
    status: &RelayStatusSender,
    mut leadership: Leadership,
    mut orders: Orders,
) {
    say(status, "waiting for the broker");
    let nats = connect(broker).await;
    // A task of its own, so that no event waits for it; it ends with this future.
    let mut beside = JoinSet::new();
    if settings.patrol > 0 {
        let patrol = Patrol {
            store: store.clone(),
            nats: nats.clone(),
            shards: settings.shards,
            rate: settings.patrol,
            status: status.clone(),
            found: BTreeMap::new(),
        };
        beside.spawn(patrol.walk(leadership.clone()));
    }
    let mut trouble = Trouble::default();
    loop {
        if leadership.fence().is_none() {
            say(status, "standing by");
        }
        // Another instance's relay is left alone; were there two, the sequence that a batch expects would keep them apart.
        let relay = Relay {
            store,
            nats: &nats,
            settings,
            status,
            fence: leadership.taken().await,
        };
        // Whatever it does or waits for, these interrupt: a batch that is cut off is found again by the one rule.
        tokio::select! {
            order = orders.next() => relay.carry_out(order).await,
            () = leadership.lost(relay.fence) => {}
            () = relay.work(&mut trouble) => {}
        }
    }
}

async fn connect(broker: &BrokerAccess) -> Nats {
    let mut backoff = Backoff::between_services();
    loop {
        match Nats::connect(broker, "relay").await {
            Ok(nats) => return nats,
            Err(error) => {
                tracing::error!(
                    error = %chassis::telemetry::chain(&error),
                    "the relay cannot connect; trying again"
                );
                backoff.pause().await;
            }
        }
    }
}

/// What went wrong before.
struct Trouble {
    backoff: Backoff,
    /// When the stream was made anew because it was damaged.
    mended: Option<Instant>,
}

impl Default for Trouble {
    fn default() -> Self {
        Self {
            backoff: Backoff::between_services(),
            mended: None,
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
    nats: &'a Nats,
    settings: &'a StreamSettings,
    status: &'a RelayStatusSender,
    /// Under which this instance leads.
    fence: u64,
}

enum Never {}

impl Relay<'_> {
    /// One session with the stream, and what has to be done after it.
    async fn work(&self, trouble: &mut Trouble) {
        self.nats.connected().await;
        let Err(ended) = self.session(&mut trouble.backoff).await;
        match ended {
            Ended::NotOurs(why) => self.stand_still(&why, "`hoiam ledger audit-stream` says what differs; if the record is right, `hoiam ledger rebuild-stream --discard-foreign`").await,
            Ended::Damaged(why) if trouble.mended.is_none_or(|at| at.elapsed() > SOON) => {
                trouble.mended = Some(Instant::now());
                tracing::error!(why, "the stream is damaged; making it anew from the record");
                say(self.status, &format!("rebuilding: {why}"));
                if let Err(error) = self.mend().await {
                    // Not done, so it may be tried again at once.
                    trouble.mended = None;
                    tracing::warn!(error = %chassis::telemetry::chain(&error), "the stream cannot be made anew yet");
                    trouble.backoff.pause().await;
                }
            }
            Ended::Damaged(why) => self.stand_still(&why, "it was made anew shortly before: look at the broker's disk, then `hoiam ledger rebuild-stream`").await,
            Ended::Deposed => {
                say(self.status, "standing by");
                trouble.backoff.pause().await;
            }
            other @ (Ended::Broken { .. } | Ended::Store(_)) => {
                say(self.status, "recovering");
                tracing::info!(error = %chassis::telemetry::chain(&other), "the relay looks at the stream again");
                trouble.backoff.pause().await;
            }
        }
    }

    async fn stand_still(&self, why: &str, advice: &str) {
        say(self.status, &format!("stopped: {why}: {advice}"));
        tracing::error!(why, advice, "the relay stands still");
        tokio::time::sleep(LOOK_WHEN_STOPPED).await;
    }

    /// Finds the stream (makes it when it is gone), checks that it is ours, and publishes what follows, until something fails.
    async fn session(&self, backoff: &mut Backoff) -> Result<Never, Ended> {
        let mut head = self.store.watch();
        let jetstream = self.nats.jetstream();
        streams::ensure(jetstream, self.settings)
            .await
            .map_err(broken("the streams"))?;
        let found = streams::find_events(jetstream).await;
        let stream = match found.map_err(broken("the stream EVENTS"))? {
            Some(stream) => stream,
            None => self.make(self.retained().await?).await?,
        };
        let mut last = self.checked_last(&stream).await?;
        backoff.reset();
        self.at(last);
        let mut next_batch = tokio::time::Instant::now();
        loop {
            tokio::time::sleep_until(next_batch).await;
            head.borrow_and_update();
            let events = self
                .store
                // Positions are dense. Without the end PostgreSQL may look at all that follows, for each batch anew.
                .read_all(
                    last + 1,
                    last + LARGEST_BATCH as u64,
                    LARGEST_BATCH,
                    &Filter::default(),
                )
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
            last = publish::publish(self.nats, self.settings.shards, last, events)
                .await
                .map_err(broken("a batch was not stored as expected"))?;
            self.at(last);
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
