//! The load: reports as a gateway hands them in, timed to the receipt and to the notice that the unit reads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use chassis::ledger::{Filter, LedgerClient, Range};
use chassis::nats::{Headers, Nats, WorkOptions};
use contracts::events::report::ReportReceived;
use contracts::subjects;
use contracts::wire::{CaseNotice, ReceiptOut, ReportIn};
use futures::StreamExt;
use kernel::CaseId;
use kernel::taxonomy::Channel;

use crate::connect::System;
use crate::data::gateway_user;
use crate::up::members;

const GATEWAY: &str = "bench";
/// Messages under way to the broker at once.
const WINDOW: usize = 256;
/// Nothing moves for so long: something is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reports of level 2: each is put before a unit at once.
const TEXTS: [&str; 6] = [
    "Đường Lê Văn Lương, xã Nhà Bè có ổ gà lớn trước số nhà {}, mặt đường hư, đề nghị vá lại.",
    "Nước ngập tới đầu gối ở đường Nguyễn Hữu Cảnh đoạn số {}, mấy ngày nay không rút.",
    "Đèn đường hẻm {} Cao Thắng tắt cả tuần, tối đi rất nguy hiểm, nhờ sửa giúp.",
    "Quán ở số {} đường Bùi Viện mở loa kẹo kéo quá nửa đêm, dân không ngủ được.",
    "Bai rac tu phat truoc so {} duong Pham The Hien boc mui hoi thoi, de nghi don dep.",
    "Cây xanh trước nhà {} đường Pasteur nghiêng sắp ngã ra đường, nhờ đơn vị kiểm tra.",
];

/// One way from the gateway to a place.
pub(super) struct Stage {
    pub(super) per_second: f64,
    sorted_us: Vec<u64>,
}

impl Stage {
    fn of(started: Instant, arrivals: &[(Instant, Instant)]) -> Self {
        let mut sorted_us: Vec<u64> = arrivals
            .iter()
            .map(|(sent, got)| u64::try_from((*got - *sent).as_micros()).unwrap_or(u64::MAX))
            .collect();
        sorted_us.sort_unstable();
        let last = arrivals.iter().map(|(_, got)| *got).max().unwrap_or(started);
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let per_second = arrivals.len() as f64 / (last - started).as_secs_f64().max(f64::EPSILON);
        Self {
            per_second,
            sorted_us,
        }
    }

    /// Nearest rank.
    pub(super) fn percentile(&self, percent: usize) -> u64 {
        let rank = (self.sorted_us.len() * percent).div_ceil(100);
        self.sorted_us.get(rank.saturating_sub(1)).copied().unwrap_or(0)
    }
}

/// What a run came to.
pub(super) struct Measured {
    pub(super) reports: usize,
    pub(super) accepted: Stage,
    pub(super) unit: Stage,
}

/// What arrived when; filled by two readers.
#[derive(Default)]
struct Arrivals {
    receipts: HashMap<String, (String, Instant)>,
    notices: HashMap<CaseId, Instant>,
}

pub(super) struct Load {
    gateway: Nats,
    ledger: LedgerClient,
    arrivals: Arc<Mutex<Arrivals>>,
}

impl Load {
    pub(super) async fn prepare(system: &System) -> anyhow::Result<Self> {
        members::add_gateway(system, GATEWAY).await?;
        let load = Self {
            gateway: system.nats(&gateway_user(GATEWAY)).await?,
            ledger: system.ledger().await?,
            arrivals: Arc::default(),
        };
        let admin = system.nats("admin").await?;
        tokio::spawn(read_receipts(load.gateway.clone(), Arc::clone(&load.arrivals)));
        tokio::spawn(read_notices(admin, Arc::clone(&load.arrivals)));
        Ok(load)
    }

    /// Hands in `count` reports, all at once or at a pace, and waits until each has its receipt and its unit.
    pub(super) async fn run(&self, name: &str, count: usize, rate: Option<f64>) -> anyhow::Result<Measured> {
        *lock(&self.arrivals) = Arrivals::default();
        let mut pace = rate.map(|r| tokio::time::interval(Duration::from_secs_f64(1.0 / r.max(0.1))));
        let started = Instant::now();
        let mut sent: HashMap<String, Instant> = HashMap::with_capacity(count);
        let mut under_way = futures::stream::FuturesUnordered::new();
        for index in 0..count {
            if let Some(pace) = &mut pace {
                // What is under way goes on while we wait for the beat.
                loop {
                    tokio::select! {
                        _ = pace.tick() => break,
                        Some(result) = under_way.next() => result?,
                    }
                }
            }
            if under_way.len() >= WINDOW {
                under_way.next().await.transpose()?;
            }
            let id = format!("{name}-{}-{index}", uuid::Uuid::new_v4().simple());
            sent.insert(id.clone(), Instant::now());
            under_way.push(self.hand_in(id, index));
        }
        while let Some(result) = under_way.next().await {
            result?;
        }
        self.wait_for(count).await?;
        let cases = self.cases().await?;
        let arrivals = lock(&self.arrivals);
        let mut accepted = Vec::with_capacity(count);
        let mut unit = Vec::with_capacity(count);
        for (id, at) in &sent {
            let (code, got) = arrivals.receipts.get(id).context("a receipt went missing")?;
            accepted.push((*at, *got));
            let case = cases.get(code).context("a receipted report is not on record")?;
            unit.push((
                *at,
                *arrivals
                    .notices
                    .get(case)
                    .context("a case never came to its unit")?,
            ));
        }
        Ok(Measured {
            reports: count,
            accepted: Stage::of(started, &accepted),
            unit: Stage::of(started, &unit),
        })
    }

    async fn hand_in(&self, id: String, index: usize) -> anyhow::Result<()> {
        let report = ReportIn {
            id,
            text: TEXTS[index % TEXTS.len()].replace("{}", &index.to_string()),
            occurred_at: None,
            line: None,
            from: None,
            place: None,
            incomplete: false,
            channel: None,
        };
        let body = serde_json::to_vec(&report)?.into();
        self.gateway
            .publish_stored(
                &subjects::inbox(Channel::Sms, GATEWAY),
                None,
                &Headers::new(),
                body,
            )
            .await?;
        Ok(())
    }

    async fn wait_for(&self, count: usize) -> anyhow::Result<()> {
        let mut last = (0, 0);
        let mut moved = Instant::now();
        loop {
            let now = {
                let arrivals = lock(&self.arrivals);
                (arrivals.receipts.len(), arrivals.notices.len())
            };
            if now.0 >= count && now.1 >= count {
                return Ok(());
            }
            if now != last {
                (last, moved) = (now, Instant::now());
            }
            if moved.elapsed() > PATIENCE {
                bail!(
                    "of {count} reports {} were receipted and {} came to their unit, and nothing moves any more",
                    now.0,
                    now.1
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until every consumer has handled everything on record, so that one run does not pay for the one before.
    pub(super) async fn come_to_rest(&self) -> anyhow::Result<()> {
        let mut moved = Instant::now();
        let mut last = Vec::new();
        loop {
            let (cursors, head) = self.ledger.list_cursors().await?;
            let positions: Vec<u64> = cursors.iter().map(|c| c.position).chain([head.0]).collect();
            if positions.iter().all(|p| *p == head.0) && positions == last {
                return Ok(());
            }
            if positions != last {
                (last, moved) = (positions, Instant::now());
            }
            if moved.elapsed() > PATIENCE {
                bail!(
                    "the consumers stand still before they have handled what is on record: see `hoiam doctor`"
                );
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Case by tracking code.
    async fn cases(&self) -> anyhow::Result<HashMap<String, CaseId>> {
        let filter = Filter {
            types: vec!["report.report_received".to_owned()],
            ..Filter::default()
        };
        let mut events = std::pin::pin!(self.ledger.read_all(Range::default(), filter));
        let mut cases = HashMap::new();
        while let Some(event) = events.next().await {
            let event = event?;
            if let (Some(report), Some(case)) = (event.decode::<ReportReceived>()?, event.case) {
                cases.insert(report.code.to_string(), case);
            }
        }
        Ok(cases)
    }
}

fn lock(arrivals: &Mutex<Arrivals>) -> std::sync::MutexGuard<'_, Arrivals> {
    #[expect(clippy::expect_used, reason = "nothing panics while the lock is held")]
    arrivals.lock().expect("no holder panics")
}

async fn read_receipts(nats: Nats, arrivals: Arc<Mutex<Arrivals>>) {
    let mut queue = nats.work_queue_existing(subjects::RECEIPTS, &gateway_user(GATEWAY));
    loop {
        for work in queue.next_ready(WINDOW).await {
            if let Ok(ReceiptOut::Receipt { id, code, .. }) = serde_json::from_slice(&work.message.payload) {
                lock(&arrivals)
                    .receipts
                    .insert(id, (code.to_string(), Instant::now()));
            }
            // One that is not acknowledged comes again, and is overwritten later than it came: only a lost connection does that.
            let _ = work.done_unconfirmed().await;
        }
    }
}

/// All units at once, as each would read its own.
async fn read_notices(nats: Nats, arrivals: Arc<Mutex<Arrivals>>) {
    let mut queue = nats.work_queue(
        subjects::CASES,
        "bench",
        WorkOptions {
            most_under_way: 10_000,
            ..WorkOptions::default()
        },
    );
    loop {
        for work in queue.next_ready(WINDOW).await {
            if let Ok(CaseNotice { case, .. }) = serde_json::from_slice(&work.message.payload) {
                lock(&arrivals).notices.entry(case).or_insert_with(Instant::now);
            }
            let _ = work.done_unconfirmed().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let start = Instant::now();
        let arrivals: Vec<_> = (1..=100)
            .map(|ms| (start, start + Duration::from_millis(ms)))
            .collect();
        let stage = Stage::of(start, &arrivals);
        assert_eq!((stage.percentile(50), stage.percentile(99)), (50_000, 99_000));
        assert!((stage.per_second - 1000.0).abs() < 1.0);
    }
}
