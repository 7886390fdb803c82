//! What a policy must hold before it may decide: nothing unknown, nothing twice, nobody missing on any day, no report without a
//! clause, no accusation before a unit it may be about.

use std::collections::{BTreeSet, HashSet};

use jiff::civil::Date;
use kernel::taxonomy::{Destination, Kind, Level, Topic, Urgency};

use super::{Clause, Policy, PolicyError, When, destination_of};
use crate::date::day_after;
use crate::facts::{Facts, Inputs};
use crate::unit::UnitCode;

pub(super) fn check(policy: &Policy) -> Result<(), PolicyError> {
    units(policy)?;
    clauses(policy)?;
    reports(policy)
}

fn units(policy: &Policy) -> Result<(), PolicyError> {
    let mut seen = HashSet::new();
    if let Some(unit) = policy.units.iter().find(|unit| !seen.insert(&unit.code)) {
        return Err(PolicyError::DuplicateUnit(unit.code.clone()));
    }
    for unit in &policy.units {
        if unit.valid_to.is_some_and(|last| last < unit.valid_from) {
            return Err(PolicyError::EndsBeforeItBegins(unit.code.clone()));
        }
        let Some(code) = &unit.succeeded_by else { continue };
        let named = || (unit.code.clone(), code.clone());
        let successor = policy.unit(code).ok_or_else(|| {
            let (unit, successor) = named();
            PolicyError::UnknownSuccessor { unit, successor }
        })?;
        if unit
            .valid_to
            .is_none_or(|last| day_after(last) < successor.valid_from)
        {
            let (unit, successor) = named();
            return Err(PolicyError::SuccessionGap { unit, successor });
        }
    }
    for unit in &policy.units {
        // A line without a loop visits each unit at most once.
        let line = std::iter::successors(Some(unit), |u| {
            u.succeeded_by.as_ref().and_then(|code| policy.unit(code))
        });
        if line.take(policy.units.len() + 1).count() > policy.units.len() {
            return Err(PolicyError::SuccessionLoop(unit.code.clone()));
        }
    }
    Ok(())
}

fn clauses(policy: &Policy) -> Result<(), PolicyError> {
    let mut seen = HashSet::new();
    for clause in &policy.clauses {
        UnitCode::parse(&clause.id).map_err(|_| PolicyError::BadClauseId(clause.id.clone()))?;
        if !seen.insert(&clause.id) {
            return Err(PolicyError::DuplicateClause(clause.id.clone()));
        }
        if clause.with.len() > 7 {
            return Err(PolicyError::TooManyUnits(clause.id.clone()));
        }
        for code in clause.lead.iter().chain(&clause.with) {
            always_there(policy, clause, code)?;
        }
    }
    let everything = |clause: &Clause| clause.when == When::default();
    match policy.clauses.iter().position(everything) {
        None => Err(PolicyError::NoCatchAll),
        Some(at) if policy.clauses[at].lead.is_none() => Err(PolicyError::NoCatchAll),
        Some(at) => policy.clauses.get(at + 1).map_or(Ok(()), |clause| {
            Err(PolicyError::AfterCatchAll(clause.id.clone()))
        }),
    }
}

/// From the first day the clause holds to its last, somebody has the tasks of the unit it names.
fn always_there(policy: &Policy, clause: &Clause, code: &UnitCode) -> Result<(), PolicyError> {
    let nobody = |date| PolicyError::NobodyOn {
        clause: clause.id.clone(),
        unit: code.clone(),
        date,
    };
    let from = clause.when.from.unwrap_or(policy.begins).max(policy.begins);
    let mut unit = policy.unit(code).ok_or_else(|| PolicyError::UnknownUnit {
        clause: clause.id.clone(),
        unit: code.clone(),
    })?;
    if from < unit.valid_from {
        return Err(nobody(from));
    }
    // Successions have neither gap nor loop by now, so it is enough to walk to the end.
    while let Some(last) = unit.valid_to {
        if clause.when.until.is_some_and(|until| until <= last) {
            return Ok(());
        }
        unit = unit
            .succeeded_by
            .as_ref()
            .and_then(|c| policy.unit(c))
            .ok_or_else(|| nobody(day_after(last).max(from)))?;
    }
    Ok(())
}

/// Tries every report there can be, on every day on which something changes.
fn reports(policy: &Policy) -> Result<(), PolicyError> {
    let days = days_of_change(policy);
    let named = |list: fn(&When) -> &Vec<String>| -> BTreeSet<Option<String>> {
        let named = policy.clauses.iter().flat_map(|c| list(&c.when).iter().cloned());
        named.map(Some).chain([None]).collect()
    };
    let (lines, numbers) = (named(|when| &when.line), named(|when| &when.number));
    for facts in every_report(&lines, &numbers) {
        for date in &days {
            let Some(clause) = policy.clause_for(&facts, *date) else {
                return Err(PolicyError::NoCatchAll);
            };
            fits(policy, clause, &facts, *date)?;
        }
    }
    Ok(())
}

fn fits(policy: &Policy, clause: &Clause, facts: &Facts, date: Date) -> Result<(), PolicyError> {
    let example = || {
        Inputs {
            facts: facts.clone(),
            date,
        }
        .codes()
        .join(" ")
    };
    let needs_lead = !matches!(destination_of(facts), Destination::None | Destination::Desk);
    if needs_lead && clause.lead.is_none() {
        return Err(PolicyError::NoLead {
            clause: clause.id.clone(),
            example: example(),
        });
    }
    if facts.guarded() && needs_lead {
        let proposed = clause
            .lead
            .iter()
            .chain(&clause.with)
            .filter_map(|code| policy.in_force(code, date));
        if let Some(unit) = proposed.into_iter().find(|unit| !unit.oversight) {
            return Err(PolicyError::NotOversight {
                clause: clause.id.clone(),
                unit: unit.code.clone(),
                example: example(),
            });
        }
    }
    Ok(())
}

/// The first day, and each day on which a clause or a unit begins or has just ended.
fn days_of_change(policy: &Policy) -> BTreeSet<Date> {
    let clauses = policy
        .clauses
        .iter()
        .flat_map(|c| [c.when.from, c.when.until.map(day_after)]);
    let units = policy
        .units
        .iter()
        .flat_map(|u| [Some(u.valid_from), u.valid_to.map(day_after)]);
    clauses
        .chain(units)
        .flatten()
        .filter(|date| *date > policy.begins)
        .chain([policy.begins])
        .collect()
}

/// About 5,000 for each line and number that clauses name: cheap enough to try them all.
fn every_report(
    lines: &BTreeSet<Option<String>>,
    numbers: &BTreeSet<Option<String>>,
) -> impl Iterator<Item = Facts> {
    let came: Vec<(&Option<String>, &Option<String>)> = lines
        .iter()
        .flat_map(|line| numbers.iter().map(move |number| (line, number)))
        .collect();
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
        })
    });
    by_level.flat_map(move |facts| {
        let one = move |(line, number): (&Option<String>, &Option<String>)| Facts {
            line: line.clone(),
            number: number.clone(),
            ..facts.clone()
        };
        came.clone().into_iter().map(one)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::taxonomy::Field;

    #[test]
    fn every_field_has_a_topic_so_that_the_sweep_covers_both_offices() {
        let none = BTreeSet::from([None]);
        for field in Field::ALL {
            assert!(every_report(&none, &none).any(|facts| facts.field == Some(*field)));
        }
    }
}
