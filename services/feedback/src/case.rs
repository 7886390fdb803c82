//! A case as its history in the ledger tells it: our own stream folded, and the facts of the others.

use std::collections::BTreeMap;

use contracts::Recorded;
use contracts::event::DecodeError;
use contracts::events::classification::{CaseMerged, CaseParted, Finding, ReportClassified, ReviewDecided};
use contracts::events::feedback as ours;
use contracts::events::report::ReportReceived;
use contracts::events::routing::{CaseDispatched, CaseRouted, UnitJoined};
use feedback_domain::{Event, Fact, Facts, Procedure, State};
use kernel::{CaseId, Decider, Position, RequestId};

/// What is known of a case at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// Our stream, folded.
    pub(crate) state: State,
    /// Its version; 0 before its first event.
    pub(crate) version: u64,
    /// What the others stated.
    pub(crate) facts: Facts,
    /// The last position that this knows of.
    pub(crate) seen: Position,
    /// The report that opened it.
    pub(crate) report: Option<(Position, ReportReceived)>,
    /// The unit of each dispatch.
    pub(crate) units: BTreeMap<u32, String>,
    /// The case it is merged into, and the position that says so.
    pub(crate) merged: Option<(CaseId, Position)>,
    /// Whether somebody could act on it without asking back.
    pub(crate) complete: bool,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            state: State::default(),
            version: 0,
            facts: Facts::default(),
            seen: Position(0),
            report: None,
            units: BTreeMap::new(),
            merged: None,
            complete: true,
        }
    }
}

impl Case {
    /// From a history, by position. What `request` itself appended before, and everything after it, is left out: a repeated request decides
    /// on what the first attempt saw, and the ledger answers it with what it stored then.
    pub(crate) fn of(case: CaseId, history: &[Recorded], request: RequestId) -> Result<Self, DecodeError> {
        let known = history
            .iter()
            .position(|event| event.request == request)
            .unwrap_or(history.len());
        history[..known]
            .iter()
            .try_fold(Self::default(), |so_far, event| so_far.heard(case, event))
    }

    fn heard(mut self, case: CaseId, event: &Recorded) -> Result<Self, DecodeError> {
        self.seen = event.position;
        if event.stream.category == "feedback" && event.stream.id == case.0 {
            self.version = event.version;
            if let Some(event) = ours_of(event)? {
                self.state = Procedure::evolve(self.state, &event);
            }
        } else if let Some(report) = event.decode::<ReportReceived>()? {
            self.report = Some((event.position, report));
        } else {
            if let Some(dispatched) = event.decode::<CaseDispatched>()? {
                self.units
                    .insert(dispatched.revision, dispatched.unit.to_string());
            }
            if let Some(joined) = event.decode::<UnitJoined>()? {
                self.units.insert(joined.revision, joined.unit.to_string());
            }
            if let Some(finding) = finding_of(event)? {
                self.complete = finding.complete;
                self.facts = self.facts.heard(&Fact::LevelFound(finding.level));
            }
            if let Some(merged) = event.decode::<CaseMerged>()? {
                self.merged = Some((merged.into, event.position));
                self.facts = self.facts.heard(&Fact::Merged(true));
            }
            if event.is::<CaseParted>() {
                self.merged = None;
                self.facts = self.facts.heard(&Fact::Merged(false));
            }
            if let Some(fact) = fact_of(event)? {
                self.facts = self.facts.heard(&fact);
            }
        }
        Ok(self)
    }
}

/// What classification found, or a person decided.
fn finding_of(event: &Recorded) -> Result<Option<Finding>, DecodeError> {
    if let Some(classified) = event.decode::<ReportClassified>()? {
        return Ok(Some(classified.finding));
    }
    Ok(event.decode::<ReviewDecided>()?.map(|decided| decided.finding))
}

/// The fact that an event of another service states; `None` for those a procedure does not need.
fn fact_of(event: &Recorded) -> Result<Option<Fact>, DecodeError> {
    Ok(if let Some(routed) = event.decode::<CaseRouted>()? {
        Some(Fact::Routed {
            position: event.position.0,
            destination: routed.destination,
        })
    } else {
        event
            .decode::<CaseDispatched>()?
            .map(|dispatched| Fact::Dispatched {
                revision: dispatched.revision,
            })
    })
}

/// An event of our own stream. A code that this version does not know (a later one wrote it) is passed over.
fn ours_of(event: &Recorded) -> Result<Option<Event>, DecodeError> {
    Ok(if let Some(told) = event.decode::<ours::CitizenTold>()? {
        let what = told.what.as_str().parse().ok();
        let way = told.channel.as_str().parse().ok();
        what.zip(way).map(|(what, way)| Event::CitizenTold {
            what,
            way,
            revision: told.revision,
        })
    } else if event.is::<ours::GuidanceGiven>() {
        Some(Event::GuidanceGiven)
    } else if let Some(drafted) = event.decode::<ours::SubmissionDrafted>()? {
        Some(Event::SubmissionDrafted {
            routing: drafted.routing,
        })
    } else if let Some(given) = event.decode::<ours::OpinionGiven>()? {
        given.opinion.as_str().parse().ok().map(Event::OpinionGiven)
    } else if event.is::<ours::DialogueHeld>() {
        Some(Event::DialogueHeld)
    } else if event.is::<ours::LetterSent>() {
        Some(Event::LetterSent)
    } else if let Some(closed) = event.decode::<ours::CaseClosed>()? {
        closed.reason.as_str().parse().ok().map(Event::CaseClosed)
    } else if let Some(reopened) = event.decode::<ours::CaseReopened>()? {
        reopened.reason.as_str().parse().ok().map(Event::CaseReopened)
    } else {
        None
    })
}
