//! Messages and headers in our own types.

use async_nats::HeaderMap;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind, PublishError, PublishErrorKind};
use bytes::Bytes;
use contracts::subjects::headers;

use super::NatsError;

/// Headers of a message, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds or replaces one. Line ends in the value become spaces: no header can hold them.
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.0.push((name.to_owned(), value.replace(['\r', '\n'], " ")));
    }

    /// With one more.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// The value of one, whatever the case of its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(super) fn with_trace(&self, traceparent: &str) -> Self {
        let mut all = self.clone();
        if !traceparent.is_empty() && all.get(headers::TRACEPARENT).is_none() {
            all.set(headers::TRACEPARENT, traceparent);
        }
        all
    }

    pub(super) fn to_map(&self) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in &self.0 {
            map.insert(name.as_str(), value.as_str());
        }
        map
    }

    pub(super) fn of_map(map: Option<&HeaderMap>) -> Self {
        let pairs = map.into_iter().flat_map(HeaderMap::iter);
        Self(
            pairs
                .filter_map(|(name, values)| Some((name.to_string(), values.first()?.to_string())))
                .collect(),
        )
    }
}

/// A message, and how to answer it.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its subject.
    pub subject: String,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub payload: Bytes,
    reply: Option<async_nats::Subject>,
    client: async_nats::Client,
}

impl Message {
    pub(super) fn new(client: async_nats::Client, message: async_nats::Message) -> Self {
        Self {
            subject: message.subject.to_string(),
            headers: Headers::of_map(message.headers.as_ref()),
            payload: message.payload,
            reply: message.reply,
            client,
        }
    }

    /// Whether somebody waits for an answer.
    #[must_use]
    pub fn wants_reply(&self) -> bool {
        self.reply.is_some()
    }

    /// The W3C trace context the sender gave; empty when none.
    #[must_use]
    pub fn traceparent(&self) -> &str {
        self.headers.get(headers::TRACEPARENT).unwrap_or_default()
    }

    /// Answers; does nothing when nobody waits.
    ///
    /// # Errors
    /// `Broker`.
    pub async fn respond(&self, headers: &Headers, payload: Bytes) -> Result<(), NatsError> {
        let Some(reply) = &self.reply else { return Ok(()) };
        let headers = headers.with_trace(&crate::telemetry::trace::current()).to_map();
        self.client
            .publish_with_headers(reply.clone(), headers, payload)
            .await
            .map_err(|e| NatsError::broker(format!("cannot answer on `{}`", self.subject), e))
    }
}

/// The server's code for every reason not to store: a full stream, a full disk, a second message for a subject. Only its words tell.
const STORE_FAILED: ErrorCode = ErrorCode(10_077);
const ONE_PER_SUBJECT: &str = "maximum messages per subject";

/// What the server says of a publication to a stream.
pub(super) fn publish_error(subject: &str, error: PublishError) -> NatsError {
    let subject = subject.to_owned();
    match error.kind() {
        PublishErrorKind::StreamNotFound => NatsError::NoResponders { subject },
        PublishErrorKind::TimedOut => NatsError::TimedOut { subject },
        _ => {
            let refusal = std::error::Error::source(&error)
                .and_then(|e| e.downcast_ref::<async_nats::jetstream::Error>());
            match refusal.map(|refusal| (refusal.error_code(), refusal.to_string())) {
                Some((STORE_FAILED, why)) if why.contains(ONE_PER_SUBJECT) => {
                    NatsError::AlreadyThere { subject }
                }
                Some((ErrorCode(code), _)) => NatsError::Refused { subject, code },
                None => NatsError::broker(format!("cannot store a message for `{subject}`"), error),
            }
        }
    }
}

pub(super) fn is_not_found(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(e) if e.error_code() == ErrorCode::STREAM_NOT_FOUND)
}
