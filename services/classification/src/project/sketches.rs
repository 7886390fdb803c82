//! Keeps what is compared of reports: opened here for the purpose `classify`, hashed, and gone with the content.

use std::sync::Arc;

use async_trait::async_trait;
use chassis::consumer::{Projection, ProjectionError};
use chassis::ledger::{LedgerClient, Opened, Purpose};
use classification_domain::likeness::Sketch;
use contracts::Recorded;
use contracts::event::DecodeError;
use contracts::events::access::ContentErased;
use contracts::events::classification::{
    CaseMerged, CaseParted, DuplicateSuspected, ReportClassified, ReviewDecided, ReviewRequested,
};
use contracts::events::feedback::{CaseClosed, CaseReopened};
use contracts::events::report::ReportReceived;
use contracts::sealed::ReportContent;
use kernel::{Clock, IdentityKey, Instant, Position, Reached};

use crate::payload;
use crate::store::Store;
use crate::store::sketches::{Change, KEPT, Suspicion};

/// Name of the projection and of its checkpoint.
pub(crate) const NAME: &str = "classification-sketches";

/// The projection.
pub(crate) struct Sketches {
    store: Store,
    ledger: LedgerClient,
    clock: Arc<dyn Clock>,
    key: IdentityKey,
}

impl Sketches {
    pub(crate) fn new(store: Store, ledger: LedgerClient, clock: Arc<dyn Clock>, key: IdentityKey) -> Self {
        Self {
            store,
            ledger,
            clock,
            key,
        }
    }

    fn hash(&self, what: &str) -> u64 {
        u64::from_str_radix(&self.key.token_of(what)[..16], 16).unwrap_or_default()
    }

    /// What an event changes; nothing if it cannot be read, which is logged.
    fn change(&self, event: &Recorded, content: Option<&Opened>) -> Option<Change> {
        self.read(event, content).unwrap_or_else(|error| {
            tracing::error!(position = %event.position, error = %chassis::telemetry::chain(&error), "the sketches pass over an event they cannot read");
            None
        })
    }

    fn read(&self, event: &Recorded, content: Option<&Opened>) -> Result<Option<Change>, DecodeError> {
        let Some(case) = event.case else { return Ok(None) };
        if event.is::<ContentErased>() {
            return Ok(Some(Change::Erased(case)));
        }
        if event.data.is_empty() {
            return Ok(None); // erased
        }
        if let Some(received) = event.decode::<ReportReceived>()? {
            let content = content.and_then(Opened::plain);
            let content = content.and_then(|plain| serde_json::from_slice::<ReportContent>(plain).ok());
            return Ok(content.map(|content| Change::Received {
                case,
                at: event.recorded_at,
                source: received.source.as_str().to_owned(),
                sketch: Sketch::of(
                    &content.text,
                    content.place.address.as_deref(),
                    content.place.latitude.zip(content.place.longitude),
                    |what| self.hash(what),
                ),
            }));
        }
        if let Some(classified) = event.decode::<ReportClassified>()? {
            return Ok(Some(Change::Found(
                case,
                event.position,
                Some(payload::found(&classified.finding)),
            )));
        }
        if let Some(decided) = event.decode::<ReviewDecided>()? {
            return Ok(Some(Change::Found(
                case,
                event.position,
                Some(payload::found(&decided.finding)),
            )));
        }
        if let Some(suspected) = event.decode::<DuplicateSuspected>()? {
            return Ok(Some(Change::Suspected(Suspicion {
                case,
                of: suspected.of,
                score: suspected.score,
                parts: suspected.parts.iter().map(ToString::to_string).collect(),
                position: event.position,
                at: event.recorded_at,
            })));
        }
        let is = |kind: bool, change| kind.then_some(change);
        Ok(is(
            event.is::<ReviewRequested>(),
            Change::Found(case, event.position, None),
        )
        .or_else(|| is(event.is::<CaseMerged>(), Change::Merged(case, true)))
        .or_else(|| is(event.is::<CaseParted>(), Change::Merged(case, false)))
        .or_else(|| is(event.is::<CaseClosed>(), Change::Closed(case, true)))
        .or_else(|| is(event.is::<CaseReopened>(), Change::Closed(case, false))))
    }
}

#[async_trait]
impl Projection for Sketches {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wants(&self) -> &[&'static str] {
        &[
            "report.report_received",
            "classification.report_classified",
            "classification.review_requested",
            "classification.review_decided",
            "classification.duplicate_suspected",
            "classification.case_merged",
            "classification.case_parted",
            "feedback.case_closed",
            "feedback.case_reopened",
            "access.content_erased",
        ]
    }

    async fn position(&self) -> Result<Reached, ProjectionError> {
        self.store.sketched().await.map_err(ProjectionError::database)
    }

    async fn apply(&self, batch: &[Recorded]) -> Result<(), ProjectionError> {
        let Some((first, last)) = batch.first().zip(batch.last()) else {
            return Ok(());
        };
        // Built anew, only what can still be compared is opened again.
        let oldest = Instant(self.clock.now().0 - KEPT);
        let reports = batch
            .iter()
            .filter(|e| e.is::<ReportReceived>() && e.has_sealed && e.recorded_at >= oldest);
        let positions: Vec<Position> = reports.map(|e| e.position).collect();
        let contents = if positions.is_empty() {
            std::collections::HashMap::new()
        } else {
            let opened = self.ledger.open(Purpose::Classify, &positions, None).await;
            opened.map_err(ProjectionError::database)?
        };
        let changes: Vec<Change> = batch
            .iter()
            .filter_map(|event| self.change(event, contents.get(&event.position)))
            .collect();
        let applied = self
            .store
            .sketch(&changes, first.position, last.reached(), oldest)
            .await;
        applied.map_err(ProjectionError::database)
    }

    async fn reset(&self) -> Result<(), ProjectionError> {
        self.store
            .reset_sketches()
            .await
            .map_err(ProjectionError::database)
    }
}
