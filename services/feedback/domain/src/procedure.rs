//! `feedback/<case>`: what comes back to the citizen at the case's level, and when the case is done.
//!
//! | level | told | done when |
//! |---|---|---|
//! | 1 | received, guidance | the operator guided the caller |
//! | 2 | received, forwarded, each question, progress and part done, result | the result was told; a part done is no result |
//! | 3 | as 2, after the leaders agree; told so if they decline | the result was told, or the refusal |
//! | 4 | as 2, after the office's order; that the dialogue is on record | the dialogue was held **and** the result told |
//! | 5 | as 2 if a unit is asked; the letter of thanks | the letter was sent |
//! | police | received, forwarded | forwarded: the law's own clock runs there |
//! | not a report | nothing beyond the receipt | at once |
//! | merged | that it is handled with others; whatever the other case's citizen is told, from then on | the other case is done |

use std::collections::BTreeSet;

use kernel::Decider;
use kernel::taxonomy::{Destination, Level};

use crate::facts::Facts;
use crate::words::{Closing, Opinion, Reopening, Way, What};

/// The rules.
pub struct Procedure;

/// What is to be done, with what is known at that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// What.
    pub act: Act,
    /// What the other services have on record.
    pub facts: Facts,
    /// How the citizen can be reached.
    pub way: Way,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A report is on record: tell the citizen so.
    Acknowledge,
    /// Routing named where it rests: do what follows from that.
    FollowRouting {
        /// Position of the routing.
        routing: u64,
        /// Where it rests.
        destination: Destination,
    },
    /// It was put before a unit: tell the citizen which.
    TellForwarded {
        /// Which dispatch.
        revision: u32,
    },
    /// A unit reported how far it is: tell the citizen.
    TellProgress {
        /// Which dispatch.
        revision: u32,
    },
    /// A unit asks the citizen: put the question to them.
    PutQuestion {
        /// Which dispatch.
        revision: u32,
    },
    /// A unit reported a result: tell the citizen.
    TellResult {
        /// Which dispatch.
        revision: u32,
        /// Only a part is done: the unit goes on, and so does the case.
        partial: bool,
    },
    /// Level 1: the operator's guidance.
    AnswerAtDesk,
    /// Level 3: the leaders' opinion.
    GiveOpinion(Opinion),
    /// Level 4: the dialogue was held.
    RecordDialogue,
    /// Level 5: the letter of thanks.
    SendLetter,
    /// A closed case goes on.
    Reopen(Reopening),
    /// It was merged into another case: tell the citizen that it is handled with others.
    TellMerged,
    /// The citizen of the case it was merged into was told something: tell this one too.
    TellWithOther(What),
    /// The case it was merged into is done.
    CloseWithOther(Closing),
    /// The case it was merged into goes on.
    ReopenWithOther(Reopening),
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The citizen was told.
    CitizenTold {
        /// What.
        what: What,
        /// How.
        way: Way,
        /// About which dispatch; 0 for none.
        revision: u32,
    },
    /// Level 1: guidance.
    GuidanceGiven,
    /// Level 3: a submission waits for the leaders.
    SubmissionDrafted {
        /// Position of the routing that asked for it.
        routing: u64,
    },
    /// Level 3: their opinion.
    OpinionGiven(Opinion),
    /// Level 4: the dialogue.
    DialogueHeld,
    /// Level 5: the letter.
    LetterSent,
    /// Done.
    CaseClosed(Closing),
    /// It goes on.
    CaseReopened(Reopening),
}

/// Where the procedure stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    told: BTreeSet<(What, u32)>,
    submitted: bool,
    opinion: Option<Opinion>,
    dialogue_held: bool,
    /// The dispatch whose result was told since the case was last opened; 0 for none.
    result_told: u32,
    closed: Option<Closing>,
}

impl State {
    /// Why it is closed, if it is.
    #[must_use]
    pub const fn closed(&self) -> Option<Closing> {
        self.closed
    }
}

/// The fact that blocks a person's command. (A reaction is never rejected: what holds already gives no events.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The case is closed.
    #[error("the case is closed ({0}): reopen it first")]
    AlreadyClosed(Closing),
    /// The level is not known yet.
    #[error("the report is not classified yet: try again in a moment, or decide its review first")]
    NotClassifiedYet,
    /// The answer of this level comes by another way.
    #[error("a case of level {0} is not answered so: this is for level {1}")]
    OtherLevel(Level, Level),
    /// It rests elsewhere (with the police, or nowhere).
    #[error("the case does not rest at the operators' desk but at: {0}")]
    NotAtDesk(Destination),
    /// No submission waits for an opinion.
    #[error("no submission of this case waits for the leaders' opinion")]
    NoSubmission,
    /// The leaders gave their opinion before.
    #[error("the leaders gave their opinion before: {0}")]
    OpinionAlreadyGiven(Opinion),
    /// The dialogue is on record.
    #[error("the dialogue is on record already")]
    DialogueAlreadyHeld,
    /// It is open.
    #[error("the case is open: there is nothing to reopen")]
    NotClosed,
    /// It is handled with another.
    #[error("the case was merged into another and is answered there: act on that one, or part it first")]
    Merged,
}

impl Decider for Procedure {
    type State = State;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(state: &State, Command { act, facts, way }: Command) -> Result<Vec<Event>, Rejection> {
        let tell = |what, revision| Event::CitizenTold { what, way, revision };
        Ok(match act {
            Act::Acknowledge => state.once(What::Received, 0, [tell(What::Received, 0)]),

            Act::FollowRouting { .. } if state.closed.is_some() => vec![],
            Act::FollowRouting {
                destination: Destination::None,
                ..
            } => vec![Event::CaseClosed(Closing::NotAReport)],
            Act::FollowRouting {
                routing,
                destination: Destination::Office,
            } if facts.level == Some(Level::THREE) && !state.submitted && facts.dispatched == 0 => {
                // What a unit or the police had already and comes back is for the office alone.
                vec![Event::SubmissionDrafted { routing }]
            }
            Act::FollowRouting { .. } => vec![],

            Act::TellForwarded { revision } => {
                let mut events = state.once(What::Forwarded, revision, [tell(What::Forwarded, revision)]);
                if facts.destination == Some(Destination::Police)
                    && !events.is_empty()
                    && state.closed.is_none()
                {
                    events.push(Event::CaseClosed(Closing::WithPolice));
                }
                events
            }
            // Each report of a unit is one fact and told once; a repeated delivery is answered with what the first attempt stored.
            Act::TellProgress { revision } => vec![tell(What::Progress, revision)],
            Act::PutQuestion { revision } => vec![tell(What::Question, revision)],
            Act::TellResult {
                revision,
                partial: true,
            } => vec![tell(What::PartialResult, revision)],
            Act::TellResult {
                revision,
                partial: false,
            } => {
                let mut events = state.once(What::Result, revision, [tell(What::Result, revision)]);
                if !events.is_empty() && state.closed.is_none() && revision >= facts.dispatched {
                    events.extend(state.closing_by_result(facts.level).map(Event::CaseClosed));
                }
                events
            }

            Act::AnswerAtDesk
            | Act::GiveOpinion(_)
            | Act::RecordDialogue
            | Act::SendLetter
            | Act::Reopen(_)
                if facts.merged =>
            {
                return Err(Rejection::Merged);
            }
            Act::TellMerged | Act::TellWithOther(_) | Act::CloseWithOther(_) | Act::ReopenWithOther(_)
                if !facts.merged =>
            {
                vec![] // parted meanwhile
            }
            Act::TellMerged if state.closed.is_none() => state.once(What::Merged, 0, [tell(What::Merged, 0)]),
            Act::TellWithOther(what) if state.closed.is_none() => vec![tell(what, 0)],
            Act::CloseWithOther(reason) if state.closed.is_none() => vec![Event::CaseClosed(reason)],
            Act::ReopenWithOther(reason) if state.closed.is_some() => vec![Event::CaseReopened(reason)],
            Act::TellMerged | Act::TellWithOther(_) | Act::CloseWithOther(_) | Act::ReopenWithOther(_) => {
                vec![]
            }

            Act::AnswerAtDesk => {
                state.open()?;
                of_level(facts, Level::ONE)?;
                match facts.destination {
                    // The office has what a citizen had reopened.
                    None | Some(Destination::Desk | Destination::Office) => {
                        vec![
                            Event::GuidanceGiven,
                            tell(What::Guidance, 0),
                            Event::CaseClosed(Closing::Guided),
                        ]
                    }
                    Some(elsewhere) => return Err(Rejection::NotAtDesk(elsewhere)),
                }
            }
            Act::GiveOpinion(opinion) => {
                state.open()?;
                if let Some(given) = state.opinion {
                    return Err(Rejection::OpinionAlreadyGiven(given));
                }
                if !state.submitted {
                    return Err(Rejection::NoSubmission);
                }
                match opinion {
                    // Routing hears it and dispatches; the citizen is told then.
                    Opinion::Agree => vec![Event::OpinionGiven(opinion)],
                    Opinion::Decline => vec![
                        Event::OpinionGiven(opinion),
                        tell(What::Opinion, 0),
                        Event::CaseClosed(Closing::OpinionDeclined),
                    ],
                }
            }
            Act::RecordDialogue => {
                state.open()?;
                of_level(facts, Level::FOUR)?;
                if state.dialogue_held {
                    return Err(Rejection::DialogueAlreadyHeld);
                }
                let mut events = vec![Event::DialogueHeld, tell(What::Dialogue, 0)];
                if state.result_told > 0 && state.result_told == facts.dispatched {
                    events.push(Event::CaseClosed(Closing::DialogueHeld));
                }
                events
            }
            Act::SendLetter => {
                state.open()?;
                of_level(facts, Level::FIVE)?;
                vec![
                    Event::LetterSent,
                    tell(What::Thanks, 0),
                    Event::CaseClosed(Closing::Thanked),
                ]
            }

            Act::Reopen(reason) => {
                if state.closed.is_none() {
                    return Err(Rejection::NotClosed);
                }
                let mut events = vec![Event::CaseReopened(reason)];
                if state.opinion == Some(Opinion::Decline) {
                    // What was declined goes before the leaders again; what they agreed to does not.
                    events.push(Event::SubmissionDrafted {
                        routing: facts.routing,
                    });
                }
                events
            }
        })
    }

    fn evolve(mut state: State, event: &Event) -> State {
        match *event {
            Event::CitizenTold { what, revision, .. } => {
                state.told.insert((what, revision));
                if what == What::Result {
                    state.result_told = revision;
                }
            }
            Event::GuidanceGiven | Event::LetterSent => {}
            Event::SubmissionDrafted { .. } => {
                state.submitted = true;
                state.opinion = None;
            }
            Event::OpinionGiven(opinion) => state.opinion = Some(opinion),
            Event::DialogueHeld => state.dialogue_held = true,
            Event::CaseClosed(reason) => state.closed = Some(reason),
            Event::CaseReopened(_) => {
                // The cycle runs again: a new result is told, and a dialogue is held anew.
                state.closed = None;
                state.dialogue_held = false;
                state.result_told = 0;
            }
        }
        state
    }
}

impl State {
    fn open(&self) -> Result<(), Rejection> {
        self.closed
            .map_or(Ok(()), |reason| Err(Rejection::AlreadyClosed(reason)))
    }

    /// Nothing is told twice about the same dispatch.
    fn once<const N: usize>(&self, what: What, revision: u32, events: [Event; N]) -> Vec<Event> {
        if self.told.contains(&(what, revision)) {
            vec![]
        } else {
            events.to_vec()
        }
    }

    fn closing_by_result(&self, level: Option<Level>) -> Option<Closing> {
        match level.map_or(2, Level::get) {
            4 => self.dialogue_held.then_some(Closing::DialogueHeld),
            5 => None,
            _ => Some(Closing::ResultTold),
        }
    }
}

fn of_level(facts: Facts, wanted: Level) -> Result<(), Rejection> {
    match facts.level {
        None => Err(Rejection::NotClassifiedYet),
        Some(level) if level == wanted => Ok(()),
        Some(level) => Err(Rejection::OtherLevel(level, wanted)),
    }
}
