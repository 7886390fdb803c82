//! Hears what arrives for INBOX at the same time as the broker stores it, and takes at once what speaks of danger: an emergency at the end of a
//! flood is on record before the flood is. It gets its receipt in its turn; what is missed here comes in its turn altogether.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use chassis::backoff::Backoff;
use chassis::nats::{Message, Nats};
use chassis::telemetry::trace;
use contracts::subjects;
use contracts::wire::ReportIn;
use futures::{FutureExt as _, StreamExt as _};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::handle::Desk;
use crate::inbox::{entrance, tokens};
use crate::parse;

/// Most that is under way at once. When everybody speaks of danger, nobody overtakes.
const WINDOW: usize = 64;

/// Listens until the word to stop; a subscription that ends is made anew.
pub(crate) async fn run(nats: Nats, desk: Arc<Desk>, shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut backoff = Backoff::between_services();
    let mut under_way = JoinSet::new();
    while !shutdown.is_cancelled() {
        match nats.subscribe_queue(subjects::INBOX_SUBJECTS, "intake").await {
            Ok(mut arrivals) => loop {
                tokio::select! {
                    () = shutdown.cancelled() => break,
                    Some(_) = under_way.join_next(), if !under_way.is_empty() => {}
                    message = arrivals.next() => {
                        let Some(message) = message else { break };
                        backoff.reset();
                        if under_way.len() < WINDOW && let Some(report) = danger(&message) {
                            under_way.spawn(take(message, report, Arc::clone(&desk)));
                        }
                    }
                }
            },
            Err(error) => tracing::warn!(
                error = %chassis::telemetry::chain(&error),
                "cannot listen for what arrives; emergencies wait their turn meanwhile"
            ),
        }
        shutdown.run_until_cancelled(backoff.pause()).await;
    }
    while under_way.join_next().await.is_some() {}
    Ok(())
}

/// The report, if it speaks of danger. What came on the express lane overtakes the flood by itself, and what is no report is refused in its turn.
fn danger(message: &Message) -> Option<ReportIn> {
    let (channel, _) = tokens(&message.subject);
    if channel == parse::EXPRESS {
        return None;
    }
    // A panic over a strange text must not end the listening; in its turn it is parked with the reason.
    let looked = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let report = parse::report(&message.payload).ok()?;
        triage::look(&report.text).map(|_| report)
    }));
    looked.ok().flatten()
}

async fn take(message: Message, report: ReportIn, desk: Arc<Desk>) {
    let (channel, gateway) = tokens(&message.subject);
    let (entrance, submission) = (entrance(&channel, &gateway), parse::submission(&channel, report));
    let receiving = AssertUnwindSafe(desk.receive(&entrance, submission)).catch_unwind();
    // Whatever came of it is told in its turn: by the receipt, the refusal, or as parked.
    let _ = trace::caused_by(message.traceparent().to_owned(), receiving).await;
}
