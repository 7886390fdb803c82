//! Delivers what is due: a lane for each unit and carrier, so that none waits for another; of one case one notice after the other.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chassis::backoff::Backoff;
use chassis::consumer::{Failure, Waiter};
use chassis::ledger::{Append, Expected, LedgerClient, NewEvent, StreamWrite};
use contracts::events::outlet::{NoticeDelivered, NoticeUndelivered};
use contracts::wire::{CaseNotice, CaseWebhook};
use contracts::{Code, Recorded};
use futures::future::join_all;
use kernel::{Actor, Clock, Instant, Position, RequestId, StreamId};
use rand::RngExt;
use routing_domain::city_date;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::mail::{Letter, Mails};
use super::store::{Deliveries, Delivery};
use super::webhook::{Undelivered, Webhooks};
use super::{CATEGORY, Carrier, Record, Target};
use crate::case_file::CaseFile;
use crate::names;
use crate::notices;
use crate::policies::Policies;

/// So many notices of one unit are under way at a time.
const AT_ONCE: u32 = 4;
/// How often the table is looked at without having been woken: retries fall due.
const TICK: Duration = Duration::from_secs(1);
/// For so long nobody else tries what is being tried; longer than an attempt can take.
const CLAIM: i64 = 60 * Instant::SECOND;
/// When what we ourselves could not do is tried again; it counts for nothing.
const OURS: i64 = 5 * Instant::SECOND;
/// Pauses after the first, second … failed attempt, in seconds, each give or take a fifth: together a day. After the last the notice is
/// given up.
const PAUSES: [i64; 8] = [5, 60, 5 * 60, 30 * 60, 2 * 3_600, 5 * 3_600, 8 * 3_600, 9 * 3_600];

/// Carries notices to units.
#[derive(Clone)]
pub(crate) struct Deliverer {
    ledger: LedgerClient,
    clock: Arc<dyn Clock>,
    store: Deliveries,
    policies: Arc<Policies>,
    webhooks: Webhooks,
    mails: Option<Mails>,
    wake: Arc<Notify>,
    /// Opened once for each time an outlet is set.
    targets: Arc<Mutex<HashMap<(String, Carrier), Target>>>,
}

/// What an attempt came to.
pub(crate) enum Outcome {
    Delivered,
    Undelivered(Undelivered),
    /// It never will be, and why.
    Hopeless(String),
}

impl Deliverer {
    pub(crate) fn new(
        ledger: LedgerClient,
        clock: Arc<dyn Clock>,
        store: Deliveries,
        policies: Arc<Policies>,
        (webhooks, mails): (Webhooks, Option<Mails>),
        wake: Arc<Notify>,
    ) -> Self {
        Self {
            ledger,
            clock,
            store,
            policies,
            webhooks,
            mails,
            wake,
            targets: Arc::default(),
        }
    }

    /// Runs until the word to stop; then finishes the attempts under way. A table that is built anew is waited for: it has to know first
    /// what was delivered.
    pub(crate) async fn run(self, table: Waiter, shutdown: CancellationToken) -> anyhow::Result<()> {
        if shutdown
            .run_until_cancelled(self.caught_up(&table))
            .await
            .is_none()
        {
            return Ok(());
        }
        let mut lanes = JoinSet::new();
        let mut busy = HashSet::new();
        while !shutdown.is_cancelled() {
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(TICK) => {}
                Some(ended) = lanes.join_next() => match ended {
                    Ok(lane) => { busy.remove(&lane); }
                    // Which lane it was is not known any more: what it claimed falls due again.
                    Err(error) => { tracing::error!(%error, "a lane of deliveries panicked"); busy.clear(); }
                },
            }
            let due = match self.store.lanes_due(self.clock.now()).await {
                Ok(due) => due,
                Err(error) => {
                    tracing::warn!(error = %chassis::telemetry::chain(&error), "cannot look what is due for units; trying again");
                    continue;
                }
            };
            for (unit, carrier) in due {
                let Ok(carrier) = carrier.parse::<Carrier>() else {
                    continue;
                };
                if busy.insert((unit.clone(), carrier)) {
                    let (deliverer, shutdown) = (self.clone(), shutdown.clone());
                    lanes.spawn(async move {
                        deliverer.lane(&unit, carrier, &shutdown).await;
                        (unit, carrier)
                    });
                }
            }
        }
        while lanes.join_next().await.is_some() {}
        Ok(())
    }

    async fn caught_up(&self, table: &Waiter) {
        let mut backoff = Backoff::between_services();
        let head = loop {
            match self.ledger.head(Position(0)).await {
                Ok(head) => break head.position,
                Err(_) => backoff.pause().await,
            }
        };
        while !table.reached(Position(head)).await {}
    }

    async fn lane(&self, unit: &str, carrier: Carrier, shutdown: &CancellationToken) {
        while !shutdown.is_cancelled() {
            let due = self.store.due(unit, carrier, self.clock.now(), AT_ONCE).await;
            let due = due.map_err(anyhow::Error::from);
            let tried = match due {
                Ok(due) if due.is_empty() => return,
                Ok(due) => {
                    let each = due.iter().map(|delivery| self.try_one(unit, carrier, delivery));
                    join_all(each).await.into_iter().collect::<anyhow::Result<()>>()
                }
                Err(error) => Err(error),
            };
            if let Err(error) = tried {
                tracing::warn!(unit, %carrier, error = format!("{error:#}"), "notices have to wait; trying again");
                return;
            }
        }
    }

    async fn try_one(&self, unit: &str, carrier: Carrier, delivery: &Delivery) -> anyhow::Result<()> {
        let until = self.clock.now().plus_micros(CLAIM);
        if !self.store.claim(carrier, delivery, until).await? {
            return Ok(());
        }
        let attempts = delivery.attempts + 1;
        let tried = match self.attempt(unit, carrier, delivery).await {
            Ok(outcome) => self.conclude(unit, carrier, delivery, attempts, outcome).await,
            Err(error) => Err(error),
        };
        if let Err(error) = tried {
            let due = self.clock.now().plus_micros(OURS);
            self.store
                .again(carrier, delivery, delivery.attempts, &delivery.reason, due)
                .await?;
            return Err(error);
        }
        Ok(())
    }

    async fn attempt(&self, unit: &str, carrier: Carrier, delivery: &Delivery) -> anyhow::Result<Outcome> {
        let tried = async {
            let Some(target) = self.target(unit, carrier).await? else {
                return Err(Failure::transient(anyhow::anyhow!(
                    "the outlet is being taken away"
                )));
            };
            let file = CaseFile::read(&self.ledger, delivery.case, None).await?;
            let Some(event) = file.at(delivery.notice) else {
                return Err(Failure::poison(
                    "no_event",
                    "the event it tells is not of its case",
                ));
            };
            let Some(notice) = notices::of(&file, event)? else {
                return Err(Failure::poison(
                    "no_notice",
                    "the event it tells puts no case before a unit",
                ));
            };
            match carrier {
                Carrier::Webhook => self.by_webhook(&target, event, notice).await,
                Carrier::Mail => self.by_mail(&target, &file, event, &notice).await,
            }
        };
        match tried.await {
            Ok(outcome) => Ok(outcome),
            Err(Failure::Transient(error)) => Err(error),
            Err(Failure::Poison { reason, detail }) => {
                tracing::error!(case.id = %delivery.case, reason, detail, "a notice cannot be told to its unit");
                Ok(Outcome::Hopeless(reason.to_owned()))
            }
        }
    }

    async fn by_webhook(
        &self,
        target: &Target,
        event: &Recorded,
        notice: CaseNotice,
    ) -> Result<Outcome, Failure> {
        let kind = match (&notice.recalled, notice.answered, &notice.role) {
            (Some(_), ..) => "case.recalled",
            (_, Some(_), _) => "case.answered",
            (.., Some(_)) => "case.joined",
            _ => "case.dispatched",
        };
        let body = CaseWebhook {
            kind: Code::lossy(kind),
            timestamp: notice.dispatched_at.to_string(),
            data: notice,
        };
        let body = serde_json::to_vec(&body).map_err(Failure::transient)?;
        let id = event.id.to_string();
        let sent = self.webhooks.send(target, &id, body, self.clock.now()).await;
        Ok(sent.map_or_else(Outcome::Undelivered, |()| Outcome::Delivered))
    }

    async fn by_mail(
        &self,
        target: &Target,
        file: &CaseFile,
        event: &Recorded,
        notice: &CaseNotice,
    ) -> Result<Outcome, Failure> {
        let Some(mails) = &self.mails else {
            return Ok(Outcome::Undelivered(Undelivered::failed("mail_not_configured")));
        };
        let Some(code) = file.code()? else {
            return Err(Failure::poison("erased", "the report was erased"));
        };
        let now = self.clock.now();
        let policy = self.policies.now(now).await?.policy;
        let unit = policy
            .units_on(city_date(now))
            .find(|unit| unit.code.as_str() == notice.unit.as_str());
        let letter = Letter {
            id: event.id.0,
            code: code.as_str(),
            unit: unit.map_or(notice.unit.as_str(), |unit| unit.vi.as_str()),
            notice,
        };
        mails.send(target, &letter, now).await.map_err(Failure::Transient)
    }

    /// What is known is asked again when the outlet was set anew since.
    async fn target(&self, unit: &str, carrier: Carrier) -> Result<Option<Target>, Failure> {
        let key = (unit.to_owned(), carrier);
        let set = self
            .store
            .set_at(unit, carrier)
            .await
            .map_err(Failure::transient)?;
        let mut targets = self.targets.lock().await;
        if let Some(known) = targets.get(&key)
            && set == Some(known.position)
        {
            return Ok(Some(known.clone()));
        }
        let target = Record::read(&self.ledger, unit)
            .await?
            .target(&self.ledger, carrier)
            .await?;
        match &target {
            Some(target) => targets.insert(key, target.clone()),
            None => targets.remove(&key),
        };
        Ok(target)
    }

    async fn conclude(
        &self,
        unit: &str,
        carrier: Carrier,
        delivery: &Delivery,
        attempts: u32,
        outcome: Outcome,
    ) -> anyhow::Result<()> {
        let now = self.clock.now();
        let (reason, pause) = match outcome {
            Outcome::Delivered => {
                count(carrier, "delivered");
                return self.on_record(unit, carrier, delivery, attempts, None).await;
            }
            Outcome::Hopeless(reason) => (reason, None),
            Outcome::Undelivered(Undelivered::Gone) => {
                count(carrier, "gone");
                let record = Record::read(&self.ledger, unit).await.map_err(failed)?;
                if let Some(target) = self.target(unit, carrier).await.map_err(failed)? {
                    self.ledger
                        .append(record.disabled(carrier, target.position, now))
                        .await?;
                }
                // It waits until a person sets the outlet again; the table hears of it in a moment.
                let due = now.plus_micros(OURS);
                return Ok(self
                    .store
                    .again(carrier, delivery, delivery.attempts, "gone", due)
                    .await?);
            }
            Outcome::Undelivered(Undelivered::Failed(reason)) => (reason, pause_after(attempts)),
        };
        tracing::info!(unit, %carrier, case.id = %delivery.case, attempts, reason, "a unit could not be told");
        if let Some(pause) = pause {
            count(carrier, "failed");
            let due = now.plus_micros(pause);
            return Ok(self
                .store
                .again(carrier, delivery, attempts, &reason, due)
                .await?);
        }
        count(carrier, "dead");
        self.on_record(unit, carrier, delivery, attempts, Some(&reason))
            .await
    }

    /// States what became of a notice: delivered, or given up and why.
    async fn on_record(
        &self,
        unit: &str,
        carrier: Carrier,
        delivery: &Delivery,
        attempts: u32,
        given_up: Option<&str>,
    ) -> anyhow::Result<()> {
        let (unit, carrier_code) = (Code::lossy(unit), Code::lossy(carrier.code()));
        let (actor, now) = (Actor::service("routing"), self.clock.now());
        let Position(notice) = delivery.notice;
        let revision = delivery.revision;
        let event = match given_up {
            None => {
                let payload = NoticeDelivered {
                    unit,
                    carrier: carrier_code,
                    notice,
                    revision,
                    attempts,
                };
                NewEvent::of(&payload, actor, now)
            }
            Some(reason) => {
                let reason = Code::lossy(reason);
                let payload = NoticeUndelivered {
                    unit,
                    carrier: carrier_code,
                    notice,
                    revision,
                    attempts,
                    reason,
                };
                NewEvent::of(&payload, actor, now)
            }
        };
        let what = if given_up.is_none() {
            "delivered"
        } else {
            "undelivered"
        };
        let request = RequestId::client(
            "routing-outlet/notice",
            &format!("{carrier}/{notice}/{}/{what}", delivery.round),
        );
        let stream = StreamId::new(CATEGORY, delivery.case.0);
        let write = StreamWrite::new(stream, Expected::Any, vec![event]);
        self.ledger
            .append(Append::client(request, b"", Some(delivery.case), vec![write]))
            .await?;
        let state = if given_up.is_none() { "delivered" } else { "dead" };
        Ok(self
            .store
            .became(carrier, delivery, state, attempts, given_up.unwrap_or_default())
            .await?)
    }
}

/// Microseconds to wait after so many failed attempts; none after the last.
fn pause_after(attempts: u32) -> Option<i64> {
    let pause = PAUSES.get(usize::try_from(attempts).ok()?.checked_sub(1)?)?;
    Some(pause * Instant::SECOND * rand::rng().random_range(80..=120) / 100)
}

fn count(carrier: Carrier, outcome: &'static str) {
    metrics::counter!(names::DELIVERIES, "carrier" => carrier.code(), "outcome" => outcome).increment(1);
}

fn failed(failure: Failure) -> anyhow::Error {
    match failure {
        Failure::Transient(error) => error,
        Failure::Poison { reason, detail } => anyhow::anyhow!("{reason}: {detail}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_tried_for_about_a_day_ever_more_slowly() {
        let mut whole = 0;
        for attempts in 1..=8 {
            let pause = pause_after(attempts).unwrap();
            let stated = PAUSES[usize::try_from(attempts).unwrap() - 1] * Instant::SECOND;
            assert!(pause >= stated * 4 / 5 && pause <= stated * 6 / 5);
            whole += stated;
        }
        assert_eq!(pause_after(9), None);
        assert!((24..=26).contains(&(whole / Instant::SECOND / 3_600)));
    }
}
