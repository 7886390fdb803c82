//! The reactor `feedback-outbox`: hands each queued message to a carrier, and says so. The carrier of today is a folder.

use async_trait::async_trait;
use chassis::consumer::{Delivered, Failure, Reaction};
use chassis::ledger::{Append, Expected, LedgerClient, NewEvent, Opened, Purpose, StreamWrite};
use chassis::outbox::{FileTransport, OutboxMessage};
use contracts::Recorded;
use contracts::events::access::ContentErased;
use contracts::events::message::{MessageFailed, MessageHandedOver, MessageQueued};
use contracts::sealed::Message;
use feedback_domain::{Reach, Way};
use kernel::Actor;

use crate::wire::code;

/// Names the cursor and the requests; never changes.
const CONSUMER: &str = "feedback-outbox";

/// Hands messages over.
pub(crate) struct Outbox {
    ledger: LedgerClient,
    transport: FileTransport,
}

impl Outbox {
    pub(crate) fn new(ledger: LedgerClient, transport: FileTransport) -> Self {
        Self { ledger, transport }
    }

    /// What becomes of the message, after the carrier has it or refused it.
    async fn hand_over(
        &self,
        queued: &MessageQueued,
        delivered: &Delivered,
    ) -> Result<Result<String, &'static str>, Failure> {
        let plain = match &delivered.content {
            Some(Opened::Plain(plain)) => plain,
            Some(Opened::Erased) => return Ok(Err("erased")),
            Some(Opened::NothingSealed) | None => return Ok(Err("no_content")),
            Some(Opened::Refused(why)) => {
                return Err(Failure::Transient(anyhow::anyhow!("content is refused: {why}")));
            }
        };
        let Ok(message) = serde_json::from_slice::<Message>(plain) else {
            return Ok(Err("unreadable"));
        };
        let usable = queued
            .channel
            .as_str()
            .parse()
            .is_ok_and(|way: Way| Reach::is_usable(way, &message.to));
        if !usable {
            return Ok(Err("unusable_address"));
        }
        let event = &delivered.event;
        let out = OutboxMessage {
            id: event.stream.id,
            case: event.case,
            channel: queued.channel.to_string(),
            what: queued.what.to_string(),
            queued_at: event.recorded_at,
            to: message.to,
            subject: message.subject,
            body: message.body,
        };
        self.transport
            .hand_over(&out)
            .await
            .map(Ok)
            .map_err(Failure::transient)
    }

    /// What was erased is not kept in the folder either. Within a case events come in their order, so all that was handed over is there.
    async fn forget(&self, erased: &Recorded) -> Result<(), Failure> {
        let Some(case) = erased.case else { return Ok(()) };
        for event in self.ledger.read_case(case).await? {
            if event.is::<MessageQueued>() {
                self.transport
                    .forget(event.stream.id)
                    .await
                    .map_err(Failure::transient)?;
            }
        }
        Ok(())
    }

    async fn append(&self, queued: &Recorded, event: NewEvent) -> Result<(), Failure> {
        let write = StreamWrite::new(
            queued.stream.clone(),
            Expected::Version(queued.version),
            vec![event],
        );
        self.ledger
            .append(Append::reaction(queued, CONSUMER, vec![write]))
            .await?;
        Ok(())
    }
}

#[async_trait]
impl Reaction for Outbox {
    fn consumer(&self) -> &'static str {
        CONSUMER
    }

    fn wants(&self) -> &[&'static str] {
        &["message.message_queued", "access.content_erased"]
    }

    fn opens(&self) -> Option<Purpose> {
        Some(Purpose::Answer)
    }

    async fn react(&self, delivered: &Delivered) -> Result<(), Failure> {
        let cause = &delivered.event;
        if cause.is::<ContentErased>() {
            return self.forget(cause).await;
        }
        let Some(queued) = cause.decode::<MessageQueued>()? else {
            return Ok(());
        };
        let (actor, at) = (Actor::service("feedback"), cause.recorded_at);
        let event = match self.hand_over(&queued, delivered).await? {
            Ok(carrier_id) => {
                let handed = MessageHandedOver {
                    transport: code(FileTransport::NAME),
                    carrier_id: code(&carrier_id),
                };
                NewEvent::of(&handed, actor, at)
            }
            Err(reason) => {
                let failed = MessageFailed {
                    transport: code(FileTransport::NAME),
                    reason: code(reason),
                };
                NewEvent::of(&failed, actor, at)
            }
        };
        self.append(cause, event).await
    }
}
