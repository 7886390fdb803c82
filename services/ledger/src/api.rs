//! The gRPC face of the ledger: who calls, what they may, and one file for each kind of call.

mod append;
mod erase;
mod open;
mod prove;
mod read;
mod search;
mod stream;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chassis::callers::{Caller, Callers};
use chassis::telemetry::trace;
use contracts::grpc::ledger as wire;
use contracts::grpc::ledger::ledger_server::Ledger;
use futures::Stream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use crate::ahead::Herald;
use crate::leadership::Leadership;
use crate::log::store::TileStore;
use crate::relay::RelayHandle;
use crate::status::{LogStatus, RelayStatus};
use crate::store::Store;
use crate::vault::Vault;
use crate::writer::WriterHandle;
use crate::writer::lease::LeaseRequest;

/// How long `Head` waits for a position.
const HEAD_PATIENCE: Duration = Duration::from_secs(1);

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The service.
pub(crate) struct Api {
    pub(crate) store: Store,
    pub(crate) writer: WriterHandle,
    pub(crate) herald: Herald,
    pub(crate) vault: Arc<Vault>,
    pub(crate) callers: Callers,
    pub(crate) clock: Arc<dyn kernel::Clock>,
    pub(crate) relay: watch::Receiver<RelayStatus>,
    pub(crate) leadership: Leadership,
    /// None where this instance does not relay.
    pub(crate) relaying: Option<RelayHandle>,
    pub(crate) log: watch::Receiver<LogStatus>,
    /// `None` when nothing is signed.
    pub(crate) tiles: Option<TileStore>,
    pub(crate) shards: u32,
    pub(crate) stop: CancellationToken,
}

impl Api {
    fn caller(&self, metadata: &MetadataMap) -> Result<Arc<Caller>, Status> {
        self.callers.authenticate(metadata)
    }

    /// A caller who may read the ledger.
    fn reader(&self, metadata: &MetadataMap) -> Result<Arc<Caller>, Status> {
        let caller = self.caller(metadata)?;
        if caller.read {
            Ok(caller)
        } else {
            Err(Status::permission_denied(
                "this caller may not read the ledger: its entry among the callers needs `read`",
            ))
        }
    }
}

/// Some things need a right of their own, which is listed with the caller.
fn may(caller: &Caller, right: &str) -> Result<(), Status> {
    if caller.rights.iter().any(|it| it == right) {
        return Ok(());
    }
    Err(Status::permission_denied(format!(
        "{} has not the right `{right}`: its entry among the callers must list it in `rights`",
        caller.name
    )))
}

#[tonic::async_trait]
impl Ledger for Api {
    type AppendStreamStream = Answers<wire::AppendResult>;
    type ReadStreamStream = Answers<wire::Event>;
    type ReadCaseStream = Answers<wire::Event>;
    type ReadAllStream = Answers<wire::Event>;
    type FollowStream = Answers<wire::Event>;

    async fn append(
        &self,
        request: Request<wire::AppendRequest>,
    ) -> Result<Response<wire::Appended>, Status> {
        let caller = self.caller(request.metadata())?;
        Ok(Response::new(
            append::one(&self.writer, &self.herald, &caller, request.into_inner()).await?,
        ))
    }

    async fn append_stream(
        &self,
        request: Request<Streaming<wire::AppendRequest>>,
    ) -> Result<Response<Self::AppendStreamStream>, Status> {
        let caller = self.caller(request.metadata())?;
        Ok(Response::new(append::many(
            self.writer.clone(),
            self.herald.clone(),
            caller,
            request.into_inner(),
            self.stop.clone(),
        )))
    }

    async fn read_stream(
        &self,
        request: Request<wire::ReadStreamRequest>,
    ) -> Result<Response<Self::ReadStreamStream>, Status> {
        self.reader(request.metadata())?;
        Ok(Response::new(
            read::stream(self.store.clone(), request.into_inner()).await?,
        ))
    }

    async fn read_case(
        &self,
        request: Request<wire::ReadCaseRequest>,
    ) -> Result<Response<Self::ReadCaseStream>, Status> {
        self.reader(request.metadata())?;
        Ok(Response::new(
            read::case(self.store.clone(), request.into_inner()).await?,
        ))
    }

    async fn read_cases(
        &self,
        request: Request<wire::ReadCasesRequest>,
    ) -> Result<Response<wire::ReadCasesReply>, Status> {
        self.reader(request.metadata())?;
        Ok(Response::new(read::cases(&self.store, request.get_ref()).await?))
    }

    async fn read_all(
        &self,
        request: Request<wire::ReadAllRequest>,
    ) -> Result<Response<Self::ReadAllStream>, Status> {
        self.reader(request.metadata())?;
        Ok(Response::new(
            read::all(self.store.clone(), request.into_inner()).await?,
        ))
    }

    async fn follow(
        &self,
        request: Request<wire::ReadAllRequest>,
    ) -> Result<Response<Self::FollowStream>, Status> {
        self.reader(request.metadata())?;
        Ok(Response::new(read::follow(
            self.store.clone(),
            request.into_inner(),
            self.stop.clone(),
        )?))
    }

    async fn head(&self, request: Request<wire::HeadRequest>) -> Result<Response<wire::HeadReply>, Status> {
        self.caller(request.metadata())?;
        let at_least = request.into_inner().at_least;
        let mut watch = self.store.watch();
        // Not there in time is no error: the answer says how far the ledger is.
        let _ = tokio::time::timeout(HEAD_PATIENCE, watch.wait_for(|head| *head >= at_least)).await;
        let head = self.store.head().await?;
        let relay = self.relay.borrow().clone();
        let log = self.log.borrow().clone();
        Ok(Response::new(wire::HeadReply {
            position: head.position,
            recorded_at: head.recorded_at,
            merkle_root: bytes::Bytes::copy_from_slice(&head.root()),
            relayed: relay.relayed,
            relay_state: relay.state,
            stream_audit: relay.patrol,
            engine: self.store.engine().to_owned(),
            shards: self.shards,
            leader: head.leader,
            fence: head.fence,
            leads: self.leadership.fence().is_some(),
            log_signed: log.signed,
            log_cosigned: log.cosigned,
            log_cosigned_at: log.cosigned_at,
            log_state: log.state,
            log_key: log.key,
            clock: self.writer.clock_doubt(),
        }))
    }

    async fn prove(
        &self,
        request: Request<wire::ProveRequest>,
    ) -> Result<Response<wire::ProveReply>, Status> {
        self.reader(request.metadata())?;
        Ok(Response::new(
            self.prove_position(request.into_inner().position).await?,
        ))
    }

    async fn open_content(
        &self,
        request: Request<wire::OpenContentRequest>,
    ) -> Result<Response<wire::OpenContentReply>, Status> {
        let caller = self.caller(request.metadata())?;
        let traceparent = trace::of_call(request.metadata());
        Ok(Response::new(
            self.open(&caller, request.into_inner(), traceparent).await?,
        ))
    }

    async fn erase_content(
        &self,
        request: Request<wire::EraseContentRequest>,
    ) -> Result<Response<wire::EraseContentReply>, Status> {
        let caller = self.caller(request.metadata())?;
        let traceparent = trace::of_call(request.metadata());
        Ok(Response::new(
            self.erase(&caller, request.into_inner(), traceparent).await?,
        ))
    }

    async fn search(
        &self,
        request: Request<wire::SearchRequest>,
    ) -> Result<Response<wire::SearchReply>, Status> {
        let caller = self.caller(request.metadata())?;
        let traceparent = trace::of_call(request.metadata());
        Ok(Response::new(
            self.find(&caller, request.into_inner(), traceparent).await?,
        ))
    }

    async fn take_lease(
        &self,
        request: Request<wire::TakeLeaseRequest>,
    ) -> Result<Response<wire::Lease>, Status> {
        self.reader(request.metadata())?;
        Ok(Response::new(
            self.writer
                .lease(LeaseRequest::take(request.into_inner())?)
                .await?,
        ))
    }

    async fn save_cursor(
        &self,
        request: Request<wire::SaveCursorRequest>,
    ) -> Result<Response<wire::Lease>, Status> {
        self.reader(request.metadata())?;
        Ok(Response::new(
            self.writer
                .lease(LeaseRequest::save(request.into_inner())?)
                .await?,
        ))
    }

    async fn release_lease(
        &self,
        request: Request<wire::SaveCursorRequest>,
    ) -> Result<Response<wire::Lease>, Status> {
        self.reader(request.metadata())?;
        Ok(Response::new(
            self.writer
                .lease(LeaseRequest::release(request.into_inner())?)
                .await?,
        ))
    }

    async fn list_cursors(
        &self,
        request: Request<wire::ListCursorsRequest>,
    ) -> Result<Response<wire::ListCursorsReply>, Status> {
        self.reader(request.metadata())?;
        let head = *self.store.watch().borrow();
        let cursor = |it: crate::store::StoredCursor| wire::Cursor {
            consumer: it.consumer,
            shard: it.shard,
            holder: it.holder,
            position: it.position,
            updated_at: it.updated_at,
            expires_at: it.expires_at,
        };
        let cursors = self.store.cursors().await?.into_iter().map(cursor).collect();
        Ok(Response::new(wire::ListCursorsReply { cursors, head }))
    }

    async fn rebuild_stream(
        &self,
        request: Request<wire::RebuildStreamRequest>,
    ) -> Result<Response<wire::RebuildStreamReply>, Status> {
        let caller = self.caller(request.metadata())?;
        Ok(Response::new(self.rebuild(&caller, request.into_inner()).await?))
    }
}
