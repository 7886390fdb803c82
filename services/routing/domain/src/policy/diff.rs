//! What two policies say differently: their clauses and units, and which reports would go elsewhere.

use std::collections::BTreeMap;
use std::fmt::Debug;

use super::every::{days_of_change, every_report};
use super::{Policy, Routed};
use crate::facts::Inputs;
use crate::unit::UnitCode;

/// What changed from one policy to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Units, clauses and conflict rules.
    pub edits: Vec<Edit>,
    /// Whether clauses that both have stand in another order.
    pub reordered: bool,
    /// Reports that go elsewhere, in groups.
    pub moves: Vec<Move>,
    /// Kinds of reports that were compared, each on each day of change.
    pub compared: usize,
}

/// One part that was added, removed or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// `unit`, `clause`, `conflict`.
    pub sort: &'static str,
    /// Its code or id.
    pub name: String,
    /// `added`, `removed`, `changed`.
    pub change: &'static str,
}

/// Reports that go from one place to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The clause that decided, and the units it proposed, the lead first.
    pub from: (String, Vec<UnitCode>),
    /// The clause that decides, and its units.
    pub to: (String, Vec<UnitCode>),
    /// How many of the kinds of reports.
    pub kinds: usize,
    /// One of them.
    pub example: Inputs,
}

impl Policy {
    /// What `new` says differently.
    #[must_use]
    pub fn difference(&self, new: &Self) -> Difference {
        let mut edits = edits("unit", &self.units, &new.units, |unit| unit.code.as_str());
        edits.extend(self::edits("clause", &self.clauses, &new.clauses, |clause| {
            &clause.id
        }));
        edits.extend(self::edits("conflict", &self.conflicts, &new.conflicts, |rule| {
            &rule.id
        }));
        let order = |one: &Self, other: &Self| -> Vec<String> {
            let ids = one.clauses.iter().map(|clause| clause.id.clone());
            ids.filter(|id| other.clauses.iter().any(|clause| clause.id == *id))
                .collect()
        };
        let mut difference = Difference {
            edits,
            reordered: order(self, new) != order(new, self),
            ..Difference::default()
        };
        let days = days_of_change(&[self, new]);
        let mut groups: BTreeMap<_, Move> = BTreeMap::new();
        for facts in every_report(&[self, new]) {
            for date in &days {
                difference.compared += 1;
                let (was, is) = (self.route(&facts, *date), new.route(&facts, *date));
                if same_way(&was, &is) {
                    continue;
                }
                let ends = ((was.clause, was.units), (is.clause.clone(), is.units.clone()));
                let group = groups.entry(ends.clone()).or_insert_with(|| Move {
                    from: ends.0,
                    to: ends.1,
                    kinds: 0,
                    example: is.inputs,
                });
                group.kinds += 1;
            }
        }
        difference.moves = groups.into_values().collect();
        difference.moves.sort_by_key(|it| std::cmp::Reverse(it.kinds));
        difference
    }
}

/// Whether a report goes the same way: by which clause is no matter of where.
fn same_way(was: &Routed, is: &Routed) -> bool {
    let about = |routed: &Routed| routed.inputs.conflict.as_ref().map(|it| it.about.clone());
    was.office == is.office
        && was.units == is.units
        && was.destination == is.destination
        && about(was) == about(is)
}

fn edits<T: PartialEq + Debug>(
    sort: &'static str,
    old: &[T],
    new: &[T],
    name: impl Fn(&T) -> &str,
) -> Vec<Edit> {
    let edit = |part: &T, change| Edit {
        sort,
        name: name(part).to_owned(),
        change,
    };
    let other = |parts: &'_ [T], part: &T| parts.iter().position(|it| name(it) == name(part));
    let gone = old
        .iter()
        .filter(|part| other(new, part).is_none())
        .map(|part| edit(part, "removed"));
    let come = new.iter().filter_map(|part| match other(old, part) {
        None => Some(edit(part, "added")),
        Some(at) if old[at] != *part => Some(edit(part, "changed")),
        Some(_) => None,
    });
    gone.chain(come).collect()
}
