//! The desk over NATS: `desk.<unit>.<verb>`, request and reply. The broker lets a unit publish under its own name only.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use chassis::backoff::Backoff;
use chassis::nats::{Headers, Message, Nats};
use chassis::telemetry::trace;
use contracts::subjects;
use contracts::wire::{DeskReply, DeskRequest};
use futures::{FutureExt, StreamExt};
use kernel::Actor;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::{Call, Content, Desk, Verb};
use crate::error::Refusal;
use crate::handle::Done;
use crate::names;

/// Replicas of routing share the desk.
const QUEUE: &str = "routing";
/// How many requests are worked on at a time; the others wait in the broker's connection.
const AT_A_TIME: usize = 64;

/// Answers units until the word to stop; then finishes what is under way.
pub(crate) async fn run(nats: Nats, desk: Arc<Desk>, shutdown: CancellationToken) -> anyhow::Result<()> {
    let tasks = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(AT_A_TIME));
    let mut backoff = Backoff::between_services();
    while !shutdown.is_cancelled() {
        let mut requests = match nats.subscribe_queue(subjects::DESK_ALL, QUEUE).await {
            Ok(requests) => requests,
            Err(error) => {
                tracing::warn!(error = %chassis::telemetry::chain(&error), "the desk cannot be heard; trying again");
                backoff.pause().await;
                continue;
            }
        };
        loop {
            let message = tokio::select! {
                () = shutdown.cancelled() => break,
                message = requests.next() => message,
            };
            // A subscription that ends is made again.
            let Some(message) = message else { break };
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
                break;
            };
            let desk = Arc::clone(&desk);
            tasks.spawn(async move {
                serve(&desk, &message).await;
                drop(slot);
            });
        }
    }
    tasks.close();
    tasks.wait().await;
    Ok(())
}

async fn serve(desk: &Desk, message: &Message) {
    let span = tracing::info_span!(
        names::SPAN_DESK,
        otel.kind = "server",
        case.id = tracing::field::Empty
    );
    let traceparent = message.traceparent().to_owned();
    trace::set_parent(&span, &traceparent);
    let answering = async {
        // A panic answers too, and the desk goes on.
        let (verb, reply) = AssertUnwindSafe(answer(desk, message))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                let refusal = Refusal::Internal(anyhow::anyhow!("a handler panicked"));
                ("unknown", refusal.to_reply())
            });
        let outcome = match &reply {
            DeskReply::Done { already: false, .. } => "done",
            DeskReply::Done { already: true, .. } => "already",
            DeskReply::Opened { .. } => "opened",
            DeskReply::Refused { reason, .. } => reason.as_str(),
        };
        metrics::counter!(names::DESK, "verb" => verb, "outcome" => outcome.to_owned()).increment(1);
        match serde_json::to_vec(&reply) {
            Ok(body) => {
                if let Err(error) = message.respond(&Headers::new(), Bytes::from(body)).await {
                    tracing::warn!(error = %chassis::telemetry::chain(&error), "a unit could not be answered; it will ask again with the same id");
                }
            }
            Err(error) => {
                tracing::error!(error = %chassis::telemetry::chain(&error), "a reply cannot be written")
            }
        }
    };
    trace::caused_by(traceparent, answering.instrument(span)).await;
}

/// The verb (for the count) and the reply.
async fn answer(desk: &Desk, message: &Message) -> (&'static str, DeskReply) {
    match call(message) {
        Err(refusal) => ("unknown", refusal.to_reply()),
        Ok(call) => {
            tracing::Span::current().record("case.id", tracing::field::display(call.request.case));
            let reply = match call.verb {
                Verb::Open => desk.open(&call).await.map(opened),
                _ => desk.act(&call).await.map(done),
            };
            (
                call.verb.token(),
                reply.unwrap_or_else(|refusal| refusal.to_reply()),
            )
        }
    }
}

fn call(message: &Message) -> Result<Call, Refusal> {
    let mut tokens = message.subject.split('.').skip(1);
    let (unit, verb) = (
        tokens.next().unwrap_or_default(),
        tokens.next().unwrap_or_default(),
    );
    let unit = super::unit(unit)?;
    let verb: Verb = verb.parse()?;
    // What serde says could quote what was sent, so only the place is told.
    let request: DeskRequest = serde_json::from_slice(&message.payload).map_err(|error| {
        Refusal::Malformed(format!(
            "the body is no request (line {}, column {}): JSON with request_id, case and revision is expected",
            error.line(),
            error.column()
        ))
    })?;
    let actor = Actor::of("unit", unit.as_str()).map_err(|error| Refusal::Malformed(error.to_string()))?;
    Ok(Call {
        caller: unit.to_string(),
        unit,
        actor,
        role: super::AS_UNIT,
        verb,
        request,
    })
}

fn done(done: Done) -> DeskReply {
    DeskReply::Done {
        position: done.position.0,
        already: done.already,
    }
}

fn opened(content: Content) -> DeskReply {
    let Content {
        report,
        task,
        questions,
        position,
        ..
    } = content;
    let place = report.place;
    DeskReply::Opened {
        text: report.text,
        address: place.address,
        latitude: place.latitude,
        longitude: place.longitude,
        task,
        questions,
        position: position.0,
    }
}
