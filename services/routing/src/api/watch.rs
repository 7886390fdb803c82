//! What a unit without NATS is told, as a stream: from a position of its choice on, in order, at least once.

use std::collections::VecDeque;
use std::sync::Arc;

use chassis::callers::Callers;
use chassis::consumer::{Failure, Waiter};
use contracts::grpc::routing::Notice;
use contracts::wire::CaseNotice;
use futures::stream::{BoxStream, StreamExt};
use kernel::{CaseId, Position};
use routing_domain::UnitCode;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::who;
use crate::case_file::CaseFile;
use crate::error::Refusal;
use crate::handle::Handler;
use crate::notices;
use crate::store::Store;

/// So many are looked up at a time; nothing more is read before the client has taken them.
const AT_A_TIME: u32 = 100;

/// Everybody who watches, in what they have in common.
pub(super) struct Watching {
    pub(super) handler: Arc<Handler>,
    pub(super) store: Store,
    pub(super) cases: Waiter,
    pub(super) callers: Callers,
    pub(super) shutdown: CancellationToken,
}

/// One client.
struct Watch {
    by: Watching,
    metadata: MetadataMap,
    unit: UnitCode,
    after: Position,
    told: VecDeque<(Position, CaseId)>,
}

/// The stream. It ends when the service stops or the client's token is no longer good; the client comes again with the last position it
/// has stored.
pub(super) fn watch(
    by: Watching,
    metadata: MetadataMap,
    unit: UnitCode,
    after: Position,
) -> BoxStream<'static, Result<Notice, Status>> {
    let watch = Watch {
        by,
        metadata,
        unit,
        after,
        told: VecDeque::new(),
    };
    futures::stream::try_unfold(watch, |mut watch| async move {
        let next = watch.next().await?;
        Ok(next.map(|notice| (notice, watch)))
    })
    .boxed()
}

impl Watch {
    /// The next notice; `None` when the service stops. What is waited for is asked for anew by whoever drops this.
    async fn next(&mut self) -> Result<Option<Notice>, Status> {
        loop {
            while let Some((position, case)) = self.told.pop_front() {
                self.after = position;
                if let Some(notice) = self.notice(position, case).await? {
                    return Ok(Some(notice));
                }
            }
            // A token that was taken away ends the stream, and not only the next one.
            let caller = self.by.callers.authenticate(&self.metadata)?;
            who::watches(&caller, self.unit.as_str())?;
            let seen = self.by.cases.position();
            let told = self
                .by
                .store
                .told(self.unit.as_str(), self.after, AT_A_TIME)
                .await;
            self.told = told.map_err(|error| Refusal::Unavailable(error.into()))?.into();
            if self.told.is_empty() {
                let more = self.by.cases.reached(Position(seen.0 + 1));
                tokio::select! {
                    () = self.by.shutdown.cancelled() => return Ok(None),
                    _ = more => {}
                }
            }
        }
    }

    /// What the record says of it. What cannot be told is logged and left out, or it would stand before all that comes after.
    async fn notice(&self, position: Position, case: CaseId) -> Result<Option<Notice>, Status> {
        let read = async {
            let file = CaseFile::read(self.by.handler.ledger(), case, None).await?;
            match file.at(position) {
                Some(event) => notices::of(&file, event),
                None => Ok(None),
            }
        };
        match read.await {
            Ok(notice) => Ok(notice.map(on_the_wire)),
            Err(Failure::Poison { reason, detail }) => {
                tracing::error!(case.id = %case, reason, detail, "a notice cannot be told to its unit");
                Ok(None)
            }
            Err(transient) => Err(Refusal::from(transient).into()),
        }
    }
}

fn on_the_wire(notice: CaseNotice) -> Notice {
    Notice {
        case_id: notice.case.to_vec().into(),
        revision: notice.revision,
        unit: notice.unit.to_string(),
        office: notice.office.code().to_owned(),
        field: notice.field.map(|x| x.code().to_owned()).unwrap_or_default(),
        topic: notice.topic.map(|x| x.code().to_owned()).unwrap_or_default(),
        kind: notice.kind.code().to_owned(),
        urgency: notice.urgency.code().to_owned(),
        level: u32::from(notice.level.get()),
        complete: notice.complete,
        wards: notice.wards.iter().map(ToString::to_string).collect(),
        position: notice.position,
        recorded_at: notice.dispatched_at.0,
        recalled: notice.recalled.map(|x| x.to_string()).unwrap_or_default(),
        role: notice.role.map(|x| x.to_string()).unwrap_or_default(),
        answered: notice.answered.unwrap_or_default(),
    }
}
