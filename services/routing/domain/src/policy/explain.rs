//! Why a report goes where it goes: the clauses before the one that decided, and what each missed.

use jiff::civil::Date;

use super::{Policy, Routed};
use crate::facts::Facts;
use crate::unit::UnitCode;

/// Why a policy routes a report as it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What it says.
    pub routed: Routed,
    /// What the clause itself names, before succession and conflict of interest.
    pub named: Vec<UnitCode>,
    /// Units the clause would have proposed on that day and that the report is about.
    pub concerned: Vec<UnitCode>,
    /// The clauses before it, in order.
    pub passed: Vec<Passed>,
}

/// A clause that did not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Which.
    pub clause: String,
    /// What it missed; never empty.
    pub because: Vec<String>,
}

impl Policy {
    /// Routes a report and says why.
    #[must_use]
    pub fn explain(&self, facts: &Facts, date: Date) -> Explanation {
        let routed = self.route(facts, date);
        let date = routed.inputs.date;
        let before = self
            .clauses
            .iter()
            .take_while(|clause| clause.id != routed.clause);
        let passed = before
            .map(|clause| Passed {
                clause: clause.id.clone(),
                because: clause.when.misses(facts, date),
            })
            .collect();
        let clause = self.clauses.iter().find(|clause| clause.id == routed.clause);
        let about = routed.inputs.conflict.as_ref().map_or(&[][..], |it| &it.about);
        let on_the_day = clause.into_iter().flat_map(|clause| self.named(clause, date));
        let concerned = on_the_day
            .map(|unit| unit.code.clone())
            .filter(|code| self.concerned(code, about, &[date]))
            .collect();
        let named = clause.map_or_else(Vec::new, |clause| {
            clause.lead.iter().chain(&clause.with).cloned().collect()
        });
        Explanation {
            routed,
            named,
            concerned,
            passed,
        }
    }
}
