//! Why a command is not carried out: named for the fact that blocks, saying what to do.

use kernel::taxonomy::Office;

use crate::unit::UnitCode;

/// The fact that blocks a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Classification or a person has not decided yet.
    #[error(
        "the case is not routed yet: it waits for its classification or for a person's review; try again after that"
    )]
    NotRoutedYet,
    /// It never was before this unit.
    #[error("this case is not before your unit: answer only what came to you as a notice")]
    NotYourCase,
    /// A newer dispatch took its place.
    #[error(
        "revision {given} is not the current one: the case was dispatched again as revision {current}; act on that notice"
    )]
    OldRevision {
        /// What was named.
        given: u32,
        /// What stands.
        current: u32,
    },
    /// The unit gave this dispatch back.
    #[error(
        "your unit returned this case: it is with the office or with another unit; wait for a new notice"
    )]
    AlreadyReturned,
    /// It was taken back.
    #[error(
        "this case was taken back from your unit: the notice of a newer revision says why; nothing more is owed or opened"
    )]
    Recalled,
    /// The unit's result is on record.
    #[error(
        "the result of this dispatch is on record: if more is to be said, ask the office to have the case reopened"
    )]
    AlreadyAnswered,
    /// No unit of that code.
    #[error("there is no unit with the code {0}: choose one from the list of units")]
    UnknownUnit(UnitCode),
    /// The unit does not exist on that day.
    #[error("{}", unit_not_valid(.unit, .successor.as_ref()))]
    UnitNotValid {
        /// Which.
        unit: UnitCode,
        /// Who has its tasks.
        successor: Option<UnitCode>,
    },
    /// A unit cannot be better than itself.
    #[error("your own unit cannot be the better unit: name another, or none")]
    BetterUnitIsYours,
    /// Level 1, or not a report.
    #[error(
        "a case of level 1, or one that is no report, is not put before a unit: answer it at the desk, or have its level changed"
    )]
    NotForDispatch,
    /// Level 3 waits for the leaders.
    #[error("a case of level 3 is dispatched after the leaders' opinion: record their agreement first")]
    AwaitsOpinion,
    /// An accusation may reach a body of oversight only.
    #[error(
        "this case may accuse a body or one of its people: it may only go to a body of oversight, such as the city's Inspectorate or the Party's Inspection Committee"
    )]
    OversightOnly,
    /// The report is about that unit, or about one it is under.
    #[error("{}", about_the_unit(.unit, .superior.as_ref()))]
    AboutTheUnit {
        /// Which.
        unit: UnitCode,
        /// The level above that it is not about.
        superior: Option<UnitCode>,
    },
    /// Words are missing.
    #[error("a reason in words is required: say why the case is not yours, or not theirs")]
    ReasonRequired,
    /// No office acts on it.
    #[error(
        "a case at the desk, with the police or of nobody is with no office: there is nothing to dispute"
    )]
    NothingToDispute,
    /// The other office has it, or the other one must answer.
    #[error("this is for the other office: {0}")]
    OtherOffice(Office),
    /// One at a time.
    #[error("the offices dispute this case already: answer that, or have the leaders decide it")]
    AlreadyDisputed,
    /// No ping-pong.
    #[error(
        "the offices disputed this case before: only new facts open it again, and then the leaders decide"
    )]
    DisputedBefore,
    /// Nothing to answer or decide.
    #[error("no dispute of this case is open")]
    NoDispute,
    /// The other office refused, or this is not the first dispute.
    #[error("the dispute is before the leaders: they decide it now")]
    BeforeLeaders,
    /// Nothing goes to a unit meanwhile.
    #[error(
        "the offices dispute whose this case is: it goes to a unit when that is decided, or at once in an emergency"
    )]
    Disputed,
    /// Words are missing.
    #[error("words for the citizen are required: say what was done, or what is being done")]
    AnswerRequired,
    /// It is closed.
    #[error("the case is closed: have it reopened first")]
    CaseClosed,
}

impl Rejection {
    /// A code for the program that asked.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotRoutedYet => "not_routed_yet",
            Self::NotYourCase => "not_your_case",
            Self::OldRevision { .. } => "old_revision",
            Self::AlreadyReturned => "already_returned",
            Self::Recalled => "recalled",
            Self::AlreadyAnswered => "already_answered",
            Self::UnknownUnit(_) => "unknown_unit",
            Self::UnitNotValid { .. } => "unit_not_valid",
            Self::BetterUnitIsYours => "better_unit_is_yours",
            Self::NotForDispatch => "not_for_dispatch",
            Self::AwaitsOpinion => "awaits_opinion",
            Self::OversightOnly => "oversight_only",
            Self::AboutTheUnit { .. } => "about_the_unit",
            Self::ReasonRequired => "reason_required",
            Self::NothingToDispute => "nothing_to_dispute",
            Self::OtherOffice(_) => "other_office",
            Self::AlreadyDisputed => "already_disputed",
            Self::DisputedBefore => "disputed_before",
            Self::NoDispute => "no_dispute",
            Self::BeforeLeaders => "before_leaders",
            Self::Disputed => "disputed",
            Self::AnswerRequired => "answer_required",
            Self::CaseClosed => "case_closed",
        }
    }
}

fn about_the_unit(unit: &UnitCode, superior: Option<&UnitCode>) -> String {
    let instead = match superior {
        Some(superior) => format!("the level above is {superior}; name that"),
        None => "name a body of oversight that it is not about".to_owned(),
    };
    format!("the report is about the unit {unit}, or about one it is under, and never goes to it: {instead}")
}

fn unit_not_valid(unit: &UnitCode, successor: Option<&UnitCode>) -> String {
    match successor {
        Some(successor) => {
            format!("the unit {unit} does not exist on that day: its tasks are with {successor}; name that")
        }
        None => format!("the unit {unit} does not exist on that day: choose another from the list of units"),
    }
}
