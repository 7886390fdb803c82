//! Publishing events in order: one by itself, or many as an atomic batch, all stored or none.

use std::time::Duration;

use async_nats::{HeaderMap, Request, Subject};
use bytes::Bytes;
use chassis::nats::{Nats, to_headers};
use contracts::grpc::ledger as wire;
use contracts::subjects;
use kernel::{CaseId, StreamId};
use serde::Deserialize;
use uuid::Uuid;

use crate::event::StoredEvent;

const EXPECTED_LAST: &str = "Nats-Expected-Last-Sequence";
const EXPECTED_STREAM: &str = "Nats-Expected-Stream";
const BATCH_ID: &str = "Nats-Batch-Id";
const BATCH_SEQUENCE: &str = "Nats-Batch-Sequence";
const BATCH_COMMIT: &str = "Nats-Batch-Commit";

/// A batch of the largest size is synced in well under a second; beyond this the acknowledgement is lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// Batches are cut at this size, so that one never fills the server's buffers.
const MOST_BYTES: usize = 4 << 20;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What the server answers to a publication.
#[derive(Debug, Deserialize)]
struct Answer {
    seq: Option<u64>,
    #[serde(default)]
    duplicate: bool,
    error: Option<Refusal>,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    err_code: Option<u64>,
    #[serde(default)]
    description: String,
}

/// The stream did not store what it should have, where it should have.
#[derive(Debug, thiserror::Error)]
enum NotStored {
    #[error("the stream refused: {description} (error {code})")]
    Refused { code: u64, description: String },
    #[error("the stream stored up to {stored:?}, expected was {expected}")]
    Elsewhere { stored: Option<u64>, expected: u64 },
}

/// Publishes events that follow `last`; gives the position of the last one stored. `events` is not empty and dense.
pub(super) async fn publish(
    nats: &Nats,
    shards: u32,
    last: u64,
    events: Vec<StoredEvent>,
) -> Result<u64, Failure> {
    let messages: Vec<(String, HeaderMap, Bytes)> =
        cut(events).into_iter().map(|e| message(shards, e)).collect();
    let expected = last + messages.len() as u64;
    let batch = (messages.len() > 1).then(|| Uuid::new_v4().simple().to_string());
    let count = messages.len();
    for (index, (subject, mut headers, data)) in messages.into_iter().enumerate() {
        if index == 0 {
            headers.insert(EXPECTED_LAST, last.to_string());
            headers.insert(EXPECTED_STREAM, subjects::EVENTS);
        }
        if let Some(batch) = &batch {
            headers.insert(BATCH_ID, batch.as_str());
            headers.insert(BATCH_SEQUENCE, (index + 1).to_string());
        }
        if index + 1 < count {
            nats.client()
                .publish_with_headers(Subject::from(subject), headers, data)
                .await?;
            continue;
        }
        if batch.is_some() {
            headers.insert(BATCH_COMMIT, "1");
        }
        let request = Request::new()
            .headers(headers)
            .payload(data)
            .timeout(Some(PATIENCE));
        let reply = nats
            .client()
            .send_request(Subject::from(subject), request)
            .await?;
        return stored_at(&reply.payload, expected);
    }
    Ok(last)
}

fn stored_at(payload: &[u8], expected: u64) -> Result<u64, Failure> {
    let answer: Answer = serde_json::from_slice(payload)?;
    match answer {
        Answer {
            error: Some(Refusal {
                err_code,
                description,
            }),
            ..
        } => Err(NotStored::Refused {
            code: err_code.unwrap_or(0),
            description,
        }
        .into()),
        Answer {
            seq: Some(seq),
            duplicate: false,
            ..
        } if seq == expected => Ok(seq),
        Answer { seq, .. } => Err(NotStored::Elsewhere {
            stored: seq,
            expected,
        }
        .into()),
    }
}

/// As many from the front as fit, at least one.
fn cut(mut events: Vec<StoredEvent>) -> Vec<StoredEvent> {
    // Headers take about a kilobyte.
    let mut size = 0;
    let fit = events.iter().take_while(|e| {
        size += e.data.len() + 1_024;
        size <= MOST_BYTES
    });
    let fit = fit.count().max(1);
    events.truncate(fit);
    events
}

fn message(shards: u32, event: StoredEvent) -> (String, HeaderMap, Bytes) {
    let stream = StreamId::new(&event.category, event.stream_id);
    let subject = subjects::event(shards, &stream, &event.type_(), event.case_id.map(CaseId));
    let event = wire::Event::from(event);
    (subject, to_headers(&event), event.data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_expected_sequence_counts_as_stored() {
        assert_eq!(stored_at(br#"{"stream":"EVENTS","seq":7}"#, 7).unwrap(), 7);
        for answer in [
            r#"{"stream":"EVENTS","seq":8}"#,
            r#"{"stream":"EVENTS","seq":7,"duplicate":true}"#,
            r#"{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 6"}}"#,
            r#"{}"#,
            "",
        ] {
            assert!(stored_at(answer.as_bytes(), 7).is_err(), "{answer}");
        }
    }
}
