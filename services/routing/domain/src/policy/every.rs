//! All reports there can be, as far as a policy can tell them apart, and all days on which something changes.

use std::collections::BTreeSet;

use jiff::civil::Date;
use kernel::taxonomy::{Kind, Level, Topic, Urgency};
use vietnam::places;

use super::{Policy, When};
use crate::date::day_after;
use crate::facts::Facts;
use crate::hours::Hours;

/// One of each kind of report that clauses of these policies can tell apart: about 5,000 for each line, number, time and place they name.
pub(super) fn every_report(policies: &[&Policy]) -> impl Iterator<Item = Facts> + use<> {
    let came = came(policies);
    let topics = Topic::ALL.iter().copied().map(Some).chain([None]);
    let by_topic = topics.flat_map(|topic| Kind::ALL.iter().map(move |kind| (topic, *kind)));
    let by_urgency =
        by_topic.flat_map(|(topic, kind)| Urgency::ALL.iter().map(move |urgency| (topic, kind, *urgency)));
    let levels = || (1..=5).filter_map(|n| Level::try_from(n).ok());
    let by_level = by_urgency.flat_map(move |(topic, kind, urgency)| {
        levels().map(move |level| Facts {
            field: topic.map(Topic::field),
            topic,
            kind,
            urgency,
            level,
            line: None,
            number: None,
            hours: None,
            wards: Vec::new(),
        })
    });
    by_level.flat_map(move |facts| {
        let one = move |(line, number, hours, wards): Came| Facts {
            line,
            number,
            hours,
            wards,
            ..facts.clone()
        };
        came.clone().into_iter().map(one)
    })
}

/// Line, number, hours and wards.
type Came = (Option<String>, Option<String>, Option<Hours>, Vec<u32>);

/// Each that is named, and none; all hours, if any are named.
fn came(policies: &[&Policy]) -> Vec<Came> {
    let whens = || policies.iter().flat_map(|policy| policy.whens());
    let named = |list: fn(&When) -> &Vec<String>| -> BTreeSet<Option<String>> {
        let named = whens().flat_map(|when| list(when).iter().cloned());
        named.map(Some).chain([None]).collect()
    };
    let (lines, numbers) = (named(|when| &when.line), named(|when| &when.number));
    let hours: Vec<Option<Hours>> = if whens().any(|when| !when.hours.is_empty()) {
        Hours::ALL.iter().copied().map(Some).collect()
    } else {
        vec![None]
    };
    let whens: Vec<&When> = whens().collect();
    let places = every_place(&whens);
    let mut came = Vec::new();
    for line in &lines {
        for number in &numbers {
            for at in &hours {
                let with = |wards: &Vec<u32>| (line.clone(), number.clone(), *at, wards.clone());
                came.extend(places.iter().map(with));
            }
        }
    }
    came
}

/// No ward, and wards for each set of clauses that a place can match: one ward, or two that a text may mean.
fn every_place(whens: &[&When]) -> Vec<Vec<u32>> {
    let named: Vec<_> = whens.iter().filter_map(|when| when.place.as_ref()).collect();
    let mut places = vec![Vec::new()];
    if named.is_empty() {
        return places;
    }
    let signature = |wards: &[u32]| -> Vec<bool> { named.iter().map(|place| place.hold(wards)).collect() };
    let mut seen = BTreeSet::new();
    for ward in places::ward_codes() {
        if seen.insert(signature(&[ward])) {
            places.push(vec![ward]);
        }
    }
    let single: Vec<u32> = places.iter().flatten().copied().collect();
    for (i, one) in single.iter().enumerate() {
        for other in &single[i + 1..] {
            let wards = vec![*one, *other];
            if seen.insert(signature(&wards)) {
                places.push(wards);
            }
        }
    }
    places
}

/// The first day of the policies, and each day on which a clause or a unit begins or has just ended.
pub(super) fn days_of_change(policies: &[&Policy]) -> Vec<Date> {
    let Some(begins) = policies.iter().map(|policy| policy.begins).min() else {
        return Vec::new();
    };
    let clauses = policies
        .iter()
        .flat_map(|policy| policy.whens())
        .flat_map(|when| [when.from, when.until.map(day_after)]);
    let units = policies
        .iter()
        .flat_map(|policy| &policy.units)
        .flat_map(|unit| [Some(unit.valid_from), unit.valid_to.map(day_after)]);
    let starts = policies.iter().map(|policy| Some(policy.begins));
    let days: BTreeSet<Date> = clauses
        .chain(units)
        .chain(starts)
        .flatten()
        .filter(|date| *date >= begins)
        .collect();
    days.into_iter().collect()
}

impl Policy {
    /// What its clauses and rules look at.
    pub(super) fn whens(&self) -> impl Iterator<Item = &When> {
        let clauses = self.clauses.iter().map(|clause| &clause.when);
        clauses.chain(self.conflicts.iter().map(|rule| &rule.when))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::taxonomy::Field;

    #[test]
    fn every_field_has_a_topic_so_that_the_sweep_covers_both_offices() {
        for field in Field::ALL {
            assert!(every_report(&[]).any(|facts| facts.field == Some(*field)));
        }
    }
}
