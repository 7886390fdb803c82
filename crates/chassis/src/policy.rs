//! Policies as events: a service publishes its own at start, and decides by the version that was in force at an event's cause.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use anyhow::{Context, bail};
use contracts::Code;
use contracts::events::policy::PolicyPublished;
use kernel::{Actor, Instant, Position, RequestId, StreamId};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use crate::consumer::Failure;
use crate::ledger::{Append, Expected, LedgerClient, NewEvent, Opened, Purpose, StreamWrite};

/// How often publishing is tried when another replica publishes at the same moment.
const ATTEMPTS: usize = 5;

/// Reads a policy from its version and its text, or says why it is none.
pub type Parse<P> = Box<dyn Fn(&Code, &str) -> Result<P, String> + Send + Sync>;

/// The policy in force, and what decisions call it.
#[derive(Debug)]
pub struct InForce<P> {
    /// First 16 hex digits of its hash.
    pub version: Code,
    /// The policy.
    pub policy: Arc<P>,
}

impl<P> Clone for InForce<P> {
    fn clone(&self) -> Self {
        Self {
            version: self.version.clone(),
            policy: Arc::clone(&self.policy),
        }
    }
}

/// All versions of one policy on record, on the stream `<category of E>/city`.
pub struct Policies<E, P> {
    ledger: LedgerClient,
    service: &'static str,
    parse: Parse<P>,
    /// Held while the ledger is asked: whoever needs the same answer waits for it instead of asking too.
    known: Mutex<Known<P>>,
    publication: PhantomData<fn() -> E>,
}

/// What is on record up to a position.
struct Known<P> {
    up_to: Position,
    published: Vec<(Position, Code)>,
    parsed: HashMap<Position, InForce<P>>,
}

impl<E: PolicyPublished, P: Send + Sync + 'static> Policies<E, P> {
    /// The policy of `service`, published as `E` and read by `parse`.
    #[must_use]
    pub fn new(
        ledger: LedgerClient,
        service: &'static str,
        parse: impl Fn(&Code, &str) -> Result<P, String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            ledger,
            service,
            parse: Box::new(parse),
            known: Mutex::new(Known {
                up_to: Position(0),
                published: Vec::new(),
                parsed: HashMap::new(),
            }),
            publication: PhantomData,
        }
    }

    fn stream() -> StreamId {
        StreamId::named(E::CATEGORY, "city")
    }

    /// Puts the text on record, unless it is the version in force already. What does not parse never gets there. `source` is `built_in` or
    /// a word for where it comes from.
    ///
    /// # Errors
    /// A text that is no policy; a ledger that refuses it.
    pub async fn publish(&self, text: &str, source: &str, now: Instant) -> anyhow::Result<()> {
        let sha256 = hex::encode(Sha256::digest(text.as_bytes()));
        let version = Code::lossy(&sha256[..16]);
        if let Err(why) = (self.parse)(&version, text) {
            bail!("the {} of {} is not valid: {why}", E::CATEGORY, self.service);
        }
        let published = E::new(version.clone(), Code::lossy(&sha256), Code::lossy(source));
        for _ in 0..ATTEMPTS {
            let history = self
                .ledger
                .read_stream(&Self::stream())
                .await
                .with_context(|| format!("the {} on record", E::CATEGORY))?;
            let mut last = None;
            for event in &history {
                last = event.decode::<E>()?.or(last);
            }
            if last.is_some_and(|last| last.sha256() == published.sha256()) {
                return Ok(());
            }
            // The stream's version makes it another request when an older text comes back into force; replicas that start together
            // make the same one.
            let at = history.last().map_or(0, |event| event.version);
            let request = RequestId::client(E::CATEGORY, &format!("{sha256}/{at}"));
            let event =
                NewEvent::of(&published, Actor::service(self.service), now).sealed(text.as_bytes().to_vec());
            let write = StreamWrite::new(Self::stream(), Expected::folded(at), vec![event]);
            let append = Append::client(request, text.as_bytes(), None, vec![write]).express(true);
            match self.ledger.append(append).await {
                Ok(appended) => {
                    tracing::info!(
                        policy = E::CATEGORY,
                        policy.version = %version,
                        position = %appended.position,
                        "the policy is published"
                    );
                    return Ok(());
                }
                Err(error) if error.is_overtaken() => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("the {} cannot be published", E::CATEGORY));
                }
            }
        }
        bail!(
            "the {} cannot be published: replicas with different policies publish at the same time",
            E::CATEGORY
        )
    }

    /// The version in force at a position: the last published before it, else the first.
    ///
    /// # Errors
    /// `Transient` while the ledger cannot be asked or none is on record; `Poison` when the text is gone or no policy for this program.
    pub async fn at(&self, position: Position) -> Result<InForce<P>, Failure> {
        let mut known = self.known.lock().await;
        if known.up_to < position {
            self.learn(&mut known).await?;
        }
        let before = known.published.iter().rev().find(|(p, _)| *p < position);
        let Some((published, version)) = before.or(known.published.first()).cloned() else {
            return Err(Failure::transient(anyhow::anyhow!(
                "no {} is on record yet",
                E::CATEGORY
            )));
        };
        if let Some(found) = known.parsed.get(&published) {
            return Ok(found.clone());
        }
        let found = self.read(published, version).await?;
        known.parsed.insert(published, found.clone());
        Ok(found)
    }

    /// The version in force now.
    ///
    /// # Errors
    /// As `at`.
    pub async fn now(&self) -> Result<InForce<P>, Failure> {
        self.at(Position(u64::MAX)).await
    }

    /// Asks for the head first: whatever is published up to it is in the stream that is read after.
    async fn learn(&self, known: &mut Known<P>) -> Result<(), Failure> {
        let head = self.ledger.head(Position(0)).await?.position;
        let mut published = Vec::new();
        for event in self.ledger.read_stream(&Self::stream()).await? {
            if let Some(policy) = event.decode::<E>()? {
                published.push((event.position, policy.version().clone()));
            }
        }
        known.up_to = Position(head);
        known.published = published;
        Ok(())
    }

    async fn read(&self, position: Position, version: Code) -> Result<InForce<P>, Failure> {
        let mut opened = self.ledger.open(Purpose::Policy, &[position], None).await?;
        let unreadable =
            |why: &str| Failure::poison("policy_unreadable", format!("{} {version}: {why}", E::CATEGORY));
        match opened.remove(&position) {
            Some(Opened::Plain(text)) => {
                let text = std::str::from_utf8(&text).map_err(|_| unreadable("it is no text"))?;
                let policy = (self.parse)(&version, text).map_err(|why| unreadable(&why))?;
                Ok(InForce {
                    version,
                    policy: Arc::new(policy),
                })
            }
            Some(Opened::Refused(why)) => Err(Failure::transient(anyhow::anyhow!(
                "the {} may not be opened: {why}",
                E::CATEGORY
            ))),
            Some(Opened::Erased | Opened::NothingSealed) | None => Err(unreadable("its text is not there")),
        }
    }
}
