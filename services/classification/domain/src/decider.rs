//! The classification of one case as a stream: classified at once, or a review asked for and decided by a person.

use kernel::{Actor, Decider};

use crate::finding::{Classification, Evidence, Finding, Reason};

/// The rules of a case's classification stream.
#[derive(Clone, Copy, Debug)]
pub struct ClassificationCase;

/// Where a case stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum State {
    /// Nothing is decided.
    #[default]
    Unclassified,
    /// Decided, by rule or by a person.
    Classified(Finding),
    /// A person is asked; the rules' suggestion.
    InReview(Finding),
    /// A person decided.
    Reviewed(Finding),
}

/// What somebody wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Take up what the rules found.
    Classify {
        /// What they found.
        found: Classification,
        /// Version of the policy they are in.
        policy: String,
    },
    /// A person settles what the rules could not.
    DecideReview {
        /// Who.
        by: Actor,
        /// What it is.
        finding: Finding,
    },
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Sure enough: decided by rule.
    ReportClassified {
        /// What it is.
        finding: Finding,
        /// How sure, in thousandths.
        confidence: u16,
        /// Which rules matched, and where.
        evidence: Vec<Evidence>,
        /// Version of the policy.
        policy: String,
    },
    /// A person must confirm before anything leaves the house.
    ReviewRequested {
        /// Why.
        reasons: Vec<Reason>,
        /// What the rules would say.
        suggestion: Finding,
        /// How sure, in thousandths.
        confidence: u16,
        /// Which rules matched, and where.
        evidence: Vec<Evidence>,
        /// Version of the policy.
        policy: String,
    },
    /// A person decided.
    ReviewDecided {
        /// Who.
        by: Actor,
        /// What it is.
        finding: Finding,
        /// Whether it differs from what the rules suggested.
        changed: bool,
    },
}

/// The fact that blocks a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// No review was asked for in this case.
    #[error("no review waits in this case: it was classified by rule, or not yet at all")]
    NothingToReview,
    /// A person decided otherwise before.
    #[error("this review was already decided otherwise: to change it, reclassify the case")]
    AlreadyDecided,
    /// The case is classified already, with another result.
    #[error("this case is already classified otherwise: to change it, reclassify it")]
    AlreadyClassified,
    /// Only a person may decide a review.
    #[error("a review is decided by an operator, an office or a leader, not by {0}")]
    NotAPerson(String),
    /// The finding contradicts itself.
    #[error("the field must be the topic's: leave it out, or give the one the topic belongs to")]
    FieldIsNotTheTopics,
    /// An emergency has another level than 2.
    #[error("an emergency is level 2 and urgency `emergency`: nothing else goes out at once")]
    EmergencyIsLevelTwo,
}

impl Decider for ClassificationCase {
    type State = State;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(state: &State, command: Command) -> Result<Vec<Event>, Rejection> {
        match (state, command) {
            (State::Unclassified, Command::Classify { found, policy }) => Ok(vec![take_up(found, policy)]),
            (State::Classified(known), Command::Classify { found, .. }) => {
                if *known == found.finding {
                    Ok(vec![])
                } else {
                    Err(Rejection::AlreadyClassified)
                }
            }
            // What a person is asked or has decided, no rule decides again.
            (State::InReview(_) | State::Reviewed(_), Command::Classify { .. }) => Ok(vec![]),
            (State::InReview(suggestion), Command::DecideReview { by, finding }) => {
                check(&by, &finding)?;
                let changed = differs(suggestion, &finding);
                Ok(vec![Event::ReviewDecided { by, finding, changed }])
            }
            (State::Reviewed(known), Command::DecideReview { finding, .. }) => {
                if *known == finding {
                    Ok(vec![])
                } else {
                    Err(Rejection::AlreadyDecided)
                }
            }
            (State::Unclassified | State::Classified(_), Command::DecideReview { .. }) => {
                Err(Rejection::NothingToReview)
            }
        }
    }

    fn evolve(_: State, event: &Event) -> State {
        match event {
            Event::ReportClassified { finding, .. } => State::Classified(finding.clone()),
            Event::ReviewRequested { suggestion, .. } => State::InReview(suggestion.clone()),
            Event::ReviewDecided { finding, .. } => State::Reviewed(finding.clone()),
        }
    }
}

fn take_up(found: Classification, policy: String) -> Event {
    let Classification {
        finding,
        confidence,
        evidence,
        reasons,
        suggested: _,
    } = found;
    if reasons.is_empty() {
        Event::ReportClassified {
            finding,
            confidence,
            evidence,
            policy,
        }
    } else {
        Event::ReviewRequested {
            reasons,
            suggestion: finding,
            confidence,
            evidence,
            policy,
        }
    }
}

/// Whether a person changed what matters to where a case goes; wards and spans come from the text either way.
fn differs(suggestion: &Finding, decided: &Finding) -> bool {
    (
        suggestion.field,
        suggestion.topic,
        suggestion.kind,
        suggestion.urgency,
        suggestion.level,
    ) != (
        decided.field,
        decided.topic,
        decided.kind,
        decided.urgency,
        decided.level,
    )
}

fn check(by: &Actor, finding: &Finding) -> Result<(), Rejection> {
    use kernel::taxonomy::{Kind, Level, Urgency};
    if !matches!(by.role(), "operator" | "office" | "leader") {
        return Err(Rejection::NotAPerson(by.to_string()));
    }
    if finding.topic.is_some() && finding.field != finding.topic.map(kernel::taxonomy::Topic::field) {
        return Err(Rejection::FieldIsNotTheTopics);
    }
    let emergency = finding.kind == Kind::Emergency || finding.urgency == Urgency::Emergency;
    if emergency && (finding.level != Level::TWO || finding.urgency != Urgency::Emergency) {
        return Err(Rejection::EmergencyIsLevelTwo);
    }
    Ok(())
}
