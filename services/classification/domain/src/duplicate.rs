//! Which reports are handled as one: suspected, merged, parted. Folded from the same stream as the classification itself.
//!
//! A case is merged into one that is merged into none, so there are no chains: whoever merges names the one at the end. A case that stands for
//! others is merged into none; merge the other into it, or part them first. Where two people do both at the same moment, what was merged into
//! the one follows it into the other.

use std::collections::BTreeSet;

use kernel::words;
use kernel::{CaseId, Decider};

use crate::finding::Finding;
use crate::likeness::{Likeness, is_mergeable};

/// The rules.
pub struct Duplicates;

/// Where a case stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    finding: Option<Finding>,
    /// Cases it was suspected to be the same as.
    suspected: BTreeSet<CaseId>,
    /// The case it is merged into.
    into: Option<CaseId>,
    /// The cases that are merged into it.
    stands_for: BTreeSet<CaseId>,
    closed: bool,
}

impl Standing {
    /// The case it is merged into.
    #[must_use]
    pub const fn merged_into(&self) -> Option<CaseId> {
        self.into
    }

    /// What it was last found to be; nothing while a person is asked.
    #[must_use]
    pub const fn finding(&self) -> Option<&Finding> {
        self.finding.as_ref()
    }
}

words!(
    /// Why it is merged.
    Basis, "basis" {
        /// The policy says so for the topic.
        Policy = "policy";
        /// A person did it.
        Person = "person";
        /// The case it was merged into was merged itself at that moment.
        RootMerged = "root_merged";
    }
);

words!(
    /// Why it is parted.
    Parting, "reason" {
        /// It is somewhere else.
        OtherPlace = "other_place";
        /// It is about something else.
        OtherMatter = "other_matter";
        /// It happened at another time.
        OtherTime = "other_time";
        /// Who reported it does not agree that the answer is theirs.
        CitizenDisagrees = "citizen_disagrees";
        /// As the words beside it say.
        Other = "other";
    }
);

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// It seems to be the same as another.
    Suspect {
        /// Which.
        of: CaseId,
        /// How alike.
        likeness: Likeness,
    },
    /// Handle it with another from now on.
    Merge {
        /// Itself.
        case: CaseId,
        /// Which; merged into none.
        into: CaseId,
        /// How that one stands.
        other: Standing,
        /// Why.
        basis: Basis,
        /// How alike; nothing where nothing was compared.
        likeness: Likeness,
    },
    /// The case it was merged into was merged itself.
    Follow {
        /// Which that was.
        from: CaseId,
        /// Into which.
        into: CaseId,
    },
    /// It is one of its own again.
    Part(Parting),
    /// It stands for another too.
    Join(CaseId),
    /// No longer.
    Leave(CaseId),
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// What it is, as the classification found or a person decided; `None` while a person is asked.
    Found(Option<Finding>),
    /// Closed, or taken up again: feedback's fact.
    Closed(bool),
    /// It seems to be the same as another.
    DuplicateSuspected {
        /// Which.
        of: CaseId,
        /// How alike.
        likeness: Likeness,
    },
    /// Handled with another.
    CaseMerged {
        /// Which.
        into: CaseId,
        /// Why.
        basis: Basis,
        /// How alike.
        likeness: Likeness,
    },
    /// One of its own again.
    CaseParted {
        /// From which.
        from: CaseId,
        /// Why.
        reason: Parting,
    },
    /// It stands for another.
    DuplicateJoined(CaseId),
    /// No longer.
    DuplicateLeft(CaseId),
}

/// The fact that blocks a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Into itself, or into one that is merged into it.
    #[error("the two are one case already: name another")]
    Itself,
    /// Nobody knows yet what it is.
    #[error("one of the two cases is not classified yet, or waits for a person's review: decide that first")]
    NotClassified,
    /// It accuses somebody, or is no matter.
    #[error(
        "a denunciation, a crime report, a report on an official's conduct, thanks and what is no report are each handled by themselves"
    )]
    ByItself,
    /// One of them is done.
    #[error("one of the two cases is closed: have it reopened first, or answer the other by itself")]
    Closed,
    /// Others are merged into it.
    #[error("this case stands for other reports: merge the other case into it instead, or part them first")]
    StandsForOthers,
    /// It is merged into another.
    #[error("this case is merged into another already: part it first")]
    AlreadyMerged,
    /// It is merged into none.
    #[error("this case is merged into no other: there is nothing to part")]
    NotMerged,
}

impl Decider for Duplicates {
    type State = Standing;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(state: &Standing, command: Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Suspect { of, .. } if state.into.is_some() || state.suspected.contains(&of) => {
                Ok(vec![])
            }
            Command::Suspect { of, likeness } => Ok(vec![Event::DuplicateSuspected { of, likeness }]),
            Command::Merge { into, .. } if state.into == Some(into) => Ok(vec![]),
            Command::Merge {
                case,
                into,
                other,
                basis,
                likeness,
            } => {
                if case == into || other.into.is_some() {
                    return Err(Rejection::Itself);
                }
                if state.into.is_some() {
                    return Err(Rejection::AlreadyMerged);
                }
                if !state.stands_for.is_empty() {
                    return Err(Rejection::StandsForOthers);
                }
                let (Some(own), Some(others)) = (&state.finding, &other.finding) else {
                    return Err(Rejection::NotClassified);
                };
                if !is_mergeable(own) || !is_mergeable(others) {
                    return Err(Rejection::ByItself);
                }
                if state.closed || other.closed {
                    return Err(Rejection::Closed);
                }
                Ok(vec![Event::CaseMerged {
                    into,
                    basis,
                    likeness,
                }])
            }
            Command::Follow { from, into } if state.into == Some(from) => Ok(vec![Event::CaseMerged {
                into,
                basis: Basis::RootMerged,
                likeness: Likeness::default(),
            }]),
            Command::Follow { .. } => Ok(vec![]),
            Command::Part(reason) => {
                let from = state.into.ok_or(Rejection::NotMerged)?;
                Ok(vec![Event::CaseParted { from, reason }])
            }
            Command::Join(case) if state.stands_for.contains(&case) => Ok(vec![]),
            Command::Join(case) => Ok(vec![Event::DuplicateJoined(case)]),
            Command::Leave(case) if state.stands_for.contains(&case) => Ok(vec![Event::DuplicateLeft(case)]),
            Command::Leave(_) => Ok(vec![]),
        }
    }

    fn evolve(mut state: Standing, event: &Event) -> Standing {
        match event {
            Event::Found(finding) => state.finding.clone_from(finding),
            Event::Closed(closed) => state.closed = *closed,
            Event::DuplicateSuspected { of, .. } => {
                state.suspected.insert(*of);
            }
            Event::CaseMerged { into, .. } => state.into = Some(*into),
            Event::CaseParted { .. } => state.into = None,
            Event::DuplicateJoined(case) => {
                state.stands_for.insert(*case);
            }
            Event::DuplicateLeft(case) => {
                state.stands_for.remove(case);
            }
        }
        state
    }
}
