//! Appending: one request, or a pipeline of them answered as each is committed.

use std::sync::{Arc, OnceLock};

use chassis::callers::Caller;
use chassis::telemetry::trace;
use contracts::grpc::ledger as wire;
use futures::{StreamExt as _, stream};
use kernel::Actor;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};
use tracing::Instrument as _;

use super::Answers;
use crate::ahead::{Herald, Word};
use crate::error::Refused;
use crate::request::{OWN, Request, StreamAppend};
use crate::telemetry;
use crate::writer::WriterHandle;

/// Requests of one pipeline that are under way at once; more wait in the connection, which slows the sender down.
const PIPELINE: usize = 1_024;

/// Checks a request and its caller's right to it, and appends.
pub(super) async fn one(
    writer: &WriterHandle,
    herald: &Herald,
    caller: &Caller,
    request: wire::AppendRequest,
) -> Result<wire::Appended, Refused> {
    let request = Request::try_from(request)?;
    for stream in &request.streams {
        permitted(caller, stream)?;
    }
    let word = Word::of(&request);
    let appended = store(writer, caller, request).await?;
    if let Some(word) = word {
        herald.tell(word, &appended);
    }
    Ok(appended)
}

async fn store(writer: &WriterHandle, caller: &Caller, request: Request) -> Result<wire::Appended, Refused> {
    // A span costs as much as checking the request does. Its trace goes on in the event's own `traceparent` in any case.
    if !trace::exported() {
        return writer.append(request).await;
    }
    let span = tracing::info_span!(
        telemetry::SPAN_STORE,
        otel.kind = "server",
        caller = caller.name,
        "request.id" = %request.id
    );
    trace::set_parent(&span, &request.traceparent);
    writer.append(request).instrument(span).await
}

/// Whether a stream's category is the caller's, and its events' actors are whom it may name.
fn permitted(caller: &Caller, stream: &StreamAppend) -> Result<(), Refused> {
    let who = || caller.name.clone();
    // What the ledger states itself nobody else may.
    if OWN.contains(&stream.category.as_str()) || !caller.append.contains(&stream.category) {
        return Err(Refused::ForeignCategory {
            category: stream.category.clone(),
            caller: who(),
        });
    }
    let may_name = |actor: &str| Actor::parse(actor).is_ok_and(|actor| caller.may_name(&actor));
    match stream.events.iter().find(|event| !may_name(&event.actor)) {
        Some(event) => Err(Refused::ForeignActor {
            actor: event.actor.clone(),
            caller: who(),
        }),
        None => Ok(()),
    }
}

/// The same for a pipeline. The requests of one lane reach the writer in the order they came. When the sender breaks off (a request over every limit, a
/// lost connection), what came before is answered first.
pub(super) fn many(
    writer: WriterHandle,
    herald: Herald,
    caller: Arc<Caller>,
    requests: Streaming<wire::AppendRequest>,
    stop: CancellationToken,
) -> Answers<wire::AppendResult> {
    let broken = Arc::new(OnceLock::new());
    let incoming = stream::unfold((requests, stop, Arc::clone(&broken)), next);
    let answers = incoming
        .map(move |request| {
            let (writer, herald, caller) = (writer.clone(), herald.clone(), Arc::clone(&caller));
            async move {
                let request_id = request.request_id.clone();
                // Unconstrained: a future that tokio makes yield before it stands in its lane would be overtaken by the next.
                let appending = tokio::task::unconstrained(one(&writer, &herald, &caller, request));
                let result = match appending.await {
                    Ok(appended) => wire::append_result::Result::Appended(appended),
                    Err(refused) => wire::append_result::Result::Refused(refused.into()),
                };
                Ok(wire::AppendResult {
                    request_id,
                    result: Some(result),
                })
            }
        })
        .buffer_unordered(PIPELINE);
    let why = stream::once(async move { broken.get().cloned() }).filter_map(async |why| why.map(Err));
    Box::pin(answers.chain(why))
}

type Incoming = (
    Streaming<wire::AppendRequest>,
    CancellationToken,
    Arc<OnceLock<Status>>,
);

/// The next request, until the sender has said all, breaks off, or the ledger stops.
async fn next((mut requests, stop, broken): Incoming) -> Option<(wire::AppendRequest, Incoming)> {
    let next = tokio::select! {
        next = requests.message() => next,
        () = stop.cancelled() => return None,
    };
    let request = match next {
        Ok(request) => request?,
        Err(status) => {
            broken.get_or_init(|| status);
            return None;
        }
    };
    Some((request, (requests, stop, broken)))
}
