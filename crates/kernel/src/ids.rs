//! Ids: derived from what caused them, so that a second attempt means the same thing as the first.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

/// The one number of an event: ledger position = stream sequence = Merkle leaf index + 1. Dense, from 1; 0 is before the first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Position(pub u64);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// From 16 bytes, as on the wire; `None` for any other length.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                Uuid::from_slice(bytes).ok().map(Self)
            }

            /// The 16 bytes.
            #[must_use]
            pub fn to_vec(self) -> Vec<u8> {
                self.0.as_bytes().to_vec()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(s).map(Self)
            }
        }
    };
}

uuid_id!(
    /// Identifies an event: UUIDv5 of its request's id and its index in the request.
    EventId
);
uuid_id!(
    /// Identifies an append request; the same id is answered with what was stored the first time.
    RequestId
);
uuid_id!(
    /// Identifies a case: one matter of one citizen.
    CaseId
);

/// How far somebody has followed the record, and what stood there: a number alone does not show that the record is another one now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Reached {
    /// The last position.
    pub position: Position,
    /// The event there, where it is known.
    pub event: Option<EventId>,
}

impl From<Position> for Reached {
    fn from(position: Position) -> Self {
        Self {
            position,
            event: None,
        }
    }
}

impl PartialEq<Position> for Reached {
    fn eq(&self, position: &Position) -> bool {
        self.position == *position
    }
}

/// Namespace of every UUIDv5 of this product.
pub const NAMESPACE: Uuid = Uuid::from_u128(0x6f1d_8b52_3c0e_5d7a_9a41_0888_2472_4710);

impl RequestId {
    /// The request a consumer makes because of an event: UUIDv5(event id, consumer name).
    #[must_use]
    pub fn reaction(cause: EventId, consumer: &str) -> Self {
        Self(Uuid::new_v5(&cause.0, consumer.as_bytes()))
    }

    /// A client's request: UUIDv5 of who sent it and the id they gave it. `scope` names the entrance and the sender
    /// (`sms/gw1`); both parts are length-prefixed so that no two pairs meet.
    #[must_use]
    pub fn client(scope: &str, id: &str) -> Self {
        Self(Uuid::new_v5(
            &NAMESPACE,
            format!("client:{}:{scope}:{id}", scope.len()).as_bytes(),
        ))
    }

    /// A timer's request: UUIDv5 of the obligation, the revision of its due time, and the step taken.
    #[must_use]
    pub fn timer(obligation: Uuid, due_revision: u32, step: &str) -> Self {
        Self(Uuid::new_v5(
            &obligation,
            format!("timer:{due_revision}:{step}").as_bytes(),
        ))
    }

    /// The id of the request's event number `index`, from 0.
    #[must_use]
    pub fn event_id(self, index: usize) -> EventId {
        EventId(Uuid::new_v5(&self.0, &(index as u64).to_be_bytes()))
    }
}

/// `<category>/<uuid>`: what one service owns and versions. The id of most streams is the case's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Lower-case letters and dashes (`routing`, `routing-policy`); belongs to one service.
    pub category: String,
    /// Which one.
    pub id: Uuid,
}

impl StreamId {
    /// A stream.
    #[must_use]
    pub fn new(category: &str, id: Uuid) -> Self {
        Self {
            category: category.to_owned(),
            id,
        }
    }

    /// A stream named by a word rather than an id (`routing-policy/city`): UUIDv5 of the word.
    #[must_use]
    pub fn named(category: &str, name: &str) -> Self {
        Self::new(category, Uuid::new_v5(&NAMESPACE, name.as_bytes()))
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.category, self.id.hyphenated())
    }
}

/// The secret from which case ids and tracking codes are derived, so that nobody can guess one from a message id.
#[derive(Clone)]
pub struct IdentityKey([u8; 32]);

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityKey(…)")
    }
}

impl IdentityKey {
    /// From 32 secret bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn mac(&self, purpose: &str, message: &[u8]) -> [u8; 32] {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).expect("HMAC takes any key");
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(message);
        mac.finalize().into_bytes().into()
    }

    /// The case a report's request opens.
    #[must_use]
    pub fn case_of(&self, request: RequestId) -> CaseId {
        let mac = self.mac("case", request.0.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&mac[..16]);
        CaseId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The tracking code of a case.
    #[must_use]
    pub fn code_of(&self, case: CaseId) -> TrackingCode {
        let mac = self.mac("code", case.0.as_bytes());
        TrackingCode::from_bits(
            u64::from_be_bytes([mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], mac[6], mac[7]]) >> 14,
        )
    }

    /// A keyed token of something personal (a phone number), for telling "the same source" without the source: 32 hex digits.
    #[must_use]
    pub fn token_of(&self, value: &str) -> String {
        hex::encode(&self.mac("source", value.as_bytes())[..16])
    }
}

/// What the citizen gets to follow their case: `HA-` and ten Crockford base-32 characters (50 bits) with a check character.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrackingCode(String);

impl TryFrom<String> for TrackingCode {
    type Error = BadCode;
    fn try_from(text: String) -> Result<Self, BadCode> {
        Self::parse(&text)
    }
}

impl From<TrackingCode> for String {
    fn from(code: TrackingCode) -> Self {
        code.0
    }
}

impl JsonSchema for TrackingCode {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TrackingCode".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^HA-[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]$" })
    }
}

/// The text is no tracking code.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCode {
    /// Wrong length or a character that never occurs.
    #[error("a tracking code looks like HA-7K3MX-9QP4T-5")]
    Shape,
    /// The last character does not fit the others: a typing error.
    #[error("the code's last character does not fit the others: please check what you typed")]
    Check,
}

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl TrackingCode {
    /// From the lowest 50 bits.
    fn from_bits(bits: u64) -> Self {
        let digits: Vec<u8> = (0..10).rev().map(|i| ((bits >> (5 * i)) & 31) as u8).collect();
        let text = |part: &[u8]| {
            part.iter()
                .map(|d| CROCKFORD[usize::from(*d)] as char)
                .collect::<String>()
        };
        Self(format!(
            "HA-{}-{}-{}",
            text(&digits[..5]),
            text(&digits[5..]),
            CROCKFORD[Self::check(&digits)] as char
        ))
    }

    /// Weighted sum modulo 31 (a prime): finds any single wrong character and any swap of neighbours but 0 with Z.
    fn check(digits: &[u8]) -> usize {
        digits
            .iter()
            .enumerate()
            .map(|(i, d)| (i + 1) * usize::from(*d))
            .sum::<usize>()
            % 31
    }

    /// Reads what a person typed: any case, with or without dashes and spaces, `O` for 0, `I` and `L` for 1.
    ///
    /// # Errors
    /// `BadCode` saying whether it is the shape or a typing error.
    pub fn parse(text: &str) -> Result<Self, BadCode> {
        let plain: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let body = plain.strip_prefix("HA").ok_or(BadCode::Shape)?;
        let digits = body
            .chars()
            .map(|c| {
                let c = match c {
                    'O' => '0',
                    'I' | 'L' => '1',
                    other => other,
                };
                CROCKFORD
                    .iter()
                    .position(|x| *x as char == c)
                    .map(|i| i as u8)
                    .ok_or(BadCode::Shape)
            })
            .collect::<Result<Vec<u8>, _>>()?;
        let (check, digits) = digits.split_last().ok_or(BadCode::Shape)?;
        if digits.len() != 10 {
            return Err(BadCode::Shape);
        }
        if Self::check(digits) != usize::from(*check) {
            return Err(BadCode::Check);
        }
        Ok(Self::from_bits(
            digits.iter().fold(0, |bits, d| bits << 5 | u64::from(*d)),
        ))
    }

    /// `HA-XXXXX-XXXXX-X`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrackingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_request_always_opens_the_same_case_with_the_same_code() {
        let key = IdentityKey::new([7; 32]);
        let request = RequestId::client("sms/gw1", "42");
        assert_eq!(key.case_of(request), key.case_of(request));
        assert_ne!(
            key.case_of(request),
            key.case_of(RequestId::client("sms/gw1", "43"))
        );
        assert_ne!(RequestId::client("a", "b:c"), RequestId::client("a:b", "c"));
    }

    #[test]
    fn a_code_survives_how_people_type_and_a_wrong_character_is_found() {
        let key = IdentityKey::new([7; 32]);
        let code = key.code_of(key.case_of(RequestId::client("sms/gw1", "42")));
        let typed = code.as_str().to_lowercase().replace('-', " ");
        assert_eq!(TrackingCode::parse(&typed), Ok(code.clone()));
        let mut wrong: Vec<char> = code.as_str().chars().collect();
        wrong[4] = if wrong[4] == '2' { '3' } else { '2' };
        assert_eq!(
            TrackingCode::parse(&wrong.iter().collect::<String>()),
            Err(BadCode::Check)
        );
        assert_eq!(TrackingCode::parse("HA-1"), Err(BadCode::Shape));
    }
}
