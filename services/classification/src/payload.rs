//! Between the rules' words and the published contract: findings and events to payloads and back.

use chassis::ledger::NewEvent;
use classification_domain as domain;
use classification_domain::{Event, Reason};
use contracts::event::DecodeError;
use contracts::events::classification as wire;
use contracts::evidence::Evidence;
use contracts::sealed::Note;
use contracts::{Code, Recorded};
use kernel::{Actor, Instant, Position};

/// Reason of a review where the content was lawfully erased before the rules could read it.
pub(crate) const ERASED: &str = "erased";

/// At most so many further topics stand in an event.
const MOST_ALSO: usize = 8;
/// At most so many places and wards.
const MOST_PLACES: usize = 16;
/// At most so much evidence.
const MOST_EVIDENCE: usize = 64;

/// What the rules found, as it is published.
pub(crate) fn finding(found: &domain::Finding) -> wire::Finding {
    wire::Finding {
        field: found.field,
        topic: found.topic,
        also: found.also.iter().copied().take(MOST_ALSO).collect(),
        kind: found.kind,
        urgency: found.urgency,
        level: found.level,
        complete: found.complete,
        wards: found
            .wards
            .iter()
            .take(MOST_PLACES)
            .map(|ward| Code::lossy(&format!("{ward:05}")))
            .collect(),
        place: found.place.iter().take(MOST_PLACES).map(evidence).collect(),
    }
}

/// What is on record, as the rules know it.
pub(crate) fn found(finding: &wire::Finding) -> domain::Finding {
    domain::Finding {
        field: finding.field,
        topic: finding.topic,
        also: finding.also.clone(),
        kind: finding.kind,
        urgency: finding.urgency,
        level: finding.level,
        complete: finding.complete,
        wards: finding
            .wards
            .iter()
            .filter_map(|ward| ward.as_str().parse().ok())
            .collect(),
        place: finding.place.iter().map(seen).collect(),
    }
}

fn evidence(seen: &domain::Evidence) -> Evidence {
    Evidence {
        rule: Code::lossy(&seen.rule),
        start: seen.start,
        end: seen.end,
    }
}

fn seen(evidence: &Evidence) -> domain::Evidence {
    domain::Evidence {
        rule: evidence.rule.as_str().to_owned(),
        start: evidence.start,
        end: evidence.end,
    }
}

/// What the rules make of an event on record; `None` if it is none of theirs.
pub(crate) fn heard(recorded: &Recorded) -> Result<Option<Event>, DecodeError> {
    if let Some(p) = recorded.decode::<wire::ReportClassified>()? {
        return Ok(Some(Event::ReportClassified {
            finding: found(&p.finding),
            confidence: p.confidence,
            evidence: p.evidence.iter().map(seen).collect(),
            policy: p.policy.as_str().to_owned(),
        }));
    }
    if let Some(p) = recorded.decode::<wire::ReviewRequested>()? {
        // `erased` is this service's own reason: to the rules it is a report that nobody can read.
        let reason = |code: &Code| {
            Reason::ALL
                .into_iter()
                .find(|r| r.code() == code.as_str())
                .unwrap_or(Reason::Unclear)
        };
        return Ok(Some(Event::ReviewRequested {
            reasons: p.reasons.iter().map(reason).collect(),
            suggestion: found(&p.suggestion),
            confidence: p.confidence,
            evidence: p.evidence.iter().map(seen).collect(),
            policy: p.policy.as_str().to_owned(),
        }));
    }
    if let Some(p) = recorded.decode::<wire::ReviewDecided>()? {
        let by = recorded.actor.clone();
        return Ok(Some(Event::ReviewDecided {
            by,
            finding: found(&p.finding),
            changed: p.changed,
        }));
    }
    Ok(None)
}

/// What an event needs that the rules do not know.
pub(crate) struct Stating<'a> {
    /// When it happened.
    pub(crate) at: Instant,
    /// Version of the model that spoke; empty: none.
    pub(crate) model: Code,
    /// Whether the content was erased before it could be read.
    pub(crate) erased: bool,
    /// Position of the review that is answered.
    pub(crate) review: Position,
    /// Why a person changed the suggestion.
    pub(crate) words: Option<&'a str>,
}

/// The event to be appended.
pub(crate) fn stated(event: Event, by: &Stating<'_>) -> NewEvent {
    let own = Actor::service("classification");
    let all = |seen: &[domain::Evidence]| seen.iter().take(MOST_EVIDENCE).map(evidence).collect();
    match event {
        Event::ReportClassified {
            finding: f,
            confidence,
            evidence,
            policy,
        } => {
            let payload = wire::ReportClassified {
                finding: finding(&f),
                confidence,
                evidence: all(&evidence),
                policy: Code::lossy(&policy),
                model: by.model.clone(),
            };
            NewEvent::of(&payload, own, by.at)
        }
        Event::ReviewRequested {
            reasons,
            suggestion,
            confidence,
            evidence,
            policy,
        } => {
            let reasons = if by.erased {
                vec![Code::lossy(ERASED)]
            } else {
                reasons.iter().map(|reason| Code::lossy(reason.code())).collect()
            };
            let payload = wire::ReviewRequested {
                reasons,
                suggestion: finding(&suggestion),
                confidence,
                evidence: all(&evidence),
                policy: Code::lossy(&policy),
                model: by.model.clone(),
            };
            NewEvent::of(&payload, own, by.at)
        }
        Event::ReviewDecided {
            by: person,
            finding: f,
            changed,
        } => {
            let payload = wire::ReviewDecided {
                finding: finding(&f),
                changed,
                review: by.review.0,
            };
            let event = NewEvent::of(&payload, person, by.at);
            match by.words {
                Some(text) => event.sealed_json(&Note::of(text.to_owned())),
                None => event,
            }
        }
    }
}
