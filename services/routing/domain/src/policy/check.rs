//! What a policy must hold before it may decide: nothing unknown, nothing twice, nobody missing on any day, no report without a
//! clause, no clause without a report, no accusation before a unit it may be about.

use std::collections::{BTreeMap, HashSet};

use jiff::civil::Date;
use kernel::taxonomy::Destination;

use super::every::{days_of_change, every_report};
use super::{Clause, Policy, PolicyError, When, destination_of, text};
use crate::date::day_after;
use crate::facts::{Conflict, Facts, Inputs};
use crate::unit::{Unit, UnitCode};

/// Longest code of a unit and id of a conflict rule: with their name before them they are stated in an event's code of 64.
const LONGEST: usize = 55;

/// All that is to be said of a text.
#[derive(Clone, Debug, Default)]
pub struct Examined {
    /// The policy, if it is one.
    pub policy: Option<Policy>,
    /// Why it is none.
    pub errors: Vec<PolicyError>,
    /// What whoever wrote it should know.
    pub notes: Vec<Note>,
    /// Kinds of reports that were tried, each on each day of change; 0 when the units themselves are wrong.
    pub tried: usize,
}

/// Clauses that match the same report and say different things: their order decides, which may or may not be meant. Where one only
/// narrows the other, nothing is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The one that decides.
    pub clause: String,
    /// Those after it.
    pub before: Vec<String>,
    /// A report that it and the first of those match.
    pub example: String,
}

/// Why it may not decide; empty when it may.
pub(super) fn errors(policy: &Policy) -> Vec<PolicyError> {
    let mut errors = structure(policy);
    if sound(&errors) {
        errors.extend(reports(policy).0);
    }
    errors
}

/// The same, and what is no error.
pub(super) fn examine(text: &str) -> Examined {
    let policy = match text::read(text) {
        Ok(policy) => policy,
        Err(errors) => {
            return Examined {
                errors,
                ..Examined::default()
            };
        }
    };
    let mut errors = structure(&policy);
    let mut examined = Examined::default();
    if sound(&errors) {
        let (found, tried) = reports(&policy);
        errors.extend(found);
        examined.tried = tried;
        examined.notes = overlaps(&policy);
    }
    examined.policy = errors.is_empty().then_some(policy);
    examined.errors = errors;
    examined
}

/// Whether successions and superiors lead somewhere, so that reports can be tried.
fn sound(errors: &[PolicyError]) -> bool {
    !errors.iter().any(|error| {
        matches!(
            error,
            PolicyError::DuplicateUnit(_)
                | PolicyError::DuplicateClause(_)
                | PolicyError::EndsBeforeItBegins(_)
                | PolicyError::UnknownSuccessor { .. }
                | PolicyError::SuccessionGap { .. }
                | PolicyError::SuccessionLoop(_)
                | PolicyError::SuperiorLoop { .. }
        )
    })
}

fn structure(policy: &Policy) -> Vec<PolicyError> {
    let mut errors = units(policy);
    let whole = sound(&errors);
    if whole {
        errors.extend(superiors(policy));
    }
    errors.extend(clauses(policy, whole));
    errors
}

fn units(policy: &Policy) -> Vec<PolicyError> {
    let mut errors = Vec::new();
    let mut seen = HashSet::new();
    let twice = policy.units.iter().filter(|unit| !seen.insert(&unit.code));
    errors.extend(twice.map(|unit| PolicyError::DuplicateUnit(unit.code.clone())));
    for unit in &policy.units {
        if unit.code.as_str().len() > LONGEST {
            errors.push(PolicyError::LongCode(unit.code.as_str().to_owned()));
        }
        if unit.valid_to.is_some_and(|last| last < unit.valid_from) {
            errors.push(PolicyError::EndsBeforeItBegins(unit.code.clone()));
        }
        errors.extend(succession(policy, unit));
    }
    let successor = |unit: &&Unit| unit.succeeded_by.as_ref().and_then(|code| policy.unit(code));
    errors.extend(circle(policy, successor).map(PolicyError::SuccessionLoop));
    errors
}

fn succession(policy: &Policy, unit: &Unit) -> Option<PolicyError> {
    let code = unit.succeeded_by.as_ref()?;
    let named = (unit.code.clone(), code.clone());
    let Some(successor) = policy.unit(code) else {
        let (unit, successor) = named;
        return Some(PolicyError::UnknownSuccessor { unit, successor });
    };
    let gap = unit
        .valid_to
        .is_none_or(|last| day_after(last) < successor.valid_from);
    let (unit, successor) = named;
    gap.then_some(PolicyError::SuccessionGap { unit, successor })
}

/// The circle on which the first unit lies that steps from unit to unit lead back to: its units in order, that one again at the end.
fn circle<'a>(policy: &'a Policy, next: impl Fn(&&'a Unit) -> Option<&'a Unit>) -> Option<Vec<UnitCode>> {
    policy.units.iter().find_map(|first| {
        let steps = std::iter::successors(next(&first), &next).take(policy.units.len());
        let mut circle = vec![first.code.clone()];
        for unit in steps {
            circle.push(unit.code.clone());
            if unit.code == first.code {
                return Some(circle);
            }
        }
        None
    })
}

/// Each level above is there as long as the unit is, and the levels end.
fn superiors(policy: &Policy) -> Vec<PolicyError> {
    let mut errors = Vec::new();
    for unit in &policy.units {
        let Some(superior) = unit.superior.as_ref() else {
            continue;
        };
        let named = (unit.code.clone(), superior.clone());
        let from = unit.valid_from.max(policy.begins);
        let ended = unit.valid_to.is_some_and(|last| last < policy.begins);
        match missing(policy, superior, from, unit.valid_to) {
            None => {
                let (unit, superior) = named;
                errors.push(PolicyError::UnknownSuperior { unit, superior });
            }
            Some(Some(date)) if !ended => {
                let (unit, superior) = named;
                errors.push(PolicyError::NoSuperiorOn { unit, superior, date });
            }
            Some(_) => {}
        }
    }
    // Succession may close a circle that the codes alone do not show, and only on some days.
    for date in days_of_change(&[policy]) {
        let above = |unit: &&Unit| policy.in_force(unit.superior.as_ref()?, date);
        if let Some(circle) = circle(policy, above) {
            errors.push(PolicyError::SuperiorLoop { circle, date });
            break;
        }
    }
    errors
}

fn clauses(policy: &Policy, whole: bool) -> Vec<PolicyError> {
    let mut errors = Vec::new();
    let mut seen = HashSet::new();
    for clause in &policy.clauses {
        if UnitCode::parse(&clause.id).is_err() {
            errors.push(PolicyError::BadClauseId(clause.id.clone()));
        }
        if !seen.insert(&clause.id) {
            errors.push(PolicyError::DuplicateClause(clause.id.clone()));
        }
        if clause.when.never_comes() {
            errors.push(PolicyError::Unreachable {
                clause: clause.id.clone(),
                taken: None,
            });
        }
        if clause.with.len() > 7 {
            errors.push(PolicyError::TooManyUnits(clause.id.clone()));
        }
        let named = clause.lead.iter().chain(&clause.with);
        errors.extend(named.filter_map(|code| always_there(policy, &clause.id, &clause.when, code, whole)));
    }
    for rule in &policy.conflicts {
        if UnitCode::parse(&rule.id).is_err() {
            errors.push(PolicyError::BadClauseId(rule.id.clone()));
        }
        if rule.id.len() > LONGEST {
            errors.push(PolicyError::LongCode(rule.id.clone()));
        }
        if !seen.insert(&rule.id) {
            errors.push(PolicyError::DuplicateClause(rule.id.clone()));
        }
        if rule.about.len() > 4 {
            errors.push(PolicyError::TooManyUnits(rule.id.clone()));
        }
        let named = rule.about.iter();
        errors.extend(named.filter_map(|code| always_there(policy, &rule.id, &rule.when, code, whole)));
    }
    let everything = |clause: &Clause| clause.when == When::default();
    match policy.clauses.iter().position(everything) {
        Some(at) if policy.clauses[at].lead.is_some() => {
            let after = policy.clauses.iter().skip(at + 1);
            errors.extend(after.map(|clause| PolicyError::AfterCatchAll(clause.id.clone())));
        }
        _ => errors.push(PolicyError::NoCatchAll),
    }
    errors
}

/// From the first day the clause holds to its last, somebody has the tasks of the unit it names. Without sound successions (`whole`) it
/// is only looked whether the unit is stated.
fn always_there(
    policy: &Policy,
    clause: &str,
    when: &When,
    code: &UnitCode,
    whole: bool,
) -> Option<PolicyError> {
    let (clause, unit) = (clause.to_owned(), code.clone());
    let from = when.from.unwrap_or(policy.begins).max(policy.begins);
    if policy.unit(code).is_none() {
        return Some(PolicyError::UnknownUnit { clause, unit });
    }
    if !whole {
        return None;
    }
    missing(policy, code, from, when.until)?.map(|date| PolicyError::NobodyOn { clause, unit, date })
}

/// The first day between two on which nobody has the tasks of a unit; `None` when there is no such unit.
fn missing(policy: &Policy, code: &UnitCode, from: Date, until: Option<Date>) -> Option<Option<Date>> {
    let mut unit = policy.unit(code)?;
    if from < unit.valid_from {
        return Some(Some(from));
    }
    // Successions have neither gap nor loop by now, so it is enough to walk to the end.
    while let Some(last) = unit.valid_to {
        if until.is_some_and(|until| until <= last) {
            return Some(None);
        }
        let next = unit.succeeded_by.as_ref().and_then(|code| policy.unit(code));
        match next {
            Some(next) => unit = next,
            None => return Some(Some(day_after(last).max(from))),
        }
    }
    Some(None)
}

/// Tries every report there can be, on every day on which something changes. Each clause's fault is told once, with the first report
/// that shows it.
fn reports(policy: &Policy) -> (Vec<PolicyError>, usize) {
    let days = days_of_change(&[policy]);
    let periods = periods(policy, &days);
    let mut found = BTreeMap::new();
    let mut decides = vec![false; policy.clauses.len()];
    let mut gap = None;
    let mut tried = 0;
    // What fits one report fits all that the same clauses and rules decide about.
    let mut fitting = HashSet::new();
    for facts in every_report(&[policy]) {
        tried += days.len();
        for (nth, period) in periods.iter().enumerate() {
            let first = period[0];
            let Some(at) = policy.clauses.iter().position(|c| c.when.matches(&facts, first)) else {
                gap.get_or_insert_with(|| example(policy, &facts, first));
                continue;
            };
            decides[at] = true;
            let rests = matches!(destination_of(&facts), Destination::None | Destination::Desk);
            let rule = policy.rule_for(&facts, first);
            if rests || !fitting.insert((nth, at, facts.guarded(), rule)) {
                continue;
            }
            for date in *period {
                if let Some((fault, unit, error)) = misfit(policy, &policy.clauses[at], &facts, *date) {
                    found
                        .entry((at, fault, unit.cloned()))
                        .or_insert_with(|| error(example(policy, &facts, *date)));
                }
            }
        }
    }
    let mut errors: Vec<PolicyError> = gap
        .map(|example| PolicyError::Gap { example })
        .into_iter()
        .collect();
    errors.extend(found.into_values());
    let silent: Vec<usize> = (0..decides.len()).filter(|at| !decides[*at]).collect();
    errors.extend(unreachable(policy, &silent, &periods));
    (errors, tried)
}

/// The days, cut where a clause or a conflict rule begins or has just ended: within a period the same ones match.
fn periods<'a>(policy: &Policy, days: &'a [Date]) -> Vec<&'a [Date]> {
    let cuts: HashSet<Date> = policy
        .whens()
        .flat_map(|when| [when.from, when.until.map(day_after)])
        .flatten()
        .collect();
    days.chunk_by(|_, day| !cuts.contains(day)).collect()
}

/// For each clause that never decides: a report it matches, and which clause takes that.
fn unreachable(policy: &Policy, silent: &[usize], periods: &[&[Date]]) -> Vec<PolicyError> {
    let mut taken: BTreeMap<usize, (String, String)> = BTreeMap::new();
    if !silent.is_empty() {
        for facts in every_report(&[policy]) {
            for date in periods.iter().map(|period| period[0]) {
                for at in silent {
                    if taken.contains_key(at) || !policy.clauses[*at].when.matches(&facts, date) {
                        continue;
                    }
                    if let Some(by) = policy.clause_for(&facts, date) {
                        taken.insert(*at, (by.id.clone(), example(policy, &facts, date)));
                    }
                }
            }
        }
    }
    let error = |at: &usize| PolicyError::Unreachable {
        clause: policy.clauses[*at].id.clone(),
        taken: taken.get(at).cloned(),
    };
    // What stands behind a catch-all is told by that name.
    let catch_all = policy.clauses.iter().position(|c| c.when == When::default());
    silent
        .iter()
        .filter(|at| catch_all.is_none_or(|catch_all| **at <= catch_all))
        .map(error)
        .collect()
}

type Misfit<'a> = (
    u8,
    Option<&'a UnitCode>,
    Box<dyn FnOnce(String) -> PolicyError + 'a>,
);

/// What is wrong with a clause that decides about this report: the fault, the unit, and the error once an example is given.
fn misfit<'a>(policy: &'a Policy, clause: &'a Clause, facts: &Facts, date: Date) -> Option<Misfit<'a>> {
    let id = || clause.id.clone();
    let Some(lead) = &clause.lead else {
        let error = move |example| PolicyError::NoLead {
            clause: id(),
            example,
        };
        return Some((0, None, Box::new(error)));
    };
    let conflict = policy.conflict(facts, date);
    let about = conflict.as_ref().map_or(&[][..], |Conflict { about, .. }| about);
    if let Some(unit) = policy.in_force(lead, date).map(|unit| &unit.code)
        && policy.concerned(unit, about, &[date])
        && policy.level_above(unit, about, facts, date).is_none()
    {
        let error = move |example| PolicyError::NobodyAbove {
            clause: id(),
            unit: unit.clone(),
            example,
        };
        return Some((1, Some(unit), Box::new(error)));
    }
    if !facts.guarded() {
        return None;
    }
    let mut proposed = policy
        .named(clause, date)
        .filter(|unit| !policy.concerned(&unit.code, about, &[date]));
    let unit = &proposed.find(|unit| !unit.oversight)?.code;
    let error = move |example| PolicyError::NotOversight {
        clause: id(),
        unit: unit.clone(),
        example,
    };
    Some((2, Some(unit), Box::new(error)))
}

/// Clauses that match the same report, of which neither narrows the other, and which say different things.
fn overlaps(policy: &Policy) -> Vec<Note> {
    let clauses = &policy.clauses;
    let says = |clause: &Clause| (clause.office, clause.lead.clone(), clause.with.clone());
    let mut open: Vec<(usize, usize)> = Vec::new();
    for (at, clause) in clauses.iter().enumerate() {
        for (after, later) in clauses.iter().enumerate().skip(at + 1) {
            if says(clause) != says(later)
                && !clause.when.is_within(&later.when)
                && !later.when.is_within(&clause.when)
            {
                open.push((at, after));
            }
        }
    }
    let days = days_of_change(&[policy]);
    let periods = periods(policy, &days);
    let mut found: BTreeMap<usize, Note> = BTreeMap::new();
    for facts in every_report(&[policy]) {
        if open.is_empty() {
            break;
        }
        for date in periods.iter().map(|period| period[0]) {
            let Some(at) = clauses.iter().position(|c| c.when.matches(&facts, date)) else {
                continue;
            };
            open.retain(|(first, after)| {
                if *first != at || !clauses[*after].when.matches(&facts, date) {
                    return true;
                }
                let note = found.entry(at).or_insert_with(|| Note {
                    clause: clauses[at].id.clone(),
                    before: Vec::new(),
                    example: example(policy, &facts, date),
                });
                note.before.push(clauses[*after].id.clone());
                false
            });
        }
    }
    found.into_values().collect()
}

/// A report as its inputs, on the first day on which one can come at such hours and the same clause decides.
fn example(policy: &Policy, facts: &Facts, date: Date) -> String {
    let decides = |date| policy.clause_for(facts, date).map(|clause| &clause.id);
    let days = date.series(jiff::Span::new().days(1)).take(400);
    let comes = |day: &Date| facts.hours.is_none_or(|hours| hours.comes_on(*day));
    let day = days.filter(comes).find(|day| decides(*day) == decides(date));
    let inputs = Inputs {
        facts: facts.clone(),
        date: day.unwrap_or(date),
        conflict: None,
    };
    inputs.codes().join(" ")
}
