//! The projection `escalation-obligations`: our own events as a table that the timer can ask by deadline.

use async_trait::async_trait;
use chassis::consumer::{Projection, ProjectionError};
use contracts::Recorded;
use escalation_domain::Event;
use kernel::Reached;
use readmodel::DatabaseError;

use crate::store::{self, Due, Opened, PROJECTION, Store};
use crate::wire;

/// Fills the table.
pub(crate) struct Table(Store);

impl Table {
    pub(crate) fn new(store: Store) -> Self {
        Self(store)
    }

    async fn write(&self, batch: &[Recorded]) -> Result<(), DatabaseError> {
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else {
            return Ok(());
        };
        let mut tx = self.0.begin().await?;
        for recorded in batch {
            let event = match wire::event(recorded) {
                Ok(event) => event,
                Err(error) => {
                    tracing::error!(position = %recorded.position, error = %chassis::telemetry::chain(&error), "passed over: an obligation that cannot be read");
                    continue;
                }
            };
            match (event, recorded.case) {
                (
                    Some(Event::Opened {
                        obligation,
                        what,
                        owner,
                        due,
                        due_revision,
                        revision,
                        ..
                    }),
                    Some(case),
                ) => {
                    let due = Due {
                        obligation,
                        case,
                        due,
                        due_revision,
                    };
                    store::insert(
                        &mut tx,
                        &Opened {
                            due,
                            what: what.code(),
                            owner: &owner,
                            revision,
                        },
                    )
                    .await?;
                }
                (Some(Event::Met { obligation, late, .. }), _) => {
                    store::stands(&mut tx, obligation, if late { "met_late" } else { "met" }).await?;
                }
                (Some(Event::Missed { obligation, .. }), _) => {
                    store::stands(&mut tx, obligation, "missed").await?
                }
                (Some(Event::Overtaken { obligation, .. }), _) => {
                    store::stands(&mut tx, obligation, "overtaken").await?
                }
                (Some(Event::Opened { .. }) | None, _) => {}
            }
        }
        readmodel::advance(&mut tx, PROJECTION, first.position, last.reached()).await?;
        tx.commit().await?;
        Ok(())
    }
}

#[async_trait]
impl Projection for Table {
    fn name(&self) -> &'static str {
        PROJECTION
    }

    fn wants(&self) -> &[&'static str] {
        &[
            "obligation.obligation_opened",
            "obligation.obligation_met",
            "obligation.obligation_missed",
            "obligation.obligation_overtaken",
        ]
    }

    async fn position(&self) -> Result<Reached, ProjectionError> {
        self.0.position().await.map_err(ProjectionError::database)
    }

    async fn apply(&self, batch: &[Recorded]) -> Result<(), ProjectionError> {
        self.write(batch).await.map_err(ProjectionError::database)
    }

    async fn reset(&self) -> Result<(), ProjectionError> {
        self.0.reset().await.map_err(ProjectionError::database)
    }
}
