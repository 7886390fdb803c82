//! Reading and following: in chunks, through a bounded channel, so that a slow reader costs no memory.

use contracts::grpc::ledger as wire;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::Answers;
use crate::error::Refused;
use crate::event::{Filter, StoredEvent};
use crate::request::{MAX_PARTS, id};
use crate::store::Store;

/// Events read at once: 256 of the largest are 16 MiB.
const CHUNK: usize = 256;
/// Positions looked at in one statement of a filtered read, so that a filter that matches nothing does not scan all at once.
const WINDOW: u64 = 20_000;

type Sender = mpsc::Sender<Result<wire::Event, Status>>;

/// The events of one stream.
pub(super) async fn stream(
    store: Store,
    request: wire::ReadStreamRequest,
) -> Result<Answers<wire::Event>, Status> {
    let wire::ReadStreamRequest {
        category,
        from_version,
        ..
    } = request;
    let stream_id = id("stream_id", &request.stream_id)?;
    let mut left = Left::of(request.limit);
    let chunk = left.chunk();
    let first = store
        .read_stream(&category, stream_id, from_version, chunk)
        .await?;
    if first.len() < chunk {
        return Ok(at_once(first));
    }
    Ok(answers(async move |to| {
        let mut events = first;
        while let Some(last) = events.last().map(|event| event.version) {
            if !deliver(&to, events, &mut left).await {
                break;
            }
            events = store
                .read_stream(&category, stream_id, last + 1, left.chunk())
                .await?;
        }
        Ok(())
    }))
}

/// The events of one case.
pub(super) async fn case(
    store: Store,
    request: wire::ReadCaseRequest,
) -> Result<Answers<wire::Event>, Status> {
    let case = id("case_id", &request.case_id)?;
    let first = store.read_case(case, request.from, CHUNK).await?;
    if first.len() < CHUNK {
        return Ok(at_once(first));
    }
    Ok(answers(async move |to| {
        let mut events = first;
        while let Some(last) = events.last().map(|event| event.position) {
            if !deliver(&to, events, &mut Left::of(0)).await {
                break;
            }
            events = store.read_case(case, last + 1, CHUNK).await?;
        }
        Ok(())
    }))
}

/// What fits into one chunk, as nearly every stream and case does, needs neither a channel nor a task.
fn at_once(events: Vec<StoredEvent>) -> Answers<wire::Event> {
    Box::pin(futures::stream::iter(
        events.into_iter().map(|event| Ok(event.into())),
    ))
}

/// The events of a range, up to the head as it is now.
pub(super) fn all(store: Store, request: wire::ReadAllRequest) -> Result<Answers<wire::Event>, Refused> {
    let mut range = Range::try_from(request)?;
    let head = *store.watch().borrow();
    Ok(answers(async move |to| {
        let end = if range.to == 0 { head } else { range.to.min(head) };
        range.read_to(&store, end, &to).await?;
        Ok(())
    }))
}

/// The same without an end: reads up to the head, waits until it moves, and reads on from exactly there.
pub(super) fn follow(
    store: Store,
    request: wire::ReadAllRequest,
    stop: CancellationToken,
) -> Result<Answers<wire::Event>, Refused> {
    let mut range = Range::try_from(request)?;
    Ok(answers(async move |to| {
        let mut head = store.watch();
        loop {
            let committed = *head.borrow_and_update();
            let end = if range.to == 0 {
                committed
            } else {
                range.to.min(committed)
            };
            let read = async {
                let open = range.read_to(&store, end, &to).await?;
                Ok::<_, Status>(open && (range.to == 0 || range.from <= range.to))
            };
            let go_on = tokio::select! {
                go_on = read => go_on?,
                () = stop.cancelled() => return Err(stopping()),
            };
            if !go_on {
                return Ok(());
            }
            tokio::select! {
                changed = head.changed() => if changed.is_err() { return Err(stopping()) },
                () = to.closed() => return Ok(()),
                () = stop.cancelled() => return Err(stopping()),
            }
        }
    }))
}

fn stopping() -> Status {
    Status::unavailable("the ledger stops: follow again from the next position")
}

/// What is still to be read.
struct Range {
    from: u64,
    to: u64,
    left: Left,
    filter: Filter,
}

impl TryFrom<wire::ReadAllRequest> for Range {
    type Error = Refused;

    fn try_from(request: wire::ReadAllRequest) -> Result<Self, Refused> {
        let filter = Filter::try_from(request.filter.unwrap_or_default())?;
        Refused::over(
            "the number of categories of a filter",
            MAX_PARTS,
            filter.categories.len(),
        )?;
        Refused::over("the number of types of a filter", MAX_PARTS, filter.names.len())?;
        Ok(Self {
            from: request.from.max(1),
            to: request.to,
            left: Left::of(request.limit),
            filter,
        })
    }
}

impl Range {
    /// Reads up to `end` and leaves `from` after it; false when the reader is gone or has enough.
    async fn read_to(&mut self, store: &Store, end: u64, to: &Sender) -> Result<bool, Status> {
        while self.from <= end {
            let window = end.min(self.from.saturating_add(WINDOW - 1));
            let chunk = self.left.chunk();
            let events = store.read_all(self.from, window, chunk, &self.filter).await?;
            // A full chunk may have more behind it in the window; otherwise the window is done.
            self.from = match events.last() {
                Some(last) if events.len() == chunk => last.position + 1,
                _ => window + 1,
            };
            if !deliver(to, events, &mut self.left).await {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A limit counted down; 0 means none.
struct Left(Option<u64>);

impl Left {
    fn of(limit: u64) -> Self {
        Self((limit > 0).then_some(limit))
    }

    fn chunk(&self) -> usize {
        self.0
            .map_or(CHUNK, |left| usize::try_from(left).unwrap_or(CHUNK).min(CHUNK))
    }
}

/// False when the reader is gone or has enough.
async fn deliver(to: &Sender, events: Vec<StoredEvent>, left: &mut Left) -> bool {
    for event in events {
        if to.send(Ok(event.into())).await.is_err() {
            return false;
        }
        if let Some(left) = &mut left.0 {
            *left = left.saturating_sub(1);
        }
    }
    left.0 != Some(0)
}

/// Runs the reading beside the call; its error is the last thing that the reader hears.
fn answers<F>(read: impl FnOnce(Sender) -> F) -> Answers<wire::Event>
where
    F: Future<Output = Result<(), Status>> + Send + 'static,
{
    let (to, from) = mpsc::channel(CHUNK);
    let reading = read(to.clone());
    tokio::spawn(async move {
        if let Err(status) = reading.await {
            // A reader that is gone needs no reason.
            let _ = to.send(Err(status)).await;
        }
    });
    Box::pin(ReceiverStream::new(from))
}
