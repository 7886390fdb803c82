//! A work queue on a stream: messages until they are acknowledged, through every loss of connection, consumer or stream.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::{self, AckKind};
use futures::StreamExt;

use super::{Message, Nats, NatsError};
use crate::backoff::Backoff;

/// How a durable is made when it is not there.
#[derive(Clone, Debug)]
pub struct WorkOptions {
    /// Only these subjects; empty: all of the stream.
    pub filters: Vec<String>,
    /// Delivered again when not acknowledged within this time.
    pub ack_wait: Duration,
    /// Most messages under way.
    pub most_under_way: u32,
}

impl Default for WorkOptions {
    fn default() -> Self {
        Self {
            filters: Vec::new(),
            ack_wait: Duration::from_secs(30),
            most_under_way: 1_000,
        }
    }
}

/// A durable consumer of a stream, shared by all who open it by the same name.
pub struct WorkQueue {
    nats: Nats,
    stream: String,
    durable: String,
    create: Option<WorkOptions>,
    messages: Option<Box<pull::Stream>>,
    backoff: Backoff,
}

impl std::fmt::Debug for WorkQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkQueue")
            .field("stream", &self.stream)
            .field("durable", &self.durable)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Work")
            .field("subject", &self.message.subject)
            .finish_non_exhaustive()
    }
}

/// A message that is ours until we settle it.
pub struct Work {
    /// The message.
    pub message: Message,
    /// Its sequence in the stream.
    pub sequence: u64,
    /// How often it was delivered, this time included.
    pub deliveries: i64,
    acker: jetstream::message::Acker,
}

impl Work {
    /// It is done: not delivered again. Waits until the server has it.
    ///
    /// # Errors
    /// `Broker`; then it will be delivered again.
    pub async fn done(self) -> Result<(), NatsError> {
        self.acker
            .double_ack()
            .await
            .map_err(|e| NatsError::broker("cannot acknowledge", e))
    }

    /// It is done, without waiting for the server's word.
    ///
    /// # Errors
    /// `Broker`.
    pub async fn done_unconfirmed(self) -> Result<(), NatsError> {
        self.settle(AckKind::Ack).await
    }

    /// Deliver it again, after a pause.
    ///
    /// # Errors
    /// `Broker`.
    pub async fn again(self, after: Duration) -> Result<(), NatsError> {
        self.settle(AckKind::Nak(Some(after))).await
    }

    /// Never deliver it again.
    ///
    /// # Errors
    /// `Broker`.
    pub async fn give_up(self) -> Result<(), NatsError> {
        self.settle(AckKind::Term).await
    }

    /// It takes longer: do not deliver it again yet.
    ///
    /// # Errors
    /// `Broker`.
    pub async fn in_progress(&self) -> Result<(), NatsError> {
        self.settle(AckKind::Progress).await
    }

    async fn settle(&self, kind: AckKind) -> Result<(), NatsError> {
        self.acker
            .ack_with(kind)
            .await
            .map_err(|e| NatsError::broker("cannot acknowledge", e))
    }
}

impl Nats {
    /// A work queue whose durable is made when it is missing.
    #[must_use]
    pub fn work_queue(&self, stream: &str, durable: &str, options: WorkOptions) -> WorkQueue {
        WorkQueue::new(self.clone(), stream, durable, Some(options))
    }

    /// A work queue on a durable that somebody else made (a unit's): only `CONSUMER.INFO`, `CONSUMER.MSG.NEXT` and acknowledging are needed.
    #[must_use]
    pub fn work_queue_existing(&self, stream: &str, durable: &str) -> WorkQueue {
        WorkQueue::new(self.clone(), stream, durable, None)
    }

    /// Makes the durable of a work queue now, for somebody who may not make it themself.
    ///
    /// # Errors
    /// `Broker`.
    pub async fn make_durable(
        &self,
        stream: &str,
        durable: &str,
        options: &WorkOptions,
    ) -> Result<(), NatsError> {
        make(self, stream, durable, options).await.map(|_| ())
    }
}

impl WorkQueue {
    fn new(nats: Nats, stream: &str, durable: &str, create: Option<WorkOptions>) -> Self {
        let backoff = Backoff::between_services();
        Self {
            nats,
            stream: stream.to_owned(),
            durable: durable.to_owned(),
            create,
            messages: None,
            backoff,
        }
    }

    /// The next message. Never ends: whatever breaks is made anew. Safe to be dropped while it waits.
    pub async fn next(&mut self) -> Work {
        loop {
            let Some(messages) = &mut self.messages else {
                match self.open().await {
                    Ok(messages) => self.messages = Some(Box::new(messages)),
                    Err(error) => {
                        let failures = self.backoff.failures();
                        tracing::warn!(
                            stream = self.stream,
                            durable = self.durable,
                            failures,
                            error = %crate::telemetry::chain(&error),
                            "cannot open the work queue; trying again"
                        );
                        self.backoff.pause().await;
                    }
                }
                continue;
            };
            match messages.next().await {
                Some(Ok(message)) => {
                    self.backoff.reset();
                    let Ok((sequence, deliveries)) = message.info().map(|i| (i.stream_sequence, i.delivered))
                    else {
                        continue;
                    };
                    let (message, acker) = message.split();
                    return Work {
                        message: Message::new(self.nats.client.clone(), message),
                        sequence,
                        deliveries,
                        acker,
                    };
                }
                Some(Err(error)) => {
                    tracing::info!(stream = self.stream, durable = self.durable, error = %crate::telemetry::chain(&error), "the work queue broke off; opening it again");
                    self.messages = None;
                    self.backoff.pause().await;
                }
                None => self.messages = None,
            }
        }
    }

    /// What is ready now, waiting for the first: up to `most` messages.
    pub async fn next_ready(&mut self, most: usize) -> Vec<Work> {
        use futures::FutureExt;
        let mut ready = vec![self.next().await];
        while ready.len() < most
            && self.messages.is_some()
            && let Some(work) = self.next().now_or_never()
        {
            ready.push(work);
        }
        ready
    }

    async fn open(&self) -> Result<pull::Stream, NatsError> {
        self.nats.connected().await;
        let consumer = match &self.create {
            Some(options) => make(&self.nats, &self.stream, &self.durable, options).await?,
            None => self
                .nats
                .jetstream
                .get_consumer_from_stream::<pull::Config, _, _>(&self.durable, &self.stream)
                .await
                .map_err(|e| {
                    NatsError::broker(
                        format!("cannot find the durable {} of {}", self.durable, self.stream),
                        e,
                    )
                })?,
        };
        consumer
            .stream()
            .max_messages_per_batch(200)
            .expires(Duration::from_secs(30))
            .heartbeat(Duration::from_secs(5))
            .messages()
            .await
            .map_err(|e| NatsError::broker(format!("cannot pull from {}", self.stream), e))
    }
}

async fn make(
    nats: &Nats,
    stream: &str,
    durable: &str,
    options: &WorkOptions,
) -> Result<jetstream::consumer::PullConsumer, NatsError> {
    let config = pull::Config {
        durable_name: Some(durable.to_owned()),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ack_wait: options.ack_wait,
        max_ack_pending: i64::from(options.most_under_way),
        filter_subjects: options.filters.clone(),
        ..Default::default()
    };
    let failed = |e: jetstream::stream::ConsumerError| {
        NatsError::broker(format!("cannot make the durable {durable} of {stream}"), e)
    };
    nats.jetstream
        .create_consumer_on_stream(config, stream)
        .await
        .map_err(failed)
}
