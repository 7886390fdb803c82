//! Where a case goes: by the policy, by the leaders' opinion, by the office's order, after a return, and again after reopening.

use kernel::Decider;
use kernel::taxonomy::{Destination, Kind};

use super::{Case, Dispatch, Event, Notice, Routing};
use crate::facts::Conflict;
use crate::policy::Routed;
use crate::rejection::Rejection;
use crate::unit::{Standing, UnitCode};
use crate::words::{Basis, JoinBasis, RecallReason};

/// Clause of a routing that follows from no clause of the policy: the unit gave the case back.
const RETURNED: &str = "returned";
/// The same: it said that the report is about itself.
const CONFLICT: &str = "conflict-of-interest";
/// The same: the case was reopened and no unit has it.
const REOPENED: &str = "reopened";
/// The same: the case was parted from another, and the unit it was taken from is no more.
const PARTED: &str = "parted";

/// The first routing; where the case goes to a unit or the police, it is put before the lead in the same breath.
pub(super) fn route(case: &Case, routed: Routed) -> Vec<Event> {
    if case.routed.is_some() || case.merged {
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
    let revision = case.revision() + 1;
    let joined = by_policy(case, &routed, &lead, revision);
    let dispatched = Event::CaseDispatched {
        unit: lead,
        office: routed.office,
        revision,
        basis,
    };
    [Event::CaseRouted(routed), dispatched]
        .into_iter()
        .chain(joined)
        .collect()
}

/// Level 3: agreement puts the case before the unit the policy proposed. Declined, it stays where it is and feedback tells the citizen.
pub(super) fn hear_opinion(case: &Case, agree: bool) -> Vec<Event> {
    let waits = case.destination() == Some(Destination::Office)
        && level(case) == Some(3)
        && case.dispatches.is_empty()
        && !case.closed
        && !case.merged;
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
    if !case.reopened || case.closed || case.merged {
        return Vec::new();
    }
    match (&case.routed, again) {
        (None, _) => Vec::new(),
        (Some(_), Some(unit)) if !wrong_unit && !case.dispatches.is_empty() => {
            dispatch(case, unit, Basis::Reopened)
        }
        (Some(routed), _) => vec![to_office(routed, REOPENED)],
    }
}

/// Nobody can act on what was erased, and what was merged is handled with the other case: a unit that has not answered is told, and owes
/// nothing more.
pub(super) fn take_back(case: &Case, reason: RecallReason) -> Vec<Event> {
    if reason == RecallReason::Merged && !case.merged {
        return Vec::new(); // parted again meanwhile
    }
    recall(case, reason)
}

/// On from where it was: before the unit it was taken from, to where the policy says if it had not been routed, or with what came meanwhile
/// (an agreement, a reopening). What rested with the desk or the office rests there still.
pub(super) fn go_on(case: &Case, route: Option<Routed>, again: Option<UnitCode>) -> Vec<Event> {
    if case.merged || case.closed {
        return Vec::new();
    }
    match (&case.routed, again) {
        (None, _) => route.map_or_else(Vec::new, |routed| self::route(case, routed)),
        (Some(_), Some(unit)) if case.taken_out => dispatch(case, unit, Basis::Parted),
        (Some(routed), None) if case.taken_out => vec![to_office(routed, PARTED)],
        (Some(_), again) => {
            let agreed = hear_opinion(case, case.agreed);
            if agreed.is_empty() {
                take_up_again(case, false, again)
            } else {
                agreed
            }
        }
    }
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
    if case.merged {
        return Err(Rejection::Merged);
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
    match case.lead() {
        Some((_, last)) if last.end.is_none() && last.unit == unit => Ok(Vec::new()),
        Some((_, last)) if last.end == Some(super::End::Answered) && !case.reopened => {
            Err(Rejection::AlreadyAnswered)
        }
        _ => Ok(dispatch(case, unit, Basis::OfficeOrder)),
    }
}

/// After a return: at once before the better unit, the first time and if nothing speaks against it; else the office decides.
pub(super) fn after_return(
    case: &Case,
    routed: &Routed,
    better: Option<(UnitCode, bool)>,
    revision: u32,
) -> Event {
    let facts = &routed.inputs.facts;
    match better {
        // A bouncing case needs a decision, not a third guess; an accused body must not choose who gets the accusation.
        Some((unit, oversight)) if case.bounces() == 0 && (oversight || !facts.guarded()) => {
            Event::CaseDispatched {
                unit,
                office: routed.office,
                revision,
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
    revision: u32,
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
    match above.filter(|_| case.bounces() == 0) {
        None => vec![Event::CaseRouted(again)],
        Some(above) => {
            again.destination = Destination::Unit;
            again.units = vec![above.clone()];
            let dispatched = Event::CaseDispatched {
                unit: above,
                office: routed.office,
                revision,
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

/// Whoever had it, and is not the one who gets it, is told that it is over, and so is whoever took part.
fn dispatch(case: &Case, unit: UnitCode, basis: Basis) -> Vec<Event> {
    let Some(routed) = &case.routed else {
        return Vec::new();
    };
    let mut events = if case.last_unit() == Some(&unit) {
        Vec::new()
    } else {
        recall(case, RecallReason::Elsewhere)
    };
    let case = events.iter().fold(case.clone(), Routing::evolve);
    let revision = case.revision() + 1;
    let joined = by_policy(&case, routed, &unit, revision);
    events.push(Event::CaseDispatched {
        unit,
        office: routed.office,
        revision,
        basis,
    });
    events.extend(joined);
    events
}

/// Who takes part as soon as the lead that the policy proposed has the case by `dispatch`, and does not yet.
fn by_policy(case: &Case, routed: &Routed, lead: &UnitCode, dispatch: u32) -> Vec<Event> {
    let with = match routed.units.split_first() {
        Some((first, with)) if routed.join && first == lead => with,
        _ => &[],
    };
    let missing = with
        .iter()
        .filter(|unit| !case.about().contains(unit) && case.joined().all(|(_, it)| it.unit != **unit));
    let joined = missing
        .zip(dispatch + 1..)
        .map(|(unit, revision)| Event::UnitJoined {
            on: Notice {
                unit: unit.clone(),
                revision,
            },
            office: routed.office,
            dispatch,
            basis: JoinBasis::Policy,
        });
    joined.collect()
}

/// Takes the case back from the unit that has it, if one has, and from those that take part.
fn recall(case: &Case, reason: RecallReason) -> Vec<Event> {
    let lead = case.lead().filter(|(_, last)| last.end.is_none());
    recall_from(case, lead.into_iter().chain(case.joined()), reason)
}

/// Takes the case back from those that take part.
pub(super) fn recall_joined(case: &Case) -> Vec<Event> {
    recall_from(case, case.joined(), RecallReason::Elsewhere)
}

fn recall_from<'a>(
    case: &Case,
    from: impl Iterator<Item = (u32, &'a Dispatch)>,
    reason: RecallReason,
) -> Vec<Event> {
    let Some(office) = case.routed.as_ref().map(|routed| routed.office) else {
        return Vec::new();
    };
    let recalled = from
        .zip(case.revision() + 1..)
        .map(|((of, it), revision)| Event::CaseRecalled {
            on: Notice {
                unit: it.unit.clone(),
                revision: of,
            },
            office,
            revision,
            reason,
        });
    recalled.collect()
}

fn to_office(routed: &Routed, clause: &str) -> Event {
    Event::CaseRouted(Routed {
        destination: Destination::Office,
        clause: clause.to_owned(),
        ..routed.clone()
    })
}

fn level(case: &Case) -> Option<u8> {
    case.facts().map(|facts| facts.level.get())
}
