//! The reactor `feedback-share`: what the citizen of a case is told, those of the cases merged into it are told too.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use chassis::consumer::{Delivered, Failure, Reaction};
use chassis::ledger::{Opened, Purpose};
use contracts::Recorded;
use contracts::event::DecodeError;
use contracts::events::classification::{DuplicateJoined, DuplicateLeft};
use contracts::events::feedback::{CaseClosed, CaseReopened, CitizenTold};
use contracts::events::routing::{CaseDispatched, ProgressReported, ResultReported, UnitJoined};
use contracts::sealed::Note;
use feedback_domain::{Act, What};
use futures::{StreamExt, stream};
use kernel::{Actor, CaseId, Position};

use crate::handle::{Ask, Cause, Desk};
use crate::react::failed;

/// Names the cursor and, with the case that is told, the requests; never changes.
const CONSUMER: &str = "feedback-share";
/// Cases told beside each other.
const BESIDE: usize = 8;

/// Passes on.
pub(crate) struct Share {
    desk: Arc<Desk>,
}

impl Share {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }

    /// Passes one fact of a case on to others.
    async fn pass_on(
        &self,
        history: &[Recorded],
        event: &Recorded,
        to: impl IntoIterator<Item = CaseId>,
    ) -> Result<(), Failure> {
        let Some(fact) = Fact::of(history, event)? else {
            return Ok(());
        };
        let words = match fact.words {
            Some(at) => self.words(at).await?,
            None => None,
        };
        let asks = to.into_iter().map(|case| Ask {
            case,
            act: fact.act,
            actor: Actor::service("feedback"),
            at: event.recorded_at,
            words: words.clone(),
            outcome: fact.outcome.clone(),
            committed: fact.committed,
            unit: fact.unit.clone(),
            cause: Cause::Event {
                event,
                consumer: CONSUMER,
                content: None,
            },
        });
        let telling: Vec<_> = asks.map(|ask| self.tell(ask)).collect();
        let told: Vec<_> = stream::iter(telling).buffer_unordered(BESIDE).collect().await;
        // One that cannot be told must not keep the others waiting.
        told.into_iter().collect()
    }

    async fn tell(&self, ask: Ask<'_>) -> Result<(), Failure> {
        self.desk.handle(&ask).await.map(|_| ()).map_err(failed)
    }

    /// What a person typed there; nothing once it is erased.
    async fn words(&self, at: Position) -> Result<Option<String>, Failure> {
        let mut opened = self.desk.ledger.open(Purpose::Answer, &[at], None).await?;
        Ok(match opened.remove(&at) {
            Some(Opened::Plain(plain)) => serde_json::from_slice(&plain).ok().map(|note: Note| note.text),
            Some(Opened::Refused(why)) => {
                return Err(Failure::Transient(anyhow::anyhow!("content is refused: {why}")));
            }
            Some(Opened::Erased | Opened::NothingSealed) | None => None,
        })
    }
}

#[async_trait]
impl Reaction for Share {
    fn consumer(&self) -> &'static str {
        CONSUMER
    }

    fn wants(&self) -> &[&'static str] {
        &[
            "feedback.citizen_told",
            "feedback.case_closed",
            "feedback.case_reopened",
            "classification.duplicate_joined",
        ]
    }

    async fn react(&self, delivered: &Delivered) -> Result<(), Failure> {
        let event = &delivered.event;
        let Some(case) = event.case else { return Ok(()) };
        let history = self.desk.ledger.read_case(case).await?;
        if let Some(joined) = event.decode::<DuplicateJoined>()? {
            // What was said between the merging and this: each is told once, whoever comes first.
            for earlier in history.iter().filter(|e| e.position < event.position) {
                self.pass_on(&history, earlier, [joined.case]).await?;
            }
            return Ok(());
        }
        self.pass_on(&history, event, stood_for(&history)?).await
    }
}

/// The cases that this one stands for.
fn stood_for(history: &[Recorded]) -> Result<BTreeSet<CaseId>, DecodeError> {
    let mut cases = BTreeSet::new();
    for event in history {
        if let Some(joined) = event.decode::<DuplicateJoined>()? {
            cases.insert(joined.case);
        }
        if let Some(left) = event.decode::<DuplicateLeft>()? {
            cases.remove(&left.case);
        }
    }
    Ok(cases)
}

/// What is passed on.
struct Fact {
    act: Act,
    /// Where the words are that go with it.
    words: Option<Position>,
    outcome: String,
    committed: Option<jiff::civil::Date>,
    unit: Option<String>,
}

impl Fact {
    /// Of an event of the case that is answered; `None` for what concerns its own citizen only.
    fn of(history: &[Recorded], event: &Recorded) -> Result<Option<Self>, DecodeError> {
        let plain = |act| Self {
            act,
            words: None,
            outcome: String::new(),
            committed: None,
            unit: None,
        };
        if let Some(closed) = event.decode::<CaseClosed>()? {
            return Ok(closed
                .reason
                .as_str()
                .parse()
                .ok()
                .map(|r| plain(Act::CloseWithOther(r))));
        }
        if let Some(reopened) = event.decode::<CaseReopened>()? {
            return Ok(reopened
                .reason
                .as_str()
                .parse()
                .ok()
                .map(|r| plain(Act::ReopenWithOther(r))));
        }
        let Some(told) = event.decode::<CitizenTold>()? else {
            return Ok(None);
        };
        let what = match told.what.as_str().parse() {
            Ok(What::Received | What::Merged | What::Forwarded | What::Question) | Err(_) => return Ok(None),
            Ok(what) => what,
        };
        let mut fact = plain(Act::TellWithOther(what));
        // The words are with the unit's report that it was told because of, or with the act that stands in the same request.
        for other in history {
            if other.has_sealed
                && (Some(other.id) == event.causation
                    || other.request == event.request && other.stream == event.stream)
            {
                fact.words = Some(other.position);
            }
            if Some(other.id) == event.causation {
                if let Some(result) = other.decode::<ResultReported>()? {
                    fact.outcome = result.outcome.to_string();
                }
                if let Some(progress) = other.decode::<ProgressReported>()? {
                    fact.committed = progress
                        .committed_date
                        .and_then(|date| date.as_str().parse().ok());
                }
            }
            if let Some(dispatched) = other.decode::<CaseDispatched>()?
                && dispatched.revision == told.revision
            {
                fact.unit = Some(dispatched.unit.to_string());
            }
            if let Some(joined) = other.decode::<UnitJoined>()?
                && joined.revision == told.revision
            {
                fact.unit = Some(joined.unit.to_string());
            }
        }
        Ok(Some(fact))
    }
}
