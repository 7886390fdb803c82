//! The desk behind every entrance: check, look for danger, seal, append, and only then give a receipt.

use std::sync::Arc;
use std::time::Duration;

use chassis::ledger::{Append, Expected, LedgerClient, LedgerError, NewEvent, StreamWrite};
use contracts::Code;
use contracts::events::report::{EmergencySuspected, ReportReceived};
use contracts::evidence::Evidence;
use contracts::sealed::{Place, ReportContent, Reporter};
use contracts::wire::ReceiptOut;
use intake_domain::report::{Danger, Receive};
use intake_domain::{Command, Event, Reason, Received, Report, Submission};
use kernel::{
    Actor, CaseId, Clock, Decider, IdentityKey, Instant, Position, RequestId, StreamId, TrackingCode,
};

use crate::error::NotTaken;
use crate::names;

/// Most bytes of a sealed part, by the ledger's contract.
const MAX_SEALED: usize = 256 << 10;
/// How long somebody who waits for an answer waits for the ledger.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);

/// Takes reports. One for all entrances.
pub(crate) struct Desk {
    pub(crate) ledger: LedgerClient,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) key: IdentityKey,
}

/// By which door something came.
#[derive(Clone, Debug)]
pub(crate) struct Entrance {
    /// Who handed it in, as the event names them.
    pub(crate) gateway: String,
    /// Whose ids these are: the same id of another sender is another message.
    pub(crate) sender: String,
    /// Who is answerable.
    pub(crate) actor: Actor,
    /// Whether it came by the express lane.
    pub(crate) express: bool,
}

/// On record.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    pub(crate) case: CaseId,
    pub(crate) code: TrackingCode,
    pub(crate) position: Position,
    pub(crate) accepted_at: Instant,
    pub(crate) already: bool,
}

impl Receipt {
    /// As the sender reads it: the same each time the same message comes.
    pub(crate) fn to_wire(&self, id: String) -> ReceiptOut {
        ReceiptOut::Receipt {
            id,
            code: self.code.clone(),
            position: self.position.0,
            accepted_at: self.accepted_at,
        }
    }
}

impl Desk {
    pub(crate) fn new(ledger: LedgerClient, clock: Arc<dyn Clock>, key: IdentityKey) -> Self {
        Self { ledger, clock, key }
    }

    /// Puts a report on record. The receipt comes after the commit (P1); the same message again gets the same receipt (P3).
    pub(crate) async fn receive(
        &self,
        entrance: &Entrance,
        submission: Submission,
    ) -> Result<Receipt, NotTaken> {
        let channel = names::channel_label(&submission.channel);
        let taken = self.put_on_record(entrance, submission).await;
        let outcome = match &taken {
            Ok(receipt) if receipt.already => "repeated",
            Ok(_) => "accepted",
            Err(not_taken) => not_taken.reason(),
        };
        metrics::counter!(names::REPORTS, "channel" => channel, "outcome" => outcome).increment(1);
        match &taken {
            Ok(receipt) => tracing::debug!(case.id = %receipt.case, outcome, channel, "received"),
            Err(NotTaken::Fault(error)) => {
                tracing::error!(error = %chassis::telemetry::chain(error), channel, "a report could not be put on record")
            }
            Err(_) => tracing::info!(outcome, channel, "not taken"),
        }
        taken
    }

    /// The same for somebody who waits: gives up after `PATIENCE`. What was under way may still be stored; the same id finds it then.
    pub(crate) async fn receive_soon(
        &self,
        entrance: &Entrance,
        submission: Submission,
    ) -> Result<Receipt, NotTaken> {
        tokio::time::timeout(PATIENCE, self.receive(entrance, submission))
            .await
            .unwrap_or_else(|_| {
                Err(NotTaken::Unavailable(LedgerError::Unavailable {
                    why: "no answer in time".to_owned(),
                }))
            })
    }

    async fn put_on_record(&self, entrance: &Entrance, submission: Submission) -> Result<Receipt, NotTaken> {
        let sent = submission.canonical()?;
        let request = RequestId::client(
            &format!("{}/{}", submission.channel, entrance.sender),
            &submission.id,
        );
        let case = self.key.case_of(request);
        let code = self.key.code_of(case);
        let accepted = submission.accept(self.clock.now())?;
        let content = content_of(&accepted.submission);
        if content.len() > MAX_SEALED {
            return Err(NotTaken::Refused(Reason::TooLarge.into()));
        }
        let receive = Receive {
            gateway: entrance.gateway.clone(),
            source: accepted
                .address
                .as_ref()
                .map(|a| self.key.token_of(a.as_str()))
                .unwrap_or_default(),
            danger: triage::look(&accepted.submission.text).map(danger),
            code: code.clone(),
            express: entrance.express,
            accepted,
        };
        let occurred_at = receive.accepted.occurred_at;
        // Nothing of the stream is read first: its only request is this one, and the ledger answers it a second time as the first.
        let events = Report::decide(
            &<Report as Decider>::State::default(),
            Command::Receive(Box::new(receive)),
        )
        .map_err(|rejection| {
            NotTaken::Fault(LedgerError::Invalid {
                what: rejection.to_string(),
            })
        })?;
        let express = events
            .iter()
            .any(|e| matches!(e, Event::ReportReceived(r) if r.express));
        let events = events.into_iter().map(|event| {
            let sealed = matches!(event, Event::ReportReceived(_)).then(|| content.clone());
            new_event(event, &entrance.actor, occurred_at, sealed)
        });
        let write = StreamWrite::new(StreamId::new("report", case.0), Expected::None, events.collect());
        let appended = self
            .ledger
            .append(Append::client(request, &sent, Some(case), vec![write]).express(express))
            .await?;
        let first = appended.events.first().ok_or(LedgerError::Answer {
            what: "an append without events".to_owned(),
        })?;
        Ok(Receipt {
            case,
            code,
            position: first.position,
            accepted_at: first.recorded_at,
            already: appended.already,
        })
    }
}

/// An event of the domain as the contract states it, with its content sealed.
pub(crate) fn new_event(
    event: Event,
    actor: &Actor,
    occurred_at: Instant,
    sealed: Option<Vec<u8>>,
) -> NewEvent {
    let actor = actor.clone();
    let new = match event {
        Event::ReportReceived(received) => NewEvent::of(&report_received(*received), actor, occurred_at),
        Event::EmergencySuspected(danger) => {
            let evidence = danger.evidence.into_iter();
            let evidence = evidence
                .map(|(rule, start, end)| Evidence {
                    rule: Code::lossy(&rule),
                    start,
                    end,
                })
                .collect();
            let payload = EmergencySuspected {
                number: Code::lossy(&danger.number),
                evidence,
            };
            NewEvent::of(&payload, Actor::service("intake"), occurred_at)
        }
        Event::ReportRefused(refusal) => NewEvent::of(&crate::refuse::payload(&refusal), actor, occurred_at),
    };
    match sealed {
        Some(content) => new.sealed(content),
        None => new,
    }
}

fn report_received(r: Received) -> ReportReceived {
    ReportReceived {
        channel: r.channel,
        gateway: Code::lossy(&r.gateway),
        line: Code::lossy(r.line),
        code: r.code,
        source: Code::lossy(&r.source),
        answerable: r.answerable,
        complete: r.complete,
        text_length: r.text_length,
        language: Code::lossy(r.language),
        located: r.located,
        express: r.express,
    }
}

fn danger(suspicion: triage::Suspicion) -> Danger {
    Danger {
        number: suspicion.number.dial().to_owned(),
        evidence: suspicion
            .rules
            .into_iter()
            .map(|hit| (hit.rule, hit.start, hit.end))
            .collect(),
    }
}

fn content_of(s: &Submission) -> Vec<u8> {
    let content = ReportContent {
        text: s.text.clone(),
        id: s.id.clone(),
        from: Reporter {
            name: s.name.clone(),
            phone: s.phone.clone(),
            email: s.email.clone(),
        },
        place: Place {
            address: s.address.clone(),
            latitude: s.latitude,
            longitude: s.longitude,
        },
    };
    #[expect(clippy::expect_used, reason = "strings and finite numbers are always JSON")]
    serde_json::to_vec(&content).expect("a report's content is always JSON")
}
