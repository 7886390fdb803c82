//! Tells consumers what was committed on the express lane: behind a flood they look at that case before its turn in the stream.

use chassis::backoff::Backoff;
use chassis::config::BrokerAccess;
use chassis::nats::{Headers, Nats};
use contracts::ahead::Announced;
use contracts::grpc::ledger::Appended;
use contracts::subjects;
use kernel::{CaseId, Position};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::request::Request;

/// Most that waits to be told; beyond, the stream alone tells it.
const MOST: usize = 1_024;

/// What of a request is told when it is committed.
pub(crate) struct Word {
    case: Uuid,
    types: Vec<String>,
}

impl Word {
    /// `None` for what is not on the express lane or of no case.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let case = request
            .streams
            .first()
            .and_then(|stream| stream.case)
            .filter(|_| request.express)?;
        let types = request.streams.iter().flat_map(|stream| &stream.events);
        let types = types.map(|event| event.name.clone()).collect();
        Some(Self { case, types })
    }
}

/// Takes words to be told. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Herald(mpsc::Sender<Announced>);

/// The other end.
pub(crate) type Words = mpsc::Receiver<Announced>;

impl Herald {
    pub(crate) fn new() -> (Self, Words) {
        let (sender, words) = mpsc::channel(MOST);
        (Self(sender), words)
    }

    /// Tells what has been committed just now; never waits.
    pub(crate) fn tell(&self, word: Word, appended: &Appended) {
        let last = appended.events.iter().map(|event| event.position).max();
        let Some(last) = last.filter(|_| !appended.already) else {
            return;
        };
        // A full channel: whoever would be told is behind anyway, and reads the stream.
        let _ = self.0.try_send(Announced {
            case: CaseId(word.case),
            position: Position(last),
            types: word.types,
        });
    }
}

/// Tells until the other end is gone.
pub(crate) async fn run(broker: BrokerAccess, shards: u32, mut words: Words) {
    let mut backoff = Backoff::between_services();
    let nats = loop {
        match Nats::connect(&broker, "herald").await {
            Ok(nats) => break nats,
            Err(error) => {
                tracing::error!(error = %chassis::telemetry::chain(&error), "the herald cannot connect; trying again");
                backoff.pause().await;
            }
        }
    };
    while let Some(word) = words.recv().await {
        let subject = subjects::ahead(subjects::shard_of(&word.case.0, shards));
        let told = match serde_json::to_vec(&word) {
            Ok(body) => nats
                .publish(&subject, &Headers::new(), body.into())
                .await
                .map_err(anyhow::Error::from),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = told {
            tracing::debug!(
                error = format!("{error:#}"),
                "not told ahead; the stream tells it in its turn"
            );
        }
    }
}
