//! Routing of one case: what was decided and answered so far, and what a command leads to.

mod decide;
mod desk;
mod dispute;

use jiff::civil::Date;
use kernel::Decider;
use kernel::taxonomy::{Destination, Office};

use crate::facts::Facts;
use crate::policy::Routed;
use crate::rejection::Rejection;
use crate::unit::{Standing, UnitCode};
use crate::words::{Basis, Outcome, RecallReason, ReturnReason};
use dispute::Disputes;

pub use dispute::{Before, Dispute, DisputeEvent, Ruling};

/// The rules of `routing/<case>`.
pub struct Routing;

/// What somebody wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Classification or a person decided what the report is; this is what the policy says of it.
    Route(Routed),
    /// The leaders gave their opinion on a case of level 3.
    HearOpinion {
        /// Whether they agree that it is sent on.
        agree: bool,
    },
    /// The case goes on after it was closed.
    TakeUpAgain {
        /// The citizen or the office says that it was with the wrong unit.
        wrong_unit: bool,
        /// Who has the tasks of the unit that had it last, on the day of reopening.
        again: Option<UnitCode>,
    },
    /// Its content was erased: nobody can act on it any more.
    TakeBack,
    /// The office's order.
    DispatchOnOrder {
        /// Before whom.
        unit: UnitCode,
        /// How that code stands on the day.
        standing: Standing,
    },
    /// What the offices and the leaders say in a dispute.
    Dispute(Dispute),
    /// The unit takes the case on.
    Accept(Notice),
    /// The unit gives it back.
    Return {
        /// Which dispatch.
        on: Notice,
        /// Why.
        reason: ReturnReason,
        /// Whether a reason in words comes with it.
        in_words: bool,
        /// Whose it is, if the unit knows, and how that code stands.
        better: Option<(UnitCode, Standing)>,
        /// The level above the unit on the day of the act, that the report is not about.
        above: Option<UnitCode>,
    },
    /// Work goes on.
    ReportProgress {
        /// Which dispatch.
        on: Notice,
        /// Whether words for the citizen come with it.
        in_words: bool,
        /// The date promised.
        committed: Option<Date>,
    },
    /// The unit's result.
    ReportResult {
        /// Which dispatch.
        on: Notice,
        /// What came of it.
        outcome: Outcome,
        /// Whether words for the citizen come with it.
        in_words: bool,
    },
}

/// Which dispatch a unit speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The unit that speaks.
    pub unit: UnitCode,
    /// The revision it was told.
    pub revision: u32,
}

/// What happened: routing's own events, and what it hears of the case from feedback.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The policy named office, units and resting place.
    CaseRouted(Routed),
    /// Taken back from a unit that had not answered.
    CaseRecalled {
        /// Which dispatch.
        on: Notice,
        /// On whose behalf it was there.
        office: Office,
        /// Of its own, dense per case together with those of dispatches.
        revision: u32,
        /// Why.
        reason: RecallReason,
    },
    /// Put before a unit; any earlier dispatch is over.
    CaseDispatched {
        /// Before whom.
        unit: UnitCode,
        /// On whose behalf.
        office: Office,
        /// Dense per case, from 1.
        revision: u32,
        /// Why now.
        basis: Basis,
    },
    /// The unit takes it on.
    CaseAccepted(Notice),
    /// The unit gave it back.
    CaseReturned {
        /// Which dispatch.
        on: Notice,
        /// Why.
        reason: ReturnReason,
        /// Whose it is.
        better_unit: Option<UnitCode>,
    },
    /// Work goes on.
    ProgressReported {
        /// Which dispatch.
        on: Notice,
        /// The date promised.
        committed: Option<Date>,
    },
    /// The unit's result.
    ResultReported {
        /// Which dispatch.
        on: Notice,
        /// What came of it.
        outcome: Outcome,
    },
    /// Of a dispute between the offices.
    Dispute(DisputeEvent),
    /// Feedback's fact; never decided here.
    Heard(Heard),
}

/// Facts of feedback that bear on routing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The leaders' opinion.
    OpinionGiven {
        /// Whether they agree.
        agree: bool,
    },
    /// The obligations of its level are met.
    CaseClosed,
    /// It goes on.
    CaseReopened,
}

/// What the past amounts to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Case {
    routed: Option<Routed>,
    /// Dispatches and recalls.
    dispatches: Vec<Dispatch>,
    agreed: bool,
    closed: bool,
    reopened: bool,
    disputes: Disputes,
}

/// One dispatch; its revision is its place in the list, from 1. A recall stands there as one that was over at once.
#[derive(Clone, Debug, PartialEq)]
struct Dispatch {
    unit: UnitCode,
    accepted: bool,
    end: Option<End>,
}

/// How a dispatch ended for its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Returned,
    Answered,
    Recalled,
}

impl Decider for Routing {
    type State = Case;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(case: &Case, command: Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Route(routed) => Ok(decide::route(case, routed)),
            Command::HearOpinion { agree } => Ok(decide::hear_opinion(case, agree)),
            Command::TakeUpAgain { wrong_unit, again } => Ok(decide::take_up_again(case, wrong_unit, again)),
            Command::TakeBack => Ok(decide::take_back(case)),
            Command::DispatchOnOrder { unit, standing } => decide::dispatch_on_order(case, unit, standing),
            Command::Dispute(said) => dispute::decide(case, said),
            Command::Accept(on) => desk::accept(case, on),
            Command::Return {
                on,
                reason,
                in_words,
                better,
                above,
            } => desk::give_back(case, on, reason, in_words, better, above),
            Command::ReportProgress {
                on,
                in_words,
                committed,
            } => desk::report_progress(case, &on, in_words, committed),
            Command::ReportResult {
                on,
                outcome,
                in_words,
            } => desk::report_result(case, &on, outcome, in_words),
        }
    }

    fn evolve(mut case: Case, event: &Event) -> Case {
        match event {
            Event::CaseRouted(routed) => {
                case.routed = Some(routed.clone());
                case.reopened = false;
            }
            Event::CaseDispatched { unit, .. } => {
                case.dispatches.push(Dispatch {
                    unit: unit.clone(),
                    accepted: false,
                    end: None,
                });
                case.reopened = false;
            }
            Event::CaseRecalled { on, .. } => {
                case.on(on, |dispatch| dispatch.end = Some(End::Recalled));
                case.dispatches.push(Dispatch {
                    unit: on.unit.clone(),
                    accepted: false,
                    end: Some(End::Recalled),
                });
            }
            Event::CaseAccepted(on) => case.on(on, |dispatch| dispatch.accepted = true),
            Event::CaseReturned { on, .. } => case.on(on, |dispatch| dispatch.end = Some(End::Returned)),
            Event::ProgressReported { .. } => {}
            // A part done is no answer: the unit has the case still.
            Event::ResultReported {
                outcome: Outcome::PartlyDone,
                ..
            } => {}
            Event::ResultReported { on, .. } => case.on(on, |dispatch| dispatch.end = Some(End::Answered)),
            Event::Heard(Heard::OpinionGiven { agree }) => case.agreed = *agree,
            Event::Dispute(event) => case.disputes.evolve(event),
            Event::Heard(Heard::CaseClosed) => {
                case.closed = true;
                case.disputes.end();
            }
            Event::Heard(Heard::CaseReopened) => {
                case.closed = false;
                case.reopened = true;
            }
        }
        case
    }
}

impl Case {
    fn on(&mut self, notice: &Notice, change: impl FnOnce(&mut Dispatch)) {
        let index = (notice.revision as usize).checked_sub(1);
        if let Some(dispatch) = index.and_then(|i| self.dispatches.get_mut(i)) {
            change(dispatch);
        }
    }

    /// Revision of the last dispatch or recall; 0 before the first.
    #[must_use]
    pub fn revision(&self) -> u32 {
        u32::try_from(self.dispatches.len()).unwrap_or(u32::MAX)
    }

    /// What the last routing said.
    #[must_use]
    pub fn routed(&self) -> Option<&Routed> {
        self.routed.as_ref()
    }

    /// The unit that had the case last, whether or not it has it still.
    #[must_use]
    pub fn last_unit(&self) -> Option<&UnitCode> {
        self.dispatches.last().map(|dispatch| &dispatch.unit)
    }

    /// Whether the case is before this unit by that dispatch: the current one, not given back.
    ///
    /// # Errors
    /// The fact that says it is not.
    pub fn is_before(&self, notice: &Notice) -> Result<(), Rejection> {
        desk::holding(self, notice).map(|_| ())
    }

    /// Whom the report is about, as far as the policy's rules and the units themselves said.
    #[must_use]
    pub fn about(&self) -> &[UnitCode] {
        let conflict = self
            .routed
            .as_ref()
            .and_then(|routed| routed.inputs.conflict.as_ref());
        conflict.map_or(&[], |conflict| &conflict.about)
    }

    /// How often the case was given back since it was first put before a unit.
    fn bounces(&self) -> usize {
        self.dispatches
            .iter()
            .filter(|dispatch| dispatch.end == Some(End::Returned))
            .count()
    }

    /// Whether the unit's answer is on record and nothing was opened again since.
    fn answered(&self) -> bool {
        let last = self.dispatches.last();
        last.is_some_and(|last| last.end == Some(End::Answered)) && !self.reopened
    }

    /// Whether nothing goes to a unit, because the offices dispute whose it is. An emergency does not wait for that.
    fn held_by_dispute(&self) -> bool {
        self.disputes.is_open() && !self.facts().is_some_and(Facts::emergency)
    }

    fn facts(&self) -> Option<&Facts> {
        self.routed.as_ref().map(|routed| &routed.inputs.facts)
    }

    fn destination(&self) -> Option<Destination> {
        self.routed.as_ref().map(|routed| routed.destination)
    }
}
