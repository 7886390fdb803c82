//! Looks for reports of the same matter when one is classified, and lets the other case know when one is merged into it or parted.

use std::sync::Arc;

use async_trait::async_trait;
use chassis::consumer::{Delivered, Failure, Reaction, Waiter};
use classification_domain::duplicate::Command;
use classification_domain::likeness::{compare, without_a_person};
use contracts::events::classification::{CaseMerged, CaseParted};
use kernel::RequestId;

use super::Matters;
use crate::policies::{InForce, Policies};
use crate::store::Store;

/// Names of the consumers: of their cursors and requests; they never change.
const LOOKS: &str = "classification-duplicates";
const JOINS: &str = "classification-merging";

/// Looks for reports of the same matter.
pub(crate) struct Look {
    pub(crate) matters: Arc<Matters>,
    pub(crate) policies: Arc<Policies>,
    pub(crate) store: Store,
    pub(crate) sketched: Waiter,
}

#[async_trait]
impl Reaction for Look {
    fn consumer(&self) -> &'static str {
        LOOKS
    }

    fn wants(&self) -> &[&'static str] {
        &[
            "classification.report_classified",
            "classification.review_decided",
        ]
    }

    async fn react(&self, delivered: &Delivered) -> Result<(), Failure> {
        let cause = &delivered.event;
        let Some(case) = cause.case else { return Ok(()) };
        let InForce { version, policy } = self.policies.at_cause(cause).await?;
        let Some(settings) = &policy.duplicates else {
            return Ok(());
        };
        // Whoever was classified before is found: of two that come together, the later finds the earlier.
        if !self.sketched.reached(cause.position).await {
            return Err(Failure::transient(anyhow::anyhow!(
                "the sketches are not there yet"
            )));
        }
        let failed = |error| Failure::transient(anyhow::Error::new(error));
        let Some(own) = self.store.comparable(case).await.map_err(failed)? else {
            return Ok(());
        };
        let topics = settings.around(own.topic);
        let found = self
            .store
            .candidates(case, cause.position, &own, &topics, settings.window(own.topic))
            .await
            .map_err(failed)?;
        let alike: Vec<_> = found
            .into_iter()
            .filter_map(|(other, theirs)| Some((compare(&own, &theirs, settings)?, other, theirs)))
            .filter(|(likeness, _, _)| likeness.score >= settings.suggest)
            .collect();
        // Merged into the earliest that is alike enough, so that many meet in one; suggested to be the one that is most alike.
        let merges = alike
            .iter()
            .find(|(likeness, _, theirs)| without_a_person(&own, theirs, likeness, settings));
        if let Some((likeness, other, _)) = merges {
            let both = (case, *other);
            let merged = self
                .matters
                .merge_by_policy(cause, LOOKS, both, likeness, &version);
            match merged.await? {
                Ok(()) => return Ok(()),
                Err(rejection) => tracing::debug!(case.id = %case, %rejection, "not merged by the policy"),
            }
        }
        let best = alike.iter().rev().max_by_key(|(likeness, _, _)| likeness.score);
        match best {
            Some((likeness, other, _)) => {
                let both = (case, *other);
                self.matters.suspect(cause, LOOKS, both, likeness, &version).await
            }
            None => Ok(()),
        }
    }
}

/// Lets the other case know.
pub(crate) struct Join {
    pub(crate) matters: Arc<Matters>,
}

#[async_trait]
impl Reaction for Join {
    fn consumer(&self) -> &'static str {
        JOINS
    }

    fn wants(&self) -> &[&'static str] {
        &["classification.case_merged", "classification.case_parted"]
    }

    async fn react(&self, delivered: &Delivered) -> Result<(), Failure> {
        let cause = &delivered.event;
        let Some(case) = cause.case else { return Ok(()) };
        if let Some(parted) = cause.decode::<CaseParted>()? {
            let leave = Command::Leave(case);
            return self.matters.follow(cause, JOINS, parted.from, &leave, None).await;
        }
        let Some(merged) = cause.decode::<CaseMerged>()? else {
            return Ok(());
        };
        let request = RequestId::reaction(cause.id, JOINS);
        let root = self.matters.read(merged.into, request).await?;
        match root.standing.merged_into() {
            // It was merged itself at that moment: this one follows it.
            Some(into) => {
                let follow = Command::Follow {
                    from: merged.into,
                    into,
                };
                self.matters.follow(cause, JOINS, case, &follow, None).await
            }
            None => {
                let join = Command::Join(case);
                self.matters.follow(cause, JOINS, merged.into, &join, None).await
            }
        }
    }
}
