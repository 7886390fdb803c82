//! Two lanes to the writer, bounded in number and in memory: people and emergencies before bulk, and bulk never starves.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::{Outcome, Work};
use crate::error::Refused;
use crate::telemetry;

/// Requests of one transaction.
const MAX_BATCH: usize = 1_000;
/// Bytes of one transaction, overshot by at most one request.
const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Bulk's share of a transaction while people and emergencies wait.
const BULK_SHARE: usize = 250;
/// Requests that wait before a lane pushes back.
const LANE: usize = 4_096;
/// KiB of requests that wait or are under way before a lane pushes back. A lane of its own each: bulk never stops people.
const LANE_KIB: u32 = 64 * 1024;
/// Work with whoever waits for its outcome.
pub(super) struct Pending {
    pub(super) work: Work,
    reply: oneshot::Sender<Outcome>,
    /// Its share of the lane's memory, given back when it is answered.
    _room: OwnedSemaphorePermit,
}

/// The sender's end of a lane.
#[derive(Clone)]
pub(super) struct Lane {
    to: mpsc::Sender<Pending>,
    room: Arc<Semaphore>,
}

impl Lane {
    pub(super) fn new() -> (Self, mpsc::Receiver<Pending>) {
        let (to, from) = mpsc::channel(LANE);
        (
            Self {
                to,
                room: Arc::new(Semaphore::new(LANE_KIB as usize)),
            },
            from,
        )
    }

    /// Waits for room and then for the answer. Either end is gone only while the ledger stops.
    pub(super) async fn ask(&self, work: Work) -> Outcome {
        let kib = u32::try_from(work.weight() / 1_024 + 1)
            .unwrap_or(LANE_KIB)
            .min(LANE_KIB);
        let room = Arc::clone(&self.room)
            .acquire_many_owned(kib)
            .await
            .map_err(|_| Refused::Unavailable)?;
        let (reply, answer) = oneshot::channel();
        self.to
            .send(Pending {
                work,
                reply,
                _room: room,
            })
            .await
            .map_err(|_| Refused::Unavailable)?;
        answer.await.map_err(|_| Refused::Unavailable)?
    }
}

/// The two lanes as the writer sees them.
pub(super) struct Lanes {
    pub(super) express: mpsc::Receiver<Pending>,
    pub(super) bulk: mpsc::Receiver<Pending>,
}

impl Lanes {
    /// One request, then whatever else is waiting; `None` when nobody can send any more.
    pub(super) async fn next(&mut self) -> Option<Vec<Pending>> {
        let first = tokio::select! {
            biased;
            Some(pending) = self.express.recv() => pending,
            Some(pending) = self.bulk.recv() => pending,
            else => return None,
        };
        let mut bytes = first.weight();
        let mut batch = vec![first];
        while batch.len() < MAX_BATCH - BULK_SHARE && bytes < MAX_BATCH_BYTES {
            let Ok(pending) = self.express.try_recv() else {
                break;
            };
            bytes += pending.weight();
            batch.push(pending);
        }
        let people = batch.iter().any(Pending::is_append_by_express);
        let room = if people {
            batch.len() + BULK_SHARE
        } else {
            MAX_BATCH
        };
        while batch.len() < room && bytes < MAX_BATCH_BYTES {
            let Ok(pending) = self.bulk.try_recv() else { break };
            bytes += pending.weight();
            batch.push(pending);
        }
        Some(batch)
    }

    pub(super) fn open(&self) -> bool {
        !self.express.is_closed()
    }

    /// Takes nothing more; what is in the lanes is still handed out.
    pub(super) fn close(&mut self) {
        self.express.close();
        self.bulk.close();
    }
}

impl Work {
    /// Whether it comes to new rows and nothing else.
    pub(super) fn only_adds(&self) -> bool {
        matches!(self, Self::Append(request) if request.erases().is_none())
    }

    /// Rough size in memory.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Append(request) => request.weight(),
            Self::Lease(_) => 256,
        }
    }
}

impl Pending {
    pub(super) fn weight(&self) -> usize {
        self.work.weight()
    }

    pub(super) fn is_append_by_express(&self) -> bool {
        matches!(&self.work, Work::Append(request) if request.express)
    }

    pub(super) fn answer(self, outcome: Outcome) {
        if let Err(refused) = &outcome {
            metrics::counter!(telemetry::REFUSED, "reason" => refused.reason()).increment(1);
        }
        // A caller that stopped waiting will ask again with the same id.
        let _ = self.reply.send(outcome);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::poll;
    use uuid::Uuid;

    use super::*;
    use crate::request::{Expected, NewEvent, Origin, Request, StreamAppend};

    fn request(express: bool, bytes: usize) -> Work {
        let event = NewEvent {
            name: "report.report_received".to_owned(),
            revision: 1,
            occurred_at: 0,
            actor: "citizen".to_owned(),
            data: Bytes::from(vec![b'x'; bytes]),
            sealed: None,
        };
        let category = "report".to_owned();
        let stream = StreamAppend {
            category,
            id: Uuid::nil(),
            case: None,
            expected: Expected::Any,
            events: vec![event],
        };
        Work::Append(Box::new(Request {
            id: Uuid::new_v4(),
            origin: Origin::Reaction,
            streams: vec![stream],
            unless: Vec::new(),
            express,
            correlation: String::new(),
            causation: None,
            traceparent: String::new(),
        }))
    }

    struct Waiting {
        lanes: Lanes,
        express: Lane,
        bulk: Lane,
        asking: Vec<std::pin::Pin<Box<dyn Future<Output = Outcome>>>>,
    }

    impl Waiting {
        fn nobody() -> Self {
            let (express, express_rx) = Lane::new();
            let (bulk, bulk_rx) = Lane::new();
            Self {
                lanes: Lanes {
                    express: express_rx,
                    bulk: bulk_rx,
                },
                express,
                bulk,
                asking: Vec::new(),
            }
        }

        async fn come(&mut self, count: usize, express: bool, bytes: usize) {
            for _ in 0..count {
                let lane = if express {
                    self.express.clone()
                } else {
                    self.bulk.clone()
                };
                let mut asking: std::pin::Pin<Box<dyn Future<Output = Outcome>>> =
                    Box::pin(tokio::task::unconstrained(async move {
                        lane.ask(request(express, bytes)).await
                    }));
                assert!(poll!(&mut asking).is_pending());
                self.asking.push(asking);
            }
        }

        /// How many of the next batch are express, and how many bulk.
        async fn next(&mut self) -> (usize, usize) {
            let batch = self.lanes.next().await.unwrap();
            let express = batch.iter().filter(|it| it.is_append_by_express()).count();
            (express, batch.len() - express)
        }
    }

    #[tokio::test]
    async fn people_overtake_bulk_and_bulk_keeps_its_share() {
        let mut waiting = Waiting::nobody();
        waiting.come(2_000, false, 10).await;
        waiting.come(1_000, true, 10).await;
        assert_eq!(waiting.next().await, (750, 250));
        assert_eq!(waiting.next().await, (250, 250));
        assert_eq!(waiting.next().await, (0, 1_000));
    }

    #[tokio::test]
    async fn a_batch_ends_when_it_is_heavy() {
        let mut waiting = Waiting::nobody();
        waiting.come(20, true, 1 << 20).await;
        assert_eq!(waiting.next().await, (8, 0));
    }

    #[tokio::test]
    async fn a_flood_of_heavy_bulk_waits_outside_and_people_still_come_in() {
        let mut waiting = Waiting::nobody();
        waiting.come(300, false, 1 << 20).await;
        let inside = waiting.lanes.bulk.len();
        assert!(
            (60..64).contains(&inside),
            "{inside} MiB are in memory of the 64 that may be"
        );
        waiting.come(1, true, 10).await;
        assert_eq!(waiting.next().await.0, 1);
    }
}
