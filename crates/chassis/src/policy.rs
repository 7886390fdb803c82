//! Policies as events: a service publishes its own at start, and decides by the version that was in force at an event's cause.

mod serve;

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use anyhow::{Context, bail};
use contracts::event::DecodeError;
use contracts::events::policy::PolicyPublished;
use contracts::{Code, Recorded};
use kernel::{Actor, Instant, Position, RequestId, StreamId};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

pub use serve::service;

use crate::consumer::Failure;
use crate::ledger::{
    Append, Appended, Expected, LedgerClient, LedgerError, NewEvent, Opened, Purpose, StreamWrite,
};

/// How often publishing is tried when another replica publishes at the same moment.
const ATTEMPTS: usize = 5;

/// Reads a policy from its version and its text, or says why it is none.
pub type Parse<P> = Arc<dyn Fn(&Code, &str) -> Result<P, String> + Send + Sync>;

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
    published: Vec<Publication>,
    parsed: HashMap<Position, InForce<P>>,
}

/// A version on record.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// Where it is on record.
    pub position: Position,
    /// When it was recorded.
    pub recorded_at: Instant,
    /// From when it is in force: the time it names, or when it was recorded, whichever is later.
    pub from: Instant,
    /// Who published it.
    pub actor: Actor,
    /// What decisions name.
    pub version: Code,
    /// SHA-256 of its text, hex.
    pub sha256: Code,
    /// `built_in`, or a word for where it comes from.
    pub source: Code,
}

impl Publication {
    fn read<E: PolicyPublished>(event: &Recorded) -> Result<Option<Self>, DecodeError> {
        Ok(E::read(event)?.map(|published| Self {
            position: event.position,
            recorded_at: event.recorded_at,
            from: published.from().max(event.recorded_at),
            actor: event.actor.clone(),
            version: published.version().clone(),
            sha256: published.sha256().clone(),
            source: published.source().clone(),
        }))
    }

    /// Whether a person published it, and not a service at its start.
    #[must_use]
    pub fn by_a_person(&self) -> bool {
        self.actor.role() != "service"
    }
}

/// Which of the versions on record is in force for a cause at a position that was recorded at a time: of those on record before it whose
/// time had come, the one whose time came last.
#[must_use]
pub fn in_force(published: &[Publication], position: Position, at: Instant) -> Option<&Publication> {
    let due = published
        .iter()
        .filter(|version| version.position < position && version.from <= at);
    due.max_by_key(|version| (version.from, version.position))
}

/// What decisions call a policy: the first 16 hex digits of its hash.
#[must_use]
pub fn version_of(text: &str) -> Code {
    Code::lossy(&sha256_of(text)[..16])
}

fn sha256_of(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// Why a person's version is not on record.
#[derive(Debug, thiserror::Error)]
pub enum NotPublished {
    /// The text is no policy; says why.
    #[error("{0}")]
    Invalid(String),
    /// It is what is in force, or will be, by then.
    #[error("version {0} is in force by then already: there is nothing to publish")]
    InForceAlready(Code),
    /// Another was published at the same moment.
    #[error("another version was published at the same moment: look at the list and publish again")]
    Overtaken,
    /// The ledger refused it, or cannot be asked.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// What is on record cannot be read.
    #[error(transparent)]
    Unreadable(#[from] DecodeError),
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
            parse: Arc::new(parse),
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

    /// All versions on record, in their order.
    ///
    /// # Errors
    /// `Unavailable`; an event that cannot be read.
    pub async fn list(&self) -> Result<Vec<Publication>, Failure> {
        let mut published = Vec::new();
        for event in self.ledger.read_stream(&Self::stream()).await? {
            published.extend(Publication::read::<E>(&event)?);
        }
        Ok(published)
    }

    /// Puts the text on record as a service does at its start: unless it is the version published last, and unless a person ever published
    /// one, since then it is a person who decides what comes next. What does not parse never gets there. `source` is `built_in` or a word
    /// for where it comes from.
    ///
    /// # Errors
    /// A text that is no policy; a ledger that refuses it.
    pub async fn publish(&self, text: &str, source: &str, now: Instant) -> anyhow::Result<()> {
        let published = self
            // At once, whatever the clocks of this machine and of the ledger's say.
            .draft(text, source, Instant(0))
            .await
            .map_err(|why| anyhow::anyhow!("the {} of {} is not valid: {why}", E::CATEGORY, self.service))?;
        for _ in 0..ATTEMPTS {
            let (events, history) = self
                .history()
                .await
                .with_context(|| format!("the {} on record", E::CATEGORY))?;
            if history
                .last()
                .is_some_and(|last| last.sha256 == *published.sha256())
            {
                return Ok(());
            }
            if history.iter().any(Publication::by_a_person) {
                tracing::info!(
                    policy = E::CATEGORY,
                    policy.version = %published.version(),
                    "a person published the policy on record: the one configured here is left aside"
                );
                return Ok(());
            }
            let at = events.last().map_or(0, |event| event.version);
            // The stream's version makes it another request when an older text comes back into force; replicas that start together
            // make the same one.
            let request = RequestId::client(E::CATEGORY, &format!("{}/{at}", published.sha256()));
            match self
                .append(&published, text, Actor::service(self.service), request, at, now)
                .await
            {
                Ok(_) => return Ok(()),
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

    /// Puts a person's text on record, in force from a time on: at once if it has passed. The same request again gets the same answer.
    ///
    /// # Errors
    /// `NotPublished`, saying what to do.
    pub async fn publish_by(
        &self,
        text: &str,
        by: Actor,
        from: Instant,
        request: RequestId,
        now: Instant,
    ) -> Result<Publication, NotPublished> {
        let published = self
            .draft(text, "published", from)
            .await
            .map_err(NotPublished::Invalid)?;
        let stored = |events: &[Recorded]| -> Result<Option<Publication>, DecodeError> {
            let ours = events.iter().find(|event| event.request == request);
            Ok(ours.map(Publication::read::<E>).transpose()?.flatten())
        };
        let (events, history) = self.history().await?;
        if let Some(stored) = stored(&events)?
            && stored.sha256 == *published.sha256()
        {
            return Ok(stored);
        }
        let then = in_force(&history, Position(u64::MAX), from.max(now));
        if then.is_some_and(|then| then.sha256 == *published.sha256()) {
            return Err(NotPublished::InForceAlready(published.version().clone()));
        }
        let at = events.last().map_or(0, |event| event.version);
        match self.append(&published, text, by, request, at, now).await {
            Ok(_) => {}
            Err(error) if error.is_overtaken() => return Err(NotPublished::Overtaken),
            Err(error) => return Err(error.into()),
        }
        stored(&self.history().await?.0)?.ok_or(NotPublished::Overtaken)
    }

    /// The publication of a text, if it parses.
    async fn draft(&self, text: &str, source: &str, from: Instant) -> Result<E, String> {
        let (sha256, version) = (sha256_of(text), version_of(text));
        self.parsed(&version, text.to_owned()).await?;
        Ok(E::new(version, Code::lossy(&sha256), Code::lossy(source), from))
    }

    /// Reads a text where it may take its time.
    #[expect(clippy::disallowed_methods, reason = "a policy may take long to read")]
    async fn parsed(&self, version: &Code, text: String) -> Result<P, String> {
        let (parse, version) = (Arc::clone(&self.parse), version.clone());
        let parsed = tokio::task::spawn_blocking(move || parse(&version, &text)).await;
        parsed.unwrap_or_else(|error| Err(format!("reading it broke off: {error}")))
    }

    /// The stream, and what it says.
    async fn history(&self) -> Result<(Vec<Recorded>, Vec<Publication>), NotPublished> {
        let events = self.ledger.read_stream(&Self::stream()).await?;
        let mut published = Vec::new();
        for event in &events {
            published.extend(Publication::read::<E>(event)?);
        }
        Ok((events, published))
    }

    async fn append(
        &self,
        published: &E,
        text: &str,
        by: Actor,
        request: RequestId,
        at: u64,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        let event = NewEvent::of(published, by, now).sealed(text.as_bytes().to_vec());
        let write = StreamWrite::new(Self::stream(), Expected::folded(at), vec![event]);
        let append = Append::client(request, text.as_bytes(), None, vec![write]).express(true);
        let appended = self.ledger.append(append).await?;
        tracing::info!(
            policy = E::CATEGORY,
            policy.version = %published.version(),
            position = %appended.position,
            "the policy is published"
        );
        Ok(appended)
    }

    /// The version in force at an event, which is the cause of a decision.
    ///
    /// # Errors
    /// As `at`.
    pub async fn at_cause(&self, cause: &Recorded) -> Result<InForce<P>, Failure> {
        self.at(cause.position, cause.recorded_at).await
    }

    /// The version in force for what was recorded at a position and a time ([`in_force`]), else the first.
    ///
    /// # Errors
    /// `Transient` while the ledger cannot be asked or none is on record; `Poison` when the text is gone or no policy for this program.
    pub async fn at(&self, position: Position, at: Instant) -> Result<InForce<P>, Failure> {
        let mut known = self.known.lock().await;
        if known.up_to < position {
            self.learn(&mut known).await?;
        }
        let version = in_force(&known.published, position, at).or(known.published.first());
        let Some(version) = version.cloned() else {
            return Err(Failure::transient(anyhow::anyhow!(
                "no {} is on record yet",
                E::CATEGORY
            )));
        };
        if let Some(found) = known.parsed.get(&version.position) {
            return Ok(found.clone());
        }
        let found = self.read(version.position, version.version).await?;
        known.parsed.insert(version.position, found.clone());
        Ok(found)
    }

    /// The version in force at a time, by all that is on record.
    ///
    /// # Errors
    /// As `at`.
    pub async fn now(&self, at: Instant) -> Result<InForce<P>, Failure> {
        self.at(Position(u64::MAX), at).await
    }

    /// The text of a version, opened.
    ///
    /// # Errors
    /// `Transient` while the ledger cannot be asked; `Poison` when the text is gone.
    pub async fn text(&self, version: &Publication) -> Result<String, Failure> {
        self.open(version.position, &version.version).await
    }

    /// Asks for the head first: whatever is published up to it is in the stream that is read after.
    async fn learn(&self, known: &mut Known<P>) -> Result<(), Failure> {
        let head = self.ledger.head(Position(0)).await?.position;
        known.published = self.list().await?;
        known.up_to = Position(head);
        Ok(())
    }

    async fn read(&self, position: Position, version: Code) -> Result<InForce<P>, Failure> {
        let text = self.open(position, &version).await?;
        let policy = self
            .parsed(&version, text)
            .await
            .map_err(|why| Self::unreadable(&version, &why))?;
        Ok(InForce {
            version,
            policy: Arc::new(policy),
        })
    }

    async fn open(&self, position: Position, version: &Code) -> Result<String, Failure> {
        let mut opened = self.ledger.open(Purpose::Policy, &[position], None).await?;
        match opened.remove(&position) {
            Some(Opened::Plain(text)) => {
                String::from_utf8(text.to_vec()).map_err(|_| Self::unreadable(version, "it is no text"))
            }
            Some(Opened::Refused(why)) => Err(Failure::transient(anyhow::anyhow!(
                "the {} may not be opened: {why}",
                E::CATEGORY
            ))),
            Some(Opened::Erased | Opened::NothingSealed) | None => {
                Err(Self::unreadable(version, "its text is not there"))
            }
        }
    }

    fn unreadable(version: &Code, why: &str) -> Failure {
        Failure::poison("policy_unreadable", format!("{} {version}: {why}", E::CATEGORY))
    }
}
