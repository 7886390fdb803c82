//! Who may do what, and when it can be done: one table, no IO.

use std::fmt;
use std::str::FromStr;

use crate::case::{CaseRow, State};

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
    /// Take a closed case up again.
    Reopen,
    /// Handle it with another of the same matter.
    Merge,
    /// Make a merged case one of its own again.
    Part,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::SeeCases,
        Self::OpenContent,
        Self::TakeReport,
        Self::Review,
        Self::AnswerAtDesk,
        Self::GiveOpinion,
        Self::OrderDispatch,
        Self::RecordDialogue,
        Self::SendLetter,
        Self::Reopen,
        Self::Merge,
        Self::Part,
    ];
}

/// Whether the role may do it at all.
#[must_use]
pub const fn may(role: Role, act: Act) -> bool {
    match act {
        Act::SeeCases => true,
        Act::OpenContent => !matches!(role, Role::Admin),
        Act::TakeReport => matches!(role, Role::Operator),
        Act::Review | Act::AnswerAtDesk | Act::Reopen | Act::Merge | Act::Part => {
            matches!(role, Role::Operator | Role::Office)
        }
        Act::GiveOpinion => matches!(role, Role::Leader),
        Act::OrderDispatch | Act::RecordDialogue | Act::SendLetter => matches!(role, Role::Office),
    }
}

/// Whether the case stands where it can be done. The owning service decides in the end; this only spares people forms that it
/// would refuse.
#[must_use]
pub fn fits(act: Act, case: &CaseRow) -> bool {
    let level = case.level.unwrap_or(0);
    let merged = case.merged_into.is_some();
    match act {
        Act::SeeCases | Act::OpenContent => true,
        Act::TakeReport => false,
        Act::Review => case.state == State::InReview,
        Act::AnswerAtDesk => level == 1 && matches!(case.state, State::AtDesk | State::Reopened),
        Act::GiveOpinion => level == 3 && matches!(case.state, State::WithOffice | State::Reopened),
        // A returned case waits for an order at any level; levels 4 and 5 always do.
        Act::OrderDispatch => case.state == State::WithOffice && (level >= 4 || case.revision > 0),
        Act::RecordDialogue => level == 4 && case.state.is_open() && case.state != State::InReview && !merged,
        Act::SendLetter => level == 5 && case.state.is_open() && case.state != State::InReview && !merged,
        Act::Reopen => case.state == State::Closed && !merged,
        Act::Merge => {
            let own = case.state.is_open() && case.state != State::InReview && !merged;
            own && case.stands_for == 0 && case.topic.is_some() && !is_handled_by_itself(case)
        }
        Act::Part => merged,
    }
}

/// An accusation and a crime report are never handled with another.
fn is_handled_by_itself(case: &CaseRow) -> bool {
    use kernel::taxonomy::{Kind, Topic};
    matches!(case.kind, Some(Kind::Denunciation | Kind::CrimeReport))
        || matches!(
            case.topic,
            Some(Topic::Corruption | Topic::CadreConduct | Topic::OfficialConduct | Topic::Personnel)
        )
}

/// What the role can do with the case now.
#[must_use]
pub fn acts(role: Role, case: &CaseRow) -> Vec<Act> {
    Act::ALL
        .into_iter()
        .filter(|act| may(role, *act) && fits(*act, case))
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
        assert!(acts(Role::Operator, &at_desk).contains(&Act::AnswerAtDesk));
        assert!(!acts(Role::Leader, &at_desk).contains(&Act::AnswerAtDesk));
        assert!(!acts(Role::Operator, &case(State::WithUnit, 2, 1)).contains(&Act::AnswerAtDesk));
    }

    #[test]
    fn only_leaders_give_an_opinion_and_only_on_level_3() {
        assert!(acts(Role::Leader, &case(State::WithOffice, 3, 0)).contains(&Act::GiveOpinion));
        assert!(!acts(Role::Leader, &case(State::WithOffice, 4, 0)).contains(&Act::GiveOpinion));
        assert!(!acts(Role::Office, &case(State::WithOffice, 3, 0)).contains(&Act::GiveOpinion));
    }

    #[test]
    fn the_office_orders_levels_4_and_5_and_what_a_unit_gave_back() {
        assert!(acts(Role::Office, &case(State::WithOffice, 4, 0)).contains(&Act::OrderDispatch));
        assert!(acts(Role::Office, &case(State::WithOffice, 2, 1)).contains(&Act::OrderDispatch));
        assert!(!acts(Role::Office, &case(State::WithOffice, 3, 0)).contains(&Act::OrderDispatch));
        assert!(!acts(Role::Office, &case(State::WithUnit, 4, 1)).contains(&Act::OrderDispatch));
    }

    #[test]
    fn only_a_closed_case_can_be_reopened() {
        for state in State::ALL {
            assert_eq!(
                acts(Role::Office, &case(state, 2, 1)).contains(&Act::Reopen),
                state == State::Closed
            );
        }
    }

    #[test]
    fn a_merged_case_can_only_be_parted_and_one_that_stands_for_others_is_not_merged() {
        let mut row = case(State::Merged, 2, 1);
        row.topic = Some(kernel::taxonomy::Topic::Flooding);
        row.merged_into = Some(kernel::CaseId(uuid::Uuid::nil()));
        let acted = |row: &CaseRow| {
            let mut acts = acts(Role::Office, row);
            acts.retain(|act| !matches!(act, Act::SeeCases | Act::OpenContent));
            acts
        };
        assert_eq!(acted(&row), [Act::Part]);
        row.merged_into = None;
        row.state = State::WithUnit;
        assert!(acted(&row).contains(&Act::Merge));
        row.stands_for = 2;
        assert!(!acted(&row).contains(&Act::Merge));
        row.stands_for = 0;
        row.kind = Some(Kind::Denunciation);
        assert!(!acted(&row).contains(&Act::Merge));
    }

    #[test]
    fn an_administrator_never_opens_content_and_an_inspector_changes_nothing() {
        for state in State::ALL {
            for level in 1..=5 {
                assert_eq!(acts(Role::Admin, &case(state, level, 1)), vec![Act::SeeCases]);
                assert_eq!(
                    acts(Role::Inspector, &case(state, level, 1)),
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
