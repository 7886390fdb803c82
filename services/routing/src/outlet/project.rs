//! Keeps the table of outlets and of what goes to each.

use std::sync::Arc;

use async_trait::async_trait;
use chassis::consumer::{Projection, ProjectionError};
use contracts::event::DecodeError;
use contracts::events::outlet::{
    NoticeDelivered, NoticeUndelivered, NoticesReplayed, OutletDisabled, OutletRemoved, OutletSet,
};
use contracts::events::routing::{CaseAccepted, CaseReturned, ResultReported};
use contracts::{Code, Recorded};
use kernel::{Position, Reached};
use tokio::sync::Notify;

use super::store::{Again, Change, Deliveries};
use crate::notices::Told;

/// Name of the projection and of its checkpoint.
pub(crate) const NAME: &str = "routing-outlets";

/// The projection.
pub(crate) struct Outlets {
    store: Deliveries,
    wake: Arc<Notify>,
}

impl Outlets {
    /// `wake` is told when there may be something to deliver.
    pub(crate) fn new(store: Deliveries, wake: Arc<Notify>) -> Self {
        Self { store, wake }
    }
}

#[async_trait]
impl Projection for Outlets {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wants(&self) -> &[&'static str] {
        &[
            "routing-outlet.outlet_set",
            "routing-outlet.outlet_removed",
            "routing-outlet.outlet_disabled",
            "routing-outlet.notices_replayed",
            "routing-outlet.notice_delivered",
            "routing-outlet.notice_undelivered",
            "routing.case_dispatched",
            "routing.case_recalled",
            "routing.unit_joined",
            "routing.question_answered",
            "routing.case_accepted",
            "routing.case_returned",
            "routing.result_reported",
        ]
    }

    async fn position(&self) -> Result<Reached, ProjectionError> {
        self.store.position().await.map_err(ProjectionError::database)
    }

    async fn apply(&self, batch: &[Recorded]) -> Result<(), ProjectionError> {
        let mut changes = Vec::new();
        for event in batch {
            match read(event) {
                Ok(more) => changes.extend(more),
                Err(error) => {
                    tracing::error!(position = %event.position, error = %chassis::telemetry::chain(&error), "the table of outlets passes over an event it cannot read");
                }
            }
        }
        let Some((first, last)) = batch.first().zip(batch.last()) else {
            return Ok(());
        };
        let applied = self.store.apply(&changes, first.position, last.reached()).await;
        applied.map_err(ProjectionError::database)?;
        self.wake.notify_one();
        Ok(())
    }

    async fn reset(&self) -> Result<(), ProjectionError> {
        self.store.reset().await.map_err(ProjectionError::database)
    }
}

fn read(event: &Recorded) -> Result<Vec<Change>, DecodeError> {
    Ok(match of_a_case(event)? {
        Some(changes) => changes,
        None => of_an_outlet(event)?.into_iter().collect(),
    })
}

fn of_a_case(event: &Recorded) -> Result<Option<Vec<Change>>, DecodeError> {
    let Some(case) = event.case else {
        return Ok(None);
    };
    let notice = |unit: &Code, revision, linkless| Change::Notice {
        unit: unit.to_string(),
        case,
        revision,
        position: event.position,
        at: event.recorded_at,
        linkless,
    };
    let over = |unit: &Code, revision| Change::Over {
        unit: unit.to_string(),
        case,
        revision,
    };
    Ok(Some(if let Some(told) = Told::read(event)? {
        let over = told.recalled.is_some().then(|| over(&told.unit, told.about));
        over.into_iter()
            .chain([notice(
                &told.unit,
                told.revision,
                told.recalled.is_some() || told.answered.is_some(),
            )])
            .collect()
    } else if let Some(p) = event.decode::<CaseAccepted>()? {
        vec![over(&p.unit, p.revision)]
    } else if let Some(p) = event.decode::<CaseReturned>()? {
        vec![over(&p.unit, p.revision)]
    } else if let Some(p) = event.decode::<ResultReported>()? {
        vec![over(&p.unit, p.revision)]
    } else if let Some(p) = event.decode::<NoticeDelivered>()? {
        vec![Change::Became {
            carrier: p.carrier.to_string(),
            notice: Position(p.notice),
            state: "delivered",
            attempts: p.attempts,
            reason: String::new(),
        }]
    } else if let Some(p) = event.decode::<NoticeUndelivered>()? {
        vec![Change::Became {
            carrier: p.carrier.to_string(),
            notice: Position(p.notice),
            state: "dead",
            attempts: p.attempts,
            reason: p.reason.to_string(),
        }]
    } else {
        return Ok(None);
    }))
}

fn of_an_outlet(event: &Recorded) -> Result<Option<Change>, DecodeError> {
    if let Some(p) = event.decode::<OutletSet>()? {
        return Ok(Some(Change::Set {
            unit: p.unit.to_string(),
            carrier: p.carrier.to_string(),
            position: event.position,
            actor: event.actor.to_string(),
            at: event.recorded_at,
        }));
    }
    if let Some(p) = event.decode::<OutletRemoved>()? {
        return Ok(Some(Change::Removed {
            unit: p.unit.to_string(),
            carrier: p.carrier.to_string(),
        }));
    }
    if let Some(p) = event.decode::<OutletDisabled>()? {
        return Ok(Some(Change::Disabled {
            unit: p.unit.to_string(),
            carrier: p.carrier.to_string(),
            set: Position(p.set),
        }));
    }
    Ok(event.decode::<NoticesReplayed>()?.map(|p| Change::Replayed {
        unit: p.unit.to_string(),
        carrier: p.carrier.to_string(),
        again: match (p.notice, p.since) {
            (Some(notice), _) => Again::One(Position(notice)),
            (None, Some(since)) => Again::Since(since),
            (None, None) => Again::Dead,
        },
    }))
}
