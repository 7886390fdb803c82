//! What a clause looks at in a report, and why it does not match.

use std::collections::BTreeSet;
use std::fmt::Display;

use jiff::civil::Date;
use kernel::taxonomy::{Field, Kind, Level, Topic, Urgency};
use vietnam::places;

use crate::facts::Facts;
use crate::hours::Hours;

/// What a clause matches: each list is any-of, an empty one matches all; the days are those of the report.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct When {
    pub(super) field: Vec<Field>,
    pub(super) topic: Vec<Topic>,
    pub(super) kind: Vec<Kind>,
    pub(super) urgency: Vec<Urgency>,
    pub(super) level: Vec<Level>,
    pub(super) line: Vec<String>,
    pub(super) number: Vec<String>,
    pub(super) hours: Vec<Hours>,
    pub(super) place: Option<Places>,
    pub(super) from: Option<Date>,
    pub(super) until: Option<Date>,
}

/// Where: by the wards of today, which also say where a report of before July 2025 is from.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Places {
    /// Anywhere, if only a ward is known.
    any: bool,
    wards: BTreeSet<u32>,
}

impl Places {
    /// Reads `any`, a ward of today (`26734`), a district of before July 2025 (`776`), or one of its wards (`776/4`, `769/An Phú`): those
    /// of before stand for the wards that hold their land today.
    pub(super) fn read(names: &[String]) -> Result<Self, String> {
        let mut places = Self::default();
        for name in names {
            let wards = match name.split_once('/') {
                _ if name == "any" => {
                    places.any = true;
                    continue;
                }
                Some((district, ward)) => within(district, Some(ward)),
                None => match name.parse::<u32>() {
                    Ok(code) if places::ward_name(code).is_some() => vec![code],
                    _ => within(name, None),
                },
            };
            if wards.is_empty() {
                return Err(name.clone());
            }
            places.wards.extend(wards);
        }
        Ok(places)
    }

    /// Whether the report is from there for certain: all the wards it may mean are in it.
    pub(super) fn hold(&self, wards: &[u32]) -> bool {
        !wards.is_empty() && (self.any || wards.iter().all(|ward| self.wards.contains(ward)))
    }

    fn within(&self, other: &Self) -> bool {
        other.any || (!self.any && self.wards.is_subset(&other.wards))
    }
}

fn within(district: &str, ward: Option<&str>) -> Vec<u32> {
    let code = district.parse().ok();
    code.map_or_else(Vec::new, |code| places::wards_within(code, ward))
}

impl When {
    pub(super) fn matches(&self, facts: &Facts, date: Date) -> bool {
        fn any_of<T: PartialEq>(list: &[T], value: Option<&T>) -> bool {
            list.is_empty() || value.is_some_and(|v| list.contains(v))
        }
        any_of(&self.topic, facts.topic.as_ref())
            && any_of(&self.kind, Some(&facts.kind))
            && any_of(&self.urgency, Some(&facts.urgency))
            && any_of(&self.field, facts.field.as_ref())
            && any_of(&self.level, Some(&facts.level))
            && any_of(&self.line, facts.line.as_ref())
            && any_of(&self.number, facts.number.as_ref())
            && any_of(&self.hours, facts.hours.as_ref())
            && self.place.as_ref().is_none_or(|place| place.hold(&facts.wards))
            && self.from.is_none_or(|from| from <= date)
            && self.until.is_none_or(|until| date <= until)
    }

    /// Why it does not match, one sentence for each thing it looks at.
    pub(super) fn misses(&self, facts: &Facts, date: Date) -> Vec<String> {
        let mut misses = Vec::new();
        miss(&mut misses, "field", &self.field, facts.field.as_ref());
        miss(&mut misses, "topic", &self.topic, facts.topic.as_ref());
        miss(&mut misses, "kind", &self.kind, Some(&facts.kind));
        miss(&mut misses, "urgency", &self.urgency, Some(&facts.urgency));
        miss(&mut misses, "level", &self.level, Some(&facts.level));
        miss(&mut misses, "line", &self.line, facts.line.as_ref());
        miss(&mut misses, "number", &self.number, facts.number.as_ref());
        miss(&mut misses, "hours", &self.hours, facts.hours.as_ref());
        if self.place.as_ref().is_some_and(|place| !place.hold(&facts.wards)) {
            misses.push(if facts.wards.is_empty() {
                "no ward is known".to_owned()
            } else {
                format!(
                    "the place ({}) is not for certain in the clause's",
                    listed(&facts.wards)
                )
            });
        }
        if let Some(from) = self.from.filter(|from| date < *from) {
            misses.push(format!("it begins on {from}, the report is of {date}"));
        }
        if let Some(until) = self.until.filter(|until| *until < date) {
            misses.push(format!("it ended on {until}, the report is of {date}"));
        }
        misses
    }

    /// Whether no report can come at such hours on its days. A year has days of every sort, so no longer one needs a look.
    pub(super) fn never_comes(&self) -> bool {
        let (Some(from), Some(until)) = (self.from, self.until) else {
            return false;
        };
        let mut days = from
            .series(jiff::Span::new().days(1))
            .take_while(|day| *day <= until)
            .take(400);
        !self.hours.is_empty() && !days.any(|day| self.hours.iter().any(|hours| hours.comes_on(day)))
    }

    /// Whether all that this matches the other matches too, as far as the lists alone show it.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        fn within<T: PartialEq>(list: &[T], other: &[T]) -> bool {
            other.is_empty() || (!list.is_empty() && list.iter().all(|item| other.contains(item)))
        }
        // A topic is of one field.
        let of_topics: Vec<Field> = self.topic.iter().map(|topic| topic.field()).collect();
        let fields = if self.field.is_empty() {
            &of_topics
        } else {
            &self.field
        };
        within(fields, &other.field)
            && within(&self.topic, &other.topic)
            && within(&self.kind, &other.kind)
            && within(&self.urgency, &other.urgency)
            && within(&self.level, &other.level)
            && within(&self.line, &other.line)
            && within(&self.number, &other.number)
            && within(&self.hours, &other.hours)
            && match (&self.place, &other.place) {
                (_, None) => true,
                (None, Some(_)) => false,
                (Some(place), Some(other)) => place.within(other),
            }
            && other
                .from
                .is_none_or(|from| self.from.is_some_and(|own| from <= own))
            && other
                .until
                .is_none_or(|until| self.until.is_some_and(|own| own <= until))
    }
}

fn miss<T: PartialEq + Display>(misses: &mut Vec<String>, name: &str, list: &[T], value: Option<&T>) {
    if list.is_empty() || value.is_some_and(|value| list.contains(value)) {
        return;
    }
    let is = value.map_or_else(|| "not known".to_owned(), T::to_string);
    let wanted = match list {
        [one] => one.to_string(),
        several => format!("one of {}", listed(several)),
    };
    misses.push(format!("{name} is {is}, not {wanted}"));
}

fn listed<T: Display>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}
