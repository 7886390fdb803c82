//! One case as the ledger tells it: the facts that others stated, and our own obligations folded.

use contracts::Recorded;
use contracts::event::DecodeError;
use contracts::events::classification::{Finding, ReportClassified, ReviewDecided, ReviewRequested};
use contracts::events::feedback::{
    CaseClosed, CaseReopened, DialogueHeld, GuidanceGiven, LetterSent, OpinionGiven,
};
use contracts::events::report::EmergencySuspected;
use contracts::events::routing::{
    CaseAccepted, CaseDispatched, CaseRecalled, CaseReturned, CaseRouted, DisputeDecided, DisputeOpened,
    DisputeRefused, ResultReported,
};
use escalation_domain::{CaseFacts, Event, Fact, Obligations, What};
use kernel::taxonomy::{Kind, Level, Office, Urgency};
use kernel::{Decider, Instant, Position};
use uuid::Uuid;

use crate::wire;

/// What escalation follows. Its own events it reads back, but for a miss that others must act on; the rest of a case it does not need.
pub(crate) const WANTS: [&str; 18] = [
    "classification.review_requested",
    "classification.review_decided",
    "routing.case_routed",
    "routing.case_dispatched",
    "routing.case_accepted",
    "routing.case_returned",
    "routing.case_recalled",
    "routing.result_reported",
    "routing.dispute_opened",
    "routing.dispute_refused",
    "routing.dispute_decided",
    "obligation.obligation_missed",
    "feedback.guidance_given",
    "feedback.opinion_given",
    "feedback.dialogue_held",
    "feedback.letter_sent",
    "feedback.case_reopened",
    "feedback.case_closed",
];

/// The outcome that is no end: the unit goes on with the rest.
const PARTLY_DONE: &str = "partly_done";

/// Who answers or decides a dispute, where it is not an office.
const LEADERS: &str = "leaders";

/// Categories of others that `WANTS` names: what may end an obligation.
pub(crate) const CATEGORIES: [&str; 3] = ["classification", "routing", "feedback"];

/// All events of a case, by position.
pub(crate) struct Story(Vec<Recorded>);

impl Story {
    pub(crate) fn of(events: Vec<Recorded>) -> Self {
        Self(events)
    }

    /// The last position read.
    pub(crate) fn position(&self) -> Position {
        self.0.last().map_or(Position(0), |e| e.position)
    }

    /// Our own stream, folded, and its version.
    pub(crate) fn obligations(&self) -> Result<(Obligations, u64), DecodeError> {
        let own = || self.0.iter().filter(|e| e.stream.category == wire::CATEGORY);
        let events = own()
            .map(wire::event)
            .filter_map(Result::transpose)
            .collect::<Result<Vec<_>, _>>()?;
        Ok((
            Obligations::fold(&events),
            own().map(|e| e.version).max().unwrap_or(0),
        ))
    }

    /// The event that opened an obligation.
    pub(crate) fn opening(&self, obligation: Uuid) -> Option<&Recorded> {
        self.0.iter().find(|e| wire::opens(e, obligation))
    }

    /// What an event says that obligations care about. `None`: nothing, or its data was lawfully erased.
    pub(crate) fn fact(&self, event: &Recorded) -> Result<Option<Fact>, DecodeError> {
        if event.data.is_empty() {
            return Ok(None);
        }
        if event.is::<ReviewRequested>() {
            return Ok(Some(Fact::ReviewRequested));
        }
        if event.is::<ReviewDecided>() {
            return Ok(Some(Fact::ReviewDecided));
        }
        if let Some(e) = event.decode::<CaseRouted>()? {
            let past_opinion = self.past_opinion(event.position)?;
            return Ok(Some(Fact::CaseRouted {
                office: e.office,
                destination: e.destination,
                past_opinion,
            }));
        }
        if let Some(e) = event.decode::<CaseDispatched>()? {
            return Ok(Some(Fact::CaseDispatched {
                unit: e.unit.to_string(),
                revision: e.revision,
            }));
        }
        if let Some(e) = event.decode::<CaseAccepted>()? {
            return Ok(Some(Fact::CaseAccepted { revision: e.revision }));
        }
        if let Some(e) = event.decode::<CaseReturned>()? {
            let office = self.office(event.position)?;
            return Ok(Some(Fact::CaseReturned {
                revision: e.revision,
                office,
                placed: self.placed(event),
            }));
        }
        if let Some(e) = event.decode::<CaseRecalled>()? {
            return Ok(Some(Fact::CaseRecalled { dispatch: e.dispatch }));
        }
        if let Some(e) = event.decode::<ResultReported>()? {
            return Ok(Some(Fact::ResultReported {
                revision: e.revision,
                partial: e.outcome.as_str() == PARTLY_DONE,
            }));
        }
        if let Some(fact) = self.of_dispute(event)? {
            return Ok(Some(fact));
        }
        if event.is::<GuidanceGiven>() {
            return Ok(Some(Fact::GuidanceGiven));
        }
        if event.is::<OpinionGiven>() {
            return Ok(Some(Fact::OpinionGiven));
        }
        if event.is::<DialogueHeld>() {
            return Ok(Some(Fact::DialogueHeld));
        }
        if event.is::<LetterSent>() {
            return Ok(Some(Fact::LetterSent));
        }
        if event.is::<CaseReopened>() {
            let office = self.office(event.position)?;
            return Ok(Some(Fact::CaseReopened { office }));
        }
        Ok(event.is::<CaseClosed>().then_some(Fact::CaseClosed))
    }

    fn of_dispute(&self, event: &Recorded) -> Result<Option<Fact>, DecodeError> {
        if let Some(e) = event.decode::<DisputeOpened>()? {
            let answers = (e.before.as_str() != LEADERS).then_some(e.to);
            return Ok(Some(Fact::DisputeOpened { answers }));
        }
        if event.is::<DisputeRefused>() {
            return Ok(Some(Fact::DisputeRefused));
        }
        if let Some(e) = event.decode::<DisputeDecided>()? {
            let by_leaders = e.by.as_str() == LEADERS;
            return Ok(Some(Fact::DisputeDecided { by_leaders }));
        }
        let Some(Event::Missed { obligation, .. }) = wire::event(event)? else {
            return Ok(None);
        };
        let opened = self.opening(obligation).map(wire::event).transpose()?.flatten();
        let unanswered = matches!(
            opened,
            Some(Event::Opened {
                what: What::DisputeAnswer,
                ..
            })
        );
        Ok(unanswered.then_some(Fact::DisputeUnanswered))
    }

    /// The facts after the cause of an opening, with the time each was recorded.
    pub(crate) fn since(&self, opening: &Recorded) -> Result<Vec<(Instant, Fact)>, DecodeError> {
        let cause = self
            .0
            .iter()
            .find(|e| Some(e.id) == opening.causation)
            .unwrap_or(opening);
        let after = self.0.iter().filter(|e| e.position > cause.position);
        let fact = |e: &Recorded| Ok(self.fact(e)?.map(|fact| (e.recorded_at, fact)));
        after.map(fact).filter_map(Result::transpose).collect()
    }

    /// What was known of the case when `event` was recorded, so that it is the same whenever it is asked.
    pub(crate) fn facts(&self, event: &Recorded) -> Result<CaseFacts, DecodeError> {
        let mut known = None;
        for earlier in self.before(Position(event.position.0 + 1)) {
            known = finding(earlier)?.or(known);
        }
        let Some(finding) = known else {
            tracing::warn!(event.kind = %event.kind, "the case has no finding; the deadlines of an ordinary one apply");
            return Ok(CaseFacts {
                kind: Kind::Unclear,
                urgency: Urgency::Normal,
                level: Level::TWO,
            });
        };
        // What words of danger were found in is reviewed as an emergency until a person has said what it is.
        let in_danger = event.is::<ReviewRequested>()
            && self
                .before(event.position)
                .any(Recorded::is::<EmergencySuspected>);
        let urgency = if in_danger {
            Urgency::Emergency
        } else {
            finding.urgency
        };
        Ok(CaseFacts {
            kind: finding.kind,
            urgency,
            level: finding.level,
        })
    }

    fn before(&self, position: Position) -> impl Iterator<Item = &Recorded> {
        self.0
            .iter()
            .filter(move |e| e.position < position && !e.data.is_empty())
    }

    /// Whether the leaders had agreed, or a unit had had the case, before `position`.
    fn past_opinion(&self, position: Position) -> Result<bool, DecodeError> {
        for event in self.before(position) {
            let agreed = event
                .decode::<OpinionGiven>()?
                .is_some_and(|e| e.opinion.as_str() == "agree");
            if agreed || event.is::<CaseDispatched>() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The office that handles the case, by what routing last said.
    fn office(&self, position: Position) -> Result<Office, DecodeError> {
        let mut office = Office::PeoplesCommittee;
        for event in self.before(position) {
            if let Some(e) = event.decode::<CaseRouted>()? {
                office = e.office;
            }
            if let Some(e) = event.decode::<CaseDispatched>()? {
                office = e.office;
            }
        }
        Ok(office)
    }

    /// Whether the request that returned the case also put it elsewhere. Only the same request counts: what came later is another fact, and
    /// whether we happen to see it yet must not change what we decide.
    fn placed(&self, returned: &Recorded) -> bool {
        let elsewhere = |e: &&Recorded| e.is::<CaseDispatched>() || e.is::<CaseRouted>();
        self.0
            .iter()
            .filter(|e| e.request == returned.request && e.position > returned.position)
            .any(|e| elsewhere(&e))
    }
}

fn finding(event: &Recorded) -> Result<Option<Finding>, DecodeError> {
    if let Some(e) = event.decode::<ReportClassified>()? {
        return Ok(Some(e.finding));
    }
    if let Some(e) = event.decode::<ReviewRequested>()? {
        return Ok(Some(e.suggestion));
    }
    Ok(event.decode::<ReviewDecided>()?.map(|e| e.finding))
}

#[cfg(test)]
mod tests;
