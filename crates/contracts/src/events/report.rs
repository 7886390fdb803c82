//! What intake states: `report/<case>`.

use kernel::TrackingCode;
use kernel::taxonomy::Channel;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::payload;
use crate::Code;
use crate::evidence::Evidence;

/// A report is on record. Sealed: [`crate::sealed::ReportContent`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportReceived {
    /// By which channel.
    pub channel: Channel,
    /// Which gateway (or `http`, `grpc`) handed it in.
    pub gateway: Code,
    /// Which line was called: `0888247247`, `1022`, or empty.
    pub line: Code,
    /// What the citizen follows the case by.
    pub code: TrackingCode,
    /// Keyed token of where it came from (phone or e-mail), to tell "the same source"; empty when none was given.
    pub source: Code,
    /// Whether there is a way to answer: a phone number or an e-mail address.
    pub answerable: bool,
    /// False when the channel says the call dropped before all was said.
    pub complete: bool,
    /// Length of the text in characters.
    pub text_length: u32,
    /// Guessed language: `vi`, `en` or `other`.
    pub language: Code,
    /// Whether a place came with it apart from the text (address or coordinates).
    pub located: bool,
    /// Whether it came by the express lane.
    pub express: bool,
}
payload!(ReportReceived, "report", "report_received.v1");

/// Words that mean danger were found before the report was appended; stands beside it in the same request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EmergencySuspected {
    /// `113`, `114` or `115`.
    pub number: Code,
    /// Which rules matched, and where in the sealed text.
    #[schemars(length(max = 64))]
    pub evidence: Vec<Evidence>,
}
payload!(EmergencySuspected, "report", "emergency_suspected.v1");

/// Something came in that cannot be a report. Sealed: what came, as it came, unless it was too large to keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportRefused {
    /// Token of the subject it came by; `express` is possible here.
    pub channel: Code,
    /// Who handed it in.
    pub gateway: Code,
    /// Why: `not_json`, `no_text`, `too_large` …
    pub reason: Code,
    /// Size in bytes.
    pub size: u32,
    /// Whether the bytes are in the sealed part.
    pub kept: bool,
}
payload!(ReportRefused, "report", "report_refused.v1");
