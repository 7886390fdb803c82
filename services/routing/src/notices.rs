//! Puts what a unit is told on CASES: facts and a reference for its own system, never content.

pub(crate) mod restore;

use async_trait::async_trait;
use bytes::Bytes;
use chassis::consumer::{Delivered, Failure, Reaction};
use chassis::ledger::LedgerClient;
use chassis::nats::{Headers, Nats, NatsError};
use contracts::event::DecodeError;
use contracts::events::routing::{CaseDispatched, CaseRecalled, QuestionAnswered, UnitJoined};
use contracts::subjects;
use contracts::wire::CaseNotice;
use contracts::{Code, Recorded};
use kernel::CaseId;
use kernel::taxonomy::Office;

use crate::case_file::CaseFile;
use crate::names;

const CONSUMER: &str = "routing-notices";

/// Role of a unit that takes part; a lead unit is told none.
const COORDINATING: &str = "coordinating";

/// What a unit is told: that a case is before it, or no longer, that it takes part, that the citizen answered.
pub(crate) struct Told {
    pub(crate) unit: Code,
    pub(crate) office: Office,
    pub(crate) revision: u32,
    pub(crate) recalled: Option<Code>,
    pub(crate) role: Option<Code>,
    pub(crate) answered: Option<u32>,
    /// The dispatch (or part) of the unit that it is about: that revision, or its own.
    pub(crate) about: u32,
}

impl Told {
    /// What an event tells a unit; `None` for all others.
    pub(crate) fn read(event: &Recorded) -> Result<Option<Self>, DecodeError> {
        let told = |unit, office, revision| Self {
            unit,
            office,
            revision,
            recalled: None,
            role: None,
            answered: None,
            about: revision,
        };
        if let Some(p) = event.decode::<CaseDispatched>()? {
            return Ok(Some(told(p.unit, p.office, p.revision)));
        }
        if let Some(p) = event.decode::<CaseRecalled>()? {
            return Ok(Some(Self {
                recalled: Some(p.reason),
                about: p.dispatch,
                ..told(p.unit, p.office, p.revision)
            }));
        }
        if let Some(p) = event.decode::<UnitJoined>()? {
            return Ok(Some(Self {
                role: Some(Code::lossy(COORDINATING)),
                ..told(p.unit, p.office, p.revision)
            }));
        }
        let answered = event.decode::<QuestionAnswered>()?;
        Ok(answered.map(|p| Self {
            answered: Some(p.question),
            about: p.dispatch,
            ..told(p.unit, p.office, p.revision)
        }))
    }

    /// The notice of it, with what the case was last found to be.
    fn notice(self, file: &CaseFile, event: &Recorded) -> Result<CaseNotice, Failure> {
        let Some(finding) = file.finding()? else {
            return Err(Failure::poison(
                "no_finding",
                "the case was before a unit but never classified",
            ));
        };
        Ok(CaseNotice {
            case: case_of(event)?,
            revision: self.revision,
            unit: self.unit,
            office: self.office,
            field: finding.field,
            topic: finding.topic,
            kind: finding.kind,
            urgency: finding.urgency,
            level: finding.level,
            complete: finding.complete,
            wards: finding.wards,
            position: event.position.0,
            dispatched_at: event.recorded_at,
            recalled: self.recalled,
            role: self.role,
            answered: self.answered,
        })
    }
}

/// What a unit is told by an event of a case, by whichever way it is told.
pub(crate) fn of(file: &CaseFile, event: &Recorded) -> Result<Option<CaseNotice>, Failure> {
    Told::read(event)?
        .map(|told| told.notice(file, event))
        .transpose()
}

/// Where notices are put: the stream CASES.
#[derive(Clone)]
pub(crate) struct Board {
    ledger: LedgerClient,
    nats: Nats,
}

impl Board {
    pub(crate) fn new(ledger: LedgerClient, nats: Nats) -> Self {
        Self { ledger, nats }
    }

    /// Puts a notice there, unless it is there already.
    async fn put(&self, file: &CaseFile, event: &Recorded, told: Told) -> Result<(), Failure> {
        let notice = told.notice(file, event)?;
        let subject =
            subjects::case_notice(notice.office, notice.unit.as_str(), notice.case, notice.revision);
        let body = serde_json::to_vec(&notice).map_err(Failure::transient)?;
        let id = event.id.to_string();
        match self
            .nats
            .publish_stored(&subject, Some(&id), &Headers::new(), Bytes::from(body))
            .await
        {
            Ok(_) => metrics::counter!(names::NOTICES, "outcome" => "stored").increment(1),
            Err(NatsError::AlreadyThere { .. }) => {
                metrics::counter!(names::NOTICES, "outcome" => "there_already").increment(1);
            }
            Err(error) => return Err(Failure::transient(error)),
        }
        Ok(())
    }
}

fn case_of(event: &Recorded) -> Result<CaseId, Failure> {
    event
        .case
        .ok_or_else(|| Failure::poison("no_case", "the event belongs to no case"))
}

/// The reactor.
pub(crate) struct Notices {
    board: Board,
}

impl Notices {
    pub(crate) fn new(board: Board) -> Self {
        Self { board }
    }
}

#[async_trait]
impl Reaction for Notices {
    fn consumer(&self) -> &'static str {
        CONSUMER
    }

    fn wants(&self) -> &[&'static str] {
        &[
            "routing.case_dispatched",
            "routing.case_recalled",
            "routing.unit_joined",
            "routing.question_answered",
        ]
    }

    async fn react(&self, delivered: &Delivered) -> Result<(), Failure> {
        let event = &delivered.event;
        let Some(told) = Told::read(event)? else {
            return Ok(());
        };
        let file = CaseFile::read(&self.board.ledger, case_of(event)?, None).await?;
        self.board.put(&file, event, told).await
    }
}
