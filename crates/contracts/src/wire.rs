//! The JSON that gateways and units exchange with us over NATS; the published contract is AsyncAPI in `proto/`.

use kernel::taxonomy::{Field, Kind, Level, Office, Topic, Urgency};
use kernel::{CaseId, Instant, TrackingCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Code;

/// A report as a gateway publishes it to `in.<channel>.<gateway>` or asks with on `submit.<channel>.<gateway>`.
/// Unknown fields are passed over.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportIn {
    /// The gateway's own id of this message, 1 to 128 characters; sending it again gives the same receipt.
    #[schemars(length(min = 1, max = 128))]
    pub id: String,
    /// What was said, as it arrived.
    #[schemars(length(min = 1, max = 65536))]
    pub text: String,
    /// When it was said, RFC 3339 with zone; absent: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<String>,
    /// `0888247247` or `1022`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// Who reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ReporterIn>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceIn>,
    /// True when the call dropped before all was said.
    #[serde(default)]
    pub incomplete: bool,
    /// On `in.express.<gateway>` only: the channel (`phone`, `sms`, `email`, `web`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// Who reports; any part may be missing.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
pub struct ReporterIn {
    /// Name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Phone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// Where; any part may be missing.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
pub struct PlaceIn {
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Degrees north.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    /// Degrees east.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
}

/// What a gateway reads on `out.<channel>.<gateway>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ReceiptOut {
    /// On record.
    Receipt {
        /// The gateway's id of the message.
        id: String,
        /// What the citizen follows the case by.
        code: TrackingCode,
        /// Position of `report_received`.
        position: u64,
        /// When it was committed, microseconds UTC.
        accepted_at: Instant,
    },
    /// Not taken. Nothing is lost: what came stays with the sender, and is on record as refused.
    Refusal {
        /// The gateway's id of the message, if one could be read.
        id: Option<String>,
        /// `not_json`, `invalid_utf8`, `wrong_type`, `no_id`, `no_text`, `nul`, `too_large`, `unknown_channel`, `future`, `reused_id` …
        reason: Code,
        /// One sentence: what was wrong and what to do. Never quotes what was sent.
        detail: String,
    },
}

/// What is put before a unit on `cases.<office>.<unit>.<case>.<revision>`, taken back from it, or told to it about a case it has: facts
/// and a reference, never content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseNotice {
    /// The case.
    pub case: CaseId,
    /// Which dispatch, from 1.
    pub revision: u32,
    /// Whom it is for.
    pub unit: Code,
    /// The office it comes from.
    pub office: Office,
    /// The facts.
    pub field: Option<Field>,
    /// Main topic.
    pub topic: Option<Topic>,
    /// Legal kind.
    pub kind: Kind,
    /// How soon harm comes.
    pub urgency: Urgency,
    /// Level of the answer.
    pub level: Level,
    /// False when nobody can act on it without asking back: no place, a call that dropped. The citizen is asked to add what is missing.
    #[serde(default = "complete")]
    pub complete: bool,
    /// Codes of wards that the report may mean.
    pub wards: Vec<Code>,
    /// Position of what it tells: `case_dispatched`, `case_recalled`, `unit_joined` or `question_answered`.
    pub position: u64,
    /// When that was recorded.
    pub dispatched_at: Instant,
    /// Set when the case is taken back: `elsewhere`, `erased`. Older revisions are over, their content is opened no more, and nothing is
    /// answered to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalled: Option<Code>,
    /// `coordinating`: the unit takes part; it opens the case and reports progress, and the lead unit does the rest. Absent: the lead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Code>,
    /// The question of the unit that the citizen answered: open the case to read it. The dispatch stands as it was, by either revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<u32>,
}

/// A notice from before `complete` was told.
const fn complete() -> bool {
    true
}

/// The body of a webhook (Standard Webhooks): the headers `webhook-id`, `webhook-timestamp` and `webhook-signature` go with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseWebhook {
    /// `case.dispatched`, `case.recalled`, `case.joined` (the unit takes part), `case.answered` (the citizen answered its question).
    #[serde(rename = "type")]
    pub kind: Code,
    /// When that was recorded, RFC 3339.
    #[schemars(length(max = 32))]
    pub timestamp: String,
    /// As a unit reads it on CASES.
    pub data: CaseNotice,
}

/// What a unit asks on `desk.<unit>.<verb>`; verbs: `open`, `accept`, `return`, `ask`, `join`, `progress`, `result`.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeskRequest {
    /// The unit's own id of this request, 1 to 128 characters; sending it again gives the same answer.
    pub request_id: String,
    /// The case.
    pub case: CaseId,
    /// As received.
    pub revision: u32,
    /// `return`: `not_ours`, `incomplete`, `duplicate`, `conflict`, `other`. `result`: `done`, `partly_done`, `not_possible`, `no_grounds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// `return`: the reason in words. `ask`: the question to the citizen. `join`: what the other unit is to do. `progress`, `result`: what to
    /// tell the citizen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `return`: whose it is, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub better_unit: Option<String>,
    /// `progress`: the date promised, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed_date: Option<String>,
    /// `join`: the unit that is to take part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// `progress`, `result`: files in base64, JPEG, PNG or PDF; at most 4, and 180,000 bytes in all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub attachments: Vec<String>,
}

/// A question to the citizen.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Question {
    /// Its number in the case, from 1.
    pub question: u32,
    /// The question.
    pub text: String,
    /// The citizen's answer, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// What a unit gets as the reply.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DeskReply {
    /// On record.
    Done {
        /// Position of the event.
        position: u64,
        /// Whether it was on record before.
        already: bool,
    },
    /// The content, opened for this unit; the opening is on record.
    Opened {
        /// What the citizen said.
        text: String,
        /// Where, in words, if given apart from the text.
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<String>,
        /// Degrees north.
        #[serde(skip_serializing_if = "Option::is_none")]
        latitude: Option<f64>,
        /// Degrees east.
        #[serde(skip_serializing_if = "Option::is_none")]
        longitude: Option<f64>,
        /// What the lead unit asks of a unit that takes part.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<String>,
        /// What the citizen was asked, and answered.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        questions: Vec<Question>,
        /// Position of the access event.
        position: u64,
    },
    /// Not done.
    Refused {
        /// A code for the program.
        reason: Code,
        /// One sentence for the person: what was wrong and what to do.
        detail: String,
    },
}

macro_rules! hidden {
    ($($type:ident),+) => {
        $(impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($type), "(may hold personal data)"))
            }
        })+
    };
}
hidden!(ReportIn, ReporterIn, PlaceIn, DeskRequest, DeskReply, Question);
