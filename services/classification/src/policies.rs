//! The classification rules as events: published at start, and the version that was in force at a position.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use anyhow::{Context, bail};
use chassis::consumer::Failure;
use chassis::ledger::{Append, Expected, LedgerClient, NewEvent, Opened, Purpose, StreamWrite};
use classification_domain::Policy;
use contracts::events::policy::ClassificationPolicyPublished;
use contracts::{Code, Payload};
use kernel::{Actor, Instant, Position, RequestId, StreamId};
use sha2::{Digest, Sha256};

/// How often publishing is tried when another replica publishes at the same moment.
const ATTEMPTS: usize = 5;

/// The policy in force, and what decisions call it.
#[derive(Clone)]
pub(crate) struct InForce {
    /// First 16 hex digits of its hash.
    pub(crate) version: Code,
    /// The policy.
    pub(crate) policy: Arc<Policy>,
}

/// All versions on record.
pub(crate) struct Policies {
    ledger: LedgerClient,
    known: tokio::sync::Mutex<Known>,
    parsed: Mutex<HashMap<Position, InForce>>,
}

/// What is on record up to a position.
#[derive(Default)]
struct Known {
    up_to: Position,
    published: Vec<(Position, Code)>,
}

impl Policies {
    pub(crate) fn new(ledger: LedgerClient) -> Self {
        Self {
            ledger,
            known: tokio::sync::Mutex::default(),
            parsed: Mutex::default(),
        }
    }

    fn stream() -> StreamId {
        StreamId::named(ClassificationPolicyPublished::CATEGORY, "city")
    }

    /// Publishes the text, unless it is the version in force already.
    pub(crate) async fn publish(&self, text: &str, source: &str, now: Instant) -> anyhow::Result<()> {
        let sha256 = hex::encode(Sha256::digest(text.as_bytes()));
        let published = ClassificationPolicyPublished {
            version: Code::lossy(&sha256[..16]),
            sha256: Code::lossy(&sha256),
            source: Code::lossy(source),
        };
        for _ in 0..ATTEMPTS {
            let history = self
                .ledger
                .read_stream(&Self::stream())
                .await
                .context("the classification policies on record")?;
            let versions: Vec<Code> = history
                .iter()
                .filter_map(|e| e.decode::<ClassificationPolicyPublished>().ok().flatten())
                .map(|p| p.sha256)
                .collect();
            if versions.last() == Some(&published.sha256) {
                return Ok(());
            }
            // A version that comes back into force is a new publication, so its request needs an id of its own.
            let id = if versions.contains(&published.sha256) {
                format!("{sha256}/{}", history.len())
            } else {
                sha256.clone()
            };
            let event = NewEvent::of(&published, Actor::service("classification"), now)
                .sealed(text.as_bytes().to_vec());
            let expected = Expected::folded(history.last().map_or(0, |e| e.version));
            let write = StreamWrite::new(Self::stream(), expected, vec![event]);
            let request = RequestId::client(ClassificationPolicyPublished::CATEGORY, &id);
            match self
                .ledger
                .append(Append::client(request, text.as_bytes(), None, vec![write]).express(true))
                .await
            {
                Ok(appended) => {
                    tracing::info!(policy.version = %published.version, position = %appended.position, "the classification policy is published");
                    return Ok(());
                }
                Err(error) if error.is_overtaken() => {}
                Err(error) => return Err(error).context("the classification policy cannot be published"),
            }
        }
        bail!(
            "the classification policy cannot be published: replicas with different policies publish at the same time"
        )
    }

    /// The version in force at a position: the last published before it, else the first.
    pub(crate) async fn at(&self, position: Position) -> Result<InForce, Failure> {
        let (published, version) = {
            let mut known = self.known.lock().await;
            if known.up_to < position {
                self.learn(&mut known).await?;
            }
            let before = known.published.iter().rev().find(|(p, _)| *p < position);
            before.or(known.published.first()).cloned().ok_or_else(|| {
                Failure::transient(anyhow::anyhow!("no classification policy is on record yet"))
            })?
        };
        if let Some(found) = self.remembered(published) {
            return Ok(found);
        }
        let found = self.read(published, version).await?;
        self.remember(published, found.clone());
        Ok(found)
    }

    /// The version in force now.
    pub(crate) async fn now(&self) -> Result<InForce, Failure> {
        self.at(Position(u64::MAX)).await
    }

    /// Asks for the head first: whatever is published up to it is in the stream that is read after.
    async fn learn(&self, known: &mut Known) -> Result<(), Failure> {
        let head = self.ledger.head(Position(0)).await?.position;
        let events = self.ledger.read_stream(&Self::stream()).await?;
        let mut published = Vec::with_capacity(events.len());
        for event in events {
            if let Some(policy) = event.decode::<ClassificationPolicyPublished>()? {
                published.push((event.position, policy.version));
            }
        }
        *known = Known {
            up_to: Position(head),
            published,
        };
        Ok(())
    }

    async fn read(&self, position: Position, version: Code) -> Result<InForce, Failure> {
        let opened = self.ledger.open(Purpose::Policy, &[position], None).await?;
        let unreadable = |why: String| {
            Failure::poison(
                "policy_unreadable",
                format!("classification policy {version}: {why}"),
            )
        };
        match opened.get(&position) {
            Some(Opened::Plain(text)) => {
                let text = std::str::from_utf8(text).map_err(|_| unreadable("it is no text".to_owned()))?;
                let policy = Policy::parse(text).map_err(|error| unreadable(error.to_string()))?;
                Ok(InForce {
                    version,
                    policy: Arc::new(policy),
                })
            }
            Some(Opened::Refused(why)) => Err(Failure::transient(anyhow::anyhow!(
                "the classification policy may not be opened: {why}"
            ))),
            Some(Opened::Erased | Opened::NothingSealed) | None => {
                Err(unreadable("its text is not there".to_owned()))
            }
        }
    }

    fn remembered(&self, position: Position) -> Option<InForce> {
        self.cache().get(&position).cloned()
    }

    fn remember(&self, position: Position, found: InForce) {
        self.cache().insert(position, found);
    }

    #[expect(clippy::expect_used, reason = "nothing panics while the lock is held")]
    fn cache(&self) -> std::sync::MutexGuard<'_, HashMap<Position, InForce>> {
        self.parsed.lock().expect("no holder panics")
    }
}
