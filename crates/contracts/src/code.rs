//! A bounded token: the only kind of string an event's `data` may hold, so that no free text can get in.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// 0 to 64 letters, digits and `_ . : / + @ = -` (ASCII). A code, an id, a version, a rule: never words a person typed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(try_from = "String", into = "String")]
pub struct Code(String);

/// The text is no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a code has at most 64 of the characters A-Z a-z 0-9 _ . : / + @ = -")]
pub struct BadCode;

impl Code {
    /// The pattern of the JSON Schema.
    pub const PATTERN: &'static str = "^[A-Za-z0-9_.:/+@=-]{0,64}$";

    /// Reads a code.
    ///
    /// # Errors
    /// `BadCode` when it is too long or holds another character.
    pub fn new(text: impl Into<String>) -> Result<Self, BadCode> {
        let text = text.into();
        let good = text.len() <= 64
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_.:/+@=-".contains(&b));
        if good { Ok(Self(text)) } else { Err(BadCode) }
    }

    /// A code from anything: characters that no code holds become `_`, and what is too long is cut.
    #[must_use]
    pub fn lossy(text: &str) -> Self {
        Self(
            text.chars()
                .take(64)
                .map(|c| {
                    if c.is_ascii_alphanumeric() || "_.:/+@=-".contains(c) {
                        c
                    } else {
                        '_'
                    }
                })
                .collect(),
        )
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<String> for Code {
    type Error = BadCode;
    fn try_from(text: String) -> Result<Self, BadCode> {
        Self::new(text)
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for Code {
    fn schema_name() -> Cow<'static, str> {
        "Code".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": Self::PATTERN, "maxLength": 64 })
    }
}
