//! Between the rules' words and the published contract: domain events to payloads and back.

use chassis::ledger::NewEvent;
use contracts::event::DecodeError;
use contracts::events::feedback::{CaseClosed, CaseReopened, OpinionGiven};
use contracts::events::routing as wire;
use contracts::sealed::Note;
use contracts::{Code, Recorded};
use kernel::{Actor, Instant};
use routing_domain::{Event, Heard, Inputs, Notice, Routed, UnitCode};

mod dispute;

/// A fact on record that the rules cannot read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// Not of its type.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Of its type, with a code nobody knows.
    #[error("a code of the event at position {0} is unknown to this version of routing")]
    Code(kernel::Position),
}

/// What the rules make of an event on record; `None` if they do not look at it.
pub(crate) fn heard(recorded: &Recorded) -> Result<Option<Event>, Unreadable> {
    let unknown = || Unreadable::Code(recorded.position);
    let unit = |code: &Code| UnitCode::parse(code.as_str()).map_err(|_| unknown());
    let on = |code: &Code, revision| {
        Ok::<_, Unreadable>(Notice {
            unit: unit(code)?,
            revision,
        })
    };
    if let Some(p) = recorded.decode::<wire::CaseRouted>()? {
        return Ok(Some(Event::CaseRouted(Routed {
            office: p.office,
            units: p.units.iter().map(unit).collect::<Result<_, _>>()?,
            destination: p.destination,
            clause: p.clause.as_str().to_owned(),
            inputs: Inputs::read(p.inputs.iter().map(Code::as_str)).ok_or_else(unknown)?,
        })));
    }
    if let Some(p) = recorded.decode::<wire::CaseDispatched>()? {
        let basis = p.basis.as_str().parse().map_err(|_| unknown())?;
        return Ok(Some(Event::CaseDispatched {
            unit: unit(&p.unit)?,
            office: p.office,
            revision: p.revision,
            basis,
        }));
    }
    if let Some(p) = recorded.decode::<wire::CaseAccepted>()? {
        return Ok(Some(Event::CaseAccepted(on(&p.unit, p.revision)?)));
    }
    if let Some(p) = recorded.decode::<wire::CaseReturned>()? {
        let reason = p.reason.as_str().parse().map_err(|_| unknown())?;
        let better_unit = p.better_unit.as_ref().map(unit).transpose()?;
        return Ok(Some(Event::CaseReturned {
            on: on(&p.unit, p.revision)?,
            reason,
            better_unit,
        }));
    }
    if let Some(p) = recorded.decode::<wire::CaseRecalled>()? {
        return Ok(Some(Event::CaseRecalled {
            on: on(&p.unit, p.dispatch)?,
            office: p.office,
            revision: p.revision,
            reason: p.reason.as_str().parse().map_err(|_| unknown())?,
        }));
    }
    if let Some(p) = recorded.decode::<wire::ProgressReported>()? {
        let committed = p
            .committed_date
            .map(|date| date.as_str().parse().map_err(|_| unknown()))
            .transpose()?;
        return Ok(Some(Event::ProgressReported {
            on: on(&p.unit, p.revision)?,
            committed,
        }));
    }
    if let Some(p) = recorded.decode::<wire::ResultReported>()? {
        let outcome = p.outcome.as_str().parse().map_err(|_| unknown())?;
        return Ok(Some(Event::ResultReported {
            on: on(&p.unit, p.revision)?,
            outcome,
        }));
    }
    if let Some(event) = dispute::heard(recorded)? {
        return Ok(Some(Event::Dispute(event)));
    }
    if let Some(p) = recorded.decode::<OpinionGiven>()? {
        return Ok(Some(Event::Heard(Heard::OpinionGiven {
            agree: p.opinion.as_str() == "agree",
        })));
    }
    if recorded.is::<CaseClosed>() {
        return Ok(Some(Event::Heard(Heard::CaseClosed)));
    }
    if recorded.is::<CaseReopened>() {
        return Ok(Some(Event::Heard(Heard::CaseReopened)));
    }
    Ok(None)
}

/// Who states an event, and what goes with it.
pub(crate) struct Stating<'a> {
    /// Who is answerable.
    pub(crate) actor: &'a Actor,
    /// When it happened.
    pub(crate) at: Instant,
    /// Version of the policy.
    pub(crate) policy: &'a Code,
    /// What the unit typed, for the event it belongs to.
    pub(crate) words: Option<&'a str>,
}

/// The event to be appended; `None` for what is only heard.
pub(crate) fn stated(event: &Event, by: &Stating<'_>) -> Option<NewEvent> {
    let code = |unit: &UnitCode| Code::lossy(unit.as_str());
    // What follows from a unit's answer (the next dispatch, the way to the office) is routing's own decision.
    let own = Actor::service("routing");
    let noted = |event: NewEvent| match by.words {
        Some(text) => event.sealed_json(&Note {
            text: text.to_owned(),
        }),
        None => event,
    };
    match event {
        Event::CaseRouted(routed) => Some(NewEvent::of(
            &wire::CaseRouted {
                office: routed.office,
                units: routed.units.iter().map(code).collect(),
                destination: routed.destination,
                policy: by.policy.clone(),
                clause: Code::lossy(&routed.clause),
                inputs: routed
                    .inputs
                    .codes()
                    .iter()
                    .map(|input| Code::lossy(input))
                    .collect(),
            },
            own,
            by.at,
        )),
        Event::CaseDispatched {
            unit,
            office,
            revision,
            basis,
        } => {
            let payload = wire::CaseDispatched {
                unit: code(unit),
                office: *office,
                revision: *revision,
                basis: Code::lossy(basis.code()),
            };
            let actor = if *basis == routing_domain::Basis::OfficeOrder {
                by.actor.clone()
            } else {
                own
            };
            Some(NewEvent::of(&payload, actor, by.at))
        }
        Event::CaseAccepted(on) => {
            let payload = wire::CaseAccepted {
                unit: code(&on.unit),
                revision: on.revision,
            };
            Some(NewEvent::of(&payload, by.actor.clone(), by.at))
        }
        Event::CaseReturned {
            on,
            reason,
            better_unit,
        } => {
            let payload = wire::CaseReturned {
                unit: code(&on.unit),
                revision: on.revision,
                reason: Code::lossy(reason.code()),
                better_unit: better_unit.as_ref().map(code),
            };
            Some(noted(NewEvent::of(&payload, by.actor.clone(), by.at)))
        }
        Event::CaseRecalled {
            on,
            office,
            revision,
            reason,
        } => {
            let payload = wire::CaseRecalled {
                unit: code(&on.unit),
                office: *office,
                dispatch: on.revision,
                revision: *revision,
                reason: Code::lossy(reason.code()),
            };
            Some(NewEvent::of(&payload, own, by.at))
        }
        Event::ProgressReported { on, committed } => {
            let payload = wire::ProgressReported {
                unit: code(&on.unit),
                revision: on.revision,
                committed_date: committed.map(|date| Code::lossy(&date.to_string())),
            };
            Some(noted(NewEvent::of(&payload, by.actor.clone(), by.at)))
        }
        Event::ResultReported { on, outcome } => {
            let payload = wire::ResultReported {
                unit: code(&on.unit),
                revision: on.revision,
                outcome: Code::lossy(outcome.code()),
            };
            Some(noted(NewEvent::of(&payload, by.actor.clone(), by.at)))
        }
        Event::Dispute(event) => Some(noted(dispute::stated(event, by))),
        Event::Heard(_) => None,
    }
}
