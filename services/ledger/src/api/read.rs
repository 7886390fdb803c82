//! Reading and following: in chunks, one read ahead of what is being sent, so that a slow reader costs little memory.

use std::ops::RangeInclusive;

use contracts::grpc::ledger as wire;
use futures::{StreamExt as _, stream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::Answers;
use crate::error::{Refused, StoreError};
use crate::event::{Between, Filter, StoredEvent};
use crate::request::{category, id};
use crate::store::{Order, Store, StreamStretch};

/// Most events read at once, and fewest. How many it is follows from the size of those before.
const CHUNK: (usize, usize) = (8, 256);
/// How many at first.
const FIRST: usize = 64;
/// Bytes aimed at in a chunk. A reader that has stopped reading has three of them waiting: one being sent, one sent next, one just read.
const CHUNK_BYTES: usize = 256 * 1024;
/// Positions looked at in one statement of a filtered read, so that a filter that matches nothing does not scan all at once.
const WINDOW: u64 = 20_000;

/// Most cases of one answer, and how many events each may have on an average.
const MOST_CASES: usize = 64;
const OF_A_CASE: usize = 32;

/// No position or version reaches it.
const LAST: u64 = i64::MAX as u64;

type Sender = mpsc::Sender<Result<Vec<StoredEvent>, Status>>;

/// The events of one stream.
pub(super) async fn stream(
    store: Store,
    request: wire::ReadStreamRequest,
) -> Result<Answers<wire::Event>, Status> {
    category("category", &request.category)?;
    let stretch = StreamStretch {
        id: id("stream_id", &request.stream_id)?,
        category: request.category,
        versions: begun_at(request.from_version, request.backwards),
        to: known(&store, request.recorded_until).await?,
        occurred_until: request.occurred_until,
    };
    let range = stretch.versions.clone();
    let scan = Scan::new(What::Stream(stretch), range, request.backwards, request.limit);
    answers(store, scan).await
}

/// The events of one case.
pub(super) async fn case(
    store: Store,
    request: wire::ReadCaseRequest,
) -> Result<Answers<wire::Event>, Status> {
    let filter = Filter {
        case_id: Some(id("case_id", &request.case_id)?),
        occurred: Between {
            from: None,
            until: request.occurred_until,
        },
        ..Filter::default()
    };
    let begun = begun_at(request.from, request.backwards);
    let to = known(&store, request.recorded_until).await?.min(*begun.end());
    let scan = Scan::new(
        What::All(filter),
        *begun.start()..=to,
        request.backwards,
        request.limit,
    );
    answers(store, scan).await
}

/// The events of several cases, in one answer.
pub(super) async fn cases(
    store: &Store,
    request: &wire::ReadCasesRequest,
) -> Result<wire::ReadCasesReply, Status> {
    Refused::over("the number of cases", MOST_CASES, request.case_ids.len())?;
    let cases = request.case_ids.iter().map(|case| id("case_ids", case));
    let cases = cases.collect::<Result<Vec<_>, _>>()?;
    let most = OF_A_CASE * cases.len();
    let events = store.read_cases(&cases, most + 1).await?;
    let whole = events.len() <= most;
    let events = events.into_iter().filter(|_| whole).map(Into::into).collect();
    Ok(wire::ReadCasesReply { events, whole })
}

/// The events of a range, up to the head as it is now.
pub(super) async fn all(store: Store, request: wire::ReadAllRequest) -> Result<Answers<wire::Event>, Status> {
    let wanted = Wanted::try_from(request)?;
    let mut from = wanted.from;
    if let Some(instant) = wanted.recorded.from {
        from = store.recorded_from(from, instant).await?;
    }
    let to = known(&store, wanted.recorded.until).await?.min(wanted.to);
    let scan = Scan::new(
        What::All(wanted.filter),
        from..=to,
        wanted.backwards,
        wanted.limit,
    );
    answers(store, scan).await
}

/// The same without an end: reads up to the head, waits until it moves, and reads on from exactly there.
pub(super) fn follow(
    store: Store,
    request: wire::ReadAllRequest,
    stop: CancellationToken,
) -> Result<Answers<wire::Event>, Refused> {
    let wanted = Wanted::try_from(request)?;
    if wanted.backwards {
        return Err(Refused::invalid("backwards", "what is followed goes forwards"));
    }
    Ok(sent(async move |to| {
        let following = wanted.follow(&store, &to);
        tokio::select! {
            over = following => over,
            () = stop.cancelled() => Err(stopping()),
        }
    }))
}

fn stopping() -> Status {
    Status::unavailable("the ledger stops: follow again from the next position")
}

/// A version or position where reading begins; 0 is the end it comes from.
fn begun_at(from: u64, backwards: bool) -> RangeInclusive<u64> {
    match (from, backwards) {
        (0, true) => 1..=LAST,
        (from, true) => 1..=from,
        (from, false) => from.max(1)..=LAST,
    }
}

/// The last position that was known at an instant, or now.
async fn known(store: &Store, recorded_until: Option<i64>) -> Result<u64, StoreError> {
    match recorded_until {
        Some(instant) => store.recorded_until(instant).await,
        None => Ok(*store.watch().borrow()),
    }
}

/// What `ReadAll` and `Follow` are asked for.
struct Wanted {
    from: u64,
    to: u64,
    recorded: Between,
    filter: Filter,
    backwards: bool,
    limit: u64,
}

impl TryFrom<wire::ReadAllRequest> for Wanted {
    type Error = Refused;

    fn try_from(request: wire::ReadAllRequest) -> Result<Self, Refused> {
        let filter = request.filter.unwrap_or_default();
        Ok(Self {
            from: request.from.max(1),
            to: if request.to == 0 { LAST } else { request.to },
            recorded: Between {
                from: filter.recorded_from,
                until: filter.recorded_until,
            },
            filter: Filter::try_from(filter)?,
            backwards: request.backwards,
            limit: request.limit,
        })
    }
}

impl Wanted {
    /// Ends when the reader is gone or has enough, or when nothing more can be within what is wanted.
    async fn follow(mut self, store: &Store, to: &Sender) -> Result<(), Status> {
        let mut head = store.watch();
        let mut scan = Scan::new(What::All(self.filter), self.from..=0, false, self.limit);
        loop {
            let committed = *head.borrow_and_update();
            if let Some(instant) = self.recorded.from {
                scan.low = store.recorded_from(scan.low, instant).await?;
                if scan.low <= committed {
                    self.recorded.from = None;
                }
            }
            let mut end = self.to;
            if let Some(instant) = self.recorded.until {
                let until = store.recorded_until(instant).await?;
                // Something later is on record already, so nothing earlier will come.
                if until < committed {
                    end = end.min(until);
                }
            }
            scan.high = committed.min(end);
            while !scan.over() {
                let events = scan.next(store).await?;
                if to.send(Ok(events)).await.is_err() {
                    return Ok(());
                }
            }
            if scan.left == Some(0) || committed >= end {
                return Ok(());
            }
            tokio::select! {
                changed = head.changed() => if changed.is_err() { return Err(stopping()) },
                () = to.closed() => return Ok(()),
            }
        }
    }
}

/// What is read: by position, or of one stream by version.
enum What {
    All(Filter),
    Stream(StreamStretch),
}

/// A read under way: what is still to be looked at.
struct Scan {
    what: What,
    low: u64,
    high: u64,
    order: Order,
    /// Events still wanted; `None`: all.
    left: Option<u64>,
    /// Events to be read next.
    chunk: usize,
}

impl Scan {
    fn new(what: What, range: RangeInclusive<u64>, backwards: bool, limit: u64) -> Self {
        let (low, high) = range.into_inner();
        Self {
            what,
            low,
            high,
            order: if backwards {
                Order::Backwards
            } else {
                Order::Forwards
            },
            left: (limit > 0).then_some(limit),
            chunk: FIRST,
        }
    }

    fn over(&self) -> bool {
        self.low > self.high || self.left == Some(0)
    }

    /// The next chunk, which may hold nothing while there is more to look at.
    async fn next(&mut self, store: &Store) -> Result<Vec<StoredEvent>, StoreError> {
        let chunk = self.left.map_or(self.chunk, |left| {
            usize::try_from(left).map_or(self.chunk, |left| left.min(self.chunk))
        });
        let window = self.window();
        let (low, high) = (*window.start(), *window.end());
        let events = match &mut self.what {
            What::All(filter) => store.read_range(window, self.order, chunk, filter).await?,
            What::Stream(stretch) => {
                stretch.versions = window;
                store.read_stream(stretch, self.order, chunk).await?
            }
        };
        // A full chunk may have more behind it in the window; otherwise the window is done.
        let last = events.last().filter(|_| events.len() == chunk);
        let last = last.map(|event| match self.what {
            What::All(_) => event.position,
            What::Stream(_) => event.version,
        });
        match self.order {
            Order::Forwards => self.low = last.unwrap_or(high) + 1,
            // Numbers begin at 1, so this ends at 0 with `low` still above it.
            Order::Backwards => self.high = last.unwrap_or(low) - 1,
        }
        if let Some(left) = &mut self.left {
            *left -= events.len() as u64;
        }
        if !events.is_empty() {
            let bytes: usize = events.iter().map(|event| event.data.len() + 512).sum();
            let fit = (CHUNK_BYTES * events.len() / bytes).clamp(CHUNK.0, CHUNK.1);
            // Powers of two, so that few different statements are prepared.
            self.chunk = 1 << fit.ilog2();
        }
        Ok(events)
    }

    /// What one statement looks at: all of it where an index leads to the events; where every event is wanted, as many positions as
    /// events are read at once, since positions are dense.
    fn window(&self) -> RangeInclusive<u64> {
        let window = match &self.what {
            What::Stream(_) => return self.low..=self.high,
            What::All(filter) if filter.case_id.is_some() => return self.low..=self.high,
            What::All(filter) if *filter == Filter::default() => self.chunk as u64,
            What::All(_) => WINDOW,
        };
        match self.order {
            Order::Forwards => self.low..=self.high.min(self.low + window - 1),
            Order::Backwards => self.low.max(self.high.saturating_sub(window - 1))..=self.high,
        }
    }
}

/// What fits into one chunk, as nearly every stream and case does, needs neither a channel nor a task.
async fn answers(store: Store, mut scan: Scan) -> Result<Answers<wire::Event>, Status> {
    if scan.over() {
        return Ok(Box::pin(stream::empty()));
    }
    let first = scan.next(&store).await?;
    if scan.over() {
        return Ok(Box::pin(stream::iter(first).map(|event| Ok(event.into()))));
    }
    Ok(sent(async move |to| {
        let mut events = first;
        while to.send(Ok(events)).await.is_ok() && !scan.over() {
            events = scan.next(&store).await?;
        }
        Ok(())
    }))
}

/// Runs the reading beside the call; its error is the last thing that the reader hears.
fn sent<F>(read: impl FnOnce(Sender) -> F) -> Answers<wire::Event>
where
    F: Future<Output = Result<(), Status>> + Send + 'static,
{
    let (to, chunks) = mpsc::channel(1);
    let reading = read(to.clone());
    tokio::spawn(async move {
        if let Err(status) = reading.await {
            // A reader that is gone needs no reason.
            let _ = to.send(Err(status)).await;
        }
    });
    Box::pin(ReceiverStream::new(chunks).flat_map(|chunk| {
        let (events, error) = match chunk {
            Ok(events) => (events, None),
            Err(status) => (Vec::new(), Some(Err(status))),
        };
        stream::iter(events)
            .map(|event| Ok(event.into()))
            .chain(stream::iter(error))
    }))
}
