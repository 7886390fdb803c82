//! Reading events: a read that breaks off goes on after the last event it gave.

use contracts::Recorded;
use contracts::grpc::ledger as wire;
use futures::{Stream, TryStreamExt};
use kernel::{CaseId, Position, StreamId};
use tonic::{Status, Streaming};

use super::{Direct, Filter, Inner, LedgerClient, LedgerError};
use crate::backoff::Backoff;

/// Which positions to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// First position wanted; 0 and 1 both mean the beginning.
    pub from: Position,
    /// Last position wanted; `None`: the head.
    pub to: Option<Position>,
    /// At most so many events.
    pub limit: Option<u64>,
}

impl Range {
    /// Everything from a position on.
    #[must_use]
    pub const fn from(from: Position) -> Self {
        Self {
            from,
            to: None,
            limit: None,
        }
    }
}

impl LedgerClient {
    /// The events of one stream, by version.
    ///
    /// # Errors
    /// `Unavailable`, `Denied`.
    pub async fn read_stream(&self, stream: &StreamId) -> Result<Vec<Recorded>, LedgerError> {
        let request = wire::ReadStreamRequest {
            category: stream.category.clone(),
            stream_id: bytes::Bytes::copy_from_slice(stream.id.as_bytes()),
            ..Default::default()
        };
        let events = self
            .direct
            .patiently(|mut grpc: Inner| {
                let request = request.clone();
                async move { collect(grpc.read_stream(request).await?.into_inner()).await }
            })
            .await?;
        events.into_iter().map(recorded).collect()
    }

    /// The events of all streams of a case, by position.
    ///
    /// # Errors
    /// `Unavailable`, `Denied`.
    pub async fn read_case(&self, case: CaseId) -> Result<Vec<Recorded>, LedgerError> {
        self.cases.read(case).await
    }

    /// All events of a range that match the filter, by position; ends at the head.
    pub fn read_all(
        &self,
        range: Range,
        filter: Filter,
    ) -> impl Stream<Item = Result<Recorded, LedgerError>> + Send + use<> {
        reading(self.clone(), range, filter, Kind::ReadAll).and_then(async |event| recorded(event))
    }

    /// The same from the end of the range: the newest first.
    pub fn read_back(
        &self,
        range: Range,
        filter: Filter,
    ) -> impl Stream<Item = Result<Recorded, LedgerError>> + Send + use<> {
        reading(self.clone(), range, filter, Kind::ReadBack).and_then(async |event| recorded(event))
    }

    /// The same as `read_all`, without decoding, for who needs the leaf's salt and hashes.
    pub fn read_all_wire(
        &self,
        range: Range,
        filter: Filter,
    ) -> impl Stream<Item = Result<wire::Event, LedgerError>> + Send + use<> {
        reading(self.clone(), range, filter, Kind::ReadAll)
    }

    /// The same without an end: catches up, then gives what is committed. Survives losses of the connection.
    pub fn follow(
        &self,
        from: Position,
        filter: Filter,
    ) -> impl Stream<Item = Result<Recorded, LedgerError>> + Send + use<> {
        reading(self.clone(), Range::from(from), filter, Kind::Follow).and_then(async |event| recorded(event))
    }
}

impl Direct {
    /// The events of one case.
    pub(super) async fn read_case(&self, case: CaseId) -> Result<Vec<Recorded>, LedgerError> {
        let request = wire::ReadCaseRequest {
            case_id: bytes::Bytes::from(case.to_vec()),
            ..Default::default()
        };
        let events = self
            .patiently(|mut grpc: Inner| {
                let request = request.clone();
                async move { collect(grpc.read_case(request).await?.into_inner()).await }
            })
            .await?;
        events.into_iter().map(recorded).collect()
    }
}

async fn collect(stream: Streaming<wire::Event>) -> Result<Vec<wire::Event>, Status> {
    stream.try_collect().await
}

pub(super) fn recorded(event: wire::Event) -> Result<Recorded, LedgerError> {
    Recorded::try_from(event).map_err(|e| LedgerError::Answer { what: e.to_string() })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    ReadAll,
    ReadBack,
    Follow,
}

struct Reading {
    client: LedgerClient,
    range: Range,
    filter: Filter,
    kind: Kind,
    open: Option<Streaming<wire::Event>>,
    given: u64,
    backoff: Backoff,
    over: bool,
}

fn reading(
    client: LedgerClient,
    range: Range,
    filter: Filter,
    kind: Kind,
) -> impl Stream<Item = Result<wire::Event, LedgerError>> + Send {
    let backoff = Backoff::between_services();
    let state = Reading {
        client,
        range,
        filter,
        kind,
        open: None,
        given: 0,
        backoff,
        over: false,
    };
    futures::stream::unfold(state, |mut reading| async move {
        let item = reading.next().await?;
        reading.over |= item.is_err();
        Some((item, reading))
    })
}

impl Reading {
    async fn next(&mut self) -> Option<Result<wire::Event, LedgerError>> {
        loop {
            if self.over || self.range.limit.is_some_and(|limit| self.given >= limit) {
                return None;
            }
            let status = match self.step().await {
                Ok(Some(event)) => {
                    self.given += 1;
                    match self.kind {
                        Kind::ReadBack => {
                            self.range.to = Some(Position(event.position - 1));
                            // 0 would mean the head.
                            self.over = event.position <= 1;
                        }
                        Kind::ReadAll | Kind::Follow => self.range.from = Position(event.position + 1),
                    }
                    self.backoff.reset();
                    return Some(Ok(event));
                }
                Ok(None) if self.kind != Kind::Follow => return None,
                Ok(None) => Status::unavailable("the ledger ended the stream"),
                Err(status) => status,
            };
            self.open = None;
            let error = LedgerError::of_status(&status);
            // A follower waits for the ledger for ever; a reader gives up after about half a minute of failures in a row.
            if !error.is_transient() || (self.kind != Kind::Follow && self.backoff.failures() > 20) {
                return Some(Err(error));
            }
            self.backoff.pause().await;
        }
    }

    async fn step(&mut self) -> Result<Option<wire::Event>, Status> {
        if self.open.is_none() {
            let request = wire::ReadAllRequest {
                from: self.range.from.0,
                to: self.range.to.map_or(0, |to| to.0),
                limit: self.range.limit.map_or(0, |limit| limit - self.given),
                filter: Some(self.filter.clone()),
                backwards: self.kind == Kind::ReadBack,
            };
            let mut grpc = self.client.direct.grpc.clone();
            let reply = match self.kind {
                Kind::ReadAll | Kind::ReadBack => grpc.read_all(request).await?,
                Kind::Follow => grpc.follow(request).await?,
            };
            self.open = Some(reply.into_inner());
        }
        match &mut self.open {
            Some(stream) => stream.message().await,
            None => Ok(None),
        }
    }
}
