//! The reactor `feedback`: each fact of a case moves its procedure on.

use std::sync::Arc;

use async_trait::async_trait;
use chassis::consumer::{Delivered, Failure, Reaction};
use chassis::ledger::{Opened, Purpose};
use contracts::events::classification::CaseMerged;
use contracts::events::report::ReportReceived;
use contracts::events::routing::{
    CaseDispatched, CaseRouted, ProgressReported, QuestionAsked, ResultReported,
};
use contracts::sealed::Note;
use feedback_domain::Act;
use kernel::Actor;

use crate::error::CommandError;
use crate::handle::{Ask, Cause, Desk, report_content};

/// Names the cursor and the requests; never changes.
const CONSUMER: &str = "feedback";

/// The outcome that is no end: the unit goes on with the rest.
pub(crate) const PARTLY_DONE: &str = "partly_done";

/// Follows the facts.
pub(crate) struct Follow {
    desk: Arc<Desk>,
}

impl Follow {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }
}

#[async_trait]
impl Reaction for Follow {
    fn consumer(&self) -> &'static str {
        CONSUMER
    }

    fn wants(&self) -> &[&'static str] {
        &[
            "report.report_received",
            "classification.case_merged",
            "routing.case_routed",
            "routing.case_dispatched",
            "routing.question_asked",
            "routing.progress_reported",
            "routing.result_reported",
        ]
    }

    /// The address of a report's sender, the unit's answer.
    fn opens(&self) -> Option<Purpose> {
        Some(Purpose::Answer)
    }

    async fn react(&self, delivered: &Delivered) -> Result<(), Failure> {
        let event = &delivered.event;
        let Some(case) = event.case else {
            return Err(Failure::poison(
                "no_case",
                format!("{} without a case", event.kind),
            ));
        };
        let plain = match &delivered.content {
            Some(Opened::Refused(why)) => {
                return Err(Failure::Transient(anyhow::anyhow!("content is refused: {why}")));
            }
            Some(Opened::Plain(plain)) => Some(plain.as_slice()),
            Some(Opened::Erased | Opened::NothingSealed) | None => None,
        };
        let note = || {
            let note: Option<Note> = plain.and_then(|plain| serde_json::from_slice(plain).ok());
            note.map(|note| note.text)
        };
        let (mut content, mut words, mut outcome, mut committed) = (None, None, String::new(), None);
        let act = if event.is::<ReportReceived>() {
            content = Some(plain.and_then(report_content).unwrap_or_default());
            Act::Acknowledge
        } else if let Some(routed) = event.decode::<CaseRouted>()? {
            Act::FollowRouting {
                routing: event.position.0,
                destination: routed.destination,
            }
        } else if event.is::<CaseMerged>() {
            Act::TellMerged
        } else if let Some(dispatched) = event.decode::<CaseDispatched>()? {
            Act::TellForwarded {
                revision: dispatched.revision,
            }
        } else if let Some(result) = event.decode::<ResultReported>()? {
            words = note();
            outcome = result.outcome.to_string();
            Act::TellResult {
                revision: result.revision,
                partial: outcome == PARTLY_DONE,
            }
        } else if let Some(asked) = event.decode::<QuestionAsked>()? {
            words = note();
            Act::PutQuestion {
                revision: asked.revision,
            }
        } else if let Some(progress) = event.decode::<ProgressReported>()? {
            words = note();
            committed = progress
                .committed_date
                .and_then(|date| date.as_str().parse().ok());
            Act::TellProgress {
                revision: progress.revision,
            }
        } else {
            return Ok(()); // a later version of a type that this one does not know
        };
        let ask = Ask {
            case,
            act,
            actor: Actor::service("feedback"),
            at: event.recorded_at,
            words,
            outcome,
            committed,
            unit: None,
            cause: Cause::Event {
                event,
                consumer: CONSUMER,
                content,
            },
        };
        self.desk.handle(&ask).await.map(|_| ()).map_err(failed)
    }
}

/// What becomes of an event that could not be followed.
pub(crate) fn failed(error: CommandError) -> Failure {
    match error {
        CommandError::Ledger(error) => error.into(),
        CommandError::Unreadable(error) => error.into(),
        CommandError::UnknownCase => Failure::poison("no_report", "the case has no report on record"),
        contended @ CommandError::Contended => Failure::transient(contended),
        other => Failure::poison("rejected", other.to_string()),
    }
}
