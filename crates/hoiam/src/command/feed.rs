//! `hoiam feed`: hands in a file of reports as a gateway would, and reconciles what came back.

mod records;
mod tally;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use chassis::nats::{Headers, Nats, NatsError, WorkQueue};
use contracts::subjects;
use contracts::wire::ReceiptOut;
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::connect::System;
use crate::data::gateway_user;
use crate::output;
use records::Record;
use tally::Tally;

/// Messages under way at once.
const WINDOW: usize = 256;
/// After so long without a receipt what has none is sent again: sending the same id again gives the same receipt.
const QUIET: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  hoiam feed tests/data/reports/dev-01.jsonl\nEach line is a JSON object with `id`, `channel` and `text` (and `occurred_at`, `line`, `from` if known); nothing else of it is sent."
)]
pub(crate) struct Arguments {
    /// Files with one JSON object a line.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Through which gateway.
    #[arg(long, default_value = "demo")]
    gateway: String,
    /// At most so many a second.
    #[arg(long)]
    rate: Option<f64>,
    /// Send the files so many times, as reports of their own (`-2`, `-3` … is added to the ids).
    #[arg(long, default_value_t = 1)]
    repeat: u32,
    /// Give up after so many seconds without progress.
    #[arg(long, default_value_t = 60)]
    patience: u64,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
}

/// What the publisher and the reader of receipts share.
struct Feed {
    nats: Nats,
    gateway: String,
    tally: Tally,
    bar: ProgressBar,
    patience: Duration,
}

pub(crate) async fn run(data: &Path, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let records = records::read(&arguments.files, arguments.repeat)?;
    if records.is_empty() {
        bail!("there is nothing in these files: each line is a JSON object with `id`, `channel` and `text`");
    }
    let system = System::of(data)?;
    let nats = system.nats(&gateway_user(&arguments.gateway)).await?;
    let bar = ProgressBar::new(records.len() as u64);
    bar.set_style(ProgressStyle::with_template(
        "{bar:40} {pos}/{len} receipts, {per_sec}, {msg}",
    )?);
    let feed = Arc::new(Feed {
        tally: Tally::expecting(&records),
        patience: Duration::from_secs(arguments.patience),
        gateway: arguments.gateway,
        nats,
        bar,
    });
    let started = Instant::now();
    let reader = tokio::spawn(Arc::clone(&feed).read_receipts());
    feed.publish(&records, arguments.rate).await;
    feed.wait_for_receipts(&records).await;
    reader.abort();
    feed.bar.finish_and_clear();
    let summary = feed.tally.summary(started.elapsed());
    if arguments.json {
        output::json(&summary)?;
    } else {
        summary.print()?;
    }
    Ok(if summary.reconciles() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Feed {
    /// Publishes all, `WINDOW` at once, each until the broker holds it.
    async fn publish(&self, records: &[Record], rate: Option<f64>) {
        let mut pace = rate.filter(|r| *r > 0.0).map(|r| {
            let mut pace = tokio::time::interval(Duration::from_secs_f64(1.0 / r));
            pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
            pace
        });
        let mut under_way = futures::stream::FuturesUnordered::new();
        for record in records {
            if let Some(pace) = &mut pace {
                // What is under way goes on while we wait for the beat.
                loop {
                    tokio::select! {
                        _ = pace.tick() => break,
                        Some(()) = under_way.next() => {}
                    }
                }
            }
            if under_way.len() >= WINDOW {
                under_way.next().await;
            }
            under_way.push(self.hand_in(record));
        }
        while under_way.next().await.is_some() {}
    }

    /// Publishes one until the broker acknowledges it; gives up when nothing at all has moved for the whole patience.
    async fn hand_in(&self, record: &Record) {
        let subject = subjects::inbox(record.channel, &self.gateway);
        let mut pause = Duration::from_millis(50);
        loop {
            match self
                .nats
                .publish_stored(&subject, None, &Headers::new(), record.body.clone())
                .await
            {
                Ok(_) => return self.tally.held(&record.id),
                // The INBOX is full (discard: new): back-pressure, not an error.
                Err(NatsError::Refused { code, .. }) => {
                    self.bar.set_message(format!("the broker says wait ({code})"))
                }
                Err(error) => self.bar.set_message(error.to_string()),
            }
            if self.tally.quiet_for() > self.patience {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    async fn wait_for_receipts(&self, records: &[Record]) {
        let mut sent_again = Instant::now();
        while !self.tally.is_complete() && self.tally.quiet_for() <= self.patience {
            if self.tally.quiet_for() > QUIET && sent_again.elapsed() > QUIET {
                let open: Vec<_> = records
                    .iter()
                    .filter(|r| self.tally.is_open(&r.id))
                    .cloned()
                    .collect();
                self.bar.set_message(format!("sending {} again", open.len()));
                self.tally.sent_again(open.len());
                self.publish(&open, None).await;
                sent_again = Instant::now();
            }
            self.tally.changed_within(Duration::from_millis(200)).await;
        }
    }

    /// Reads receipts until it is aborted.
    async fn read_receipts(self: Arc<Self>) {
        let durable = gateway_user(&self.gateway);
        let mut queue: WorkQueue = self.nats.work_queue_existing(subjects::RECEIPTS, &durable);
        loop {
            for work in queue.next_ready(WINDOW).await {
                let settled = match serde_json::from_slice::<ReceiptOut>(&work.message.payload) {
                    Ok(receipt) if self.tally.receipt(&receipt) => work.done_unconfirmed().await,
                    // Somebody else who reads for this gateway may wait for it; what nobody wants is not shown for ever.
                    Ok(_) if work.deliveries < 3 => work.again(Duration::from_millis(500)).await,
                    _ => work.done_unconfirmed().await,
                };
                if settled.is_err() {
                    // It is delivered again, and is the same receipt then.
                    continue;
                }
            }
            self.bar.set_position(self.tally.answered());
        }
    }
}
