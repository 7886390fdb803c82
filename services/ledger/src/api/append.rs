//! Appending: one request, or a pipeline of them answered as each is committed.

use chassis::callers::Caller;
use chassis::telemetry::trace;
use contracts::grpc::ledger as wire;
use futures::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};
use tracing::Instrument as _;

use super::Answers;
use crate::error::Refused;
use crate::request::{ACCESS, Request};
use crate::telemetry;
use crate::writer::WriterHandle;

/// Requests of one pipeline that are under way at once; more wait in the connection, which slows the sender down.
const PIPELINE: usize = 1_024;

/// Checks a request and its caller's right to it, and appends.
pub(super) async fn one(
    writer: &WriterHandle,
    caller: &Caller,
    request: wire::AppendRequest,
) -> Result<wire::Appended, Refused> {
    let request = Request::try_from(request)?;
    for stream in &request.streams {
        // The ledger itself states who opened what; nobody else may.
        if stream.category == ACCESS || !caller.append.contains(&stream.category) {
            let category = stream.category.clone();
            return Err(Refused::ForeignCategory {
                category,
                caller: caller.name.clone(),
            });
        }
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

/// The same for a pipeline. Requests reach the writer in the order they came.
pub(super) fn many(
    writer: WriterHandle,
    caller: Caller,
    requests: Streaming<wire::AppendRequest>,
    stop: CancellationToken,
) -> Answers<wire::AppendResult> {
    let incoming = stream::unfold((requests, stop), |(mut requests, stop)| async move {
        let next = tokio::select! {
            next = requests.next() => next,
            () = stop.cancelled() => None,
        };
        next.map(|request| (request, (requests, stop)))
    });
    let answers = incoming
        .map(move |request| {
            let (writer, caller) = (writer.clone(), caller.clone());
            async move {
                let request: wire::AppendRequest = request?;
                let request_id = request.request_id.clone();
                let result = match one(&writer, &caller, request).await {
                    Ok(appended) => wire::append_result::Result::Appended(appended),
                    Err(refused) => wire::append_result::Result::Refused(refused.into()),
                };
                Ok::<_, Status>(wire::AppendResult {
                    request_id,
                    result: Some(result),
                })
            }
        })
        .buffer_unordered(PIPELINE);
    Box::pin(answers)
}
