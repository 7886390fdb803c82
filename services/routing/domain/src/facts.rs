//! What routing looks at in a report: never its words.

use std::str::FromStr;

use jiff::civil::Date;
use kernel::taxonomy::{Field, Kind, Level, Topic, Urgency};

use crate::hours::Hours;
use crate::unit::UnitCode;

/// What classification found, and by which line the report came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// None when it is not a report, or nothing is known.
    pub field: Option<Field>,
    /// The main topic.
    pub topic: Option<Topic>,
    /// The legal kind.
    pub kind: Kind,
    /// How soon harm comes.
    pub urgency: Urgency,
    /// The level of the answer.
    pub level: Level,
    /// Which line was called, if any.
    pub line: Option<String>,
    /// `113`, `114` or `115`, if words of danger were found when the report came.
    pub number: Option<String>,
    /// When it came; none in the first decisions on record, which did not look at it.
    pub hours: Option<Hours>,
    /// Codes of the wards and communes of today that the report may mean; empty when none is known.
    pub wards: Vec<u32>,
}

impl Facts {
    /// Life is in danger.
    #[must_use]
    pub fn emergency(&self) -> bool {
        self.kind == Kind::Emergency || self.urgency == Urgency::Emergency
    }

    /// The report may accuse a body or one of its people: it may only go to a body of oversight, whatever unit would
    /// be competent for the matter. (Law on Denunciations 25/2018/QH14, article 8: a denouncer's identity is secret, first of
    /// all from the one denounced; a complaint against a decision is not for a unit at the decision's own desk to take in.)
    /// Emergencies and crime reports go to those who can help.
    #[must_use]
    pub fn guarded(&self) -> bool {
        match self.kind {
            Kind::Denunciation | Kind::Complaint => !self.emergency(),
            Kind::Emergency | Kind::CrimeReport | Kind::NotAReport | Kind::Thanks => false,
            Kind::Reflection | Kind::Suggestion | Kind::Question | Kind::Unclear => {
                !self.emergency()
                    && matches!(
                        self.topic,
                        Some(Topic::OfficialConduct | Topic::Corruption | Topic::CadreConduct)
                    )
            }
        }
    }

    /// Guarded, and not the citizen's own complaint: a complaint an office may send on to the body whose decision is
    /// contested, since the law lets that body decide first (Law on Complaints 02/2011/QH13, article 7); an accusation never.
    #[must_use]
    pub fn accusation(&self) -> bool {
        self.guarded() && self.kind != Kind::Complaint
    }

    /// The same report as one of this field. What may accuse somebody still does.
    #[must_use]
    pub fn of_field(&self, field: Field) -> Self {
        let topic = match (field, self.topic) {
            (_, Some(topic)) if topic.field() == field => topic,
            (Field::PartyBuilding, Some(Topic::OfficialConduct)) => Topic::CadreConduct,
            (Field::StateManagement, Some(Topic::CadreConduct | Topic::Corruption)) => Topic::OfficialConduct,
            (Field::PartyBuilding, _) => Topic::OtherParty,
            (Field::StateManagement, _) => Topic::OtherState,
        };
        Self {
            field: Some(field),
            topic: Some(topic),
            ..self.clone()
        }
    }
}

/// What the policy's clauses looked at: the facts, and the date of the report in the city.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// What was found.
    pub facts: Facts,
    /// The day by which units are chosen.
    pub date: Date,
    /// Whom the report is about, and by which rule; none if nobody is known.
    pub conflict: Option<Conflict>,
}

/// Whom a report is about: these, who is under them, and whoever has their tasks later never get it and never open it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The policy's rule, or `returned`: the unit said so itself.
    pub rule: String,
    /// Who.
    pub about: Vec<UnitCode>,
}

/// Longest code an event may hold.
const LONGEST: usize = 64;

impl Inputs {
    /// As `name=value`, as they are stated in `case_routed`.
    #[must_use]
    pub fn codes(&self) -> Vec<String> {
        let Facts {
            field,
            topic,
            kind,
            urgency,
            level,
            line,
            number,
            hours,
            wards,
        } = &self.facts;
        let mut codes = vec![
            format!("field={}", field.map_or("none", Field::code)),
            format!("topic={}", topic.map_or("none", Topic::code)),
            format!("kind={kind}"),
            format!("urgency={urgency}"),
            format!("level={level}"),
            format!("line={}", line.as_deref().unwrap_or("none")),
            format!("number={}", number.as_deref().unwrap_or("none")),
            format!("date={}", self.date),
        ];
        codes.extend(hours.map(|hours| format!("hours={hours}")));
        codes.extend(listed("wards", wards));
        if let Some(Conflict { rule, about }) = &self.conflict {
            codes.push(format!("conflict={rule}"));
            codes.extend(listed("about", about));
        }
        codes
    }

    /// Reads back what [`Inputs::codes`] wrote; further inputs of a later version are passed over. `None` when one is missing or
    /// cannot be read.
    #[must_use]
    pub fn read<'a>(codes: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let pairs: Vec<(&str, &str)> = codes
            .into_iter()
            .filter_map(|code| code.split_once('='))
            .collect();
        let value = |name: &str| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        let list = |name: &'static str| {
            let named = pairs.iter().filter(move |(n, _)| *n == name);
            named.flat_map(|(_, v)| v.split('+'))
        };
        let about: Result<_, _> = list("about").map(UnitCode::parse).collect();
        let about: Vec<UnitCode> = about.ok()?;
        Some(Self {
            facts: Facts {
                field: optional(value("field")?)?,
                topic: optional(value("topic")?)?,
                kind: value("kind")?.parse().ok()?,
                urgency: value("urgency")?.parse().ok()?,
                level: Level::try_from(value("level")?.parse::<u8>().ok()?).ok()?,
                line: Some(value("line")?).filter(|v| *v != "none").map(str::to_owned),
                // The first decisions on record did not look at it.
                number: value("number").filter(|v| *v != "none").map(str::to_owned),
                hours: value("hours").and_then(|hours| hours.parse().ok()),
                wards: list("wards")
                    .map(|ward| ward.parse().ok())
                    .collect::<Option<_>>()?,
            },
            date: value("date")?.parse().ok()?,
            conflict: value("conflict").map(|rule| Conflict {
                rule: rule.to_owned(),
                about,
            }),
        })
    }
}

/// `name=a+b+c`, in as many codes as it takes.
fn listed<T: ToString>(name: &str, values: &[T]) -> Vec<String> {
    let mut codes: Vec<String> = Vec::new();
    for value in values.iter().map(T::to_string) {
        match codes.last_mut() {
            Some(code) if code.len() + 1 + value.len() <= LONGEST => {
                code.push('+');
                code.push_str(&value);
            }
            _ => codes.push(format!("{name}={value}")),
        }
    }
    codes
}

/// `none` is nothing; anything else has to be one of the codes.
fn optional<T: FromStr>(text: &str) -> Option<Option<T>> {
    if text == "none" {
        Some(None)
    } else {
        text.parse().ok().map(Some)
    }
}
