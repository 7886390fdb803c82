//! How a policy is written: TOML, where a key nobody knows is an error, so that a typing mistake does not widen a clause.

use jiff::civil::Date;
use kernel::taxonomy::{Field, Kind, Level, Office, Topic, Urgency};
use serde::Deserialize;

use super::{Clause, Policy, PolicyError, When};
use crate::unit::{Unit, UnitCode};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyText {
    begins: Date,
    #[serde(default)]
    unit: Vec<Unit>,
    #[serde(default)]
    clause: Vec<ClauseText>,
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
    from: Option<Date>,
    until: Option<Date>,
}

/// Reads the text; what it says is checked by [`super::check`].
pub(super) fn read(text: &str) -> Result<Policy, PolicyError> {
    let read: PolicyText =
        toml::from_str(text).map_err(|error| PolicyError::Syntax(error.to_string().trim_end().to_owned()))?;
    let index = read
        .unit
        .iter()
        .enumerate()
        .map(|(i, unit)| (unit.code.clone(), i))
        .collect();
    let clauses = read.clause.into_iter().map(Clause::from).collect();
    Ok(Policy {
        begins: read.begins,
        units: read.unit,
        index,
        clauses,
    })
}

impl From<ClauseText> for Clause {
    fn from(text: ClauseText) -> Self {
        let ClauseText {
            id,
            when,
            office,
            lead,
            with,
        } = text;
        let WhenText {
            field,
            topic,
            kind,
            urgency,
            level,
            line,
            number,
            from,
            until,
        } = when;
        Self {
            id,
            when: When {
                field,
                topic,
                kind,
                urgency,
                level,
                line,
                number,
                from,
                until,
            },
            office,
            lead,
            with,
        }
    }
}
