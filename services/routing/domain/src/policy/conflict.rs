//! Conflict of interest: whom a report is about, as far as what is on record tells, and the level above to which it goes.

use jiff::civil::Date;
use kernel::taxonomy::Kind;

use super::{Policy, When};
use crate::facts::{Conflict, Facts};
use crate::unit::{Unit, UnitCode};

/// A rule that tells whom a report is about. The first that matches decides.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) when: When,
    /// These units.
    pub(super) about: Vec<UnitCode>,
    /// Whoever the policy would give the same matter to if nobody were accused.
    pub(super) competent: bool,
}

impl Policy {
    /// Whom the report is about, on that day. An emergency goes to whoever can help, whomever it is about.
    pub(super) fn conflict(&self, facts: &Facts, date: Date) -> Option<Conflict> {
        if facts.emergency() {
            return None;
        }
        let rule = self
            .conflicts
            .iter()
            .find(|rule| rule.when.matches(facts, date))?;
        let mut about: Vec<UnitCode> = Vec::new();
        let named = rule.about.iter().filter_map(|code| self.in_force(code, date));
        for unit in named.chain(self.competent(rule, facts, date)) {
            if !about.contains(&unit.code) {
                about.push(unit.code.clone());
            }
        }
        (!about.is_empty()).then(|| Conflict {
            rule: rule.id.clone(),
            about,
        })
    }

    /// Which rule and which competent clause tell whom the report is about: reports for which these are the same are about the same.
    pub(super) fn rule_for(&self, facts: &Facts, date: Date) -> Option<(usize, Option<usize>)> {
        if facts.emergency() {
            return None;
        }
        let at = self
            .conflicts
            .iter()
            .position(|rule| rule.when.matches(facts, date))?;
        let matter = matter(&self.conflicts[at], facts);
        let competent = matter.and_then(|it| self.clauses.iter().position(|c| c.when.matches(&it, date)));
        Some((at, competent))
    }

    fn competent(&self, rule: &Rule, facts: &Facts, date: Date) -> Vec<&Unit> {
        let Some(matter) = matter(rule, facts) else {
            return Vec::new();
        };
        let clause = self.clause_for(&matter, date);
        clause.map_or_else(Vec::new, |clause| self.named(clause, date).collect())
    }

    /// Whether a report about these units is about this one too: it is one of them, has the tasks of one, or is under one, on any of
    /// these days.
    #[must_use]
    pub fn concerned(&self, unit: &UnitCode, about: &[UnitCode], dates: &[Date]) -> bool {
        about.contains(unit)
            || dates.iter().any(|date| {
                let accused = |code: &UnitCode| {
                    about.contains(code)
                        || about
                            .iter()
                            .any(|it| self.in_force(it, *date).is_some_and(|it| it.code == *code))
                };
                self.line(unit, *date).any(|above| accused(&above.code))
            })
    }

    /// Who is above a unit and not concerned: the nearest; for a report that may accuse, the nearest of oversight.
    #[must_use]
    pub fn level_above(
        &self,
        unit: &UnitCode,
        about: &[UnitCode],
        facts: &Facts,
        date: Date,
    ) -> Option<&Unit> {
        self.line(unit, date).skip(1).find(|above| {
            !self.concerned(&above.code, about, &[date]) && (above.oversight || !facts.guarded())
        })
    }

    /// The unit (or whoever has its tasks on that day) and those above it.
    fn line(&self, unit: &UnitCode, date: Date) -> impl Iterator<Item = &Unit> {
        let above = move |unit: &&Unit| self.in_force(unit.superior.as_ref()?, date);
        // A line of superiors has no loop (checked); the bound keeps an unchecked one from going round for ever.
        std::iter::successors(self.in_force(unit, date), above).take(self.units.len())
    }
}

/// The matter of a report as if nobody were accused, where the rule asks for it. Where the matter itself is an accusation, the clause
/// for it names those who look into it, not those it is about.
fn matter(rule: &Rule, facts: &Facts) -> Option<Facts> {
    let matter = Facts {
        kind: Kind::Reflection,
        ..facts.clone()
    };
    (rule.competent && matter.topic.is_some() && !matter.guarded()).then_some(matter)
}
