//! From the bytes of a message to a submission; says what is wrong with them without repeating them.

use contracts::wire::ReportIn;
use intake_domain::{Reason, Refused, Submission};
use serde_json::Value;

/// Most bytes of a body: a text of 65,536 characters in any script and escape, and the other fields.
pub(crate) const MAX_BODY: usize = 1 << 20;

/// What could be read of a body that is no report.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// Why.
    pub(crate) refused: Refused,
    /// The sender's id, if one could be read: so that the sender knows which message is meant.
    pub(crate) id: Option<String>,
}

impl From<Reason> for Unreadable {
    fn from(reason: Reason) -> Self {
        Self {
            refused: reason.into(),
            id: None,
        }
    }
}

/// A body as gateways send it: one JSON object, `contracts::wire::ReportIn`.
pub(crate) fn report(body: &[u8]) -> Result<ReportIn, Unreadable> {
    if body.len() > MAX_BODY {
        return Err(Reason::TooLarge.into());
    }
    let text = std::str::from_utf8(body).map_err(|_| Reason::InvalidUtf8)?;
    // What serde says of a wrong type quotes the value, so it goes nowhere: the second reading says it in our words.
    serde_json::from_str(text).map_err(|_| explain(text))
}

/// Why it is no report.
fn explain(text: &str) -> Unreadable {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return Reason::NotJson.into();
    };
    let id = value
        .get("id")
        .and_then(Value::as_str)
        .filter(|id| id.chars().count() <= 128)
        .map(str::to_owned);
    Unreadable {
        refused: first_wrong(&value),
        id,
    }
}

/// Whether a value has the type of its field.
type Fits = fn(&Value) -> bool;

fn first_wrong(value: &Value) -> Refused {
    let Value::Object(_) = value else {
        return Reason::WrongType.into();
    };
    let absent = |field: &str| value.get(field).is_none_or(Value::is_null);
    if absent("id") {
        return Refused::because(Reason::NoId, "id");
    }
    if absent("text") {
        return Refused::because(Reason::NoText, "text");
    }
    let wrong = |pointer: &str, fits: Fits| value.pointer(pointer).is_some_and(|v| !v.is_null() && !fits(v));
    let fields: [(&'static str, &str, Fits); 14] = [
        ("id", "/id", Value::is_string),
        ("text", "/text", Value::is_string),
        ("occurred_at", "/occurred_at", Value::is_string),
        ("line", "/line", Value::is_string),
        ("channel", "/channel", Value::is_string),
        ("incomplete", "/incomplete", Value::is_boolean),
        ("from", "/from", Value::is_object),
        ("from.name", "/from/name", Value::is_string),
        ("from.phone", "/from/phone", Value::is_string),
        ("from.email", "/from/email", Value::is_string),
        ("place", "/place", Value::is_object),
        ("place.address", "/place/address", Value::is_string),
        ("place.latitude", "/place/latitude", Value::is_number),
        ("place.longitude", "/place/longitude", Value::is_number),
    ];
    let found = fields
        .into_iter()
        .find(|(_, pointer, fits)| wrong(pointer, *fits));
    found.map_or(Reason::WrongType.into(), |(field, _, _)| {
        Refused::because(Reason::WrongType, field)
    })
}

/// A report by the channel of its subject, or of its body where the subject names none (`express`).
pub(crate) fn submission(channel: &str, report: ReportIn) -> Submission {
    let from = report.from.unwrap_or_default();
    let place = report.place.unwrap_or_default();
    Submission {
        channel: if channel == EXPRESS {
            report.channel.unwrap_or_default()
        } else {
            channel.to_owned()
        },
        id: report.id,
        text: report.text,
        occurred_at: report.occurred_at,
        line: report.line,
        name: from.name,
        phone: from.phone,
        email: from.email,
        address: place.address,
        latitude: place.latitude,
        longitude: place.longitude,
        incomplete: report.incomplete,
    }
}

/// The token of a subject that stands for a lane, not for a channel.
pub(crate) const EXPRESS: &str = "express";

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &[u8]) -> (&'static str, Option<&'static str>) {
        let unreadable = report(body).err().unwrap();
        assert!(
            !format!("{unreadable:?} {}", unreadable.refused.detail()).contains("Lan"),
            "content is quoted"
        );
        (unreadable.refused.reason.code(), unreadable.refused.field)
    }

    #[test]
    fn what_is_wrong_with_a_body_is_said_without_repeating_it() {
        assert_eq!(refused(b"chao Lan"), ("not_json", None));
        assert_eq!(refused(b""), ("not_json", None));
        assert_eq!(
            refused(b"{\"id\":\"1\",\"text\":\"Lan\xff\"}"),
            ("invalid_utf8", None)
        );
        assert_eq!(
            refused(b"{\"id\":\"1\",\"text\":\"Lan\0\"}"),
            ("not_json", None),
            "a bare control character is no JSON"
        );
        assert_eq!(refused(b"[\"Lan\"]"), ("wrong_type", None));
        assert_eq!(refused(br#"{"text":"Lan"}"#), ("no_id", Some("id")));
        assert_eq!(refused(br#"{"id":null,"text":"Lan"}"#), ("no_id", Some("id")));
        assert_eq!(refused(br#"{"id":"1"}"#), ("no_text", Some("text")));
        assert_eq!(refused(br#"{"id":1,"text":"Lan"}"#), ("wrong_type", Some("id")));
        assert_eq!(
            refused(br#"{"id":"1","text":["Lan"]}"#),
            ("wrong_type", Some("text"))
        );
        assert_eq!(
            refused(br#"{"id":"1","text":"a","from":"Lan"}"#),
            ("wrong_type", Some("from"))
        );
        assert_eq!(
            refused(br#"{"id":"1","text":"a","from":{"phone":84900000011}}"#),
            ("wrong_type", Some("from.phone"))
        );
        assert_eq!(
            refused(br#"{"id":"1","text":"a","place":{"latitude":"10"}}"#),
            ("wrong_type", Some("place.latitude"))
        );
        assert_eq!(
            refused(br#"{"id":"1","text":"a","incomplete":"no"}"#),
            ("wrong_type", Some("incomplete"))
        );
        assert_eq!(
            refused(br#"{"id":"1","id":"2","text":"a"}"#),
            ("wrong_type", None),
            "a field said twice"
        );
        assert_eq!(refused(&vec![b' '; MAX_BODY + 1]), ("too_large", None));
        assert_eq!(
            refused("[".repeat(100_000).as_bytes()),
            ("not_json", None),
            "deep nesting ends in an answer, not in a crash"
        );
    }

    #[test]
    fn the_senders_id_is_given_back_where_it_could_be_read() {
        assert_eq!(
            report(br#"{"id":"42","text":7}"#).err().unwrap().id.as_deref(),
            Some("42")
        );
        assert_eq!(report(br#"{"id":42,"text":7}"#).err().unwrap().id, None);
    }

    #[test]
    fn unknown_fields_are_passed_over_and_the_channel_comes_from_the_body_only_on_express() {
        let body = br#"{"id":"1","text":"a","channel":"phone","mood":"calm"}"#;
        assert_eq!(submission("sms", report(body).unwrap()).channel, "sms");
        assert_eq!(submission(EXPRESS, report(body).unwrap()).channel, "phone");
    }
}
