//! Who may do what, and when it can be done: one table, no IO.

use std::fmt;
use std::str::FromStr;

use kernel::taxonomy::{Destination, Office};

use crate::case::{Awaits, CaseRow, State};

/// What a person is in the city.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Takes calls, guides callers, confirms what reports are.
    Operator,
    /// One of the two offices that handle what was received.
    Office,
    /// The city's leaders.
    Leader,
    /// The Inspection Committee.
    Inspector,
    /// Grants and revokes; sees no content.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Operator,
        Self::Office,
        Self::Leader,
        Self::Inspector,
        Self::Admin,
    ];

    /// The stable code, which is also the role part of the actor.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Office => "office",
            Self::Leader => "leader",
            Self::Inspector => "inspector",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The text is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown role: the roles are operator, office, leader, inspector, admin")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|r| r.code() == text)
            .ok_or(UnknownRole)
    }
}

/// What can be done on the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// See the list and the facts of cases.
    SeeCases,
    /// Read what a person typed; the opening is recorded.
    OpenContent,
    /// Save what a caller says.
    TakeReport,
    /// Confirm or change what a report was found to be.
    Review,
    /// Level 1: guide the caller.
    AnswerAtDesk,
    /// Level 3: the leaders' opinion.
    GiveOpinion,
    /// Levels 4 and 5, and what units gave back: put it before a unit.
    OrderDispatch,
    /// Level 4: record the dialogue.
    RecordDialogue,
    /// Level 5: send the letter of thanks.
    SendLetter,
    /// Say that a case is the other office's.
    OpenDispute,
    /// Say whether a case that the other office disputes is one's own.
    AnswerDispute,
    /// Decide which office a disputed case belongs to.
    DecideDispute,
    /// Take a closed case up again.
    Reopen,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::SeeCases,
        Self::OpenContent,
        Self::TakeReport,
        Self::Review,
        Self::AnswerAtDesk,
        Self::GiveOpinion,
        Self::OrderDispatch,
        Self::RecordDialogue,
        Self::SendLetter,
        Self::OpenDispute,
        Self::AnswerDispute,
        Self::DecideDispute,
        Self::Reopen,
    ];
}

/// Whether the role may do it at all.
#[must_use]
pub const fn may(role: Role, act: Act) -> bool {
    match act {
        Act::SeeCases => true,
        Act::OpenContent => !matches!(role, Role::Admin),
        Act::TakeReport => matches!(role, Role::Operator),
        Act::Review | Act::AnswerAtDesk | Act::Reopen => matches!(role, Role::Operator | Role::Office),
        Act::GiveOpinion | Act::DecideDispute => matches!(role, Role::Leader),
        Act::OrderDispatch
        | Act::RecordDialogue
        | Act::SendLetter
        | Act::OpenDispute
        | Act::AnswerDispute => matches!(role, Role::Office),
    }
}

/// Whether the case stands where it can be done. The owning service decides in the end; this only spares people forms that it
/// would refuse. `office` is the person's own.
#[must_use]
pub fn fits(act: Act, case: &CaseRow, office: Option<Office>) -> bool {
    let level = case.level.unwrap_or(0);
    match act {
        Act::SeeCases | Act::OpenContent => true,
        Act::TakeReport => false,
        Act::Review => case.state == State::InReview,
        Act::AnswerAtDesk => level == 1 && matches!(case.state, State::AtDesk | State::Reopened),
        Act::GiveOpinion => level == 3 && matches!(case.state, State::WithOffice | State::Reopened),
        // A returned case waits for an order at any level; levels 4 and 5 always do.
        Act::OrderDispatch if case.disputed.is_some() => false,
        Act::OrderDispatch => case.state == State::WithOffice && (level >= 4 || case.revision > 0),
        Act::RecordDialogue => level == 4 && case.state.is_open() && case.state != State::InReview,
        Act::SendLetter => level == 5 && case.state.is_open() && case.state != State::InReview,
        Act::OpenDispute => {
            case.disputed.is_none()
                && office.is_some()
                && office == case.office
                && matches!(case.destination, Some(Destination::Office | Destination::Unit))
                && !matches!(case.state, State::Answered | State::Closed)
        }
        Act::AnswerDispute => office.is_some_and(|own| case.disputed == Some(Awaits::Office(own))),
        Act::DecideDispute => case.disputed.is_some(),
        Act::Reopen => case.state == State::Closed,
    }
}

/// What the role can do with the case now.
#[must_use]
pub fn acts(role: Role, office: Option<Office>, case: &CaseRow) -> Vec<Act> {
    Act::ALL
        .into_iter()
        .filter(|act| may(role, *act) && fits(*act, case, office))
        .collect()
}

/// Whether the role sees who reported. The denouncer's identity is secret by law (Luật 25/2018/QH14, art. 8 and 56): as long as a
/// report is, or may be, a denunciation, only the operators' desk that took it knows, and not even it once it is known to be one.
#[must_use]
pub fn sees_reporter(role: Role, case: &CaseRow) -> bool {
    use kernel::taxonomy::Kind;
    match case.kind {
        Some(Kind::Denunciation) => false,
        None | Some(Kind::Unclear) => role == Role::Operator,
        Some(_) if case.state == State::InReview => role == Role::Operator,
        Some(_) => matches!(role, Role::Operator | Role::Office),
    }
}

#[cfg(test)]
mod tests {
    use kernel::taxonomy::Kind;

    use super::*;

    fn case(state: State, level: u8, revision: u32) -> CaseRow {
        CaseRow {
            state,
            level: Some(level),
            revision,
            ..CaseRow::default()
        }
    }

    #[test]
    fn an_operator_answers_level_1_at_the_desk_and_a_leader_does_not() {
        let at_desk = case(State::AtDesk, 1, 0);
        assert!(acts(Role::Operator, None, &at_desk).contains(&Act::AnswerAtDesk));
        assert!(!acts(Role::Leader, None, &at_desk).contains(&Act::AnswerAtDesk));
        assert!(!acts(Role::Operator, None, &case(State::WithUnit, 2, 1)).contains(&Act::AnswerAtDesk));
    }

    #[test]
    fn only_leaders_give_an_opinion_and_only_on_level_3() {
        assert!(acts(Role::Leader, None, &case(State::WithOffice, 3, 0)).contains(&Act::GiveOpinion));
        assert!(!acts(Role::Leader, None, &case(State::WithOffice, 4, 0)).contains(&Act::GiveOpinion));
        assert!(!acts(Role::Office, None, &case(State::WithOffice, 3, 0)).contains(&Act::GiveOpinion));
    }

    #[test]
    fn the_office_orders_levels_4_and_5_and_what_a_unit_gave_back() {
        assert!(acts(Role::Office, None, &case(State::WithOffice, 4, 0)).contains(&Act::OrderDispatch));
        assert!(acts(Role::Office, None, &case(State::WithOffice, 2, 1)).contains(&Act::OrderDispatch));
        assert!(!acts(Role::Office, None, &case(State::WithOffice, 3, 0)).contains(&Act::OrderDispatch));
        assert!(!acts(Role::Office, None, &case(State::WithUnit, 4, 1)).contains(&Act::OrderDispatch));
    }

    #[test]
    fn the_office_that_has_a_case_disputes_it_the_other_answers_and_the_leaders_decide() {
        let (state, party) = (Some(Office::PeoplesCommittee), Some(Office::PartyCommittee));
        let mut row = case(State::WithUnit, 2, 1);
        row.office = state;
        row.destination = Some(Destination::Unit);
        assert!(acts(Role::Office, state, &row).contains(&Act::OpenDispute));
        assert!(!acts(Role::Office, party, &row).contains(&Act::OpenDispute));
        assert!(!acts(Role::Office, None, &row).contains(&Act::OpenDispute));
        row.disputed = Some(Awaits::Office(Office::PartyCommittee));
        assert_eq!(
            acts(Role::Office, state, &row),
            vec![Act::SeeCases, Act::OpenContent],
            "it said what it had to say"
        );
        assert!(acts(Role::Office, party, &row).contains(&Act::AnswerDispute));
        assert!(acts(Role::Leader, None, &row).contains(&Act::DecideDispute));
        row.disputed = Some(Awaits::Leaders);
        assert!(!acts(Role::Office, party, &row).contains(&Act::AnswerDispute));
        assert!(acts(Role::Leader, None, &row).contains(&Act::DecideDispute));
    }

    #[test]
    fn only_a_closed_case_can_be_reopened() {
        for state in State::ALL {
            assert_eq!(
                acts(Role::Office, None, &case(state, 2, 1)).contains(&Act::Reopen),
                state == State::Closed
            );
        }
    }

    #[test]
    fn an_administrator_never_opens_content_and_an_inspector_changes_nothing() {
        for state in State::ALL {
            for level in 1..=5 {
                assert_eq!(
                    acts(Role::Admin, None, &case(state, level, 1)),
                    vec![Act::SeeCases]
                );
                assert_eq!(
                    acts(Role::Inspector, None, &case(state, level, 1)),
                    vec![Act::SeeCases, Act::OpenContent]
                );
            }
        }
    }

    #[test]
    fn nobody_sees_who_denounced_and_only_the_desk_knows_while_it_may_be_one() {
        for role in Role::ALL {
            let mut row = case(State::WithOffice, 3, 0);
            row.kind = Some(Kind::Denunciation);
            assert!(!sees_reporter(role, &row));
            row.kind = Some(Kind::Reflection);
            row.state = State::InReview;
            assert_eq!(sees_reporter(role, &row), role == Role::Operator);
        }
    }
}
