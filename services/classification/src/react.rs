//! What classification does because of a report.

use std::sync::Arc;

use async_trait::async_trait;
use chassis::consumer::{Delivered, Failure, Reaction};
use chassis::ledger::Purpose;
use contracts::events::report::ReportReceived;

use crate::handle::Handler;

const CONSUMER: &str = "classification";

/// The reactor.
pub(crate) struct Reactor {
    handler: Arc<Handler>,
}

impl Reactor {
    pub(crate) fn new(handler: Arc<Handler>) -> Self {
        Self { handler }
    }
}

#[async_trait]
impl Reaction for Reactor {
    fn consumer(&self) -> &'static str {
        CONSUMER
    }

    fn wants(&self) -> &[&'static str] {
        &["report.report_received"]
    }

    fn opens(&self) -> Option<Purpose> {
        Some(Purpose::Classify)
    }

    async fn react(&self, delivered: &Delivered) -> Result<(), Failure> {
        // A version this program does not know is passed over.
        let Some(received) = delivered.event.decode::<ReportReceived>()? else {
            return Ok(());
        };
        self.handler
            .classify(&delivered.event, &received, delivered.content.as_ref(), CONSUMER)
            .await
    }
}
