//! Reading the stream's messages many at a time, as the server stores them, without a consumer.

use std::time::Duration;

use async_nats::jetstream::message::StreamMessage;
use async_nats::{HeaderMap, StatusCode};
use bytes::Bytes;
use chassis::nats::Nats;
use contracts::subjects;
use futures::StreamExt;

/// Most messages in one answer.
pub(super) const BATCH: usize = 1_000;
/// Between two messages of one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the server puts at the end of a batch.
const END_OF_BATCH: u16 = 204;

/// A message as the stream holds it.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its number.
    pub sequence: u64,
    /// Its subject.
    pub subject: String,
    /// Its headers, with those that the server adds (`Nats-…`).
    pub headers: HeaderMap,
    /// Its body.
    pub payload: Bytes,
}

/// The stream could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is none, or it does not let itself be read.
    #[error("there is no stream EVENTS: the relay makes it as soon as the broker is well")]
    NoStream,
    /// Nothing came for a while.
    #[error("the broker stopped answering while the stream was read: try again")]
    TimedOut,
    /// The server's words.
    #[error("the broker refuses to read the stream: {0}")]
    Refused(String),
    /// The connection.
    #[error("the broker cannot be asked")]
    Broker(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn broker<E: Into<Box<dyn std::error::Error + Send + Sync>>>(error: E) -> ReadError {
    ReadError::Broker(error.into())
}

/// The next messages of EVENTS from a sequence on, by sequence; none when there are no more. The server leaves out in silence what it
/// cannot read.
///
/// # Errors
/// See [`ReadError`].
pub async fn read(nats: &Nats, from: u64) -> Result<Vec<Held>, ReadError> {
    let client = nats.client();
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(inbox.clone()).await.map_err(broker)?;
    // With a subject that matches all, the server looks for the next message from there on; without, it wants this very one.
    let request = serde_json::json!({ "seq": from.max(1), "batch": BATCH, "next_by_subj": ">" });
    let subject = format!("$JS.API.DIRECT.GET.{}", subjects::EVENTS);
    client
        .publish_with_reply(subject, inbox, request.to_string().into())
        .await
        .map_err(broker)?;
    let mut messages = Vec::new();
    loop {
        let answer = tokio::time::timeout(PATIENCE, answers.next()).await;
        let answer = answer.ok().flatten().ok_or(ReadError::TimedOut)?;
        match answer.status {
            None => {
                let held = StreamMessage::try_from(answer).map_err(broker)?;
                messages.push(Held {
                    sequence: held.sequence,
                    subject: held.subject.to_string(),
                    headers: held.headers,
                    payload: held.payload,
                });
            }
            Some(status) if status.as_u16() == END_OF_BATCH || status == StatusCode::NOT_FOUND => {
                return Ok(messages);
            }
            Some(StatusCode::NO_RESPONDERS) => return Err(ReadError::NoStream),
            Some(status) => {
                let said = answer.description.unwrap_or_default();
                return Err(ReadError::Refused(format!("{said} ({status})")));
            }
        }
    }
}
