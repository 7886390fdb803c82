//! The projection `console`: every event folded into the rows of the list and the directory, position and effect in one transaction.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use chassis::consumer::{Projection, ProjectionError};
use contracts::Recorded;
use contracts::events::directory::{Granted, Revoked};
use kernel::{CaseId, Position, Reached};
use tokio::sync::broadcast;

use crate::case::CaseRow;
use crate::store::{DirectoryChange, Store};

/// Tells open pages which cases changed, after the commit.
#[derive(Clone, Debug)]
pub struct Live {
    changes: broadcast::Sender<Arc<[CaseId]>>,
    told: Arc<AtomicU64>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            // A page that falls behind by so many batches is simply told that something changed.
            changes: broadcast::channel(64).0,
            told: Arc::default(),
        }
    }
}

impl Live {
    /// What changes from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Arc<[CaseId]>> {
        self.changes.subscribe()
    }

    /// The last event whose change was told, 0 before the first one. Whoever reads the rows after asking shows all of it; whoever
    /// asks after [`Live::listen`] learns whether something changed before they listened.
    #[must_use]
    pub fn position(&self) -> Position {
        Position(self.told.load(Ordering::Acquire))
    }

    fn changed(&self, cases: Arc<[CaseId]>, position: Position) {
        self.told.store(position.0, Ordering::Release);
        // Nobody listening is no error.
        let _ = self.changes.send(cases);
    }
}

/// The projection.
pub struct Cases {
    store: Store,
    live: Live,
}

impl Cases {
    /// Folds into `store` and tells `live`.
    #[must_use]
    pub fn new(store: Store, live: Live) -> Self {
        Self { store, live }
    }
}

#[async_trait]
impl Projection for Cases {
    fn name(&self) -> &'static str {
        crate::store::CHECKPOINT
    }

    fn wants(&self) -> &[&'static str] {
        &[]
    }

    async fn position(&self) -> Result<Reached, ProjectionError> {
        self.store.position().await.map_err(ProjectionError::database)
    }

    async fn apply(&self, batch: &[Recorded]) -> Result<(), ProjectionError> {
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else {
            return Ok(());
        };
        let mut touched: Vec<CaseId> = batch.iter().filter_map(|e| e.case).collect();
        touched.sort_unstable();
        touched.dedup();
        let mut rows: HashMap<CaseId, CaseRow> = self
            .store
            .by_case(&touched)
            .await
            .map_err(ProjectionError::database)?;
        let mut directory = Vec::new();
        for event in batch {
            if let Some(case) = event.case {
                rows.entry(case)
                    .or_insert_with(|| CaseRow {
                        case,
                        ..CaseRow::default()
                    })
                    .evolve(event);
            }
            directory.extend(directory_change(event));
        }
        let rows: Vec<CaseRow> = rows.into_values().collect();
        self.store
            .apply(&rows, &directory, first.position, last.reached())
            .await
            .map_err(ProjectionError::database)?;
        self.live.changed(touched.into(), last.position);
        Ok(())
    }

    async fn reset(&self) -> Result<(), ProjectionError> {
        self.store.reset().await.map_err(ProjectionError::database)
    }
}

fn directory_change(event: &Recorded) -> Option<DirectoryChange> {
    if let Ok(Some(granted)) = event.decode::<Granted>() {
        return Some(DirectoryChange {
            kind: granted.kind.to_string(),
            code: granted.code.to_string(),
            roles: Some(granted.roles.iter().map(ToString::to_string).collect()),
            at: event.recorded_at,
        });
    }
    let revoked = event.decode::<Revoked>().ok().flatten()?;
    Some(DirectoryChange {
        kind: revoked.kind.to_string(),
        code: revoked.code.to_string(),
        roles: None,
        at: event.recorded_at,
    })
}
