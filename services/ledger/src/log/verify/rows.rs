//! A row as the ledger gives it against the entry that was signed.

use contracts::grpc::ledger as wire;
use uuid::Uuid;

use crate::envelope::{self, Facts};
use crate::event::StoredEvent;

/// The leaf of an event as the ledger gives it; `None` when an id in it is none.
#[must_use]
pub fn leaf_of(event: &wire::Event) -> Option<Vec<u8>> {
    let (name, revision) = event.r#type.rsplit_once(".v")?;
    let case_id = match &event.case_id {
        None => None,
        Some(id) => Some(Uuid::from_slice(id).ok()?),
    };
    Some(envelope::leaf(&StoredEvent {
        position: event.position,
        id: Uuid::from_slice(&event.id).ok()?,
        category: event.category.clone(),
        stream_id: Uuid::from_slice(&event.stream_id).ok()?,
        version: event.version,
        case_id,
        name: name.to_owned(),
        revision: revision.parse().ok()?,
        occurred_at: event.occurred_at,
        recorded_at: event.recorded_at,
        actor: event.actor.clone(),
        correlation: String::new(),
        causation: None,
        traceparent: String::new(),
        request_id: Uuid::nil(),
        data: Vec::new(),
        salt: Vec::new(),
        data_hash: event.data_hash.to_vec(),
        sealed_hash: event.sealed_hash.to_vec(),
        leaf: Vec::new(),
    }))
}

/// In which fields a row differs from the log's entry: `actor was service:routing, is service:nobody`.
#[must_use]
pub fn differences(entry: &[u8], row: &[u8]) -> String {
    let (Some(was), Some(is)) = (Facts::read(entry), Facts::read(row)) else {
        return "one of the two is no event".to_owned();
    };
    let mut all = Vec::new();
    let mut compare = |name: &str, was: String, is: String| {
        if was != is {
            all.push(format!("{name} was {was}, is {is}"));
        }
    };
    let case = |facts: &Facts| {
        facts
            .case_id
            .map_or_else(|| "none".to_owned(), |id| id.to_string())
    };
    compare("position", was.position.to_string(), is.position.to_string());
    compare("id", was.id.to_string(), is.id.to_string());
    compare("category", was.category.clone(), is.category.clone());
    compare("stream", was.stream_id.to_string(), is.stream_id.to_string());
    compare("version", was.version.to_string(), is.version.to_string());
    compare("type", was.type_.clone(), is.type_.clone());
    compare(
        "occurred_at",
        was.occurred_at.to_string(),
        is.occurred_at.to_string(),
    );
    compare(
        "recorded_at",
        was.recorded_at.to_string(),
        is.recorded_at.to_string(),
    );
    compare("actor", was.actor.clone(), is.actor.clone());
    compare("case", case(&was), case(&is));
    compare(
        "data_hash",
        hex::encode(&was.data_hash),
        hex::encode(&is.data_hash),
    );
    compare(
        "sealed_hash",
        hex::encode(&was.sealed_hash),
        hex::encode(&is.sealed_hash),
    );
    all.join("; ")
}
