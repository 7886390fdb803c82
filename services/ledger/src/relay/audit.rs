//! Comparing what the stream holds with what is on record: every header, the subject, the data, and the leaf that follows from them.

use std::collections::BTreeMap;

use chassis::nats::{from_headers, to_headers};
use contracts::Recorded;
use contracts::event::DecodeError;
use contracts::grpc::ledger as wire;
use contracts::subjects::{self, headers};
use sha2::{Digest, Sha256};

use super::bulk::Held;
use crate::envelope;
use crate::event::StoredEvent;
use crate::merkle::{Hash, leaf_hash};

/// Headers with this prefix are the server's, or were meant for it when the message was published.
const SERVERS: &str = "Nats-";

/// What one position's message and event do not agree on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// `subject`, names of headers, `data`, `leaf`; by name.
    pub differs: Vec<String>,
    /// Whether the data on record fit the hash that was committed with them.
    pub record_fits: bool,
    /// Whether the message's data fit the hash that it carries.
    pub stream_fits: bool,
}

/// Compares a message with the event of the same position; `None` when they are the same. An event that was erased since agrees with a
/// message whose data still fit the hash that both carry.
///
/// # Errors
/// When the event is not what a ledger gives.
pub fn compare(shards: u32, event: wire::Event, held: &Held) -> Result<Option<Difference>, DecodeError> {
    let wanted = texts(&to_headers(&event));
    let found = texts(&held.headers);
    let erased = event.salt.is_empty() && event.data.is_empty();
    let salt = hex::decode(found.get(headers::SALT).map_or("", String::as_str)).unwrap_or_default();
    let found_hash = hash_in(&found, headers::DATA_HASH);
    let (data, data_hash, sealed_hash) = (
        event.data.clone(),
        event.data_hash.to_vec(),
        event.sealed_hash.to_vec(),
    );
    let record_fits = erased || salted(&event.salt, &data) == data_hash;
    let stream_fits = salted(&salt, &held.payload) == found_hash;
    let event = Recorded::try_from(event)?;

    let mut differs = Vec::new();
    if held.subject != subjects::event(shards, &event.stream, &event.kind, event.case) {
        differs.push("subject".to_owned());
    }
    for name in wanted
        .keys()
        .chain(found.keys().filter(|n| !wanted.contains_key(*n)))
    {
        let same = wanted.get(name) == found.get(name) || (erased && name == headers::SALT);
        if !same && !differs.contains(name) {
            differs.push(name.clone());
        }
    }
    if held.payload != data && !(erased && stream_fits) {
        differs.push("data".to_owned());
    }
    let theirs = from_headers(&held.headers, &held.payload)
        .ok()
        .map(|message| leaf(&message, found_hash, hash_in(&found, headers::SEALED_HASH)));
    if theirs != Some(leaf(&event, data_hash, sealed_hash)) {
        differs.push("leaf".to_owned());
    }
    // The same words in both, and yet not what was committed: changed before it was relayed.
    let same = differs.is_empty() && record_fits && stream_fits;
    Ok((!same).then_some(Difference {
        differs,
        record_fits,
        stream_fits,
    }))
}

fn salted(salt: &[u8], data: &[u8]) -> Vec<u8> {
    Sha256::new()
        .chain_update(salt)
        .chain_update(data)
        .finalize()
        .to_vec()
}

/// Empty where there is none.
fn hash_in(found: &BTreeMap<String, String>, name: &str) -> Vec<u8> {
    hex::decode(found.get(name).map_or("", String::as_str)).unwrap_or_default()
}

/// All values of each header that is ours.
fn texts(map: &async_nats::HeaderMap) -> BTreeMap<String, String> {
    map.iter()
        .map(|(name, values)| (name.to_string(), values))
        .filter(|(name, _)| !name.starts_with(SERVERS))
        .map(|(name, values)| {
            let values: Vec<&str> = values.iter().map(async_nats::HeaderValue::as_str).collect();
            (name, values.join(", "))
        })
        .collect()
}

/// The Merkle leaf hash of an event, from what is in its envelope.
fn leaf(event: &Recorded, data_hash: Vec<u8>, sealed_hash: Vec<u8>) -> Hash {
    let (name, revision) = event.kind.rsplit_once(".v").unwrap_or((&event.kind, "0"));
    leaf_hash(&envelope::leaf(&StoredEvent {
        position: event.position.0,
        id: event.id.0,
        category: event.stream.category.clone(),
        stream_id: event.stream.id,
        version: event.version,
        case_id: event.case.map(|c| c.0),
        name: name.to_owned(),
        revision: revision.parse().unwrap_or_default(),
        occurred_at: event.occurred_at.0,
        recorded_at: event.recorded_at.0,
        actor: event.actor.to_string(),
        correlation: event.correlation.clone(),
        causation: event.causation.map(|c| c.0),
        traceparent: event.traceparent.clone(),
        request_id: event.request.0,
        data: Vec::new(),
        salt: Vec::new(),
        data_hash,
        sealed_hash,
        leaf: Vec::new(),
    }))
}
