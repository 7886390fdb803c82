//! How fast the relay puts what is on record into the stream, and how long after its commit a consumer has an event.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use chassis::clock::SystemClock;
use chassis::config::Secret;
use chassis::nats::{Credential, Nats, WorkOptions};
use contracts::grpc::ledger as wire;
use contracts::subjects::{self, headers};
use kernel::Clock;

use super::closed_loop::percentile;
use super::load;
use super::subject::{FOLLOWED, Subject};
use crate::data::{DataFolder, NatsCredential};

/// Nothing moves for so long: something is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// Events relayed, and in how many seconds, of a ledger that has just been given a broker with an empty stream.
pub(super) async fn rate(subject: &Subject) -> anyhow::Result<(usize, f64)> {
    let mut client = subject.client().await?;
    let mut first = None;
    let mut moved = (0, Instant::now());
    loop {
        let head = client.head(wire::HeadRequest { at_least: 0 }).await?.into_inner();
        if head.relayed != moved.0 {
            moved = (head.relayed, Instant::now());
            first.get_or_insert(moved);
        }
        if let Some((relayed, at)) = first
            && head.relayed >= head.position
        {
            return Ok((
                usize::try_from(head.relayed - relayed)?,
                (moved.1 - at).as_secs_f64(),
            ));
        }
        if moved.1.elapsed() > PATIENCE {
            bail!("the relay stands still: {}", head.relay_state);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What a consumer saw.
pub(super) struct Followed {
    pub(super) count: usize,
    pub(super) seconds: f64,
    pub(super) p50_us: u64,
    pub(super) p99_us: u64,
}

/// A durable consumer reads while appends come at a pace. Its delays count from the event's `recorded_at`, which is taken before the
/// transaction is written: what is told is more than commit to consumer, never less.
pub(super) async fn follow(
    subject: &Subject,
    folder: &DataFolder,
    broker: &str,
    per_second: f64,
    span: Duration,
) -> anyhow::Result<Followed> {
    let credential = NatsCredential::read(&folder.nats_credential("admin"))?;
    let credential = Credential {
        user: credential.user,
        password: Secret::new(credential.password),
    };
    let nats = Nats::connect_as(broker, Some(credential), "bench").await?;
    let mut queue = nats.work_queue(
        subjects::EVENTS,
        "bench",
        WorkOptions {
            filters: vec![subjects::category_filter(FOLLOWED)],
            most_under_way: 10_000,
            ..WorkOptions::default()
        },
    );
    let client = subject.client().await?;
    // Makes the consumer, and warms both ways; not counted.
    let warm = load::paced(&client, FOLLOWED, per_second, span / 4).await?;
    for _ in 0..warm {
        let work = tokio::time::timeout(PATIENCE, queue.next())
            .await
            .context("the consumer gets nothing")?;
        work.done_unconfirmed().await?;
    }
    let mut sending = tokio::spawn(async move { load::paced(&client, FOLLOWED, per_second, span).await });
    let mut delays = Vec::new();
    let mut sent = None;
    while sent.is_none_or(|sent| delays.len() < sent) {
        tokio::select! {
            done = &mut sending, if sent.is_none() => sent = Some(done??),
            works = tokio::time::timeout(PATIENCE, queue.next_ready(256)) => {
                let now = SystemClock.now().0;
                for work in works.context("the consumer gets nothing")? {
                    let recorded: i64 = work
                        .message
                        .headers
                        .get(headers::RECORDED_AT)
                        .context("a message does not say when it was recorded")?
                        .parse()?;
                    delays.push(u64::try_from(now - recorded).unwrap_or(0));
                    work.done_unconfirmed().await?;
                }
            }
        }
    }
    delays.sort_unstable();
    Ok(Followed {
        count: delays.len(),
        seconds: span.as_secs_f64(),
        p50_us: percentile(&delays, 50),
        p99_us: percentile(&delays, 99),
    })
}
