//! All streams of the system, made by the relay when they are missing.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{Context, DeleteStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, RetentionPolicy, StorageType, Stream, SubjectTransform,
};
use contracts::subjects;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What an installation may choose.
#[derive(Clone, Debug)]
pub struct StreamSettings {
    /// Into how many shards the subjects of EVENTS are split.
    pub shards: u32,
    /// On how many servers each stream is kept: 1 on one machine, 3 in a city.
    pub replicas: usize,
    /// How long EVENTS keeps what is on record; older history comes from the ledger.
    pub keep_events: Duration,
    /// How many messages of EVENTS are compared with the record each second; 0: none.
    pub patrol: u32,
}

impl StreamSettings {
    /// One server, 90 days, nothing compared.
    #[must_use]
    pub const fn one_server(shards: u32) -> Self {
        Self {
            shards,
            replicas: 1,
            keep_events: Duration::from_secs(90 * 24 * 60 * 60),
            patrol: 0,
        }
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Makes the streams that are missing, other than EVENTS.
pub(super) async fn ensure(jetstream: &Context, settings: &StreamSettings) -> Result<(), Failure> {
    for config in [
        inbox(settings),
        receipts(settings),
        cases(settings),
        park(settings),
    ] {
        if find(jetstream, &config.name).await?.is_none() {
            make(jetstream, config).await?;
        }
    }
    Ok(())
}

/// EVENTS, if it is there.
pub(super) async fn find_events(jetstream: &Context) -> Result<Option<Stream>, Failure> {
    find(jetstream, subjects::EVENTS).await
}

/// Makes EVENTS, whose first message will have this sequence.
pub(super) async fn make_events(
    jetstream: &Context,
    settings: &StreamSettings,
    first: u64,
) -> Result<Stream, Failure> {
    make(jetstream, events(settings, first)).await
}

/// Deletes EVENTS with its consumers, which are caches; that it is gone already is no error.
pub(super) async fn delete_events(jetstream: &Context) -> Result<(), Failure> {
    match jetstream.delete_stream(subjects::EVENTS).await {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            DeleteStreamErrorKind::JetStream(e) if e.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(()),
            _ => Err(error.into()),
        },
    }
}

async fn find(jetstream: &Context, name: &str) -> Result<Option<Stream>, Failure> {
    match jetstream.get_stream(name).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(e) if e.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(None),
            _ => Err(error.into()),
        },
    }
}

async fn make(jetstream: &Context, config: Config) -> Result<Stream, Failure> {
    let name = config.name.clone();
    let stream = jetstream.create_stream(config).await?;
    tracing::info!(stream = name, "made the stream");
    Ok(stream)
}

fn stream(name: &str, subject: &str, settings: &StreamSettings) -> Config {
    Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        storage: StorageType::File,
        num_replicas: settings.replicas,
        allow_direct: true,
        max_messages: -1,
        max_bytes: -1,
        max_messages_per_subject: -1,
        max_consumers: -1,
        max_message_size: -1,
        ..Default::default()
    }
}

/// Everything on record. Sequence = position, so nothing but age takes a message away, and only at the front.
fn events(settings: &StreamSettings, first: u64) -> Config {
    Config {
        first_sequence: Some(first),
        allow_atomic_publish: true,
        max_age: settings.keep_events,
        retention: RetentionPolicy::Limits,
        deny_delete: true,
        deny_purge: true,
        description: Some(
            "Everything on record; sequence = ledger position. Only the relay publishes.".to_owned(),
        ),
        ..stream(subjects::EVENTS, subjects::EVENTS_SUBJECTS, settings)
    }
}

/// What gateways hand in. When it is full the gateway is told so, rather than something older being lost. The window for
/// duplicates is the shortest there is: a repeated message must come through, so that its sender gets the receipt again.
fn inbox(settings: &StreamSettings) -> Config {
    Config {
        retention: RetentionPolicy::WorkQueue,
        discard: DiscardPolicy::New,
        max_messages: 5_000_000,
        duplicate_window: Duration::from_millis(100),
        subject_transform: Some(SubjectTransform {
            source: subjects::INBOX_EXPRESS.0.to_owned(),
            destination: subjects::INBOX_EXPRESS.1.to_owned(),
        }),
        description: Some("What gateways hand in, until intake has sealed it.".to_owned()),
        ..stream(subjects::INBOX, subjects::INBOX_SUBJECTS, settings)
    }
}

/// Receipts and refusals, for a week.
fn receipts(settings: &StreamSettings) -> Config {
    Config {
        max_age: 7 * DAY,
        description: Some("Receipts and refusals for gateways.".to_owned()),
        ..stream(subjects::RECEIPTS, subjects::RECEIPTS_SUBJECTS, settings)
    }
}

/// What is put before units: one message a subject, and a second one for the same subject is refused.
fn cases(settings: &StreamSettings) -> Config {
    Config {
        max_messages_per_subject: 1,
        discard: DiscardPolicy::New,
        discard_new_per_subject: true,
        description: Some("What is put before units: facts and a reference, never content.".to_owned()),
        ..stream(subjects::CASES, subjects::CASES_SUBJECTS, settings)
    }
}

/// What could not be handled, until somebody has settled it.
fn park(settings: &StreamSettings) -> Config {
    Config {
        description: Some("What could not be handled, with why.".to_owned()),
        ..stream(subjects::PARK, subjects::PARK_SUBJECTS, settings)
    }
}
