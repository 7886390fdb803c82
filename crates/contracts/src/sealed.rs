//! What a person typed: the plaintext of sealed parts. Only ever in memory, or under the key of its case.

use serde::{Deserialize, Serialize};

/// What came with a report.
#[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct ReportContent {
    /// What was said, as it arrived.
    pub text: String,
    /// The sender's own id of the message.
    pub id: String,
    /// Who reports.
    #[serde(default)]
    pub from: Reporter,
    /// Where, as given apart from the text.
    #[serde(default)]
    pub place: Place,
}

/// Who reports; any part may be missing.
#[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Reporter {
    /// Name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Phone number as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// Where, as given apart from the text.
#[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Place {
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Degrees north, WGS 84.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    /// Degrees east, WGS 84.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
}

/// Words that go with a decision: a reason, a result, guidance, minutes.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// The words.
    pub text: String,
    /// Photos and documents that a unit sent along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
}

impl Note {
    /// Words alone.
    #[must_use]
    pub const fn of(text: String) -> Self {
        Self {
            text,
            attachments: Vec::new(),
        }
    }
}

/// A small file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// `image/jpeg`, `image/png` or `application/pdf`, as its first bytes say.
    pub media_type: String,
    /// Its bytes in base64.
    pub data: String,
}

/// A message to a citizen.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Phone number (E.164) or e-mail address.
    pub to: String,
    /// Subject line; empty for SMS.
    pub subject: String,
    /// The words.
    pub body: String,
}

/// Where a unit's notices go.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Outlet {
    /// URL of a webhook, or a mail address.
    pub address: String,
    /// Signs what is sent: `whsec_` and base64.
    pub secret: String,
}

macro_rules! hidden {
    ($($type:ident),+) => {
        $(impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($type), "(sealed)"))
            }
        })+
    };
}
hidden!(ReportContent, Reporter, Place, Note, Attachment, Message, Outlet);
