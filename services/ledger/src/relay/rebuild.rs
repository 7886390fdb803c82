//! Making the stream anew from the record: deleted, created with the sequence it is to begin at, and then published as ever.
//!
//! Only the relay does it, so that nobody publishes meanwhile. Consumers find their way by their own cursors; what they still need from
//! before the new beginning they read from the ledger.

use std::time::Duration;

use async_nats::jetstream::stream::Stream;
use contracts::grpc::ledger as wire;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

use super::{Ended, Relay, broken, say, streams};

/// How long the relay may take: it first looks at what the stream holds, and deleting many files takes a while.
const PATIENCE: Duration = Duration::from_secs(30);

/// A stream that was just made anew.
type Made = wire::RebuildStreamReply;

/// What an administrator asks of the relay.
pub(crate) struct Order {
    request: wire::RebuildStreamRequest,
    done: oneshot::Sender<Result<Made, Ended>>,
}

/// Where to ask the relay of this instance. Cheap to clone.
#[derive(Clone)]
pub(crate) struct RelayHandle(mpsc::Sender<Order>);

/// The relay's end.
pub(crate) struct Orders(mpsc::Receiver<Order>);

impl RelayHandle {
    pub(crate) fn new() -> (Self, Orders) {
        let (sender, receiver) = mpsc::channel(1);
        (Self(sender), Orders(receiver))
    }

    /// Has the stream made anew. `from` lies within the record, or one beyond.
    ///
    /// # Errors
    /// `FailedPrecondition` when the stream holds what the ledger does not, and that was not to be discarded; `Unavailable` when the
    /// relay or the broker does not answer.
    pub(crate) async fn rebuild(&self, request: wire::RebuildStreamRequest) -> Result<Made, Status> {
        let (done, answer) = oneshot::channel();
        let order = Order { request, done };
        let asked = async {
            self.0.send(order).await.ok()?;
            answer.await.ok()
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Some(made)) => made.map_err(refusal),
            Ok(None) | Err(_) => Err(Status::unavailable(
                "the relay does not answer: look whether the broker is well, and ask again",
            )),
        }
    }
}

fn refusal(ended: Ended) -> Status {
    match ended {
        Ended::NotOurs(why) => Status::failed_precondition(format!(
            "{why}: what the stream holds is lost when it is made anew; look at it with `hoiam ledger audit-stream`, and if the ledger is right, say --discard-foreign"
        )),
        other => {
            tracing::error!(
                error = %chassis::telemetry::chain(&other),
                "the stream could not be made anew"
            );
            Status::unavailable(format!("{other}: look whether the broker is well, and ask again"))
        }
    }
}

impl Orders {
    /// The next one that somebody still waits for.
    pub(super) async fn next(&mut self) -> Order {
        loop {
            match self.0.recv().await {
                Some(order) if order.done.is_closed() => {}
                Some(order) => return order,
                None => std::future::pending().await,
            }
        }
    }
}

impl Relay<'_> {
    pub(super) async fn carry_out(&self, order: Order) {
        let made = self.rebuild(order.request).await;
        // Whoever asked may have given up: then the state says what became of it.
        let _ = order.done.send(made);
    }

    async fn rebuild(&self, asked: wire::RebuildStreamRequest) -> Result<Made, Ended> {
        let head = self.store.head().await?.position;
        if !asked.discard_foreign {
            let found = streams::find_events(self.nats.jetstream()).await;
            if let Some(stream) = found.map_err(broken("the stream EVENTS"))? {
                match self.checked_last(&stream).await {
                    Ok(_) | Err(Ended::Damaged(_)) => {}
                    Err(ended) => return Err(ended),
                }
            }
        }
        let from = match asked.from {
            0 => self.retained().await?,
            from => from,
        };
        say(self.status, "rebuilding: an administrator asked for it");
        self.anew(from).await?;
        Ok(Made { from, to: head })
    }

    /// After damage: what retention keeps, from the record.
    pub(super) async fn mend(&self) -> Result<(), Ended> {
        self.anew(self.retained().await?).await
    }

    async fn anew(&self, from: u64) -> Result<(), Ended> {
        self.still_leads().await?;
        streams::delete_events(self.nats.jetstream())
            .await
            .map_err(broken("the stream EVENTS, to be deleted"))?;
        self.make(from).await?;
        self.at(from - 1);
        tracing::warn!(from, "the stream was deleted and made anew");
        Ok(())
    }

    /// Makes EVENTS, to begin at a position.
    pub(super) async fn make(&self, from: u64) -> Result<Stream, Ended> {
        streams::make_events(self.nats.jetstream(), self.settings, from)
            .await
            .map_err(broken("the stream EVENTS, to be made"))
    }

    /// The first position that the stream would still hold had nothing happened to it: messages begin a new life in a new stream, so
    /// without this it would keep all that is on record for as long again.
    ///
    /// Counted back from the last event rather than from now: no clock is asked, and at most it keeps more.
    pub(super) async fn retained(&self) -> Result<u64, Ended> {
        let keep = i64::try_from(self.settings.keep_events.as_micros()).unwrap_or(i64::MAX);
        if keep == 0 {
            return Ok(1);
        }
        let head = self.store.head().await?;
        let since = head.recorded_at.saturating_sub(keep);
        Ok(self.store.recorded_from(1, since).await?)
    }
}
