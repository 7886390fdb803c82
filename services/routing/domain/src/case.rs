//! Routing of one case: what was decided and answered so far, and what a command leads to.

mod decide;
mod desk;

use jiff::civil::Date;
use kernel::Decider;
use kernel::taxonomy::{Destination, Office};

use crate::facts::Facts;
use crate::policy::Routed;
use crate::rejection::Rejection;
use crate::unit::{Standing, UnitCode};
use crate::words::{Basis, JoinBasis, Outcome, RecallReason, ReturnReason};

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
    /// Nobody is to act on it by itself any more: its content was erased, or it was merged into another case.
    TakeBack(RecallReason),
    /// It is a case of its own again: on from where it was when it was merged.
    GoOn {
        /// What the policy says of it, if it was not routed before.
        route: Option<Routed>,
        /// Who has the tasks of the unit that had it last, on the day of parting.
        again: Option<UnitCode>,
    },
    /// The office's order.
    DispatchOnOrder {
        /// Before whom.
        unit: UnitCode,
        /// How that code stands on the day.
        standing: Standing,
    },
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
    /// It asks the citizen.
    Ask {
        /// Which dispatch.
        on: Notice,
        /// Whether the question comes with it.
        in_words: bool,
    },
    /// The citizen's answer.
    Answer {
        /// Which question of the case.
        question: u32,
        /// Whether words come with it.
        in_words: bool,
    },
    /// The lead unit wants another to take part.
    Join {
        /// Which dispatch.
        on: Notice,
        /// Which unit.
        unit: UnitCode,
        /// How that code stands.
        standing: Standing,
        /// Whether it says in words what the other is to do.
        in_words: bool,
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
    /// Another unit takes part.
    UnitJoined {
        /// Its notice, dense per case together with those of dispatches.
        on: Notice,
        /// On whose behalf.
        office: Office,
        /// The dispatch it takes part in.
        dispatch: u32,
        /// Why.
        basis: JoinBasis,
    },
    /// The citizen was asked.
    QuestionAsked {
        /// Which dispatch.
        on: Notice,
        /// Dense per case, from 1.
        question: u32,
    },
    /// The citizen answered.
    QuestionAnswered {
        /// The dispatch in which it was asked.
        on: Notice,
        /// On whose behalf.
        office: Office,
        /// Of the notice that tells the unit.
        revision: u32,
        /// Which question.
        question: u32,
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
    /// Feedback's fact; never decided here.
    Heard(Heard),
}

/// Facts of feedback and classification that bear on routing.
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
    /// It is handled with another case.
    CaseMerged,
    /// It is one of its own again.
    CaseParted,
}

/// What the past amounts to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Case {
    routed: Option<Routed>,
    /// All that units were told.
    dispatches: Vec<Dispatch>,
    questions: Vec<Question>,
    agreed: bool,
    closed: bool,
    reopened: bool,
    merged: bool,
    /// A unit had it when it was merged, and none since.
    taken_out: bool,
}

/// One notice, most of them dispatches; its revision is its place in the list, from 1. A recall stands there as one that was over at once.
#[derive(Clone, Debug, PartialEq)]
struct Dispatch {
    unit: UnitCode,
    role: Role,
    accepted: bool,
    end: Option<End>,
}

/// What a notice makes of its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// It has the case.
    Lead,
    /// It takes part.
    Coordinating,
    /// It is told more about what it has by that revision.
    More(u32),
}

/// A question to the citizen; its number is its place in the list, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Question {
    dispatch: u32,
    answered: bool,
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
            Command::TakeBack(reason) => Ok(decide::take_back(case, reason)),
            Command::GoOn { route, again } => Ok(decide::go_on(case, route, again)),
            Command::DispatchOnOrder { unit, standing } => decide::dispatch_on_order(case, unit, standing),
            Command::Accept(on) => desk::accept(case, &on),
            Command::Return {
                on,
                reason,
                in_words,
                better,
                above,
            } => desk::give_back(case, &on, reason, in_words, better, above),
            Command::Ask { on, in_words } => desk::ask(case, &on, in_words),
            Command::Answer { question, in_words } => desk::answer(case, question, in_words),
            Command::Join {
                on,
                unit,
                standing,
                in_words,
            } => desk::join(case, &on, unit, standing, in_words),
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
                case.taken_out = false;
            }
            Event::CaseDispatched { unit, .. } => {
                case.told(unit, Role::Lead);
                case.reopened = false;
                case.taken_out = false;
            }
            Event::CaseRecalled { on, reason, .. } => {
                let mut role = Role::Lead;
                case.on(on, |dispatch| {
                    dispatch.end = Some(End::Recalled);
                    role = dispatch.role;
                });
                let recall = case.told(&on.unit, role);
                recall.end = Some(End::Recalled);
                if role == Role::Lead {
                    case.taken_out = *reason == RecallReason::Merged;
                }
            }
            Event::UnitJoined { on, .. } => {
                case.told(&on.unit, Role::Coordinating);
            }
            Event::QuestionAsked { on, .. } => case.questions.push(Question {
                dispatch: on.revision,
                answered: false,
            }),
            Event::QuestionAnswered { on, question, .. } => {
                let index = (*question as usize).checked_sub(1);
                if let Some(question) = index.and_then(|i| case.questions.get_mut(i)) {
                    question.answered = true;
                }
                case.told(&on.unit, Role::More(on.revision));
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
            Event::Heard(Heard::CaseClosed) => case.closed = true,
            Event::Heard(Heard::CaseReopened) => {
                case.closed = false;
                case.reopened = true;
            }
            Event::Heard(Heard::CaseMerged) => case.merged = true,
            Event::Heard(Heard::CaseParted) => case.merged = false,
        }
        case
    }
}

impl Case {
    fn told(&mut self, unit: &UnitCode, role: Role) -> &mut Dispatch {
        let index = self.dispatches.len();
        self.dispatches.push(Dispatch {
            unit: unit.clone(),
            role,
            accepted: false,
            end: None,
        });
        &mut self.dispatches[index]
    }

    /// The last dispatch (or recall of one) and its revision.
    fn lead(&self) -> Option<(u32, &Dispatch)> {
        (1..)
            .zip(&self.dispatches)
            .filter(|(_, notice)| notice.role == Role::Lead)
            .last()
    }

    /// Who takes part, by which revision.
    fn joined(&self) -> impl Iterator<Item = (u32, &Dispatch)> {
        let standing = |notice: &Dispatch| notice.role == Role::Coordinating && notice.end.is_none();
        (1..)
            .zip(&self.dispatches)
            .filter(move |(_, notice)| standing(notice))
    }

    fn on(&mut self, notice: &Notice, change: impl FnOnce(&mut Dispatch)) {
        let index = (notice.revision as usize).checked_sub(1);
        if let Some(dispatch) = index.and_then(|i| self.dispatches.get_mut(i)) {
            change(dispatch);
        }
    }

    /// Revision of the last notice; 0 before the first.
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
        self.lead().map(|(_, dispatch)| &dispatch.unit)
    }

    /// Whether the case is before this unit by that notice: a current one, not given back; whether it leads or takes part.
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

    fn facts(&self) -> Option<&Facts> {
        self.routed.as_ref().map(|routed| &routed.inputs.facts)
    }

    fn destination(&self) -> Option<Destination> {
        self.routed.as_ref().map(|routed| routed.destination)
    }
}
