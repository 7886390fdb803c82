//! The bodies that act: each with the days it existed and the body that took over its tasks.

use std::fmt;

use jiff::civil::Date;
use serde::Deserialize;

/// Code of a unit: a token of a NATS subject, 1 to 64 lower-case letters, digits, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct UnitCode(String);

/// The text is no code of a unit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a unit's code has 1 to 64 lower-case letters, digits, '_' and '-'")]
pub struct BadUnitCode;

impl UnitCode {
    /// Reads a code; whether such a unit exists, the policy says.
    ///
    /// # Errors
    /// `BadUnitCode` when it could not be a token of a subject.
    pub fn parse(text: &str) -> Result<Self, BadUnitCode> {
        let good = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadUnitCode)
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UnitCode {
    type Error = BadUnitCode;
    fn try_from(text: String) -> Result<Self, BadUnitCode> {
        Self::parse(&text)
    }
}

impl fmt::Display for UnitCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What sort of body it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitKind {
    /// A body of the People's Committee of the city.
    City,
    /// A body of the Party Committee.
    Party,
    /// A centre under a department.
    Agency,
    /// A public utility.
    Utility,
    /// The People's Committees of the districts, until 30 June 2025.
    District,
    /// The People's Committees of the wards and communes.
    Ward,
}

/// One body.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Stable code.
    pub code: UnitCode,
    /// Vietnamese name.
    pub vi: String,
    /// English name.
    pub en: String,
    /// What sort of body.
    pub kind: UnitKind,
    /// Whether it looks into what others are accused of, and so may be given such a report.
    #[serde(default)]
    pub oversight: bool,
    /// First day.
    pub valid_from: Date,
    /// Last day; none while it exists.
    #[serde(default)]
    pub valid_to: Option<Date>,
    /// Who took over its tasks.
    #[serde(default)]
    pub succeeded_by: Option<UnitCode>,
    /// The level above: who gets what is about this unit (whoever has that one's tasks on the day). None: nobody in this policy is.
    #[serde(default)]
    pub superior: Option<UnitCode>,
}

impl Unit {
    /// Whether it existed on that day.
    #[must_use]
    pub fn valid_on(&self, date: Date) -> bool {
        self.valid_from <= date && self.valid_to.is_none_or(|last| date <= last)
    }
}

/// How a code stands on the day somebody names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No such unit in the policy.
    Unknown,
    /// It exists.
    Valid {
        /// See [`Unit::oversight`].
        oversight: bool,
    },
    /// It exists, and the report is about it or about a unit above it.
    Concerned {
        /// The level above it that the report is not about, if there is one.
        superior: Option<UnitCode>,
    },
    /// It does not exist on that day.
    NotValid {
        /// Who has its tasks now, if somebody took them over.
        successor: Option<UnitCode>,
    },
}
