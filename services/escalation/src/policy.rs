//! The SLA policy on record: published at start when it is new, and read as it was in force at a position.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use chassis::ledger::{Append, Expected, LedgerClient, NewEvent, Opened, Purpose, StreamWrite};
use contracts::events::policy::SlaPolicyPublished;
use contracts::{Code, Payload, Recorded};
use escalation_domain::{Policy, Sla};
use kernel::{Actor, Instant, Position, RequestId, StreamId};
use sha2::{Digest, Sha256};
use vietnam::Calendar;

/// The policies that were ever in force.
pub(crate) struct Policies {
    ledger: LedgerClient,
    known: Mutex<Known>,
}

/// What is known of the policy stream, and up to which position that is all.
#[derive(Default)]
struct Known {
    complete_to: Position,
    published: Vec<(Position, Arc<Sla>)>,
}

impl Policies {
    pub(crate) fn new(ledger: LedgerClient) -> Self {
        Self {
            ledger,
            known: Mutex::default(),
        }
    }

    fn stream() -> StreamId {
        StreamId::named(SlaPolicyPublished::CATEGORY, "city")
    }

    /// Puts the policy on record unless it is the one in force.
    pub(crate) async fn publish(&self, text: &str, now: Instant) -> anyhow::Result<()> {
        Policy::parse(text)?;
        let sha256 = hex::encode(Sha256::digest(text));
        let history = self.ledger.read_stream(&Self::stream()).await?;
        let versions: Vec<SlaPolicyPublished> = history
            .iter()
            .map(Recorded::decode)
            .filter_map(Result::transpose)
            .collect::<Result<_, _>>()?;
        if versions.last().is_some_and(|last| last.sha256.as_str() == sha256) {
            return Ok(());
        }
        let payload = SlaPolicyPublished {
            version: Code::lossy(&sha256[..16]),
            sha256: Code::lossy(&sha256),
            source: Code::lossy("built_in"),
        };
        let event =
            NewEvent::of(&payload, Actor::service("escalation"), now).sealed(text.as_bytes().to_vec());
        let version = history.last().map_or(0, |last| last.version);
        // The version makes it another request when an older text comes back; replicas that start together make the same one.
        let request = RequestId::client(SlaPolicyPublished::CATEGORY, &format!("{sha256}/{version}"));
        let write = StreamWrite::new(Self::stream(), Expected::folded(version), vec![event]);
        self.ledger
            .append(Append::client(request, text.as_bytes(), None, vec![write]))
            .await?;
        tracing::info!(policy.version = %payload.version, "published the SLA policy");
        Ok(())
    }

    /// The policy in force for an event at `position`: the last published before it, else the first.
    pub(crate) async fn in_force(&self, position: Position) -> anyhow::Result<Arc<Sla>> {
        if let Some(found) = self.locked().at(position) {
            return Ok(found);
        }
        // The head first: whatever is published below it is then in the stream.
        let complete_to = Position(self.ledger.head(Position(0)).await?.position);
        let history = self.ledger.read_stream(&Self::stream()).await?;
        let mut published = self.locked().published.clone();
        for event in &history {
            if published.iter().all(|(at, _)| *at != event.position)
                && let Some(sla) = self.open(event).await?
            {
                published.push((event.position, Arc::new(sla)));
            }
        }
        published.sort_by_key(|(at, _)| *at);
        let mut known = self.locked();
        if known.complete_to <= complete_to {
            *known = Known {
                complete_to,
                published,
            };
        }
        known
            .at(position)
            .context("no SLA policy is on record up to this event")
    }

    async fn open(&self, event: &Recorded) -> anyhow::Result<Option<Sla>> {
        let Some(payload) = event.decode::<SlaPolicyPublished>()? else {
            return Ok(None); // another event of the stream
        };
        let mut opened = self.ledger.open(Purpose::Policy, &[event.position], None).await?;
        let text = match opened.remove(&event.position) {
            Some(Opened::Plain(text)) => text,
            other => bail!(
                "the SLA policy at position {} cannot be opened: {other:?}",
                event.position
            ),
        };
        let text = String::from_utf8(text).context("the SLA policy is no text")?;
        let policy = Policy::parse(&text).with_context(|| {
            format!(
                "the SLA policy at position {} is not for this program",
                event.position
            )
        })?;
        Ok(Some(Sla {
            policy,
            version: payload.version.to_string(),
            calendar: Calendar::vietnam(),
        }))
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn at(&self, position: Position) -> Option<Arc<Sla>> {
        if position > self.complete_to {
            return None;
        }
        let before = self.published.iter().rev().find(|(at, _)| *at < position);
        before.or(self.published.first()).map(|(_, sla)| Arc::clone(sla))
    }
}
