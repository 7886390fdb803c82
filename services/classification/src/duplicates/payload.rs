//! Merging and parting between the rules' words and the published contract.

use chassis::ledger::NewEvent;
use classification_domain::duplicate::{Basis, Event, Parting};
use classification_domain::likeness::Likeness;
use contracts::event::DecodeError;
use contracts::events::classification as wire;
use contracts::events::feedback::{CaseClosed, CaseReopened};
use contracts::sealed::Note;
use contracts::{Code, Recorded};
use kernel::{Actor, Instant};

use crate::payload::found;

/// What the rules make of an event on record; `None` if it is none of theirs. How alike two cases were decides nothing any more.
pub(crate) fn heard(recorded: &Recorded) -> Result<Option<Event>, DecodeError> {
    let likeness = Likeness::default;
    if let Some(p) = recorded.decode::<wire::ReportClassified>()? {
        return Ok(Some(Event::Found(Some(found(&p.finding)))));
    }
    if let Some(p) = recorded.decode::<wire::ReviewDecided>()? {
        return Ok(Some(Event::Found(Some(found(&p.finding)))));
    }
    if recorded.is::<wire::ReviewRequested>() {
        return Ok(Some(Event::Found(None)));
    }
    if recorded.is::<CaseClosed>() || recorded.is::<CaseReopened>() {
        return Ok(Some(Event::Closed(recorded.is::<CaseClosed>())));
    }
    if let Some(p) = recorded.decode::<wire::DuplicateSuspected>()? {
        return Ok(Some(Event::DuplicateSuspected {
            of: p.of,
            likeness: likeness(),
        }));
    }
    if let Some(p) = recorded.decode::<wire::CaseMerged>()? {
        return Ok(Some(Event::CaseMerged {
            into: p.into,
            basis: p.basis.as_str().parse().unwrap_or(Basis::Person),
            likeness: likeness(),
        }));
    }
    if let Some(p) = recorded.decode::<wire::CaseParted>()? {
        return Ok(Some(Event::CaseParted {
            from: p.from,
            reason: p.reason.as_str().parse().unwrap_or(Parting::Other),
        }));
    }
    if let Some(p) = recorded.decode::<wire::DuplicateJoined>()? {
        return Ok(Some(Event::DuplicateJoined(p.case)));
    }
    let left = recorded.decode::<wire::DuplicateLeft>()?;
    Ok(left.map(|p| Event::DuplicateLeft(p.case)))
}

/// What an event needs that the rules do not know.
pub(crate) struct Stating<'a> {
    /// Who is answerable.
    pub(crate) actor: &'a Actor,
    /// When it happened.
    pub(crate) at: Instant,
    /// Version of the policy that compared.
    pub(crate) policy: Option<&'a Code>,
    /// Why, in words.
    pub(crate) words: Option<&'a str>,
}

/// The event to be appended; `None` for what is only heard.
pub(crate) fn stated(event: Event, by: &Stating<'_>) -> Option<NewEvent> {
    let parts = |likeness: &Likeness| {
        let part = |(name, points): &(&str, u16)| Code::lossy(&format!("{name}={points}"));
        likeness.parts.iter().map(part).collect()
    };
    let actor = by.actor.clone();
    Some(match event {
        Event::Found(_) | Event::Closed(_) => return None,
        Event::DuplicateSuspected { of, likeness } => {
            let payload = wire::DuplicateSuspected {
                of,
                score: likeness.score,
                parts: parts(&likeness),
                policy: by.policy.cloned().unwrap_or_else(|| Code::lossy("")),
            };
            NewEvent::of(&payload, actor, by.at)
        }
        Event::CaseMerged {
            into,
            basis,
            likeness,
        } => {
            let payload = wire::CaseMerged {
                into,
                basis: Code::lossy(basis.code()),
                score: likeness.score,
                parts: parts(&likeness),
                policy: by.policy.cloned(),
            };
            NewEvent::of(&payload, actor, by.at)
        }
        Event::CaseParted { from, reason } => {
            let payload = wire::CaseParted {
                from,
                reason: Code::lossy(reason.code()),
            };
            let parted = NewEvent::of(&payload, actor, by.at);
            match by.words {
                Some(text) => parted.sealed_json(&Note::of(text.to_owned())),
                None => parted,
            }
        }
        Event::DuplicateJoined(case) => NewEvent::of(&wire::DuplicateJoined { case }, actor, by.at),
        Event::DuplicateLeft(case) => NewEvent::of(&wire::DuplicateLeft { case }, actor, by.at),
    })
}
