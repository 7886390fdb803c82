//! What a unit does: accept, return, ask, join, progress, result; each only on what stands, and only from the unit it names.

use jiff::civil::Date;
use kernel::taxonomy::Destination;

use super::{Case, Dispatch, End, Event, Notice, Role, decide};
use crate::rejection::Rejection;
use crate::unit::{Standing, UnitCode};
use crate::words::{JoinBasis, Outcome, ReturnReason};

/// Most units that take part in one case.
const MOST_JOINED: usize = 7;
/// Most questions that wait for the citizen at a time.
const MOST_OPEN: usize = 3;
/// Most questions of one case.
const MOST_QUESTIONS: usize = 10;

/// What a unit has of a case.
pub(super) struct Held<'a> {
    dispatch: &'a Dispatch,
    /// The notice that put it before the unit.
    on: Notice,
}

/// What the unit speaks of, if it stands: the current dispatch, or its part in it, and not given back.
pub(super) fn holding<'a>(case: &'a Case, notice: &Notice) -> Result<Held<'a>, Rejection> {
    if case.routed.is_none() {
        return Err(Rejection::NotRoutedYet);
    }
    let lead = case.lead().map_or(0, |(revision, _)| revision);
    let stands = |revision: u32, it: &Dispatch| match it.role {
        Role::Lead => revision == lead,
        Role::Coordinating => it.end.is_none(),
        Role::More(_) => false,
    };
    let own = (1..)
        .zip(&case.dispatches)
        .filter(|(_, it)| it.unit == notice.unit);
    let held = own.filter(|(revision, it)| stands(*revision, it)).last();
    let old = Rejection::OldRevision {
        given: notice.revision,
        current: held.map_or(lead, |(revision, _)| revision),
    };
    let named = |revision: u32| {
        let it = case.dispatches.get((revision as usize).checked_sub(1)?)?;
        Some((revision, it))
    };
    let named = match named(notice.revision) {
        Some((
            _,
            Dispatch {
                role: Role::More(of), ..
            },
        )) => named(*of),
        other => other,
    };
    match named {
        // A revision of its own that it returned stays returned, whoever has the case now.
        Some((_, it)) if it.unit == notice.unit && it.end == Some(End::Returned) => {
            Err(Rejection::AlreadyReturned)
        }
        Some((_, it)) if it.unit == notice.unit && it.end == Some(End::Recalled) => Err(Rejection::Recalled),
        Some((revision, dispatch)) if dispatch.unit == notice.unit && stands(revision, dispatch) => {
            Ok(Held {
                dispatch,
                on: Notice {
                    unit: notice.unit.clone(),
                    revision,
                },
            })
        }
        Some((_, it)) if it.unit == notice.unit => Err(old),
        _ if held.is_some() => Err(old),
        // Nothing is told to a unit about a case it never had.
        _ => Err(Rejection::NotYourCase),
    }
}

/// The same, for acts that need the case unanswered and open. What the police do after a crime report left the house is recorded
/// although the case is closed.
fn acting<'a>(case: &'a Case, notice: &Notice) -> Result<Held<'a>, Rejection> {
    let held = holding(case, notice)?;
    if case
        .lead()
        .is_some_and(|(_, lead)| lead.end == Some(End::Answered))
    {
        return Err(Rejection::AlreadyAnswered);
    }
    if case.closed && case.destination() != Some(Destination::Police) {
        return Err(Rejection::CaseClosed);
    }
    Ok(held)
}

/// The same, for what only the lead unit does.
fn leading<'a>(case: &'a Case, notice: &Notice) -> Result<Held<'a>, Rejection> {
    let held = holding(case, notice)?;
    if let (Role::Coordinating, Some(lead)) = (held.dispatch.role, case.last_unit()) {
        return Err(Rejection::LeadOnly(lead.clone()));
    }
    acting(case, notice)
}

pub(super) fn accept(case: &Case, on: &Notice) -> Result<Vec<Event>, Rejection> {
    if holding(case, on)?.dispatch.accepted {
        return Ok(Vec::new());
    }
    Ok(vec![Event::CaseAccepted(leading(case, on)?.on)])
}

/// The question goes to the citizen; whatever is owed meanwhile stays owed.
pub(super) fn ask(case: &Case, on: &Notice, in_words: bool) -> Result<Vec<Event>, Rejection> {
    let held = leading(case, on)?;
    if case.closed {
        return Err(Rejection::CaseClosed);
    }
    if !in_words {
        return Err(Rejection::AnswerRequired);
    }
    let open = case
        .questions
        .iter()
        .filter(|it| !it.answered && it.dispatch == held.on.revision);
    if open.count() >= MOST_OPEN {
        return Err(Rejection::TooManyOpen(MOST_OPEN));
    }
    if case.questions.len() >= MOST_QUESTIONS {
        return Err(Rejection::TooManyQuestions(MOST_QUESTIONS));
    }
    let asked = Event::QuestionAsked {
        on: held.on.clone(),
        question: number(case.questions.len()) + 1,
    };
    Ok(accepting(&held, asked))
}

pub(super) fn answer(case: &Case, question: u32, in_words: bool) -> Result<Vec<Event>, Rejection> {
    let index = (question as usize).checked_sub(1);
    let asked = index.and_then(|i| case.questions.get(i));
    let asked = asked.ok_or(Rejection::UnknownQuestion)?;
    if asked.answered {
        return Err(Rejection::QuestionAnswered);
    }
    let (Some((revision, lead)), Some(routed)) = (case.lead(), &case.routed) else {
        return Err(Rejection::QuestionOver);
    };
    if case.closed || revision != asked.dispatch || lead.end.is_some() {
        return Err(Rejection::QuestionOver);
    }
    if !in_words {
        return Err(Rejection::AnswerRequired);
    }
    Ok(vec![Event::QuestionAnswered {
        on: Notice {
            unit: lead.unit.clone(),
            revision,
        },
        office: routed.office,
        revision: case.revision() + 1,
        question,
    }])
}

/// The other unit gets a notice of its own. A report about it never reaches it so, and one that may accuse reaches oversight only: who
/// has a case does not choose who else reads it.
pub(super) fn join(
    case: &Case,
    on: &Notice,
    unit: UnitCode,
    standing: Standing,
    in_words: bool,
) -> Result<Vec<Event>, Rejection> {
    let held = leading(case, on)?;
    let Some(routed) = &case.routed else {
        return Err(Rejection::NotRoutedYet);
    };
    if case.closed {
        return Err(Rejection::CaseClosed);
    }
    if unit == held.on.unit {
        return Err(Rejection::BetterUnitIsYours);
    }
    let oversight = decide::must_be_valid(&unit, standing)?;
    if routed.inputs.facts.guarded() && !oversight {
        return Err(Rejection::OversightOnly);
    }
    if case.joined().any(|(_, it)| it.unit == unit) {
        return Ok(Vec::new());
    }
    if !in_words {
        return Err(Rejection::ReasonRequired);
    }
    if case.joined().count() >= MOST_JOINED {
        return Err(Rejection::TooManyUnits(MOST_JOINED));
    }
    let joined = Event::UnitJoined {
        on: Notice {
            unit,
            revision: case.revision() + 1,
        },
        office: routed.office,
        dispatch: held.on.revision,
        basis: JoinBasis::LeadAsked,
    };
    Ok(accepting(&held, joined))
}

pub(super) fn give_back(
    case: &Case,
    on: &Notice,
    reason: ReturnReason,
    in_words: bool,
    better: Option<(UnitCode, Standing)>,
    above: Option<UnitCode>,
) -> Result<Vec<Event>, Rejection> {
    let on = leading(case, on)?.on;
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
    let recalled = decide::recall_joined(case);
    let revision = case.revision() + number(recalled.len()) + 1;
    let next = match reason {
        ReturnReason::Conflict => decide::after_conflict(case, routed, &on.unit, above, revision),
        _ => vec![decide::after_return(case, routed, better.clone(), revision)],
    };
    let returned = Event::CaseReturned {
        on,
        reason,
        better_unit: better.map(|(unit, _)| unit),
    };
    Ok(std::iter::once(returned).chain(recalled).chain(next).collect())
}

pub(super) fn report_progress(
    case: &Case,
    on: &Notice,
    in_words: bool,
    committed: Option<Date>,
) -> Result<Vec<Event>, Rejection> {
    let held = acting(case, on)?;
    if !in_words && committed.is_none() {
        return Err(Rejection::AnswerRequired);
    }
    let reported = Event::ProgressReported {
        on: held.on.clone(),
        committed,
    };
    Ok(accepting(&held, reported))
}

pub(super) fn report_result(
    case: &Case,
    on: &Notice,
    outcome: Outcome,
    in_words: bool,
) -> Result<Vec<Event>, Rejection> {
    let held = leading(case, on)?;
    if !in_words {
        return Err(Rejection::AnswerRequired);
    }
    let reported = Event::ResultReported {
        on: held.on.clone(),
        outcome,
    };
    Ok(accepting(&held, reported))
}

/// A lead unit that works on a case has taken it on, whether or not it said so.
fn accepting(held: &Held<'_>, event: Event) -> Vec<Event> {
    if held.dispatch.accepted || held.dispatch.role == Role::Coordinating {
        vec![event]
    } else {
        vec![Event::CaseAccepted(held.on.clone()), event]
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
