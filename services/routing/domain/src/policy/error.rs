//! What is wrong with a policy, naming the clause or unit.

use std::fmt;

use jiff::civil::Date;

use crate::unit::UnitCode;

/// All that is wrong with a text that is no policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<PolicyError>);

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

/// Why a text is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not the TOML that a policy is written in.
    #[error("the policy cannot be read: {0}")]
    Syntax(String),
    /// Two units of one code.
    #[error("the unit {0} is stated twice: keep one")]
    DuplicateUnit(UnitCode),
    /// A unit ends before it begins.
    #[error("the unit {0} ends before it begins: correct valid_from or valid_to")]
    EndsBeforeItBegins(UnitCode),
    /// A successor that is not there.
    #[error("the unit {unit} is succeeded by {successor}, which is not stated: add it or correct the code")]
    UnknownSuccessor {
        /// Which.
        unit: UnitCode,
        /// What it names.
        successor: UnitCode,
    },
    /// A unit that exists without end, or whose successor begins later than the day after it ends.
    #[error(
        "the succession of {unit} by {successor} leaves a gap or has no end day: {successor} must begin by the day after {unit} ends"
    )]
    SuccessionGap {
        /// Which.
        unit: UnitCode,
        /// By whom.
        successor: UnitCode,
    },
    /// A succession that returns to itself.
    #[error("the succession goes round in a circle ({}): one unit of it must have no successor", arrows(.0))]
    SuccessionLoop(Vec<UnitCode>),
    /// Two clauses of one id.
    #[error("the clause {0} is stated twice: decisions name their clause, so each needs an id of its own")]
    DuplicateClause(String),
    /// An id that no decision could name.
    #[error("the clause id {0:?} must have 1 to 64 lower-case letters, digits, '_' and '-'")]
    BadClauseId(String),
    /// A clause names a unit that is not there.
    #[error("the clause {clause} names the unit {unit}, which is not stated: add it or correct the code")]
    UnknownUnit {
        /// Which clause.
        clause: String,
        /// What it names.
        unit: UnitCode,
    },
    /// On some day the clause holds, its unit and all its successors do not exist.
    #[error(
        "the clause {clause} names {unit}, whose tasks nobody has on {date}: name its predecessor or successor, or limit the clause's days"
    )]
    NobodyOn {
        /// Which clause.
        clause: String,
        /// What it names.
        unit: UnitCode,
        /// The first such day.
        date: Date,
    },
    /// More than a routing can propose.
    #[error("the clause {0} names more than 8 units")]
    TooManyUnits(String),
    /// A code that no event could state.
    #[error("the code {0} has more than 55 characters: shorten it")]
    LongCode(String),
    /// Nothing at the end that matches everything.
    #[error("the policy has no catch-all: its last clause must match everything and name a unit")]
    NoCatchAll,
    /// Clauses that can never match.
    #[error("the clause {0} stands behind one that matches everything, so it never decides: move it before")]
    AfterCatchAll(String),
    /// A clause that decides about nothing.
    #[error("the clause {clause} never decides: {}", never(.taken.as_ref()))]
    Unreachable {
        /// Which.
        clause: String,
        /// A report it matches, and the clause before it that takes it; none when it matches no report of any day.
        taken: Option<(String, String)>,
    },
    /// A report that no clause matches.
    #[error("no clause decides about {example}: add one, or a catch-all at the end")]
    Gap {
        /// The report.
        example: String,
    },
    /// The level above is not there on some day.
    #[error(
        "the unit {unit} is under {superior}, whose tasks nobody has on {date}: name another, or correct the days"
    )]
    NoSuperiorOn {
        /// Which.
        unit: UnitCode,
        /// What it names.
        superior: UnitCode,
        /// The first such day.
        date: Date,
    },
    /// A superior that is not stated.
    #[error("the unit {unit} is under {superior}, which is not stated: add it or correct the code")]
    UnknownSuperior {
        /// Which.
        unit: UnitCode,
        /// What it names.
        superior: UnitCode,
    },
    /// Levels above that return to where they began.
    #[error("on {date} the levels above go round in a circle ({}): one unit of it must have no superior", arrows(.circle))]
    SuperiorLoop {
        /// The units, the first one again at the end.
        circle: Vec<UnitCode>,
        /// The first day on which it is so: by then a unit may have the tasks of one that is stated.
        date: Date,
    },
    /// A report about a unit would have nowhere to go.
    #[error(
        "the clause {clause} gives {unit} a report about it ({example}), and no level above may get it: give the unit a superior, of oversight where the report may accuse"
    )]
    NobodyAbove {
        /// Which clause.
        clause: String,
        /// Whom it names.
        unit: UnitCode,
        /// A report it decides about.
        example: String,
    },
    /// A report of this kind has to go somewhere, and the clause names nobody.
    #[error(
        "the clause {clause} names no unit, but decides about {example}, which goes to one: give it a lead"
    )]
    NoLead {
        /// Which clause.
        clause: String,
        /// A report it decides about.
        example: String,
    },
    /// An accusation would reach a unit it may be about.
    #[error(
        "the clause {clause} gives {unit} a report that may accuse a unit ({example}): only a unit with oversight = true may get it"
    )]
    NotOversight {
        /// Which clause.
        clause: String,
        /// Whom it names.
        unit: UnitCode,
        /// A report it decides about.
        example: String,
    },
}

fn arrows(circle: &[UnitCode]) -> String {
    circle
        .iter()
        .map(UnitCode::as_str)
        .collect::<Vec<_>>()
        .join(" → ")
}

fn never(taken: Option<&(String, String)>) -> String {
    match taken {
        Some((by, example)) => {
            format!(
                "the clause {by} before it takes {example}, and all else it matches; move it before, or remove it"
            )
        }
        None => "no report of any day matches it; correct what it looks at, or remove it".to_owned(),
    }
}

impl PolicyError {
    /// A code for the program that asked.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Syntax(_) => "syntax",
            Self::DuplicateUnit(_) => "duplicate_unit",
            Self::EndsBeforeItBegins(_) => "ends_before_it_begins",
            Self::UnknownSuccessor { .. } => "unknown_successor",
            Self::SuccessionGap { .. } => "succession_gap",
            Self::SuccessionLoop(_) => "succession_loop",
            Self::DuplicateClause(_) => "duplicate_clause",
            Self::BadClauseId(_) => "bad_clause_id",
            Self::UnknownUnit { .. } => "unknown_unit",
            Self::NobodyOn { .. } => "nobody_on",
            Self::TooManyUnits(_) => "too_many_units",
            Self::LongCode(_) => "long_code",
            Self::NoCatchAll => "no_catch_all",
            Self::AfterCatchAll(_) => "after_catch_all",
            Self::Unreachable { .. } => "unreachable",
            Self::Gap { .. } => "gap",
            Self::NoSuperiorOn { .. } => "no_superior_on",
            Self::UnknownSuperior { .. } => "unknown_superior",
            Self::SuperiorLoop { .. } => "superior_loop",
            Self::NobodyAbove { .. } => "nobody_above",
            Self::NoLead { .. } => "no_lead",
            Self::NotOversight { .. } => "not_oversight",
        }
    }
}
