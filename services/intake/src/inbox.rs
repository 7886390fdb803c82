//! The durable entrance: what gateways published to INBOX, receipted or refused on RECEIPTS, and only then acknowledged.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chassis::consumer::Parked;
use chassis::ledger::AppendedEvent;
use chassis::nats::{Headers, Message, Nats, NatsError, Work, WorkOptions};
use chassis::service::Service;
use chassis::telemetry::trace;
use contracts::Payload;
use contracts::events::report::ReportRefused;
use contracts::subjects;
use contracts::wire::ReceiptOut;
use futures::FutureExt;
use intake_domain::Reason;
use kernel::{Actor, CaseId};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::Intake;
use crate::error::NotTaken;
use crate::handle::{Desk, Entrance};
use crate::{names, parse};

/// Messages of one lane under way at once: enough to fill the ledger's batches.
const WINDOW: usize = 512;
/// A message of a replica that died comes again after this; running handlers say every third of it that they live.
const ACK_WAIT: Duration = Duration::from_secs(9);

/// The two lanes: an emergency never stands in the queue of a flood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// `in.express.<gateway>`, stored as `express.<gateway>`.
    Express,
    /// `in.<channel>.<gateway>`, whatever channel it says.
    Bulk,
}

impl Lane {
    pub(crate) const ALL: [Self; 2] = [Self::Express, Self::Bulk];

    pub(crate) const fn durable(self) -> &'static str {
        match self {
            Self::Express => "intake-express",
            Self::Bulk => "intake-bulk",
        }
    }

    fn filters(self) -> Vec<String> {
        match self {
            Self::Express => vec![subjects::INBOX_EXPRESS.1.to_owned()],
            Self::Bulk => vec![subjects::INBOX_SUBJECTS.to_owned()],
        }
    }
}

/// One lane of INBOX.
pub(crate) struct Inbox {
    lane: Lane,
    nats: Nats,
    desk: Arc<Desk>,
}

/// Why a message stays in INBOX for now, or is parked.
#[derive(Debug, thiserror::Error)]
enum Unsettled {
    #[error("it can never be put on record")]
    Never(#[source] NotTaken),
    #[error("the ledger did not take it")]
    Ledger(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the receipt could not be stored")]
    Receipt(#[from] NatsError),
}

impl Inbox {
    pub(crate) fn new(lane: Lane, nats: Nats, desk: Arc<Desk>) -> Arc<Self> {
        Arc::new(Self { lane, nats, desk })
    }

    /// Takes messages until the word to stop; then those under way finish.
    pub(crate) async fn run(self: Arc<Self>, shutdown: CancellationToken) -> anyhow::Result<()> {
        let options = WorkOptions {
            filters: self.lane.filters(),
            ack_wait: ACK_WAIT,
            most_under_way: 2 * WINDOW as u32,
        };
        let mut queue = self
            .nats
            .work_queue(subjects::INBOX, self.lane.durable(), options);
        let mut under_way = JoinSet::new();
        let gauge = metrics::gauge!(names::UNDER_WAY, "lane" => self.lane.durable());
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(_) = under_way.join_next(), if !under_way.is_empty() => {}
                work = queue.next(), if under_way.len() < WINDOW => {
                    under_way.spawn(Arc::clone(&self).settle(work));
                }
            }
            gauge.set(under_way.len() as f64);
        }
        while under_way.join_next().await.is_some() {}
        Ok(())
    }

    /// Handles one message and acknowledges it after its effect; whatever happens to it, the loop goes on.
    async fn settle(self: Arc<Self>, work: Work) {
        let span = tracing::info_span!(
            names::SPAN_RECEIVE,
            otel.kind = "consumer",
            lane = self.lane.durable()
        );
        trace::set_parent(&span, work.message.traceparent());
        let traceparent = work.message.traceparent().to_owned();
        let handling = trace::caused_by(
            traceparent,
            AssertUnwindSafe(self.handle(&work.message)).catch_unwind(),
        )
        .instrument(span);
        let outcome = {
            tokio::pin!(handling);
            loop {
                tokio::select! {
                    outcome = &mut handling => break outcome,
                    () = tokio::time::sleep(ACK_WAIT / 3) => {
                        // Should this be lost, the message comes twice, which changes nothing.
                        let _ = work.in_progress().await;
                    }
                }
            }
        };
        let settled = match outcome {
            Ok(Ok(())) => work.done_unconfirmed().await,
            Ok(Err(later @ (Unsettled::Ledger(_) | Unsettled::Receipt(_)))) => {
                let pause = Duration::from_millis(250 << work.deliveries.clamp(0, 6));
                tracing::warn!(
                    error = %chassis::telemetry::chain(&later),
                    deliveries = work.deliveries,
                    "a message stays in INBOX for now"
                );
                work.again(pause).await
            }
            // A panic, or what the ledger will never take.
            Ok(Err(Unsettled::Never(_))) | Err(_) => match self.park(&work).await {
                Ok(()) => work.give_up().await,
                Err(later) => {
                    tracing::error!(
                        error = %chassis::telemetry::chain(&later),
                        "what could not be handled could not be parked either; trying again"
                    );
                    work.again(Duration::from_secs(5)).await
                }
            },
        };
        if let Err(error) = settled {
            tracing::warn!(
                error = %chassis::telemetry::chain(&error),
                "a message could not be settled; it comes again and gets the same receipt"
            );
        }
    }

    async fn handle(&self, message: &Message) -> Result<(), Unsettled> {
        let (channel, gateway) = tokens(&message.subject);
        let entrance = entrance(&channel, &gateway);
        let answer = match parse::report(&message.payload) {
            Ok(report) => {
                let id = report.id.clone();
                match self
                    .desk
                    .receive(&entrance, parse::submission(&channel, report))
                    .await
                {
                    Ok(receipt) => receipt.to_wire(id),
                    Err(NotTaken::Refused(refused)) => {
                        self.record(&channel, &entrance, refused.reason, &message.payload)
                            .await?;
                        NotTaken::Refused(refused).to_wire(Some(id))
                    }
                    Err(fault @ NotTaken::Fault(_)) => return Err(Unsettled::Never(fault)),
                    Err(later) => return Err(Unsettled::Ledger(later.into())),
                }
            }
            Err(unreadable) => {
                let outcome = unreadable.refused.reason.code();
                metrics::counter!(names::REPORTS, "channel" => names::channel_label(&channel), "outcome" => outcome).increment(1);
                self.record(&channel, &entrance, unreadable.refused.reason, &message.payload)
                    .await?;
                NotTaken::Refused(unreadable.refused).to_wire(unreadable.id)
            }
        };
        self.receipt(&channel, &gateway, &answer).await
    }

    async fn record(
        &self,
        channel: &str,
        entrance: &Entrance,
        reason: Reason,
        body: &[u8],
    ) -> Result<AppendedEvent, Unsettled> {
        self.desk
            .record_refusal(channel, entrance, reason, body)
            .await
            .map_err(|e| Unsettled::Ledger(e.into()))
    }

    async fn receipt(&self, channel: &str, gateway: &str, answer: &ReceiptOut) -> Result<(), Unsettled> {
        self.nats
            .publish_stored(
                &subjects::receipts(channel, gateway),
                None,
                &Headers::new(),
                json(answer),
            )
            .await?;
        Ok(())
    }

    /// A message that can never be handled: on record as refused, its bytes sealed, and parked with the reason; never its content.
    async fn park(&self, work: &Work) -> Result<(), Unsettled> {
        let (channel, gateway) = tokens(&work.message.subject);
        let entrance = entrance(&channel, &gateway);
        let refused = self
            .record(&channel, &entrance, Reason::Unhandled, &work.message.payload)
            .await?;
        self.receipt(
            &channel,
            &gateway,
            &NotTaken::Refused(Reason::Unhandled.into()).to_wire(None),
        )
        .await?;
        let parked = Parked {
            consumer: Intake::NAME.to_owned(),
            position: refused.position,
            event: refused.id,
            kind: ReportRefused::TYPE.to_owned(),
            case: Some(CaseId(refused.stream.id)),
            reason: Reason::Unhandled.code().to_owned(),
            detail: format!(
                "message {} of INBOX; what came is sealed in the event",
                work.sequence
            ),
            at: self.desk.clock.now(),
        };
        #[expect(clippy::expect_used, reason = "a struct of texts and numbers")]
        let body = serde_json::to_vec(&parked).expect("it is always JSON");
        let subject = subjects::park(Intake::NAME);
        self.nats
            .publish_stored(
                &subject,
                Some(&refused.id.to_string()),
                &Headers::new(),
                Bytes::from(body),
            )
            .await?;
        metrics::counter!(names::PARKED).increment(1);
        tracing::error!(
            sequence = work.sequence,
            "a message could not be handled; it is on record as refused, and parked"
        );
        Ok(())
    }
}

/// Channel (or `express`) and gateway, from `in.<channel>.<gateway>`, `submit.<channel>.<gateway>` or `express.<gateway>`.
pub(crate) fn tokens(subject: &str) -> (String, String) {
    let mut tokens = subject.split('.');
    let first = tokens.next().unwrap_or_default();
    let channel = if first == parse::EXPRESS {
        first
    } else {
        tokens.next().unwrap_or_default()
    };
    // `in.sms` names no gateway; nobody may publish it, and should somebody, its refusal needs a subject.
    let gateway = tokens.next().filter(|token| !token.is_empty()).unwrap_or("_");
    (channel.to_owned(), gateway.to_owned())
}

/// A gateway's door. The broker lets a gateway publish under its own name only, so the subject says who it is.
pub(crate) fn entrance(channel: &str, gateway: &str) -> Entrance {
    Entrance {
        gateway: gateway.to_owned(),
        sender: gateway.to_owned(),
        actor: Actor::of("gateway", gateway).unwrap_or_else(|_| Actor::service("intake")),
        express: channel == parse::EXPRESS,
    }
}

/// As it travels.
pub(crate) fn json(answer: &ReceiptOut) -> Bytes {
    #[expect(clippy::expect_used, reason = "an enum of strings and numbers is always JSON")]
    Bytes::from(serde_json::to_vec(answer).expect("a receipt is always JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_says_channel_and_gateway() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(tokens("in.sms.gw1"), pair("sms", "gw1"));
        assert_eq!(tokens("submit.express.gw1"), pair("express", "gw1"));
        assert_eq!(tokens("express.gw1"), pair("express", "gw1"));
        assert_eq!(tokens("in.in.in"), pair("in", "in"));
        assert_eq!(tokens("in.sms"), pair("sms", "_"));
    }
}
