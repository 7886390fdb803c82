//! The only spelling of a NATS stream, subject, header and durable.

use kernel::taxonomy::{Channel, Office};
use kernel::{CaseId, StreamId};

/// Everything on record, published by the relay only.
pub const EVENTS: &str = "EVENTS";
/// What gateways hand in, until intake has sealed it.
pub const INBOX: &str = "INBOX";
/// Receipts and refusals for gateways.
pub const RECEIPTS: &str = "RECEIPTS";
/// What is put before units: facts and a content reference, never content.
pub const CASES: &str = "CASES";
/// What could not be handled, with why.
pub const PARK: &str = "PARK";

/// Subjects of the streams, for their configuration.
pub const EVENTS_SUBJECTS: &str = "evt.>";
/// See [`INBOX`].
pub const INBOX_SUBJECTS: &str = "in.>";
/// What INBOX stores under another subject, and which: consumers of a work queue may not overlap, and so intake can take everything on
/// the express lane apart from everything else, whatever channel a gateway names.
pub const INBOX_EXPRESS: (&str, &str) = ("in.express.>", "express.>");
/// See [`RECEIPTS`].
pub const RECEIPTS_SUBJECTS: &str = "out.>";
/// See [`CASES`].
pub const CASES_SUBJECTS: &str = "cases.>";
/// See [`PARK`].
pub const PARK_SUBJECTS: &str = "park.>";

/// How many shards a city's subjects are split into unless configured otherwise.
pub const DEFAULT_SHARDS: u32 = 1;

/// The shard of a stream id (or case): its last byte modulo the number of shards.
#[must_use]
pub fn shard_of(id: &uuid::Uuid, shards: u32) -> u32 {
    u32::from(id.as_bytes()[15]) % shards.max(1)
}

/// `ahead.<shard>`: what was committed on the express lane ([`crate::ahead::Announced`]), told beside the stream and kept nowhere.
#[must_use]
pub fn ahead(shard: u32) -> String {
    format!("ahead.{shard}")
}

/// The same of every shard.
pub const AHEAD_ALL: &str = "ahead.*";

/// `evt.<shard>.<category>.<event>.<stream id>`; the case is in a header. `kind` is the full type `<category>.<event>.v<N>`;
/// the shard is the case's, or the stream's where there is no case.
#[must_use]
pub fn event(shards: u32, stream: &StreamId, kind: &str, case: Option<CaseId>) -> String {
    let shard = shard_of(&case.map_or(stream.id, |c| c.0), shards);
    let event = kind.split('.').nth(1).unwrap_or_default();
    format!(
        "evt.{shard}.{}.{event}.{}",
        stream.category,
        stream.id.hyphenated()
    )
}

/// The filter of a consumer for one event name (`report.report_received`, with or without version) in one shard.
#[must_use]
pub fn event_filter(shard: u32, kind: &str) -> String {
    let mut parts = kind.split('.');
    let (category, event) = (parts.next().unwrap_or_default(), parts.next().unwrap_or("*"));
    format!("evt.{shard}.{category}.{event}.*")
}

/// The same in every shard.
#[must_use]
pub fn event_filter_any_shard(kind: &str) -> String {
    let mut parts = kind.split('.');
    let (category, event) = (parts.next().unwrap_or_default(), parts.next().unwrap_or("*"));
    format!("evt.*.{category}.{event}.*")
}

/// All events of one category, in whatever shard.
#[must_use]
pub fn category_filter(category: &str) -> String {
    format!("evt.*.{category}.>")
}

/// The filter of a consumer that wants every event of one shard.
#[must_use]
pub fn shard_filter(shard: u32) -> String {
    format!("evt.{shard}.>")
}

/// Where a gateway publishes reports.
#[must_use]
pub fn inbox(channel: Channel, gateway: &str) -> String {
    format!("in.{channel}.{gateway}")
}

/// Where a gateway publishes what cannot wait; the channel is in the body.
#[must_use]
pub fn inbox_express(gateway: &str) -> String {
    format!("in.express.{gateway}")
}

/// Where a gateway may publish: every channel, and the express lane.
#[must_use]
pub fn inbox_of(gateway: &str) -> String {
    format!("in.*.{gateway}")
}

/// Where a gateway asks (request/reply) and gets the receipt as the reply; on no stream.
#[must_use]
pub fn submit(channel: &str, gateway: &str) -> String {
    format!("submit.{channel}.{gateway}")
}

/// What intake listens to for requests.
pub const SUBMIT_ALL: &str = "submit.*.*";

/// Where receipts and refusals for a gateway go. `channel` is the token of the subject the report came by.
#[must_use]
pub fn receipts(channel: &str, gateway: &str) -> String {
    format!("out.{channel}.{gateway}")
}

/// `cases.<office>.<unit>.<case>.<revision>`.
#[must_use]
pub fn case_notice(office: Office, unit: &str, case: CaseId, revision: u32) -> String {
    format!("cases.{office}.{unit}.{case}.{revision}")
}

/// The filter of a unit's durable.
#[must_use]
pub fn unit_cases(unit: &str) -> String {
    format!("cases.*.{unit}.*.*")
}

/// The durable of a unit on CASES, made when the unit is added.
#[must_use]
pub fn unit_durable(unit: &str) -> String {
    format!("unit-{unit}")
}

/// `desk.<unit>.<verb>`: what a unit's system asks of routing.
#[must_use]
pub fn desk(unit: &str, verb: &str) -> String {
    format!("desk.{unit}.{verb}")
}

/// What routing listens to.
pub const DESK_ALL: &str = "desk.*.*";

/// Where a consumer parks what it could not handle.
#[must_use]
pub fn park(consumer: &str) -> String {
    format!("park.{consumer}")
}

/// Whether a text may be a token of a subject (a gateway's or unit's name): 1 to 64 lower-case letters, digits, `_` and `-`.
#[must_use]
pub fn is_token(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

/// Names of the headers on EVENTS: CloudEvents 1.0 binary mode, with extensions for what the envelope adds.
pub mod headers {
    /// `1.0`.
    pub const SPEC_VERSION: &str = "ce-specversion";
    /// Event id.
    pub const ID: &str = "ce-id";
    /// `/hoiam/<category>`.
    pub const SOURCE: &str = "ce-source";
    /// Type with version.
    pub const TYPE: &str = "ce-type";
    /// `<category>/<stream id>`.
    pub const SUBJECT: &str = "ce-subject";
    /// `occurred_at`, RFC 3339.
    pub const TIME: &str = "ce-time";
    /// `application/json`.
    pub const CONTENT_TYPE: &str = "content-type";
    /// The one number.
    pub const POSITION: &str = "ce-position";
    /// Version in the stream.
    pub const STREAM_VERSION: &str = "ce-streamversion";
    /// The case.
    pub const CASE: &str = "ce-case";
    /// `occurred_at` in microseconds.
    pub const OCCURRED_AT: &str = "ce-occurredat";
    /// `recorded_at` in microseconds.
    pub const RECORDED_AT: &str = "ce-recordedat";
    /// Who is answerable.
    pub const ACTOR: &str = "ce-actor";
    /// What started it all.
    pub const CORRELATION: &str = "ce-correlation";
    /// The causing event.
    pub const CAUSATION: &str = "ce-causation";
    /// The request.
    pub const REQUEST: &str = "ce-request";
    /// Salt of the leaf's data hash, hex.
    pub const SALT: &str = "ce-salt";
    /// SHA-256(salt ‖ data), hex.
    pub const DATA_HASH: &str = "ce-datahash";
    /// SHA-256(nonce ‖ ciphertext ‖ tag), hex; absent when nothing is sealed.
    pub const SEALED_HASH: &str = "ce-sealedhash";
    /// W3C trace context.
    pub const TRACEPARENT: &str = "traceparent";
}
