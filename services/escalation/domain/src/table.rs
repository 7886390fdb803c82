//! The rule table: what each fact of a case ends, and what it opens.

use std::sync::Arc;

use kernel::taxonomy::{Destination, Level, Office};
use kernel::{EventId, Instant};
use vietnam::Calendar;

use crate::policy::{CaseFacts, Policy, What};

/// A fact that another service put on record, as far as obligations care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A person must confirm.
    ReviewRequested,
    /// A person confirmed.
    ReviewDecided,
    /// The case rests somewhere.
    CaseRouted {
        /// Whose order or opinion it waits for.
        office: Office,
        /// Where it rests.
        destination: Destination,
        /// Whether the leaders had agreed or a unit had the case by then: what comes back after that waits for an order only.
        past_opinion: bool,
    },
    /// Put before a unit.
    CaseDispatched {
        /// Which unit.
        unit: String,
        /// Which dispatch.
        revision: u32,
    },
    /// The unit takes it on.
    CaseAccepted {
        /// Which dispatch.
        revision: u32,
    },
    /// The unit says it is not theirs.
    CaseReturned {
        /// Which dispatch.
        revision: u32,
        /// The office that must find another.
        office: Office,
        /// Whether the same request already put it elsewhere.
        placed: bool,
    },
    /// Taken back from its unit.
    CaseRecalled {
        /// Which dispatch is over.
        dispatch: u32,
    },
    /// The unit's result.
    ResultReported {
        /// Which dispatch.
        revision: u32,
        /// Only a part is done: the rest is owed still, by the same time.
        partial: bool,
    },
    /// Level 1: the citizen was guided.
    GuidanceGiven,
    /// Level 3: the leaders said.
    OpinionGiven,
    /// The offices dispute whose it is.
    DisputeOpened {
        /// The office that must answer; none where the leaders must.
        answers: Option<Office>,
    },
    /// The other office refused: the leaders must decide.
    DisputeRefused,
    /// The other office was silent for too long: the leaders must decide.
    DisputeUnanswered,
    /// It is decided.
    DisputeDecided {
        /// The leaders did; else the other office agreed.
        by_leaders: bool,
    },
    /// Level 4: the dialogue was held.
    DialogueHeld,
    /// Level 5: the letter of thanks was sent.
    LetterSent,
    /// A closed case goes on, by this office.
    CaseReopened {
        /// Whose dialogue or letter is owed anew.
        office: Office,
    },
    /// Nothing is owed any more.
    CaseClosed,
}

/// How an obligation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was done.
    Met,
    /// Something else made it pointless.
    Overtaken,
}

/// Does `fact` end an obligation for `what` that belongs to dispatch `of` (0: to none)?
#[must_use]
pub fn end(what: What, of: u32, fact: &Fact) -> Option<End> {
    use What::{
        Acceptance, DeskAnswer, Dialogue, DispatchOrder, DisputeAnswer, DisputeDecision, Letter, Opinion,
        Result, Review,
    };
    match (fact, what) {
        (Fact::ReviewDecided, Review)
        | (Fact::GuidanceGiven, DeskAnswer)
        | (Fact::OpinionGiven, Opinion)
        | (Fact::DialogueHeld, Dialogue)
        | (Fact::LetterSent, Letter)
        | (Fact::DisputeRefused | Fact::DisputeDecided { by_leaders: false }, DisputeAnswer)
        | (Fact::DisputeDecided { .. }, DisputeDecision)
        | (Fact::CaseDispatched { .. }, DispatchOrder | Opinion) => Some(End::Met),

        (Fact::CaseAccepted { revision }, Acceptance) if *revision == of => Some(End::Met),
        (Fact::ResultReported { revision, .. }, Acceptance) if *revision == of => Some(End::Met),
        (
            Fact::ResultReported {
                revision,
                partial: false,
            },
            Result,
        ) if *revision == of => Some(End::Met),
        (Fact::CaseReturned { revision, .. }, Acceptance | Result) if *revision == of => Some(End::Overtaken),
        (Fact::CaseRecalled { dispatch }, Acceptance | Result) if *dispatch == of => Some(End::Overtaken),
        (Fact::CaseDispatched { revision, .. }, Acceptance | Result) if *revision > of => {
            Some(End::Overtaken)
        }

        (Fact::CaseRouted { .. }, DeskAnswer | Opinion | DispatchOrder)
        | (Fact::CaseDispatched { .. }, DeskAnswer)
        | (Fact::DisputeDecided { .. }, DisputeAnswer)
        | (Fact::CaseClosed, _) => Some(End::Overtaken),

        (
            Fact::ReviewRequested
            | Fact::ReviewDecided
            | Fact::CaseRouted { .. }
            | Fact::CaseDispatched { .. }
            | Fact::CaseAccepted { .. }
            | Fact::CaseReturned { .. }
            | Fact::CaseRecalled { .. }
            | Fact::ResultReported { .. }
            | Fact::GuidanceGiven
            | Fact::OpinionGiven
            | Fact::DisputeOpened { .. }
            | Fact::DisputeRefused
            | Fact::DisputeUnanswered
            | Fact::DisputeDecided { .. }
            | Fact::DialogueHeld
            | Fact::LetterSent
            | Fact::CaseReopened { .. },
            _,
        ) => None,
    }
}

/// What somebody owes from now on: what, who, and for which dispatch (0: for none).
pub(crate) type Debt = (What, String, u32);

/// What `fact` opens in a case of `level`.
pub(crate) fn opens(fact: &Fact, level: Level) -> Vec<Debt> {
    match fact {
        Fact::ReviewRequested => vec![(What::Review, "review".to_owned(), 0)],
        Fact::CaseRouted {
            destination: Destination::Desk,
            ..
        } => vec![(What::DeskAnswer, "desk".to_owned(), 0)],
        Fact::CaseRouted {
            destination: Destination::Office,
            office,
            past_opinion,
        } => {
            let what = if level == Level::THREE && !past_opinion {
                What::Opinion
            } else {
                What::DispatchOrder
            };
            std::iter::once((what, owner(*office), 0))
                .chain(in_the_end(level, *office))
                .collect()
        }
        Fact::CaseReopened { office } => in_the_end(level, *office).into_iter().collect(),
        Fact::CaseDispatched { unit, revision } => {
            let unit = format!("unit:{unit}");
            vec![
                (What::Acceptance, unit.clone(), *revision),
                (What::Result, unit, *revision),
            ]
        }
        Fact::CaseReturned {
            placed: false,
            office,
            ..
        } => vec![(What::DispatchOrder, owner(*office), 0)],
        Fact::DisputeOpened {
            answers: Some(office),
        } => vec![(What::DisputeAnswer, owner(*office), 0)],
        Fact::DisputeOpened { answers: None } | Fact::DisputeRefused | Fact::DisputeUnanswered => {
            vec![(What::DisputeDecision, "leaders".to_owned(), 0)]
        }

        Fact::CaseRouted {
            destination: Destination::Unit | Destination::Review | Destination::Police | Destination::None,
            ..
        }
        | Fact::CaseReturned { placed: true, .. }
        | Fact::CaseRecalled { .. }
        | Fact::ReviewDecided
        | Fact::CaseAccepted { .. }
        | Fact::ResultReported { .. }
        | Fact::GuidanceGiven
        | Fact::OpinionGiven
        | Fact::DisputeDecided { .. }
        | Fact::DialogueHeld
        | Fact::LetterSent
        | Fact::CaseClosed => Vec::new(),
    }
}

/// What the office owes the citizen itself, whatever the units do: without it a case of level 4 or 5 would go quiet after their result.
fn in_the_end(level: Level, office: Office) -> Option<Debt> {
    let what = match level {
        Level::FOUR => What::Dialogue,
        Level::FIVE => What::Letter,
        _ => return None,
    };
    Some((what, owner(office), 0))
}

fn owner(office: Office) -> String {
    format!("office:{office}")
}

/// The policy in force, under the name that decisions give it, and the calendar it counts by.
#[derive(Clone, Debug)]
pub struct Sla {
    /// The rules.
    pub policy: Policy,
    /// Their version.
    pub version: String,
    /// Which days offices work.
    pub calendar: Calendar,
}

/// A fact with what a decision on it needs.
#[derive(Clone, Debug)]
pub struct Note {
    /// The event that stated it.
    pub cause: EventId,
    /// Its type: what an overtaken obligation names.
    pub kind: String,
    /// When it was recorded: clocks start and stop by this.
    pub at: Instant,
    /// What it says.
    pub fact: Fact,
    /// What was known of the case by then.
    pub facts: CaseFacts,
    /// The policy in force at its position.
    pub sla: Arc<Sla>,
}
