//! The routing policy as data: units with their days, and ordered clauses of which the first that matches decides.

mod check;
mod error;
mod text;

use std::collections::HashMap;

use jiff::civil::Date;
use kernel::taxonomy::{Destination, Field, Kind, Level, Office, Topic, Urgency};

pub use error::PolicyError;

use crate::facts::{Facts, Inputs};
use crate::unit::{Standing, Unit, UnitCode};

/// The policy the product comes with.
pub const BUILT_IN: &str = include_str!("../policy/city.toml");

/// A checked policy: every report of any date finds a clause, and every unit a clause proposes exists on that date.
#[derive(Clone, Debug)]
pub struct Policy {
    begins: Date,
    units: Vec<Unit>,
    index: HashMap<UnitCode, usize>,
    clauses: Vec<Clause>,
}

/// One clause: what it matches, and whom it names.
#[derive(Clone, Debug)]
struct Clause {
    id: String,
    when: When,
    office: Option<Office>,
    lead: Option<UnitCode>,
    with: Vec<UnitCode>,
}

/// What a clause matches: each list is any-of, an empty one matches all; the days are those of the report.
#[derive(Clone, Debug, Default, PartialEq)]
struct When {
    field: Vec<Field>,
    topic: Vec<Topic>,
    kind: Vec<Kind>,
    urgency: Vec<Urgency>,
    level: Vec<Level>,
    line: Vec<String>,
    number: Vec<String>,
    from: Option<Date>,
    until: Option<Date>,
}

/// What the policy says of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed {
    /// The handling office.
    pub office: Office,
    /// Units it proposes, the lead first; empty where none is concerned.
    pub units: Vec<UnitCode>,
    /// Where it rests first.
    pub destination: Destination,
    /// The clause that matched.
    pub clause: String,
    /// What it looked at.
    pub inputs: Inputs,
}

impl When {
    fn matches(&self, facts: &Facts, date: Date) -> bool {
        fn any_of<T: PartialEq>(list: &[T], value: Option<&T>) -> bool {
            list.is_empty() || value.is_some_and(|v| list.contains(v))
        }
        any_of(&self.field, facts.field.as_ref())
            && any_of(&self.topic, facts.topic.as_ref())
            && any_of(&self.kind, Some(&facts.kind))
            && any_of(&self.urgency, Some(&facts.urgency))
            && any_of(&self.level, Some(&facts.level))
            && any_of(&self.line, facts.line.as_ref())
            && any_of(&self.number, facts.number.as_ref())
            && self.from.is_none_or(|from| from <= date)
            && self.until.is_none_or(|until| date <= until)
    }
}

impl Policy {
    /// Reads and checks a policy (TOML, see `policy/city.toml`).
    ///
    /// # Errors
    /// `PolicyError`, naming the clause or unit that is wrong.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let policy = text::read(text)?;
        check::check(&policy)?;
        Ok(policy)
    }

    /// Names office, units and resting place of a report of that date. Reports from before the policy begins are routed as on
    /// its first day.
    #[must_use]
    pub fn route(&self, facts: &Facts, date: Date) -> Routed {
        let date = date.max(self.begins);
        #[expect(clippy::expect_used, reason = "checked when the policy was read")]
        let clause = self
            .clause_for(facts, date)
            .expect("the last clause of a checked policy matches everything");
        let mut units: Vec<UnitCode> = Vec::new();
        for unit in clause
            .lead
            .iter()
            .chain(&clause.with)
            .filter_map(|code| self.in_force(code, date))
        {
            // Coordinating units often merge into the lead: so_gtvt and so_xd_old are both so_xd from May 2025.
            if !units.contains(&unit.code) {
                units.push(unit.code.clone());
            }
        }
        Routed {
            office: clause.office.unwrap_or_else(|| office_of(facts)),
            units,
            destination: destination_of(facts),
            clause: clause.id.clone(),
            inputs: Inputs {
                facts: facts.clone(),
                date,
            },
        }
    }

    fn clause_for(&self, facts: &Facts, date: Date) -> Option<&Clause> {
        self.clauses
            .iter()
            .find(|clause| clause.when.matches(facts, date))
    }

    /// The unit that has the tasks of `code` on that day: itself, or whoever took over. `None` when the code is unknown,
    /// or its line ended without a successor.
    #[must_use]
    pub fn in_force(&self, code: &UnitCode, date: Date) -> Option<&Unit> {
        let mut unit = self.unit(code)?;
        // A line of succession has no loop (checked), so it ends.
        while unit.valid_to.is_some_and(|last| last < date) {
            unit = self.unit(unit.succeeded_by.as_ref()?)?;
        }
        Some(unit)
    }

    /// How a code stands on any of these days: of the report (what was proposed then may be ordered still) and of the act.
    #[must_use]
    pub fn standing(&self, code: &UnitCode, dates: &[Date]) -> Standing {
        let Some(unit) = self.unit(code) else {
            return Standing::Unknown;
        };
        if dates.iter().any(|date| unit.valid_on(*date)) {
            return Standing::Valid {
                oversight: unit.oversight,
            };
        }
        let latest = dates.iter().copied().max();
        let successor = latest
            .and_then(|date| self.in_force(code, date))
            .map(|u| u.code.clone())
            .filter(|c| c != code);
        Standing::NotValid { successor }
    }

    /// A unit by its code.
    #[must_use]
    pub fn unit(&self, code: &UnitCode) -> Option<&Unit> {
        self.index.get(code).map(|i| &self.units[*i])
    }

    /// All units that exist on that day, in the policy's order.
    pub fn units_on(&self, date: Date) -> impl Iterator<Item = &Unit> {
        self.units.iter().filter(move |unit| unit.valid_on(date))
    }
}

/// Party building is the Party Committee Office's, everything else the People's Committee Office's.
fn office_of(facts: &Facts) -> Office {
    match facts.field {
        Some(Field::PartyBuilding) => Office::PartyCommittee,
        Some(Field::StateManagement) | None => Office::PeoplesCommittee,
    }
}

/// Where a report rests first, by its kind and level: the hotline's own rule, which no policy changes.
fn destination_of(facts: &Facts) -> Destination {
    match (facts.kind, facts.level.get()) {
        (Kind::NotAReport, _) => Destination::None,
        (Kind::CrimeReport, _) => Destination::Police,
        _ if facts.emergency() => Destination::Unit,
        (_, 1) => Destination::Desk,
        (_, 2) => Destination::Unit,
        // Level 3 for the leaders' opinion, 4 and 5 for the office's order.
        _ => Destination::Office,
    }
}
