//! Between the domain's events and the payloads that stand on record.

use chassis::ledger::NewEvent;
use contracts::event::DecodeError;
use contracts::events::obligation::{ObligationMet, ObligationMissed, ObligationOpened, ObligationOvertaken};
use contracts::{Code, Payload, Recorded};
use escalation_domain::{Event, What};
use kernel::{Actor, Instant, StreamId};
use uuid::Uuid;

/// Category of the streams that escalation owns.
pub(crate) const CATEGORY: &str = ObligationOpened::CATEGORY;

/// `obligation/<case>`.
pub(crate) fn stream(case: kernel::CaseId) -> StreamId {
    StreamId::new(CATEGORY, case.0)
}

/// As it is appended.
pub(crate) fn new_event(event: Event, occurred_at: Instant) -> NewEvent {
    let actor = Actor::service("escalation");
    match event {
        Event::Opened {
            obligation,
            what,
            owner,
            from,
            due,
            due_revision,
            rule,
            policy,
            arithmetic,
            revision,
        } => {
            let opened = ObligationOpened {
                obligation,
                what: Code::lossy(what.code()),
                owner: Code::lossy(&owner),
                from,
                due,
                due_revision,
                rule: Code::lossy(&rule),
                policy: Code::lossy(&policy),
                arithmetic: arithmetic.iter().map(|step| Code::lossy(step)).collect(),
                revision,
            };
            NewEvent::of(&opened, actor, occurred_at)
        }
        Event::Met { obligation, at, late } => {
            NewEvent::of(&ObligationMet { obligation, at, late }, actor, occurred_at)
        }
        Event::Missed {
            obligation,
            due,
            due_revision,
        } => NewEvent::of(
            &ObligationMissed {
                obligation,
                due,
                due_revision,
            },
            actor,
            occurred_at,
        ),
        Event::Overtaken { obligation, by } => NewEvent::of(
            &ObligationOvertaken {
                obligation,
                by: Code::lossy(&by),
            },
            actor,
            occurred_at,
        ),
    }
}

/// As it is folded; `None` for what this program does not know: it is passed over.
pub(crate) fn event(recorded: &Recorded) -> Result<Option<Event>, DecodeError> {
    if recorded.stream.category != CATEGORY || recorded.data.is_empty() {
        return Ok(None);
    }
    if let Some(e) = recorded.decode::<ObligationOpened>()? {
        return Ok(What::of(e.what.as_str()).map(|what| Event::Opened {
            obligation: e.obligation,
            what,
            owner: e.owner.to_string(),
            from: e.from,
            due: e.due,
            due_revision: e.due_revision,
            rule: e.rule.to_string(),
            policy: e.policy.to_string(),
            arithmetic: e.arithmetic.iter().map(ToString::to_string).collect(),
            revision: e.revision,
        }));
    }
    if let Some(e) = recorded.decode::<ObligationMet>()? {
        return Ok(Some(Event::Met {
            obligation: e.obligation,
            at: e.at,
            late: e.late,
        }));
    }
    if let Some(e) = recorded.decode::<ObligationMissed>()? {
        return Ok(Some(Event::Missed {
            obligation: e.obligation,
            due: e.due,
            due_revision: e.due_revision,
        }));
    }
    let overtaken = recorded.decode::<ObligationOvertaken>()?;
    Ok(overtaken.map(|e| Event::Overtaken {
        obligation: e.obligation,
        by: e.by.to_string(),
    }))
}

/// Whether this event opened that obligation.
pub(crate) fn opens(recorded: &Recorded, obligation: Uuid) -> bool {
    matches!(event(recorded), Ok(Some(Event::Opened { obligation: opened, .. })) if opened == obligation)
}
