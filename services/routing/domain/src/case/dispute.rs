//! A dispute between the two offices, whether a case is Party building or State management: opened by the office that has it, answered
//! by the other, decided by the leaders where they disagree. The case stays where it is until then, and goes to no further unit.

use kernel::taxonomy::{Destination, Office};

use super::{Case, Event, decide};
use crate::policy::Routed;
use crate::rejection::Rejection;
use crate::words::{Basis, DisputeReason, RecallReason};

/// Clause of a routing that follows from no clause of the policy alone: the dispute named the office, the policy its units.
const DISPUTE: &str = "dispute";

/// What the offices and the leaders say.
#[derive(Clone, Debug, PartialEq)]
pub enum Dispute {
    /// The office that has the case says that it is the other's.
    Open {
        /// Who says so.
        by: Office,
        /// Why.
        reason: DisputeReason,
        /// Whether words come with it.
        in_words: bool,
    },
    /// The other office takes it.
    Agree {
        /// Who says so.
        by: Office,
        /// What the policy says of the case as one of that office.
        routed: Routed,
    },
    /// The other office does not: the leaders decide.
    Refuse {
        /// Who says so.
        by: Office,
        /// Whether words come with it.
        in_words: bool,
    },
    /// The leaders name the office. They may at any time, also while the other office is silent.
    Decide {
        /// Whose it is.
        office: Office,
        /// Why.
        reason: DisputeReason,
        /// What the policy says of the case as one of that office.
        routed: Routed,
    },
}

/// What happened in a dispute; each has a number, from 1 in its case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisputeEvent {
    /// It began.
    Opened {
        /// Its number.
        number: u32,
        /// The office that has the case, and says that it is the other's.
        from: Office,
        /// Why.
        reason: DisputeReason,
        /// Who answers.
        before: Before,
    },
    /// The other office did not agree.
    Refused {
        /// Its number.
        number: u32,
        /// Who.
        by: Office,
    },
    /// It is over.
    Decided {
        /// Its number.
        number: u32,
        /// Whose the case is.
        office: Office,
        /// Whether it was the other's until then.
        moved: bool,
        /// By whom and why.
        ruling: Ruling,
    },
}

/// Who answers next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// The office that does not have the case.
    OtherOffice,
    /// The leaders.
    Leaders,
}

/// By whom a dispute was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// The other office agreed.
    Agreed,
    /// The leaders decided, for this reason.
    Leaders(DisputeReason),
}

/// The disputes of a case: how many, and who answers the one that is open.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Disputes {
    last: u32,
    open: Option<(Office, Before)>,
}

impl Disputes {
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// A closed case is nobody's to dispute.
    pub(super) fn end(&mut self) {
        self.open = None;
    }

    pub(super) fn evolve(&mut self, event: &DisputeEvent) {
        match *event {
            DisputeEvent::Opened {
                number, from, before, ..
            } => {
                self.last = number;
                self.open = Some((from, before));
            }
            DisputeEvent::Refused { .. } => {
                self.open = self.open.map(|(from, _)| (from, Before::Leaders));
            }
            DisputeEvent::Decided { .. } => self.open = None,
        }
    }
}

pub(super) fn decide(case: &Case, said: Dispute) -> Result<Vec<Event>, Rejection> {
    let current = case.routed.as_ref().ok_or(Rejection::NotRoutedYet)?;
    if case.closed {
        return Err(Rejection::CaseClosed);
    }
    let number = case.disputes.last;
    match said {
        Dispute::Open { by, reason, in_words } => open(case, current, by, reason, in_words),
        Dispute::Agree { by, routed } => {
            answers(case, by)?;
            Ok(decided(case, current, by, Ruling::Agreed, routed))
        }
        Dispute::Refuse { by, in_words } => {
            answers(case, by)?;
            if !in_words {
                return Err(Rejection::ReasonRequired);
            }
            Ok(vec![Event::Dispute(DisputeEvent::Refused { number, by })])
        }
        Dispute::Decide { .. } if !case.disputes.is_open() => Err(Rejection::NoDispute),
        Dispute::Decide {
            office,
            reason,
            routed,
        } => Ok(decided(case, current, office, Ruling::Leaders(reason), routed)),
    }
}

fn open(
    case: &Case,
    current: &Routed,
    by: Office,
    reason: DisputeReason,
    in_words: bool,
) -> Result<Vec<Event>, Rejection> {
    match current.destination {
        Destination::Office | Destination::Unit => {}
        Destination::Review => return Err(Rejection::NotRoutedYet),
        Destination::Desk | Destination::Police | Destination::None => {
            return Err(Rejection::NothingToDispute);
        }
    }
    if current.office != by {
        return Err(Rejection::OtherOffice(current.office));
    }
    if case.disputes.is_open() {
        return Err(Rejection::AlreadyDisputed);
    }
    if case.answered() {
        return Err(Rejection::AlreadyAnswered);
    }
    let again = case.disputes.last > 0;
    if again && reason != DisputeReason::NewFacts {
        return Err(Rejection::DisputedBefore);
    }
    if !in_words {
        return Err(Rejection::ReasonRequired);
    }
    let before = if again {
        Before::Leaders
    } else {
        Before::OtherOffice
    };
    Ok(vec![Event::Dispute(DisputeEvent::Opened {
        number: case.disputes.last + 1,
        from: by,
        reason,
        before,
    })])
}

/// Whether it is this office that answers now.
fn answers(case: &Case, by: Office) -> Result<(), Rejection> {
    match case.disputes.open {
        None => Err(Rejection::NoDispute),
        Some((_, Before::Leaders)) => Err(Rejection::BeforeLeaders),
        Some((from, Before::OtherOffice)) if from == by => Err(Rejection::OtherOffice(from.other())),
        Some((_, Before::OtherOffice)) => Ok(()),
    }
}

fn decided(case: &Case, current: &Routed, office: Office, ruling: Ruling, routed: Routed) -> Vec<Event> {
    let moved = office != current.office;
    let decided = Event::Dispute(DisputeEvent::Decided {
        number: case.disputes.last,
        office,
        moved,
        ruling,
    });
    let next = if moved {
        moves(case, current, office, routed)
    } else {
        stays(case, current)
    };
    std::iter::once(decided).chain(next).collect()
}

/// What the leaders agreed to meanwhile was held until now.
fn stays(case: &Case, current: &Routed) -> Vec<Event> {
    match current.units.first() {
        Some(unit) if agreed(case) && case.dispatches.is_empty() && case.held_by_dispute() => {
            decide::dispatch(case, unit.clone(), Basis::OpinionAgreed)
        }
        _ => Vec::new(),
    }
}

/// The case is the other office's: it leaves its unit for the one that the policy names now, at once where its level says so. Whoever
/// helps in an emergency goes on, and what is answered stays answered: only the office is another.
fn moves(case: &Case, current: &Routed, office: Office, routed: Routed) -> Vec<Event> {
    let routed = Routed {
        office,
        clause: DISPUTE.to_owned(),
        ..routed
    };
    if case.answered() || current.inputs.facts.emergency() {
        return vec![Event::CaseRouted(Routed {
            units: current.units.clone(),
            destination: current.destination,
            ..routed
        })];
    }
    let at_once = routed.destination == Destination::Unit || agreed(case);
    let lead = routed.units.first().filter(|_| at_once).cloned();
    let holder = case.dispatches.last().filter(|last| last.end.is_none());
    if lead.is_some() && holder.map(|it| &it.unit) == lead.as_ref() {
        return vec![Event::CaseRouted(routed)];
    }
    let recalled = decide::recall(case, RecallReason::Elsewhere);
    let revision = case.revision() + 1 + u32::from(recalled.is_some());
    let dispatched = lead.map(|unit| Event::CaseDispatched {
        unit,
        office,
        revision,
        basis: Basis::Dispute,
    });
    let routed = Event::CaseRouted(routed);
    recalled.into_iter().chain([routed]).chain(dispatched).collect()
}

/// Level 3, and the leaders said yes.
fn agreed(case: &Case) -> bool {
    case.agreed && decide::level(case) == Some(3)
}
