//! Where a case goes: by the policy, by the leaders' opinion, by the office's order, after a return, and again after reopening.

use kernel::taxonomy::{Destination, Kind};

use super::{Case, Event, Notice};
use crate::facts::Conflict;
use crate::policy::Routed;
use crate::rejection::Rejection;
use crate::unit::{Standing, UnitCode};
use crate::words::{Basis, RecallReason};

/// Clause of a routing that follows from no clause of the policy: the unit gave the case back.
const RETURNED: &str = "returned";
/// The same: it said that the report is about itself.
const CONFLICT: &str = "conflict-of-interest";
/// The same: the case was reopened and no unit has it.
const REOPENED: &str = "reopened";

/// The first routing; where the case goes to a unit or the police, it is put before the lead in the same breath.
pub(super) fn route(case: &Case, routed: Routed) -> Vec<Event> {
    if case.routed.is_some() {
        return Vec::new();
    }
    let facts = &routed.inputs.facts;
    let basis = match routed.destination {
        Destination::Police => Some(Basis::CrimeReport),
        Destination::Unit if facts.emergency() => Some(Basis::Emergency),
        Destination::Unit => Some(Basis::Level2),
        Destination::Desk | Destination::Office | Destination::Review | Destination::None => None,
    };
    // A checked policy names a lead wherever there is a basis; if it did not, the case rests with the office.
    let Some((basis, lead)) = basis.zip(routed.units.first().cloned()) else {
        return vec![Event::CaseRouted(routed)];
    };
    let dispatched = Event::CaseDispatched {
        unit: lead,
        office: routed.office,
        revision: case.revision() + 1,
        basis,
    };
    vec![Event::CaseRouted(routed), dispatched]
}

/// Level 3: agreement puts the case before the unit the policy proposed. Declined, it stays where it is and feedback tells the citizen.
pub(super) fn hear_opinion(case: &Case, agree: bool) -> Vec<Event> {
    let waits = case.destination() == Some(Destination::Office)
        && level(case) == Some(3)
        && case.dispatches.is_empty()
        && !case.closed
        && !case.held_by_dispute();
    let proposed = case
        .routed
        .as_ref()
        .and_then(|routed| routed.units.first().cloned());
    match proposed {
        Some(unit) if agree && waits => dispatch(case, unit, Basis::OpinionAgreed),
        _ => Vec::new(),
    }
}

/// The unit that answered (or its successor) gets the case again; where it was the wrong one, or none had it, the office decides.
pub(super) fn take_up_again(case: &Case, wrong_unit: bool, again: Option<UnitCode>) -> Vec<Event> {
    if !case.reopened || case.closed {
        return Vec::new();
    }
    match (&case.routed, again) {
        (None, _) => Vec::new(),
        (Some(_), Some(unit)) if !wrong_unit && !case.dispatches.is_empty() && !case.held_by_dispute() => {
            dispatch(case, unit, Basis::Reopened)
        }
        (Some(routed), _) => vec![to_office(routed, REOPENED)],
    }
}

/// Nobody can act on what was erased: a unit that has not answered is told, and owes nothing more.
pub(super) fn take_back(case: &Case) -> Vec<Event> {
    recall(case, RecallReason::Erased).into_iter().collect()
}

/// Levels 4 and 5, a case given back, and any case the office wants with another unit.
pub(super) fn dispatch_on_order(
    case: &Case,
    unit: UnitCode,
    standing: Standing,
) -> Result<Vec<Event>, Rejection> {
    let facts = case.facts().ok_or(Rejection::NotRoutedYet)?;
    if case.closed {
        return Err(Rejection::CaseClosed);
    }
    if case.held_by_dispute() {
        return Err(Rejection::Disputed);
    }
    let oversight = must_be_valid(&unit, standing)?;
    match case.destination() {
        None | Some(Destination::Review) => return Err(Rejection::NotRoutedYet),
        Some(Destination::Desk | Destination::None) => return Err(Rejection::NotForDispatch),
        Some(Destination::Office | Destination::Unit | Destination::Police) => {}
    }
    // A crime report that the police gave back is no case for the leaders' opinion, whatever its level.
    let awaits_opinion = facts.level.get() == 3
        && case.dispatches.is_empty()
        && !case.agreed
        && facts.kind != Kind::CrimeReport;
    if awaits_opinion {
        return Err(Rejection::AwaitsOpinion);
    }
    if facts.accusation() && !oversight {
        return Err(Rejection::OversightOnly);
    }
    match case.dispatches.last() {
        Some(last) if last.end.is_none() && last.unit == unit => Ok(Vec::new()),
        _ if case.answered() => Err(Rejection::AlreadyAnswered),
        _ => Ok(dispatch(case, unit, Basis::OfficeOrder)),
    }
}

/// After a return: at once before the better unit, the first time and if nothing speaks against it; else the office decides.
pub(super) fn after_return(case: &Case, routed: &Routed, better: Option<(UnitCode, bool)>) -> Event {
    let facts = &routed.inputs.facts;
    match better {
        // A bouncing case needs a decision, not a third guess; an accused body must not choose who gets the accusation.
        Some((unit, oversight))
            if case.bounces() == 0 && !case.held_by_dispute() && (oversight || !facts.guarded()) =>
        {
            Event::CaseDispatched {
                unit,
                office: routed.office,
                revision: case.revision() + 1,
                basis: Basis::BetterUnit,
            }
        }
        _ => to_office(routed, RETURNED),
    }
}

/// The unit says that the report is about itself: from now on it is on record as one it is about. The level above gets it, the first
/// time; after that, or where nobody is above, the office decides. A better unit that it names is on record and decides nothing.
pub(super) fn after_conflict(
    case: &Case,
    routed: &Routed,
    unit: &UnitCode,
    above: Option<UnitCode>,
) -> Vec<Event> {
    let mut about = case.about().to_vec();
    if !about.contains(unit) {
        about.push(unit.clone());
    }
    let mut again = Routed {
        destination: Destination::Office,
        clause: CONFLICT.to_owned(),
        ..routed.clone()
    };
    again.inputs.conflict = Some(Conflict {
        rule: RETURNED.to_owned(),
        about,
    });
    match above.filter(|_| case.bounces() == 0 && !case.held_by_dispute()) {
        None => vec![Event::CaseRouted(again)],
        Some(above) => {
            again.destination = Destination::Unit;
            again.units = vec![above.clone()];
            let dispatched = Event::CaseDispatched {
                unit: above,
                office: routed.office,
                revision: case.revision() + 1,
                basis: Basis::LevelAbove,
            };
            vec![Event::CaseRouted(again), dispatched]
        }
    }
}

/// Whether the unit is one of oversight.
pub(super) fn must_be_valid(unit: &UnitCode, standing: Standing) -> Result<bool, Rejection> {
    match standing {
        Standing::Valid { oversight } => Ok(oversight),
        Standing::Concerned { superior } => Err(Rejection::AboutTheUnit {
            unit: unit.clone(),
            superior,
        }),
        Standing::Unknown => Err(Rejection::UnknownUnit(unit.clone())),
        Standing::NotValid { successor } => Err(Rejection::UnitNotValid {
            unit: unit.clone(),
            successor,
        }),
    }
}

/// Whoever had it, and is not the one who gets it, is told that it is over.
pub(super) fn dispatch(case: &Case, unit: UnitCode, basis: Basis) -> Vec<Event> {
    let Some(office) = case.routed.as_ref().map(|routed| routed.office) else {
        return Vec::new();
    };
    let recalled = if case.last_unit() == Some(&unit) {
        None
    } else {
        recall(case, RecallReason::Elsewhere)
    };
    let revision = case.revision() + 1 + u32::from(recalled.is_some());
    let dispatched = Event::CaseDispatched {
        unit,
        office,
        revision,
        basis,
    };
    recalled.into_iter().chain([dispatched]).collect()
}

/// Takes the case back from the unit that has it, if one has.
pub(super) fn recall(case: &Case, reason: RecallReason) -> Option<Event> {
    let office = case.routed.as_ref()?.office;
    let last = case.dispatches.last().filter(|last| last.end.is_none())?;
    Some(Event::CaseRecalled {
        on: Notice {
            unit: last.unit.clone(),
            revision: case.revision(),
        },
        office,
        revision: case.revision() + 1,
        reason,
    })
}

fn to_office(routed: &Routed, clause: &str) -> Event {
    Event::CaseRouted(Routed {
        destination: Destination::Office,
        clause: clause.to_owned(),
        ..routed.clone()
    })
}

pub(super) fn level(case: &Case) -> Option<u8> {
    case.facts().map(|facts| facts.level.get())
}
