//! From what the rules found, or a person decided, to what is on record.

use std::sync::Arc;

use chassis::consumer::Failure;
use chassis::ledger::{Append, Expected, LedgerClient, LedgerError, Opened, StreamWrite};
use classification_domain::{
    Classification, ClassificationCase, Command, Event, Finding, Given, Policy, Reason, Rejection, State,
    classify_at,
};
use contracts::event::DecodeError;
use contracts::events::classification::{ReviewDecided, ReviewRequested};
use contracts::events::report::{EmergencySuspected, ReportReceived};
use contracts::sealed::{Place, ReportContent};
use contracts::{Code, Recorded};
use kernel::taxonomy::{Kind, Urgency};
use kernel::{Actor, CaseId, Clock, Decider, Position, RequestId, StreamId};

use crate::error::Refusal;
use crate::models::{Models, Speaking};
use crate::payload::{self, Stating};
use crate::policies::Policies;

/// How often a decision is made again because the stream moved.
const ATTEMPTS: usize = 5;

/// Decides and appends.
pub(crate) struct Handler {
    ledger: LedgerClient,
    policies: Arc<Policies>,
    models: Models,
    clock: Arc<dyn Clock>,
}

/// A person's decision on a review.
pub(crate) struct Decision {
    /// Derived from who sent it and their own id of it.
    pub(crate) request: RequestId,
    /// Exactly what they sent, in its one form.
    pub(crate) sent: Vec<u8>,
    /// Who decided.
    pub(crate) by: Actor,
    /// The case.
    pub(crate) case: CaseId,
    /// Why, if the suggestion was changed.
    pub(crate) words: Option<String>,
}

/// A case's own stream, as far as it counts for a request.
struct History {
    events: Vec<Recorded>,
}

impl Handler {
    pub(crate) fn new(
        ledger: LedgerClient,
        policies: Arc<Policies>,
        models: Models,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            ledger,
            policies,
            models,
            clock,
        }
    }

    /// Classifies a report, or asks for a person.
    pub(crate) async fn classify(
        &self,
        cause: &Recorded,
        received: &ReportReceived,
        content: Option<&Opened>,
        consumer: &'static str,
    ) -> Result<(), Failure> {
        let Some(case) = cause.case else {
            return Err(Failure::poison("no_case", "the report belongs to no case"));
        };
        let rules = self.policies.at_cause(cause).await?;
        let Speaking {
            version,
            model,
            policy,
        } = self.models.speaking(&rules, cause.position).await?;
        let read = text_of(content)?;
        let erased = read.is_none();
        // What speaks of danger came by the express lane; so few do that their case may be read.
        let suspected = received.express && self.suspected(case).await?;
        let found = found(&policy, read.as_ref(), received.complete, suspected);
        let express = received.express || found.finding.urgency == Urgency::Emergency;
        let request = RequestId::reaction(cause.id, consumer);
        let by = Stating {
            at: cause.recorded_at,
            model,
            erased,
            review: Position(0),
            words: None,
        };
        // Almost always this is the first word on the case: decide on an empty stream, and read it only if it was not empty.
        let mut history = History { events: Vec::new() };
        for _ in 0..ATTEMPTS {
            let command = Command::Classify {
                found: found.clone(),
                policy: version.as_str().to_owned(),
            };
            let events = match ClassificationCase::decide(&history.fold()?, command) {
                Ok(events) if events.is_empty() => return Ok(()),
                Ok(events) => events,
                Err(rejection) => {
                    tracing::debug!(case.id = %case, %rejection, "nothing follows");
                    return Ok(());
                }
            };
            let write = StreamWrite::new(stream(case), history.expected(), state(events, &by));
            match self
                .ledger
                .append(Append::reaction(cause, consumer, vec![write]).express(express))
                .await
            {
                Ok(_) => return Ok(()),
                Err(error) if error.is_overtaken() => history = self.history(case, request).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure::transient(anyhow::anyhow!(
            "the classification of the case keeps moving"
        )))
    }

    /// Whether intake found words of danger; it says so in the request that holds the report.
    async fn suspected(&self, case: CaseId) -> Result<bool, LedgerError> {
        let report = self.ledger.read_stream(&StreamId::new("report", case.0)).await?;
        Ok(report.iter().any(Recorded::is::<EmergencySuspected>))
    }

    /// Records what a person decided on the waiting review. The same request again gives the same answer.
    pub(crate) async fn decide(
        &self,
        decision: &Decision,
        finding: impl Fn(&Finding) -> Finding,
    ) -> Result<Position, Refusal> {
        for _ in 0..ATTEMPTS {
            let history = self.history(decision.case, decision.request).await?;
            if history.events.is_empty() {
                return Err(Refusal::UnknownCase);
            }
            let state_now = history.fold()?;
            let (State::InReview(base) | State::Reviewed(base)) = &state_now else {
                return Err(Rejection::NothingToReview.into());
            };
            let command = Command::DecideReview {
                by: decision.by.clone(),
                finding: finding(base),
            };
            let events = match ClassificationCase::decide(&state_now, command) {
                Ok(events) => events,
                Err(Rejection::AlreadyDecided) => {
                    return Err(history.decided().unwrap_or(Rejection::AlreadyDecided.into()));
                }
                Err(rejection) => return Err(rejection.into()),
            };
            if events.is_empty() {
                return Ok(history.last());
            }
            let review = history
                .events
                .iter()
                .rev()
                .find(|event| event.is::<ReviewRequested>());
            let by = Stating {
                at: self.clock.now(),
                model: Code::default(),
                erased: false,
                review: review.map_or(Position(0), |event| event.position),
                words: decision.words.as_deref(),
            };
            let write = StreamWrite::new(stream(decision.case), history.expected(), state(events, &by));
            let mut append =
                Append::client(decision.request, &decision.sent, Some(decision.case), vec![write])
                    .express(true);
            if let Some(review) = review {
                append.correlation.clone_from(&review.correlation);
                append.causation = Some(review.id);
            }
            match self.ledger.append(append).await {
                Ok(appended) => return Ok(appended.position),
                Err(error) if error.is_overtaken() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Refusal::Unavailable(anyhow::anyhow!(
            "the classification of the case keeps moving"
        )))
    }

    /// The rules in force now.
    pub(crate) async fn rules(&self) -> Result<Speaking, Refusal> {
        let rules = self.policies.now(self.clock.now()).await?;
        Ok(self.models.speaking(&rules, Position(u64::MAX)).await?)
    }

    /// The case's own stream, as it was before a request of ours that is on record already.
    async fn history(&self, case: CaseId, before: RequestId) -> Result<History, LedgerError> {
        let mut events = self.ledger.read_stream(&stream(case)).await?;
        if let Some(ours) = events.iter().position(|event| event.request == before) {
            events.truncate(ours);
        }
        Ok(History { events })
    }
}

impl History {
    fn fold(&self) -> Result<State, DecodeError> {
        let mut state = State::default();
        for recorded in &self.events {
            if let Some(event) = payload::heard(recorded)? {
                state = ClassificationCase::evolve(state, &event);
            }
        }
        Ok(state)
    }

    fn expected(&self) -> Expected {
        Expected::folded(self.events.last().map_or(0, |event| event.version))
    }

    fn last(&self) -> Position {
        self.events.last().map_or(Position(0), |event| event.position)
    }

    /// Who decided, and when.
    fn decided(&self) -> Option<Refusal> {
        let event = self
            .events
            .iter()
            .rev()
            .find(|event| event.is::<ReviewDecided>())?;
        Some(Refusal::DecidedBy {
            by: event.actor.clone(),
            at: event.recorded_at,
        })
    }
}

fn stream(case: CaseId) -> StreamId {
    StreamId::new("classification", case.0)
}

fn state(events: Vec<Event>, by: &Stating<'_>) -> Vec<chassis::ledger::NewEvent> {
    events
        .into_iter()
        .map(|event| payload::stated(event, by))
        .collect()
}

/// What a policy makes of a report: its content, if it is there, what the channel knows (the call dropped) and the text cannot show, and
/// whether intake found words of danger.
#[must_use]
pub fn found(
    policy: &Policy,
    content: Option<&ReportContent>,
    complete: bool,
    suspected: bool,
) -> Classification {
    let mut found = content.map_or_else(unreadable, |content| {
        classify_at(policy, &content.text, given(&content.place))
    });
    if suspected {
        found = found.suspected();
    }
    found.finding.complete &= complete;
    found
}

/// The text; `None` when it was lawfully erased before it could be read.
fn text_of(content: Option<&Opened>) -> Result<Option<ReportContent>, Failure> {
    match content {
        // The parser's message could quote the text, so it is not passed on.
        Some(Opened::Plain(plain)) => serde_json::from_slice(plain)
            .map(Some)
            .map_err(|_| Failure::poison("undecodable", "the sealed content of the report is none")),
        Some(Opened::Erased) => Ok(None),
        Some(Opened::Refused(why)) => Err(Failure::transient(anyhow::anyhow!(
            "the content may not be opened for classifying: {why}"
        ))),
        Some(Opened::NothingSealed) | None => {
            Err(Failure::poison("no_content", "the report has no sealed content"))
        }
    }
}

/// The place that came apart from the text.
fn given(place: &Place) -> Given<'_> {
    Given {
        address: place.address.as_deref(),
        coordinates: place.latitude.is_some() && place.longitude.is_some(),
    }
}

/// What is known of a report whose content nobody can read any more.
fn unreadable() -> Classification {
    Classification {
        finding: Finding::nothing(Kind::Unclear, false),
        confidence: 0,
        evidence: Vec::new(),
        reasons: vec![Reason::Unclear],
        suggested: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erased_content_is_read_as_nothing_and_waits_for_a_person() {
        assert!(text_of(Some(&Opened::Erased)).unwrap().is_none());
        assert!(unreadable().needs_review());
        assert!(!unreadable().finding.complete);
    }

    #[test]
    fn content_that_cannot_be_read_is_parked_without_quoting_it_and_a_missing_right_is_waited_for() {
        let Err(Failure::Poison { detail, .. }) =
            text_of(Some(&Opened::Plain(b"{\"text\": 0900000001".to_vec())))
        else {
            panic!("not parked")
        };
        assert!(!detail.contains("0900"), "{detail}");
        assert!(matches!(text_of(None), Err(Failure::Poison { .. })));
        let refused = Opened::Refused("no purpose".to_owned());
        assert!(matches!(text_of(Some(&refused)), Err(Failure::Transient(_))));
    }
}
