//! What a unit answers: accept, return, progress, result; each only on the dispatch that stands, and only from the unit it names.

use jiff::civil::Date;
use kernel::taxonomy::Destination;

use super::{Case, Dispatch, End, Event, Notice, decide};
use crate::rejection::Rejection;
use crate::unit::{Standing, UnitCode};
use crate::words::{Outcome, ReturnReason};

/// The dispatch the unit speaks of, if it is the current one and was not given back.
pub(super) fn holding<'a>(case: &'a Case, notice: &Notice) -> Result<&'a Dispatch, Rejection> {
    if case.routed.is_none() {
        return Err(Rejection::NotRoutedYet);
    }
    let current = case.revision();
    let old = Rejection::OldRevision {
        given: notice.revision,
        current,
    };
    let index = (notice.revision as usize).checked_sub(1);
    let named = index.and_then(|i| case.dispatches.get(i));
    let holds_current = case.last_unit() == Some(&notice.unit);
    match named {
        // A revision of its own that it returned stays returned, whoever has the case now.
        Some(dispatch) if dispatch.unit == notice.unit && dispatch.end == Some(End::Returned) => {
            Err(Rejection::AlreadyReturned)
        }
        Some(dispatch) if dispatch.unit == notice.unit && dispatch.end == Some(End::Recalled) => {
            Err(Rejection::Recalled)
        }
        Some(dispatch) if dispatch.unit == notice.unit && notice.revision == current => Ok(dispatch),
        Some(dispatch) if dispatch.unit == notice.unit => Err(old),
        _ if holds_current => Err(old),
        // Nothing is told to a unit about a case it never had.
        _ => Err(Rejection::NotYourCase),
    }
}

/// The same, for acts that need it still unanswered and the case open. What the police do after a crime report left the house
/// is recorded although the case is closed.
fn acting<'a>(case: &'a Case, notice: &Notice) -> Result<&'a Dispatch, Rejection> {
    let dispatch = holding(case, notice)?;
    if dispatch.end == Some(End::Answered) {
        return Err(Rejection::AlreadyAnswered);
    }
    if case.closed && case.destination() != Some(Destination::Police) {
        return Err(Rejection::CaseClosed);
    }
    Ok(dispatch)
}

pub(super) fn accept(case: &Case, on: Notice) -> Result<Vec<Event>, Rejection> {
    if holding(case, &on)?.accepted {
        return Ok(Vec::new());
    }
    acting(case, &on)?;
    Ok(vec![Event::CaseAccepted(on)])
}

pub(super) fn give_back(
    case: &Case,
    on: Notice,
    reason: ReturnReason,
    in_words: bool,
    better: Option<(UnitCode, Standing)>,
    above: Option<UnitCode>,
) -> Result<Vec<Event>, Rejection> {
    acting(case, &on)?;
    let Some(routed) = &case.routed else {
        return Err(Rejection::NotRoutedYet);
    };
    if case.closed {
        return Err(Rejection::CaseClosed);
    }
    if !in_words {
        return Err(Rejection::ReasonRequired);
    }
    let better = match better {
        None => None,
        Some((unit, _)) if unit == on.unit => return Err(Rejection::BetterUnitIsYours),
        Some((unit, standing)) => {
            let oversight = decide::must_be_valid(&unit, standing)?;
            Some((unit, oversight))
        }
    };
    let next = match reason {
        ReturnReason::Conflict => decide::after_conflict(case, routed, &on.unit, above),
        _ => vec![decide::after_return(case, routed, better.clone())],
    };
    let returned = Event::CaseReturned {
        on,
        reason,
        better_unit: better.map(|(unit, _)| unit),
    };
    Ok(std::iter::once(returned).chain(next).collect())
}

pub(super) fn report_progress(
    case: &Case,
    on: &Notice,
    in_words: bool,
    committed: Option<Date>,
) -> Result<Vec<Event>, Rejection> {
    let accepted = acting(case, on)?.accepted;
    if !in_words && committed.is_none() {
        return Err(Rejection::AnswerRequired);
    }
    Ok(accepting(
        accepted,
        on,
        Event::ProgressReported {
            on: on.clone(),
            committed,
        },
    ))
}

pub(super) fn report_result(
    case: &Case,
    on: &Notice,
    outcome: Outcome,
    in_words: bool,
) -> Result<Vec<Event>, Rejection> {
    let accepted = acting(case, on)?.accepted;
    if !in_words {
        return Err(Rejection::AnswerRequired);
    }
    Ok(accepting(
        accepted,
        on,
        Event::ResultReported {
            on: on.clone(),
            outcome,
        },
    ))
}

/// A unit that works on a case has taken it on, whether or not it said so.
fn accepting(accepted: bool, on: &Notice, event: Event) -> Vec<Event> {
    if accepted {
        vec![event]
    } else {
        vec![Event::CaseAccepted(on.clone()), event]
    }
}
