//! The broker, behind a thin face: nothing but this crate and the ledger names its client library.

mod credential;
mod envelope;
mod message;
mod work;

use std::time::Duration;

use async_nats::jetstream;
use async_nats::{ConnectErrorKind, ConnectOptions, Event};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::sync::watch;

pub use credential::{Credential, CredentialError};
pub use envelope::{EnvelopeError, from_headers, to_headers};
pub use message::{Headers, Message};
pub use work::{Work, WorkOptions, WorkQueue};

use crate::backoff::Backoff;
use crate::config::{BrokerAccess, Problem};
use crate::telemetry::{names, trace};

/// Why the broker did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NatsError {
    /// The address or the credential cannot be used.
    #[error("{0}")]
    Settings(String),
    /// The server cannot be reached, or refuses the user.
    #[error("{what}")]
    Broker {
        /// What was asked for.
        what: String,
        /// What the client says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nobody answers this subject.
    #[error("nobody answers `{subject}`")]
    NoResponders {
        /// The subject.
        subject: String,
    },
    /// No answer in time.
    #[error("no answer to `{subject}` in time")]
    TimedOut {
        /// The subject.
        subject: String,
    },
    /// The stream keeps one message a subject, and this subject has it.
    #[error("the stream has a message for `{subject}` already")]
    AlreadyThere {
        /// The subject.
        subject: String,
    },
    /// A stream refused the message.
    #[error("the stream refused the message for `{subject}` (error {code})")]
    Refused {
        /// The subject.
        subject: String,
        /// The server's `err_code`.
        code: u64,
    },
}

impl NatsError {
    pub(crate) fn broker(
        what: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Broker {
            what: what.into(),
            source: source.into(),
        }
    }
}

/// Whether we are connected, and how often we have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Connected now.
    pub up: bool,
    /// Counts connections; a change means that something may have been lost in between.
    pub epoch: u64,
}

/// A connection to the broker; heals by itself for ever. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Nats {
    client: async_nats::Client,
    jetstream: jetstream::Context,
    connection: watch::Receiver<Connection>,
}

impl Nats {
    /// Connects, waiting for the server as long as it takes. `name` is shown in the server's list of connections.
    ///
    /// # Errors
    /// `Settings` for an address that is none, a credential that cannot be read, or a user the server refuses.
    pub async fn connect(access: &BrokerAccess, name: &str) -> Result<Self, NatsError> {
        let credential = access.nats_credential.as_ref().map(Credential::load).transpose();
        let credential = credential.map_err(|e| NatsError::Settings(e.to_string()))?;
        Self::connect_as(&access.nats_url, credential, name).await
    }

    /// The same with a credential at hand.
    ///
    /// # Errors
    /// `Settings` for an address that is none, or a user the server refuses.
    pub async fn connect_as(
        url: &str,
        credential: Option<Credential>,
        name: &str,
    ) -> Result<Self, NatsError> {
        let (state, connection) = watch::channel(Connection { up: false, epoch: 0 });
        let mut options = ConnectOptions::new()
            .name(name)
            .max_reconnects(None)
            .connection_timeout(Duration::from_secs(3))
            .ping_interval(Duration::from_secs(10))
            .request_timeout(Some(Duration::from_secs(5)))
            .reconnect_delay_callback(|attempts| {
                Duration::from_millis(20 << attempts.min(6)).min(Duration::from_secs(1))
            })
            .event_callback(move |event| {
                note(&state, &event);
                async {}
            });
        if let Some(Credential { user, password }) = credential {
            options = options
                .custom_inbox_prefix(format!("_INBOX_{user}"))
                .user_and_password(user, password.reveal().to_owned());
        }
        let client = connect_patiently(url, &options).await?;
        let jetstream = jetstream::context::ContextBuilder::new()
            .timeout(Duration::from_secs(5))
            .ack_timeout(Duration::from_secs(5))
            .max_ack_inflight(16_384)
            .backpressure_on_inflight(true)
            .build(client.clone());
        let nats = Self {
            client,
            jetstream,
            connection,
        };
        nats.connected().await;
        Ok(nats)
    }

    /// Waits until the connection is up.
    pub async fn connected(&self) {
        let mut connection = self.connection.clone();
        // The sender lives in the client, which we hold, so this ends only when it is up.
        let _ = connection.wait_for(|c| c.up).await;
    }

    /// The state of the connection, to be watched.
    #[must_use]
    pub fn connection(&self) -> watch::Receiver<Connection> {
        self.connection.clone()
    }

    /// Publishes outside any stream: at most once.
    ///
    /// # Errors
    /// `Broker`.
    pub async fn publish(&self, subject: &str, headers: &Headers, payload: Bytes) -> Result<(), NatsError> {
        let headers = headers.with_trace(&trace::current()).to_map();
        self.client
            .publish_with_headers(subject.to_owned(), headers, payload)
            .await
            .map_err(|e| NatsError::broker(format!("cannot publish to `{subject}`"), e))
    }

    /// Publishes to the stream that holds the subject and waits until it is stored there; gives the sequence. With a
    /// message id, a repetition within the stream's window is stored once.
    ///
    /// # Errors
    /// `AlreadyThere` where a stream keeps one message a subject; else `Refused` by the stream, `NoResponders` when no stream has the subject, `TimedOut`, `Broker`.
    pub async fn publish_stored(
        &self,
        subject: &str,
        message_id: Option<&str>,
        headers: &Headers,
        payload: Bytes,
    ) -> Result<u64, NatsError> {
        let mut headers = headers.with_trace(&trace::current());
        if let Some(id) = message_id {
            headers.set("Nats-Msg-Id", id);
        }
        let failed = |e: jetstream::context::PublishError| message::publish_error(subject, e);
        let ack = self
            .jetstream
            .publish_with_headers(subject.to_owned(), headers.to_map(), payload)
            .await
            .map_err(failed)?;
        Ok(ack.await.map_err(failed)?.sequence)
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// `NoResponders`, `TimedOut`, `Broker`.
    pub async fn request(
        &self,
        subject: &str,
        headers: &Headers,
        payload: Bytes,
        within: Duration,
    ) -> Result<Message, NatsError> {
        let request = async_nats::Request::new()
            .headers(headers.with_trace(&trace::current()).to_map())
            .payload(payload)
            .timeout(Some(within));
        match self.client.send_request(subject.to_owned(), request).await {
            Ok(message) => Ok(Message::new(self.client.clone(), message)),
            Err(error) => Err(match error.kind() {
                async_nats::client::RequestErrorKind::NoResponders => NatsError::NoResponders {
                    subject: subject.to_owned(),
                },
                async_nats::client::RequestErrorKind::TimedOut => NatsError::TimedOut {
                    subject: subject.to_owned(),
                },
                _ => NatsError::broker(format!("cannot ask `{subject}`"), error),
            }),
        }
    }

    /// Every message of a subject from now on.
    ///
    /// # Errors
    /// `Broker`.
    pub async fn subscribe(
        &self,
        subject: &str,
    ) -> Result<impl Stream<Item = Message> + Send + Unpin + use<>, NatsError> {
        let client = self.client.clone();
        let messages = self
            .client
            .subscribe(subject.to_owned())
            .await
            .map_err(|e| NatsError::broker(format!("cannot subscribe to `{subject}`"), e))?;
        Ok(messages.map(move |m| Message::new(client.clone(), m)))
    }

    /// The same, shared with the others of the queue: each message goes to one of them.
    ///
    /// # Errors
    /// `Broker`.
    pub async fn subscribe_queue(
        &self,
        subject: &str,
        queue: &str,
    ) -> Result<impl Stream<Item = Message> + Send + Unpin + use<>, NatsError> {
        let client = self.client.clone();
        let messages = self
            .client
            .queue_subscribe(subject.to_owned(), queue.to_owned())
            .await
            .map_err(|e| NatsError::broker(format!("cannot subscribe to `{subject}`"), e))?;
        Ok(messages.map(move |m| Message::new(client.clone(), m)))
    }

    /// Waits until everything published has left for the server.
    ///
    /// # Errors
    /// `Broker`.
    pub async fn flush(&self) -> Result<(), NatsError> {
        self.client
            .flush()
            .await
            .map_err(|e| NatsError::broker("cannot flush", e))
    }

    /// First and last sequence of a stream, and how many messages it holds; `None` when there is no such stream.
    ///
    /// # Errors
    /// `Broker`.
    pub async fn stream_state(&self, stream: &str) -> Result<Option<StreamState>, NatsError> {
        match self.jetstream.get_stream(stream).await {
            Ok(found) => {
                let state = &found.cached_info().state;
                Ok(Some(StreamState {
                    first: state.first_sequence,
                    last: state.last_sequence,
                    messages: state.messages,
                    bytes: state.bytes,
                }))
            }
            Err(error) if message::is_not_found(&error) => Ok(None),
            Err(error) => Err(NatsError::broker(
                format!("cannot look up the stream {stream}"),
                error,
            )),
        }
    }

    /// Whether a stream (with direct reading allowed) holds a message of this subject.
    ///
    /// # Errors
    /// `Broker`, also while there is no such stream.
    pub async fn holds(&self, stream: &str, subject: &str) -> Result<bool, NatsError> {
        let failed = |e: Box<dyn std::error::Error + Send + Sync>| {
            NatsError::broker(format!("cannot look for `{subject}` in {stream}"), e)
        };
        let found = self.jetstream.get_stream_no_info(stream).await;
        let found = found.map_err(|e| failed(e.into()))?;
        match found.direct_get_last_for_subject(subject).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == jetstream::stream::DirectGetErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed(error.into())),
        }
    }

    /// The client library's own context, for the ledger's relay.
    #[must_use]
    pub fn jetstream(&self) -> &jetstream::Context {
        &self.jetstream
    }

    /// The client library's own client, for the ledger's relay.
    #[must_use]
    pub fn client(&self) -> &async_nats::Client {
        &self.client
    }
}

/// Tries until the server is there; what waiting cannot mend is an error at once.
async fn connect_patiently(url: &str, options: &ConnectOptions) -> Result<async_nats::Client, NatsError> {
    let servers: Vec<&str> = url.split(',').map(str::trim).collect();
    let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
    loop {
        let error = match options.clone().connect(servers.as_slice()).await {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        match error.kind() {
            ConnectErrorKind::ServerParse => {
                return Err(NatsError::Settings(format!(
                    "`{url}` is not an address like nats://127.0.0.1:4222"
                )));
            }
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                return Err(NatsError::Settings(format!(
                    "the broker at {url} refuses the user or the password"
                )));
            }
            _ if (backoff.failures() + 1).is_power_of_two() => {
                tracing::warn!(url, error = %crate::telemetry::chain(&error), "waiting for the broker")
            }
            _ => {}
        }
        backoff.pause().await;
    }
}

/// What a stream holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamState {
    /// First sequence still held (one past the last when empty).
    pub first: u64,
    /// Last sequence given.
    pub last: u64,
    /// How many messages it holds.
    pub messages: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl StreamState {
    /// How many messages are missing between the first and the last. EVENTS is trimmed only at the front, so these were lost.
    #[must_use]
    pub fn missing(&self) -> u64 {
        if self.messages == 0 {
            return 0;
        }
        (self.last + 1).saturating_sub(self.first + self.messages)
    }
}

fn note(state: &watch::Sender<Connection>, event: &Event) {
    match event {
        Event::Connected => {
            state.send_modify(|c| {
                *c = Connection {
                    up: true,
                    epoch: c.epoch + 1,
                }
            });
            metrics::gauge!(names::NATS_CONNECTED).set(1.0);
            tracing::debug!("connected to the broker");
        }
        Event::Disconnected | Event::Closed => {
            state.send_modify(|c| c.up = false);
            metrics::gauge!(names::NATS_CONNECTED).set(0.0);
            tracing::warn!("the connection to the broker is lost; trying again");
        }
        other => tracing::warn!(event = %other, "the broker says"),
    }
}

impl From<NatsError> for Problem {
    fn from(error: NatsError) -> Self {
        Self::new("--nats-url", error.to_string())
    }
}
