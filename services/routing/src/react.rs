//! What routing does because of others' events: classified or reviewed, an opinion, a reopening, merged and parted.

use std::sync::Arc;

use async_trait::async_trait;
use chassis::consumer::{Delivered, Failure, Reaction};
use contracts::events::access::ContentErased;
use contracts::events::classification::{CaseMerged, CaseParted, ReportClassified, ReviewDecided};
use contracts::events::feedback::{CaseReopened, OpinionGiven};
use routing_domain::{Command, RecallReason};

use crate::handle::Handler;

const CONSUMER: &str = "routing";

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
        &[
            "classification.report_classified",
            "classification.review_decided",
            "classification.case_merged",
            "classification.case_parted",
            "feedback.opinion_given",
            "feedback.case_reopened",
            "access.content_erased",
        ]
    }

    async fn react(&self, delivered: &Delivered) -> Result<(), Failure> {
        let event = &delivered.event;
        if event.is::<ReportClassified>() || event.is::<ReviewDecided>() {
            return self
                .handler
                .react(event, CONSUMER, |on| Ok(on.route()?.map(Command::Route)))
                .await;
        }
        if let Some(given) = event.decode::<OpinionGiven>()? {
            let agree = given.opinion.as_str() == "agree";
            return self
                .handler
                .react(event, CONSUMER, |_| Ok(Some(Command::HearOpinion { agree })))
                .await;
        }
        if let Some(reopened) = event.decode::<CaseReopened>()? {
            let wrong_unit = reopened.reason.as_str() == "wrong_unit";
            return self
                .handler
                .react(event, CONSUMER, |on| {
                    let again = on.case.last_unit().and_then(|unit| on.in_force(unit));
                    Ok(Some(Command::TakeUpAgain { wrong_unit, again }))
                })
                .await;
        }
        if event.is::<CaseParted>() {
            return self
                .handler
                .react(event, CONSUMER, |on| {
                    let again = on.case.last_unit().and_then(|unit| on.in_force(unit));
                    let route = on.route()?;
                    Ok(Some(Command::GoOn { route, again }))
                })
                .await;
        }
        let over = [
            (event.is::<ContentErased>(), RecallReason::Erased),
            (event.is::<CaseMerged>(), RecallReason::Merged),
        ];
        if let Some((_, reason)) = over.into_iter().find(|(is, _)| *is) {
            return self
                .handler
                .react(event, CONSUMER, |_| Ok(Some(Command::TakeBack(reason))))
                .await;
        }
        // A type or version this program does not know is passed over.
        Ok(())
    }
}
