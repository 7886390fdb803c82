//! `hoiam policy backtest --of classification`: the reports on record, classified again under another policy. Nothing follows from it; that they were
//! opened is on record.

mod tally;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant as Stopwatch;

use anyhow::Context;
use chassis::ledger::{Filter, LedgerClient, Opened, Purpose, Range, Run};
use classification::{Opener, Speaking};
use classification_domain::Policy;
use contracts::Code;
use contracts::events::classification::{ReportClassified, ReviewDecided, ReviewRequested};
use contracts::events::report::{EmergencySuspected, ReportReceived};
use contracts::sealed::ReportContent;
use futures::{StreamExt, TryStreamExt};
use indicatif::{ProgressBar, ProgressStyle};
use kernel::{Actor, CaseId, Position};

use tally::{Decision, Tally};

use super::super::{Of, source};
use super::Arguments;
use crate::command::eval;
use crate::connect::System;
use crate::data::DataFolder;

/// Reports opened at once.
const AT_ONCE: usize = 500;

/// A report on record, with what was decided about it.
struct Report {
    case: CaseId,
    position: Position,
    complete: bool,
    express: bool,
    suspected: bool,
    /// By the rules of then.
    decided: Option<Decision>,
    /// By a person, at review.
    by_person: Option<Decision>,
}

pub(crate) async fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let by = arguments.by.as_deref().context(
        "reports are opened to classify them again, and that is on record: say for whom, for example --by operator:lan",
    )?;
    let by = Actor::parse(by)?;
    let text = source::text(data, Of::Classification, &arguments.new).await?;
    let ledger = System::of(data)?.ledger().await?;
    let head = Position(ledger.head(Position(0)).await?.position);
    let role = by.role().to_owned();
    let run = Run::new(by, &role, Position(1)..=head);
    let opener = Opener {
        ledger: ledger.clone(),
        run: Some(run.clone()),
    };
    let version = chassis::policy::version_of(&text);
    let folder = DataFolder::at(data)?.models();
    let (speaking, _) = classification::speaking(version, text, Some(folder), &opener)
        .await
        .with_context(|| format!("{} is no policy that may decide", arguments.new))?;

    let started = Stopwatch::now();
    let (reports, read) = on_record(&ledger, head, arguments).await?;
    let bar = ProgressBar::new(reports.len() as u64).with_style(ProgressStyle::with_template(
        "{bar:30} report {human_pos} of {human_len}, {eta} left",
    )?);
    let before = eval::used()?;
    let mut tally = Tally::new(&speaking);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut batches = Vec::new();
    let mut reports = reports.into_iter();
    loop {
        let batch: Vec<Report> = reports.by_ref().take(AT_ONCE).collect();
        if batch.is_empty() {
            break;
        }
        batches.push(batch);
    }
    // One batch more than there are cores: while they classify, the next is opened.
    let mut again = futures::stream::iter(batches)
        .map(|batch| classified(&ledger, &run, &speaking, batch))
        .buffered(cores + 1);
    while let Some(batch) = again.try_next().await? {
        bar.inc(batch.len() as u64);
        for (report, now) in batch {
            tally.take(&report, now);
        }
    }
    bar.finish_and_clear();
    let used = eval::used()? - before;
    tally.tell(arguments, read, started.elapsed().as_secs_f64(), used)
}

/// The reports of the time asked for, and how many events were read to find them.
async fn on_record(
    ledger: &LedgerClient,
    head: Position,
    arguments: &Arguments,
) -> anyhow::Result<(Vec<Report>, u64)> {
    let filter = Filter {
        types: [
            "report.report_received",
            "report.emergency_suspected",
            "classification.report_classified",
            "classification.review_requested",
            "classification.review_decided",
        ]
        .map(str::to_owned)
        .to_vec(),
        recorded_from: arguments.since.map(|since| since.0),
        ..Filter::default()
    };
    let range = Range {
        to: Some(head),
        ..Range::default()
    };
    let mut reports: Vec<Report> = Vec::new();
    let mut of_case: HashMap<CaseId, usize> = HashMap::new();
    let mut read = 0;
    let mut events = std::pin::pin!(ledger.read_all(range, filter));
    while let Some(event) = events.next().await {
        let event = event?;
        read += 1;
        let Some(case) = event.case else { continue };
        if let Some(received) = event.decode::<ReportReceived>()? {
            of_case.insert(case, reports.len());
            reports.push(Report {
                case,
                position: event.position,
                complete: received.complete,
                express: received.express,
                suspected: false,
                decided: None,
                by_person: None,
            });
            continue;
        }
        let Some(report) = of_case.get(&case).and_then(|at| reports.get_mut(*at)) else {
            continue;
        };
        if event.is::<EmergencySuspected>() {
            report.suspected = true;
        } else if let Some(it) = event.decode::<ReportClassified>()? {
            report.decided = Some(Decision::on_record(&it.finding, &[], it.policy, it.model));
        } else if let Some(it) = event.decode::<ReviewRequested>()? {
            report.decided = Some(Decision::on_record(
                &it.suggestion,
                &it.reasons,
                it.policy,
                it.model,
            ));
        } else if let Some(it) = event.decode::<ReviewDecided>()? {
            report.by_person = Some(Decision::on_record(
                &it.finding,
                &[],
                Code::default(),
                Code::default(),
            ));
        }
    }
    Ok((reports, read))
}

/// Opens a batch and classifies it, away from the runtime's threads; `None` for what was erased.
#[expect(
    clippy::disallowed_methods,
    reason = "both cores classify while the next reports are opened"
)]
async fn classified(
    ledger: &LedgerClient,
    run: &Run,
    speaking: &Speaking,
    batch: Vec<Report>,
) -> anyhow::Result<Vec<(Report, Option<Decision>)>> {
    let positions: Vec<Position> = batch.iter().map(|report| report.position).collect();
    let mut opened = ledger.open_in_run(Purpose::Backtest, &positions, run).await?;
    let policy: Arc<Policy> = Arc::clone(&speaking.policy);
    let again = move |report: &Report| -> anyhow::Result<Option<Decision>> {
        let content: ReportContent = match opened.remove(&report.position) {
            Some(Opened::Plain(content)) => serde_json::from_slice(&content)
                .ok()
                .with_context(|| format!("the content at {} cannot be read", report.position))?,
            Some(Opened::Erased) => return Ok(None),
            Some(Opened::Refused(why)) => anyhow::bail!("the content at {}: {why}", report.position),
            Some(Opened::NothingSealed) | None => anyhow::bail!("nothing is sealed at {}", report.position),
        };
        let suspected = report.express && report.suspected;
        let found = classification::found(&policy, Some(&content), report.complete, suspected);
        Ok(Some(Decision::now(&found)))
    };
    tokio::task::spawn_blocking(move || {
        let mut again = again;
        batch
            .into_iter()
            .map(|report| again(&report).map(|now| (report, now)))
            .collect()
    })
    .await?
}
