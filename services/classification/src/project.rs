//! Keeps the list of reviews that wait for a person.

pub(crate) mod sketches;

use async_trait::async_trait;
use chassis::consumer::{Projection, ProjectionError};
use contracts::Recorded;
use contracts::event::DecodeError;
use contracts::events::classification::{ReviewDecided, ReviewRequested};
use kernel::{CaseId, Reached};

use crate::store::{Change, Store, Waiting};

/// Name of the projection and of its checkpoint.
pub(crate) const NAME: &str = "classification-reviews";

/// The projection.
pub(crate) struct Reviews {
    store: Store,
}

impl Reviews {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }
}

#[async_trait]
impl Projection for Reviews {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wants(&self) -> &[&'static str] {
        &["classification.review_requested", "classification.review_decided"]
    }

    async fn position(&self) -> Result<Reached, ProjectionError> {
        self.store.position().await.map_err(ProjectionError::database)
    }

    async fn apply(&self, batch: &[Recorded]) -> Result<(), ProjectionError> {
        let Some((first, last)) = batch.first().zip(batch.last()) else {
            return Ok(());
        };
        let changes: Vec<Change> = batch
            .iter()
            .filter_map(|event| change(event.case?, event))
            .collect();
        let applied = self.store.apply(&changes, first.position, last.reached()).await;
        applied.map_err(ProjectionError::database)
    }

    async fn reset(&self) -> Result<(), ProjectionError> {
        self.store.reset().await.map_err(ProjectionError::database)
    }
}

/// What an event changes in the list; nothing if it cannot be read, which is logged.
fn change(case: CaseId, event: &Recorded) -> Option<Change> {
    read(case, event).unwrap_or_else(|error| {
        tracing::error!(position = %event.position, error = %chassis::telemetry::chain(&error), "the list of reviews passes over an event it cannot read");
        None
    })
}

fn read(case: CaseId, event: &Recorded) -> Result<Option<Change>, DecodeError> {
    if event.is::<ReviewDecided>() {
        return Ok(Some(Change::Decided(case)));
    }
    if event.data.is_empty() {
        return Ok(None); // erased
    }
    let Some(requested) = event.decode::<ReviewRequested>()? else {
        return Ok(None);
    };
    let suggestion = requested.suggestion;
    Ok(Some(Change::Requested(Waiting {
        case,
        position: event.position,
        requested_at: event.recorded_at,
        reasons: requested
            .reasons
            .iter()
            .map(|reason| reason.as_str().to_owned())
            .collect(),
        field: suggestion.field.map(|x| x.code().to_owned()).unwrap_or_default(),
        topic: suggestion.topic.map(|x| x.code().to_owned()).unwrap_or_default(),
        kind: suggestion.kind.code().to_owned(),
        urgency: suggestion.urgency.code().to_owned(),
        level: suggestion.level.get(),
        confidence: requested.confidence,
    })))
}
