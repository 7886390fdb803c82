//! What the list shows: read from the address, written back to it, so that a view can be sent to a colleague.

use std::collections::HashMap;

use kernel::Position;
use kernel::taxonomy::{Destination, Field, Topic, Urgency};

use crate::case::State;
use crate::roles::Role;

/// A filter of the list; empty parts do not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Where cases stand.
    pub state: Option<State>,
    /// Level of the answer.
    pub level: Option<u8>,
    /// Field.
    pub field: Option<Field>,
    /// Topic.
    pub topic: Option<Topic>,
    /// Urgency.
    pub urgency: Option<Urgency>,
    /// Where they rest.
    pub destination: Option<Destination>,
    /// Unit code.
    pub unit: String,
    /// `now`: a deadline passed and the thing is not done. `ever`: anything was ever late.
    pub late: String,
    /// Only those whose office is disputed.
    pub disputed: bool,
    /// Part of a tracking code, in its own letters.
    pub q: String,
    /// What waits for the person's own role.
    pub mine: bool,
    /// Only what was received before this position: the next page.
    pub before: Option<Position>,
}

impl Filter {
    /// Reads the address. What cannot be read does not filter.
    #[must_use]
    pub fn read(query: &HashMap<String, String>) -> Self {
        let get = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
        let code = |text: &str| {
            text.chars()
                .filter(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_')
                .take(40)
                .collect::<String>()
        };
        Self {
            state: get("state").parse().ok(),
            level: get("level").parse().ok().filter(|l| (1..=5).contains(l)),
            field: get("field").parse().ok(),
            topic: get("topic").parse().ok(),
            urgency: get("urgency").parse().ok(),
            destination: get("destination").parse().ok(),
            unit: code(get("unit")),
            late: match get("late") {
                late @ ("now" | "ever") => late.to_owned(),
                _ => String::new(),
            },
            disputed: get("disputed") == "1",
            q: code(get("q")).to_uppercase(),
            mine: get("mine") == "1",
            before: get("before").parse().ok().map(Position),
        }
    }

    /// Writes the address. Every part is a code, so nothing needs escaping.
    #[must_use]
    pub fn query(&self) -> String {
        let mut parts = Vec::new();
        let mut put = |name: &str, value: String| {
            if !value.is_empty() {
                parts.push(format!("{name}={value}"));
            }
        };
        put("state", self.state.map(|x| x.to_string()).unwrap_or_default());
        put("level", self.level.map(|x| x.to_string()).unwrap_or_default());
        put("field", self.field.map(|x| x.to_string()).unwrap_or_default());
        put("topic", self.topic.map(|x| x.to_string()).unwrap_or_default());
        put("urgency", self.urgency.map(|x| x.to_string()).unwrap_or_default());
        put(
            "destination",
            self.destination.map(|x| x.to_string()).unwrap_or_default(),
        );
        put("unit", self.unit.clone());
        put("late", self.late.clone());
        let flag = |on: bool| if on { "1".to_owned() } else { String::new() };
        put("disputed", flag(self.disputed));
        put("q", self.q.clone());
        put("mine", flag(self.mine));
        put("before", self.before.map(|p| p.to_string()).unwrap_or_default());
        parts.join("&")
    }

    /// Whether anything is filtered.
    #[must_use]
    pub fn any(&self) -> bool {
        *self != Self::default()
    }

    /// The states that wait for a role, with the level if only one level does.
    #[must_use]
    pub const fn desk_of(role: Role) -> (&'static [State], Option<u8>) {
        match role {
            Role::Operator => (&[State::InReview, State::AtDesk, State::Reopened], None),
            Role::Office => (&[State::WithOffice, State::InReview, State::Reopened], None),
            Role::Leader => (&[State::WithOffice], Some(3)),
            Role::Inspector | Role::Admin => (&[], None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_it_was_read_and_junk_in_it_filters_nothing() {
        let query = |text: &str| {
            text.split('&')
                .filter_map(|p| p.split_once('='))
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .collect::<HashMap<_, _>>()
        };
        let text =
            "state=at_desk&level=1&topic=traffic&unit=so_xd&late=now&disputed=1&q=HA-7K&mine=1&before=42";
        assert_eq!(Filter::read(&query(text)).query(), text);
        let junk = "state=gone&level=9&late=x&unit=\"><script>&before=minus";
        assert_eq!(Filter::read(&query(junk)).query(), "unit=script");
    }
}
