//! What was committed on the express lane, taken on before the stream brings it: behind a flood an emergency does not wait for its turn.
//!
//! The ledger tells the case; its events are read from the ledger and handled as ever, in their order within the case. When the stream brings them
//! they are known. Should the word be lost, or this process die, they come in their turn, and a reaction handled twice has one effect.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use contracts::ahead::Announced;
use contracts::subjects;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered};
use futures::{FutureExt as _, StreamExt as _};
use kernel::{CaseId, Position};
use tokio::time::Instant;

use super::reactor::open;
use super::{Delivered, Deps, Reaction};
use crate::ledger::Purpose;
use crate::nats::{Message, NatsError};

/// How long the stream has to bring it by itself: mostly it does, and then there is nothing to do.
const GRACE: Duration = Duration::from_millis(25);
/// Most cases looked at beside each other.
const BESIDE_EACH_OTHER: usize = 8;
/// Most words that wait for that, and most events taken on ahead of the stream. Beyond, an emergency is what everybody has, and waits its turn.
const MOST: usize = 1_024;

/// What becomes of an event that the stream brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It is to be handled.
    New,
    /// It is being handled.
    UnderWay,
    /// It is done.
    Settled,
}

/// The look ahead of one shard of a reaction.
pub(super) struct Ahead {
    deps: Deps,
    wants: Vec<&'static str>,
    opens: Option<Purpose>,
    words: BoxStream<'static, Message>,
    waiting: VecDeque<(Instant, Announced)>,
    looking: FuturesUnordered<BoxFuture<'static, (CaseId, Vec<Delivered>)>>,
    /// Position of what was taken on ahead of the stream, and whether it is settled.
    taken: BTreeMap<u64, bool>,
}

impl Ahead {
    /// Listens from now on.
    pub(super) async fn open(deps: &Deps, reaction: &dyn Reaction, shard: u32) -> Result<Self, NatsError> {
        Ok(Self {
            deps: deps.clone(),
            wants: reaction.wants().to_vec(),
            opens: reaction.opens(),
            words: deps.nats.subscribe(&subjects::ahead(shard)).await?.boxed(),
            waiting: VecDeque::new(),
            looking: FuturesUnordered::new(),
            taken: BTreeMap::new(),
        })
    }

    /// A case in a hurry, and its events for us beyond what the stream has brought up to `passed`. Safe to be dropped while it waits.
    pub(super) async fn next(&mut self, passed: Position) -> (CaseId, Vec<Delivered>) {
        loop {
            let due = self.waiting.front().map(|(due, _)| *due);
            tokio::select! {
                Some((case, found)) = self.looking.next(), if !self.looking.is_empty() => return (case, self.news(found, passed)),
                Some(message) = self.words.next() => self.hear(&message),
                () = async { tokio::time::sleep_until(due.unwrap_or_else(Instant::now)).await },
                    if due.is_some() && self.looking.len() < BESIDE_EACH_OTHER =>
                {
                    let Some((_, word)) = self.waiting.pop_front() else { continue };
                    if word.position <= passed || self.taken.contains_key(&word.position.0) {
                        return (word.case, Vec::new());
                    }
                    self.looking.push(self.look(word.case).boxed());
                }
                else => std::future::pending().await,
            }
        }
    }

    fn hear(&mut self, message: &Message) {
        // What is no such word concerns nobody; the ledger alone may publish here.
        let Ok(word) = serde_json::from_slice::<Announced>(&message.payload) else {
            return;
        };
        let for_us =
            self.wants.is_empty() || word.types.iter().any(|kind| self.wants.contains(&kind.as_str()));
        if for_us && self.waiting.len() < MOST && self.taken.len() < MOST {
            self.waiting.push_back((Instant::now() + GRACE, word));
        }
    }

    fn look(&self, case: CaseId) -> impl Future<Output = (CaseId, Vec<Delivered>)> + Send + use<> {
        let (deps, wants, opens) = (self.deps.clone(), self.wants.clone(), self.opens);
        async move {
            let events = match deps.ledger.read_case(case).await {
                Ok(events) => events,
                Err(error) => {
                    tracing::debug!(error = %crate::telemetry::chain(&error), "not looked at ahead; it comes in its turn");
                    return (case, Vec::new());
                }
            };
            let wanted = |kind: &str| {
                let name = kind.rsplit_once(".v").map_or(kind, |(name, _)| name);
                wants.is_empty() || wants.contains(&name)
            };
            let delivered = events
                .into_iter()
                .filter(|event| wanted(&event.kind))
                .map(|event| Delivered { event, content: None })
                .collect();
            let delivered = match opens {
                Some(purpose) => open(deps, purpose, delivered).await,
                None => delivered,
            };
            (case, delivered)
        }
    }

    /// What of it nobody has taken on yet; from now on it is taken on.
    fn news(&mut self, mut found: Vec<Delivered>, passed: Position) -> Vec<Delivered> {
        found.retain(|it| it.event.position > passed && !self.taken.contains_key(&it.event.position.0));
        self.taken
            .extend(found.iter().map(|it| (it.event.position.0, false)));
        found
    }

    /// The stream brings an event.
    pub(super) fn arrives(&mut self, position: Position) -> Arrival {
        match self.taken.remove(&position.0) {
            None => Arrival::New,
            Some(false) => Arrival::UnderWay,
            Some(true) => Arrival::Settled,
        }
    }

    /// An event is settled. `true`: the stream has not brought it yet.
    pub(super) fn settled(&mut self, position: Position) -> bool {
        self.taken
            .get_mut(&position.0)
            .map(|settled| *settled = true)
            .is_some()
    }
}
