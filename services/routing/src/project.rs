//! Keeps the list of what is before which unit.

use async_trait::async_trait;
use chassis::consumer::{Projection, ProjectionError};
use contracts::Recorded;
use contracts::events::classification::{ReportClassified, ReviewDecided};
use contracts::events::feedback::{CaseClosed, CaseReopened};
use contracts::events::report::ReportReceived;
use contracts::events::routing::{CaseAccepted, CaseDispatched, CaseReturned, ResultReported};
use kernel::{CaseId, Reached};
use routing_domain::Outcome;

use crate::notices::Told;
use crate::store::{Change, Store};

/// Name of the projection and of its checkpoint.
pub(crate) const NAME: &str = "routing-cases";

/// The projection.
pub(crate) struct Cases {
    store: Store,
}

impl Cases {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }
}

#[async_trait]
impl Projection for Cases {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wants(&self) -> &[&'static str] {
        &[
            "report.report_received",
            "classification.report_classified",
            "classification.review_decided",
            "routing.case_dispatched",
            "routing.case_accepted",
            "routing.case_returned",
            "routing.case_recalled",
            "routing.unit_joined",
            "routing.question_answered",
            "routing.result_reported",
            "feedback.case_closed",
            "feedback.case_reopened",
        ]
    }

    async fn position(&self) -> Result<Reached, ProjectionError> {
        self.store.position().await.map_err(ProjectionError::database)
    }

    async fn apply(&self, batch: &[Recorded]) -> Result<(), ProjectionError> {
        let changes: Vec<(CaseId, Change)> = batch
            .iter()
            .filter_map(|event| Some((event.case?, event)))
            .flat_map(|(case, event)| changes(event).into_iter().map(move |change| (case, change)))
            .collect();
        let Some((first, last)) = batch.first().zip(batch.last()) else {
            return Ok(());
        };
        let applied = self.store.apply(&changes, first.position, last.reached()).await;
        applied.map_err(ProjectionError::database)
    }

    async fn reset(&self) -> Result<(), ProjectionError> {
        self.store.reset().await.map_err(ProjectionError::database)
    }
}

/// What an event changes in the lists; nothing if it cannot be read, which is logged.
fn changes(event: &Recorded) -> Vec<Change> {
    let changes = read(event).and_then(|change| Ok(change.into_iter().chain(told(event)?).collect()));
    changes.unwrap_or_else(|error: contracts::event::DecodeError| {
        tracing::error!(position = %event.position, error = %chassis::telemetry::chain(&error), "the list of cases passes over an event it cannot read");
        Vec::new()
    })
}

/// What it tells a unit.
fn told(event: &Recorded) -> Result<Option<Change>, contracts::event::DecodeError> {
    if event.data.is_empty() {
        return Ok(None); // erased
    }
    Ok(Told::read(event)?.map(|told| Change::Told {
        unit: told.unit.as_str().to_owned(),
        office: told.office.code(),
        revision: told.revision,
        about: told.about,
        joins: told.role.is_some(),
        recalls: told.recalled.is_some(),
        at: event.recorded_at,
        position: event.position,
    }))
}

fn read(event: &Recorded) -> Result<Option<Change>, contracts::event::DecodeError> {
    if event.data.is_empty() {
        return Ok(None); // erased
    }
    if let Some(p) = event.decode::<ReportReceived>()? {
        return Ok(Some(Change::Received {
            code: p.code.to_string(),
        }));
    }
    let finding = match event.decode::<ReportClassified>()? {
        Some(p) => Some(p.finding),
        None => event.decode::<ReviewDecided>()?.map(|p| p.finding),
    };
    if let Some(finding) = finding {
        return Ok(Some(Change::Found {
            topic: finding.topic.map(|topic| topic.code()),
            urgency: finding.urgency.code(),
            level: finding.level.get(),
        }));
    }
    if let Some(p) = event.decode::<CaseDispatched>()? {
        return Ok(Some(Change::Dispatched {
            unit: p.unit.as_str().to_owned(),
            office: p.office.code(),
            revision: p.revision,
            at: event.recorded_at,
            position: event.position,
        }));
    }
    if let Some(p) = event.decode::<ResultReported>()? {
        // A part done leaves the rest to do.
        let partly = p.outcome.as_str() == Outcome::PartlyDone.code();
        return Ok(Some(Change::State(if partly { "accepted" } else { "answered" })));
    }
    Ok(if event.is::<CaseAccepted>() {
        Some(Change::State("accepted"))
    } else if event.is::<CaseReturned>() {
        Some(Change::State("returned"))
    } else if event.is::<CaseClosed>() {
        Some(Change::Closed(true))
    } else if event.is::<CaseReopened>() {
        Some(Change::Closed(false))
    } else {
        None
    })
}
