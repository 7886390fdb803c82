//! The entrance for who waits: request/reply on `submit.<channel>.<gateway>`, the reply being the receipt or the refusal.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use chassis::backoff::Backoff;
use chassis::nats::{Headers, Message, Nats};
use chassis::telemetry::trace;
use contracts::subjects;
use contracts::wire::ReceiptOut;
use futures::{FutureExt, StreamExt};
use intake_domain::Reason;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::error::NotTaken;
use crate::handle::Desk;
use crate::inbox::{entrance, json, tokens};
use crate::{names, parse};

/// Requests under way at once; more wait in the client's buffer, and the asker's time runs out in the worst case.
const WINDOW: usize = 512;

/// Answers requests until the word to stop; a subscription that ends is made anew.
pub(crate) async fn run(nats: Nats, desk: Arc<Desk>, shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut backoff = Backoff::between_services();
    let mut under_way = JoinSet::new();
    while !shutdown.is_cancelled() {
        let mut requests = match nats.subscribe_queue(subjects::SUBMIT_ALL, "intake").await {
            Ok(requests) => requests,
            Err(error) => {
                tracing::warn!(
                    error = %chassis::telemetry::chain(&error),
                    "cannot listen for requests; trying again"
                );
                backoff.pause().await;
                continue;
            }
        };
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(_) = under_way.join_next(), if !under_way.is_empty() => {}
                request = requests.next(), if under_way.len() < WINDOW => match request {
                    Some(message) => {
                        backoff.reset();
                        under_way.spawn(answer(message, Arc::clone(&desk)));
                    }
                    None => break,
                },
            }
        }
        if !shutdown.is_cancelled() {
            backoff.pause().await;
        }
    }
    while under_way.join_next().await.is_some() {}
    Ok(())
}

async fn answer(message: Message, desk: Arc<Desk>) {
    let span = tracing::info_span!(names::SPAN_RECEIVE, otel.kind = "server", lane = "submit");
    trace::set_parent(&span, message.traceparent());
    let traceparent = message.traceparent().to_owned();
    let handled = trace::caused_by(
        traceparent,
        AssertUnwindSafe(take(&message, &desk)).catch_unwind(),
    )
    .instrument(span)
    .await;
    let reply = handled.unwrap_or_else(|_| {
        tracing::error!("a request could not be handled");
        NotTaken::Refused(Reason::Unhandled.into()).to_wire(None)
    });
    if let Err(error) = message.respond(&Headers::new(), json(&reply)).await {
        tracing::warn!(
            error = %chassis::telemetry::chain(&error),
            "a request could not be answered"
        );
    }
}

async fn take(message: &Message, desk: &Desk) -> ReceiptOut {
    let (channel, gateway) = tokens(&message.subject);
    match parse::report(&message.payload) {
        Ok(report) => {
            let id = report.id.clone();
            match desk
                .receive_soon(&entrance(&channel, &gateway), parse::submission(&channel, report))
                .await
            {
                Ok(receipt) => receipt.to_wire(id),
                Err(not_taken) => not_taken.to_wire(Some(id)),
            }
        }
        Err(unreadable) => NotTaken::Refused(unreadable.refused).to_wire(unreadable.id),
    }
}
