//! The routing policy as data: units with their days, and ordered clauses of which the first that matches decides.

mod check;
mod conflict;
mod diff;
mod error;
mod every;
mod explain;
mod text;
mod when;

use std::collections::HashMap;

use jiff::civil::Date;
use kernel::taxonomy::{Destination, Field, Kind, Office};

pub use check::{Examined, Note};
pub use diff::{Difference, Edit, Move};
pub use error::{PolicyError, Problems};
pub use explain::{Explanation, Passed};

use crate::facts::{Conflict, Facts, Inputs};
use crate::unit::{Standing, Unit, UnitCode};
use conflict::Rule;
use when::When;

/// The policy the product comes with.
pub const BUILT_IN: &str = include_str!("../policy/city.toml");

/// A checked policy: every report of any date finds a clause, and every unit a clause proposes exists on that date.
#[derive(Clone, Debug)]
pub struct Policy {
    begins: Date,
    units: Vec<Unit>,
    index: HashMap<UnitCode, usize>,
    clauses: Vec<Clause>,
    conflicts: Vec<Rule>,
}

/// One clause: what it matches, and whom it names.
#[derive(Clone, Debug, PartialEq)]
struct Clause {
    id: String,
    when: When,
    office: Option<Office>,
    lead: Option<UnitCode>,
    with: Vec<UnitCode>,
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

impl Policy {
    /// Reads and checks a policy (TOML, see `policy/city.toml`).
    ///
    /// # Errors
    /// Every problem, each naming the clause or unit that is wrong.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        let policy = text::read(text).map_err(Problems)?;
        let errors = check::errors(&policy);
        if errors.is_empty() {
            Ok(policy)
        } else {
            Err(Problems(errors))
        }
    }

    /// The same with all that there is to say of it: also what is no error, such as clauses whose order decides.
    #[must_use]
    pub fn examine(text: &str) -> Examined {
        check::examine(text)
    }

    /// Names office, units and resting place of a report of that date. Reports from before the policy begins are routed as on
    /// its first day.
    #[must_use]
    pub fn route(&self, facts: &Facts, date: Date) -> Routed {
        self.route_knowing(facts, date, None)
    }

    /// The same for a report of which it is known already whom it is about: that stays so, whatever the rules make of it.
    #[must_use]
    pub fn route_knowing(&self, facts: &Facts, date: Date, known: Option<&Conflict>) -> Routed {
        let date = date.max(self.begins);
        #[expect(clippy::expect_used, reason = "checked when the policy was read")]
        let clause = self
            .clause_for(facts, date)
            .expect("the last clause of a checked policy matches everything");
        let conflict = joined(known, self.conflict(facts, date));
        let about = conflict.as_ref().map_or(&[][..], |it| &it.about);
        Routed {
            office: clause.office.unwrap_or_else(|| office_of(facts)),
            units: self.proposed(clause, facts, about, date),
            destination: destination_of(facts),
            clause: clause.id.clone(),
            inputs: Inputs {
                facts: facts.clone(),
                date,
                conflict,
            },
        }
    }

    /// The units of a clause on that day, each once, and the level above in place of one that the report is about.
    fn proposed(&self, clause: &Clause, facts: &Facts, about: &[UnitCode], date: Date) -> Vec<UnitCode> {
        let mut units: Vec<UnitCode> = Vec::new();
        for unit in self.named(clause, date) {
            let unit = if self.concerned(&unit.code, about, &[date]) {
                self.level_above(&unit.code, about, facts, date)
            } else {
                Some(unit)
            };
            // Coordinating units often merge into the lead: so_gtvt and so_xd_old are both so_xd from May 2025.
            if let Some(unit) = unit
                && !units.contains(&unit.code)
            {
                units.push(unit.code.clone());
            }
        }
        units
    }

    fn named<'a>(&'a self, clause: &'a Clause, date: Date) -> impl Iterator<Item = &'a Unit> {
        let named = clause.lead.iter().chain(&clause.with);
        named.filter_map(move |code| self.in_force(code, date))
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

    /// The same for a report about some units: those, and who is under them, may not have it.
    #[must_use]
    pub fn standing_for(
        &self,
        code: &UnitCode,
        dates: &[Date],
        about: &[UnitCode],
        facts: &Facts,
    ) -> Standing {
        let standing = self.standing(code, dates);
        if !matches!(standing, Standing::Valid { .. }) || !self.concerned(code, about, dates) {
            return standing;
        }
        let latest = dates.iter().copied().max();
        let superior = latest.and_then(|date| self.level_above(code, about, facts, date));
        Standing::Concerned {
            superior: superior.map(|unit| unit.code.clone()),
        }
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

/// Everybody whom either is about, by the rule that was first on record.
fn joined(known: Option<&Conflict>, found: Option<Conflict>) -> Option<Conflict> {
    let Some(mut all) = known.cloned() else {
        return found;
    };
    let more = found.map_or_else(Vec::new, |conflict| conflict.about);
    all.about.extend(
        more.into_iter()
            .filter(|unit| !known.is_some_and(|it| it.about.contains(unit))),
    );
    Some(all)
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
