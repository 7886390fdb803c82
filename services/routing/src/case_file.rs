//! A case as the ledger has it: what the rules fold, and the facts they are given.

use chassis::ledger::{Expected, Guard, LedgerClient, LedgerError};
use contracts::Recorded;
use contracts::event::DecodeError;
use contracts::events::classification::{Finding, ReportClassified, ReviewDecided};
use contracts::events::report::{EmergencySuspected, ReportReceived};
use contracts::events::routing::CaseDispatched;
use kernel::{CaseId, Decider, Position, RequestId, StreamId};
use routing_domain::{Case, Facts, Hours, Routing};

use crate::payload::{self, Unreadable};

/// Categories whose events may change where a case goes.
pub(crate) const MOVED_BY: [&str; 3] = ["report", "classification", "feedback"];

/// All events of one case, by position.
pub(crate) struct CaseFile {
    case: CaseId,
    events: Vec<Recorded>,
}

impl CaseFile {
    /// Reads it, as it was before a request of ours that is on record already: an attempt after a crash decides on what the first one
    /// decided on.
    pub(crate) async fn read(
        ledger: &LedgerClient,
        case: CaseId,
        before: Option<RequestId>,
    ) -> Result<Self, LedgerError> {
        let mut events = ledger.read_case(case).await?;
        if let Some(ours) = events.iter().position(|e| Some(e.request) == before) {
            events.truncate(ours);
        }
        Ok(Self { case, events })
    }

    /// Whether there is such a case.
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The fold of what routing said and heard.
    pub(crate) fn fold(&self) -> Result<Case, Unreadable> {
        let mut history = Vec::new();
        for event in &self.events {
            history.extend(payload::heard(event)?);
        }
        Ok(Routing::fold(&history))
    }

    /// Routing's stream of the case.
    pub(crate) fn stream(&self) -> StreamId {
        StreamId::new("routing", self.case.0)
    }

    /// The version that was folded.
    pub(crate) fn expected(&self) -> Expected {
        Expected::folded(self.last_own().map_or(0, |e| e.version))
    }

    /// The last event of routing.
    pub(crate) fn last_own(&self) -> Option<&Recorded> {
        self.events.iter().rev().find(|e| e.stream.category == "routing")
    }

    /// Refuses what was decided here, if the case moved since.
    pub(crate) fn guard(&self) -> Guard {
        let after = self.events.last().map_or(Position(0), |e| e.position);
        Guard {
            case: self.case,
            after,
            categories: MOVED_BY.to_vec(),
        }
    }

    /// The last dispatch and the event that says so.
    pub(crate) fn dispatch(&self) -> Result<Option<(&Recorded, CaseDispatched)>, DecodeError> {
        for event in self.events.iter().rev() {
            if let Some(dispatched) = event.decode::<CaseDispatched>()? {
                return Ok(Some((event, dispatched)));
            }
        }
        Ok(None)
    }

    /// The event at a position.
    pub(crate) fn at(&self, position: Position) -> Option<&Recorded> {
        self.events.iter().find(|event| event.position == position)
    }

    /// The report that opened the case.
    pub(crate) fn report(&self) -> Option<&Recorded> {
        self.events.iter().find(|e| e.is::<ReportReceived>())
    }

    /// What started it all.
    pub(crate) fn correlation(&self) -> Option<&str> {
        self.report()
            .or(self.events.first())
            .map(|e| e.correlation.as_str())
    }

    /// What the report was last found to be; nothing while it waits for a person.
    pub(crate) fn finding(&self) -> Result<Option<Finding>, DecodeError> {
        finding(&self.events)
    }

    /// The facts that the policy's clauses look at.
    pub(crate) fn facts(&self) -> Result<Option<Facts>, DecodeError> {
        facts(&self.events)
    }
}

fn finding(events: &[Recorded]) -> Result<Option<Finding>, DecodeError> {
    for event in events.iter().rev() {
        if let Some(classified) = event.decode::<ReportClassified>()? {
            return Ok(Some(classified.finding));
        }
        if let Some(decided) = event.decode::<ReviewDecided>()? {
            return Ok(Some(decided.finding));
        }
    }
    Ok(None)
}

/// The facts that the policy's clauses look at, from the events of a case in their order: the report, suspicions of an emergency, and what
/// classification or a person found.
///
/// # Errors
/// An event that does not fit its type.
pub fn facts(events: &[Recorded]) -> Result<Option<Facts>, DecodeError> {
    let Some(finding) = finding(events)? else {
        return Ok(None);
    };
    let report = events.iter().find(|e| e.is::<ReportReceived>());
    let received = match report {
        // Erased data are empty: then the line is not known any more.
        Some(report) if !report.data.is_empty() => report.decode::<ReportReceived>()?,
        _ => None,
    };
    let line = received
        .map(|r| r.line.as_str().to_owned())
        .filter(|line| !line.is_empty());
    let mut number = None;
    for event in events.iter().filter(|event| !event.data.is_empty()) {
        if let Some(suspected) = event.decode::<EmergencySuspected>()? {
            number = Some(suspected.number.as_str().to_owned());
        }
    }
    let Finding {
        field,
        topic,
        kind,
        urgency,
        level,
        wards,
        ..
    } = finding;
    Ok(Some(Facts {
        field,
        topic,
        kind,
        urgency,
        level,
        line,
        number,
        hours: report.map(|report| Hours::of(report.recorded_at)),
        wards: wards
            .iter()
            .filter_map(|ward| ward.as_str().parse().ok())
            .collect(),
    }))
}
