//! The SLA policy as data: for each kind of obligation, the rule that says how much time there is and by which document.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::Date;
use kernel::taxonomy::{Kind, Level, Urgency};
use serde::Deserialize;

/// What somebody owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A person confirms what the rules were not sure of.
    Review,
    /// Level 1: guidance at the operators' desk.
    DeskAnswer,
    /// Level 3: the leaders' opinion.
    Opinion,
    /// Levels 4 and 5, and what a unit returned: the office orders where it goes.
    DispatchOrder,
    /// A unit takes the case on.
    Acceptance,
    /// A unit's result.
    Result,
    /// Level 4: the dialogue with those who registered.
    Dialogue,
    /// Level 5: the letter of thanks.
    Letter,
    /// The other office says whether a disputed case is its own.
    DisputeAnswer,
    /// The leaders decide whose it is.
    DisputeDecision,
}

impl What {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Review,
        Self::DeskAnswer,
        Self::Opinion,
        Self::DispatchOrder,
        Self::Acceptance,
        Self::Result,
        Self::Dialogue,
        Self::Letter,
        Self::DisputeAnswer,
        Self::DisputeDecision,
    ];

    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Review => "review",
            Self::DeskAnswer => "desk_answer",
            Self::Opinion => "opinion",
            Self::DispatchOrder => "dispatch_order",
            Self::Acceptance => "acceptance",
            Self::Result => "result",
            Self::Dialogue => "dialogue",
            Self::Letter => "letter",
            Self::DisputeAnswer => "dispute_answer",
            Self::DisputeDecision => "dispute_decision",
        }
    }

    /// Reads a code.
    #[must_use]
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.code() == code)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// How much time there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// On the wall clock.
    Minutes(u32),
    /// On the wall clock.
    ClockHours(u32),
    /// In the two shifts of working days.
    WorkingHours(u32),
    /// To the end of the day.
    CalendarDays(u32),
    /// To the end of the working day; the day of the cause is not counted.
    WorkingDays(u32),
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Minutes(n) => write!(f, "{n}_minutes"),
            Self::ClockHours(n) => write!(f, "{n}_clock_hours"),
            Self::WorkingHours(n) => write!(f, "{n}_working_hours"),
            Self::CalendarDays(n) => write!(f, "{n}_calendar_days"),
            Self::WorkingDays(n) => write!(f, "{n}_working_days"),
        }
    }
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaseFacts {
    /// What the report is in law.
    pub kind: Kind,
    /// How soon harm comes.
    pub urgency: Urgency,
    /// The level of the answer.
    pub level: Level,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What decisions name.
    pub id: String,
    /// How much time there is; none: the hotline keeps no clock.
    pub amount: Option<Amount>,
    /// The law, decision or house rule it comes from.
    pub document: String,
    whats: Vec<What>,
    kinds: Vec<Kind>,
    urgencies: Vec<Urgency>,
    levels: Vec<Level>,
    from: Option<Date>,
    to: Option<Date>,
}

impl Rule {
    fn fits(&self, what: What, facts: &CaseFacts, day: Date) -> bool {
        let any = |empty: bool, found: bool| empty || found;
        self.whats.contains(&what)
            && any(self.kinds.is_empty(), self.kinds.contains(&facts.kind))
            && any(self.urgencies.is_empty(), self.urgencies.contains(&facts.urgency))
            && any(self.levels.is_empty(), self.levels.contains(&facts.level))
            && self.from.is_none_or(|from| day >= from)
            && self.to.is_none_or(|to| day <= to)
    }

    fn fits_everything(&self) -> bool {
        self.kinds.is_empty()
            && self.urgencies.is_empty()
            && self.levels.is_empty()
            && self.from.is_none()
            && self.to.is_none()
    }
}

/// The rules in force, exemptions first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    rules: Vec<Rule>,
}

/// Why a text is no SLA policy.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not TOML, or not of this shape.
    #[error("the SLA policy cannot be read: {0}")]
    Syntax(String),
    /// Decisions name rules by id.
    #[error("two rules of the SLA policy have the id {0:?}: give one of them another")]
    DuplicateId(String),
    /// An id that no event can hold.
    #[error("{0:?} is no rule id: use 1 to 64 lower-case letters, digits and '_'")]
    BadId(String),
    /// A deadline that has passed when it begins, or that is beyond any calendar.
    #[error("rule {0:?} gives an amount outside 1 to 10000")]
    BadAmount(String),
    /// Some case would have no deadline.
    #[error(
        "no rule without conditions for {0}: add one as the last of its kind, or some case would have no deadline"
    )]
    NoCatchAll(What),
    /// A rule that can never decide.
    #[error("rule {0:?} comes after one that fits everything and can never decide: move it up")]
    Unreachable(String),
}

impl Policy {
    /// Reads and checks a policy.
    ///
    /// # Errors
    /// `PolicyError` naming the rule and what to do.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let (policy, covered) = Self::read(text)?;
        match What::ALL.into_iter().find(|what| !covered.contains(what)) {
            Some(what) => Err(PolicyError::NoCatchAll(what)),
            None => Ok(policy),
        }
    }

    /// The same for one that is on record: what was owed by nobody when it was written has no clock under it.
    ///
    /// # Errors
    /// As [`Policy::parse`], but for a `what` without a rule.
    pub fn on_record(text: &str) -> Result<Self, PolicyError> {
        Ok(Self::read(text)?.0)
    }

    fn read(text: &str) -> Result<(Self, BTreeSet<What>), PolicyError> {
        let file: File = toml::from_str(text).map_err(|e| PolicyError::Syntax(e.to_string()))?;
        let exempt = file.exempt.into_iter().map(Exempt::into_rule);
        let ruled = file.rule.into_iter().map(RuleText::into_rule);
        let rules = exempt.chain(ruled).collect::<Result<Vec<_>, _>>()?;
        let mut ids = BTreeSet::new();
        let mut covered = BTreeSet::new();
        for rule in &rules {
            let good = (1..=64).contains(&rule.id.len())
                && rule
                    .id
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if !good {
                return Err(PolicyError::BadId(rule.id.clone()));
            }
            if !ids.insert(rule.id.as_str()) {
                return Err(PolicyError::DuplicateId(rule.id.clone()));
            }
            if rule.whats.iter().all(|what| covered.contains(what)) {
                return Err(PolicyError::Unreachable(rule.id.clone()));
            }
            if rule.fits_everything() {
                covered.extend(rule.whats.iter().copied());
            }
        }
        Ok((Self { rules }, covered))
    }

    /// The rule for `what` on `day` of the city's calendar. Every policy that [`Policy::parse`] read has one.
    #[must_use]
    pub fn rule(&self, what: What, facts: &CaseFacts, day: Date) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.fits(what, facts, day))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rule: Vec<RuleText>,
    #[serde(default)]
    exempt: Vec<Exempt>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    id: String,
    what: What,
    #[serde(default)]
    kind: Vec<Kind>,
    #[serde(default)]
    urgency: Vec<Urgency>,
    #[serde(default)]
    level: Vec<Level>,
    from: Option<Date>,
    to: Option<Date>,
    amount: u32,
    unit: Unit,
    document: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Unit {
    Minutes,
    ClockHours,
    WorkingHours,
    CalendarDays,
    WorkingDays,
}

impl RuleText {
    fn into_rule(self) -> Result<Rule, PolicyError> {
        if !(1..=10_000).contains(&self.amount) {
            return Err(PolicyError::BadAmount(self.id));
        }
        let amount = match self.unit {
            Unit::Minutes => Amount::Minutes(self.amount),
            Unit::ClockHours => Amount::ClockHours(self.amount),
            Unit::WorkingHours => Amount::WorkingHours(self.amount),
            Unit::CalendarDays => Amount::CalendarDays(self.amount),
            Unit::WorkingDays => Amount::WorkingDays(self.amount),
        };
        Ok(Rule {
            id: self.id,
            amount: Some(amount),
            document: self.document,
            whats: vec![self.what],
            kinds: self.kind,
            urgencies: self.urgency,
            levels: self.level,
            from: self.from,
            to: self.to,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exempt {
    id: String,
    what: Vec<What>,
    kind: Vec<Kind>,
    document: String,
}

impl Exempt {
    fn into_rule(self) -> Result<Rule, PolicyError> {
        Ok(Rule {
            id: self.id,
            amount: None,
            document: self.document,
            whats: self.what,
            kinds: self.kind,
            urgencies: Vec::new(),
            levels: Vec::new(),
            from: None,
            to: None,
        })
    }
}
