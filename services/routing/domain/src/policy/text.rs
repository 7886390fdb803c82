//! How a policy is written: TOML, where a key nobody knows is an error, so that a typing mistake does not widen a clause.

use jiff::civil::Date;
use kernel::taxonomy::{Field, Kind, Level, Office, Topic, Urgency};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Spanned, Table};

use super::conflict::Rule;
use super::when::{Places, When};
use super::{Clause, Policy, PolicyError};
use crate::hours::Hours;
use crate::unit::{Unit, UnitCode};

/// The parts are read one by one, so that each of them can say what is wrong with it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyText {
    begins: Date,
    #[serde(default)]
    unit: Vec<Spanned<Table>>,
    #[serde(default)]
    clause: Vec<Spanned<Table>>,
    #[serde(default)]
    conflict: Vec<Spanned<Table>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClauseText {
    id: String,
    #[serde(default)]
    when: WhenText,
    #[serde(default)]
    office: Option<Office>,
    #[serde(default)]
    lead: Option<UnitCode>,
    #[serde(default)]
    with: Vec<UnitCode>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConflictText {
    id: String,
    #[serde(default)]
    when: WhenText,
    #[serde(default)]
    about: Vec<UnitCode>,
    #[serde(default)]
    competent: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct WhenText {
    field: Vec<Field>,
    topic: Vec<Topic>,
    kind: Vec<Kind>,
    urgency: Vec<Urgency>,
    level: Vec<Level>,
    line: Vec<String>,
    number: Vec<String>,
    hours: Vec<String>,
    place: Vec<String>,
    from: Option<Date>,
    until: Option<Date>,
}

/// All hours in which offices do not work.
const OUTSIDE: &str = "outside_working";

/// Reads the text; what it says is checked by [`super::check`].
pub(super) fn read(text: &str) -> Result<Policy, Vec<PolicyError>> {
    let read: PolicyText = toml::from_str(text)
        .map_err(|error| vec![PolicyError::Syntax(error.to_string().trim_end().to_owned())])?;
    let mut parts = Parts {
        text,
        errors: Vec::new(),
    };
    let units: Vec<Unit> = parts.each("unit", "code", read.unit, Ok);
    let clauses = parts.each("clause", "id", read.clause, Clause::read);
    let conflicts = parts.each("conflict", "id", read.conflict, Rule::read);
    if !parts.errors.is_empty() {
        return Err(parts.errors);
    }
    let index = units
        .iter()
        .enumerate()
        .map(|(i, unit)| (unit.code.clone(), i))
        .collect();
    Ok(Policy {
        begins: read.begins,
        units,
        index,
        clauses,
        conflicts,
    })
}

struct Parts<'a> {
    text: &'a str,
    errors: Vec<PolicyError>,
}

impl Parts<'_> {
    /// Reads all parts of one sort; those that cannot be read are told by their line and their name.
    fn each<T: DeserializeOwned, P>(
        &mut self,
        sort: &str,
        key: &str,
        tables: Vec<Spanned<Table>>,
        read: impl Fn(T) -> Result<P, String>,
    ) -> Vec<P> {
        let mut parts = Vec::new();
        for table in tables {
            let line = self.text.as_bytes()[..table.span().start.min(self.text.len())]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count()
                + 1;
            let table = table.into_inner();
            let name = table.get(key).and_then(toml::Value::as_str).unwrap_or("?");
            let what = format!("line {line}, {sort} {name}");
            let part = table
                .try_into::<T>()
                .map_err(|error| error.to_string().trim_end().replace('\n', " "));
            match part.and_then(&read) {
                Ok(part) => parts.push(part),
                Err(why) => self.errors.push(PolicyError::Syntax(format!("{what}: {why}"))),
            }
        }
        parts
    }
}

impl Clause {
    fn read(text: ClauseText) -> Result<Self, String> {
        let ClauseText {
            id,
            when,
            office,
            lead,
            with,
        } = text;
        Ok(Self {
            id,
            when: When::read(when)?,
            office,
            lead,
            with,
        })
    }
}

impl Rule {
    fn read(text: ConflictText) -> Result<Self, String> {
        let ConflictText {
            id,
            when,
            about,
            competent,
        } = text;
        if about.is_empty() && !competent {
            return Err("name units in `about`, or say `competent = true`".to_owned());
        }
        Ok(Self {
            id,
            when: When::read(when)?,
            about,
            competent,
        })
    }
}

impl When {
    fn read(text: WhenText) -> Result<Self, String> {
        let WhenText {
            field,
            topic,
            kind,
            urgency,
            level,
            line,
            number,
            hours,
            place,
            from,
            until,
        } = text;
        let mut times = Vec::new();
        for name in &hours {
            match name.parse() {
                Ok(hours) => times.push(hours),
                Err(_) if name == OUTSIDE => {
                    times.extend([Hours::AfterHours, Hours::Weekend, Hours::Holiday])
                }
                Err(error) => return Err(format!("{error}, and {OUTSIDE} for all but working")),
            }
        }
        let place = (!place.is_empty()).then(|| Places::read(&place)).transpose();
        let place = place.map_err(|name| {
            format!(
                "place {name:?} is none: write `any`, a ward of today (26734), a district of before July 2025 (776) or one of its wards (776/4)"
            )
        })?;
        Ok(Self {
            field,
            topic,
            kind,
            urgency,
            level,
            line,
            number,
            hours: times,
            place,
            from,
            until,
        })
    }
}
