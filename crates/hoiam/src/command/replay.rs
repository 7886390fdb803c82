//! `hoiam replay`: what is on record, by range, case and type.

use std::path::Path;
use std::pin::Pin;

use anyhow::bail;
use chassis::ledger::{Filter, LedgerError, Range};
use contracts::Recorded;
use contracts::events::CATALOGUE;
use futures::{Stream, StreamExt};
use kernel::{Instant, Position};
use serde_json::{Value, json};

use super::moment::{self, Moment};
use crate::connect::{System, actor};
use crate::output;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam replay --type routing.case_dispatched\n  hoiam replay --backwards --limit 20 --actor unit:so_xd\n  hoiam replay --case HA-7K3MX-9QP4T-5 --as-of 2026-11-24T17:00\n  hoiam replay --case HA-7K3MX-9QP4T-5 --json\n  hoiam replay --follow"
)]
pub(crate) struct Arguments {
    /// First position.
    #[arg(long)]
    from: Option<u64>,
    /// Last position.
    #[arg(long)]
    to: Option<u64>,
    #[command(flatten)]
    moment: Moment,
    /// Only what was recorded from then on.
    #[arg(long, value_name = "TIME", value_parser = moment::since)]
    since: Option<Instant>,
    /// Only what this actor is answerable for: `unit:so_xd`, `operator:lan`, `citizen`.
    #[arg(long)]
    actor: Option<String>,
    /// The newest first.
    #[arg(long, conflicts_with = "follow")]
    backwards: bool,
    /// At most so many.
    #[arg(long)]
    limit: Option<u64>,
    /// Only this case: its tracking code or id.
    #[arg(long)]
    case: Option<String>,
    /// Only this type (`report.report_received`, with or without its version) or category (`routing`); may be given more than once.
    #[arg(long = "type", value_name = "TYPE")]
    kinds: Vec<String>,
    /// Go on with what is appended, until Ctrl-C.
    #[arg(long, conflicts_with = "to")]
    follow: bool,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    if let (Some(from), Some(to)) = (arguments.from, arguments.to)
        && from > to
    {
        bail!("--from {from} lies after --to {to}: nothing can be between them");
    }
    for kind in &arguments.kinds {
        known(kind)?;
    }
    let system = System::of(data)?;
    let ledger = system.ledger().await?;
    let mut filter = Filter {
        actor: arguments.actor.as_deref().map(actor).transpose()?,
        recorded_from: arguments.since.map(|at| at.0),
        ..arguments.moment.filter()
    };
    for kind in &arguments.kinds {
        match kind.split_once('.') {
            // The filter knows no versions.
            Some((category, rest)) => filter
                .types
                .push(format!("{category}.{}", rest.split('.').next().unwrap_or(rest))),
            None => filter.categories.push(kind.clone()),
        }
    }
    if let Some(named) = &arguments.case {
        filter.case_id = Some(system.case(&ledger, named).await?.to_vec().into());
    }
    let range = Range {
        from: Position(arguments.from.unwrap_or(1)),
        to: arguments.to.map(Position),
        limit: arguments.limit,
    };
    let mut events: Events = match (arguments.follow, arguments.backwards) {
        (true, _) => Box::pin(followed(ledger.follow(range.from, filter), arguments.limit)),
        (false, true) => Box::pin(ledger.read_back(range, filter)),
        (false, false) => Box::pin(ledger.read_all(range, filter)),
    };
    if !arguments.json && !arguments.follow {
        return as_table(events).await;
    }
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            _ = tokio::signal::ctrl_c() => None,
        };
        let Some(event) = event.transpose()? else {
            return Ok(());
        };
        if arguments.json {
            output::json(&object(&event))?
        } else {
            output::line(row(&event).join("  "))?
        }
    }
}

type Events = Pin<Box<dyn Stream<Item = Result<Recorded, LedgerError>>>>;

fn followed<S: Stream>(events: S, limit: Option<u64>) -> futures::stream::Take<S> {
    events.take(limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX)))
}

/// Whether there is such a type, with or without its version, or such a category.
fn known(kind: &str) -> anyhow::Result<()> {
    let is = |entry: &str| {
        entry == kind
            || entry.rsplit_once('.').is_some_and(|(name, _)| name == kind)
            || entry.split('.').next() == Some(kind)
    };
    if CATALOGUE.iter().any(|entry| is(entry.kind)) {
        return Ok(());
    }
    let category = kind.split('.').next().unwrap_or_default();
    let mut names: Vec<_> = CATALOGUE
        .iter()
        .filter(|e| e.kind.split('.').next() == Some(category))
        .filter_map(|e| e.kind.rsplit_once('.').map(|(name, _)| name))
        .collect();
    if names.is_empty() {
        names = CATALOGUE
            .iter()
            .filter_map(|e| e.kind.split('.').next())
            .collect();
        names.dedup();
    }
    bail!(
        "no event is of the type or category `{kind}`; there is {}",
        names.join(", ")
    )
}

/// Rows are printed in pages, so that a long history needs little memory and shows at once.
async fn as_table(events: Events) -> anyhow::Result<()> {
    const HEADER: [&str; 6] = ["position", "recorded (UTC+7)", "type", "case", "actor", "data"];
    let mut pages = events.ready_chunks(200);
    let mut any = false;
    while let Some(page) = pages.next().await {
        let rows = page
            .into_iter()
            .map(|event| event.map(|e| row(&e)))
            .collect::<Result<Vec<_>, _>>()?;
        any = true;
        output::table(&HEADER, rows)?;
    }
    if !any {
        output::note("Nothing on record fits.");
    }
    Ok(())
}

/// An event as JSON: what the ledger holds, in its own names.
fn object(event: &Recorded) -> Value {
    let data = if event.data.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&event.data).unwrap_or(Value::Null)
    };
    json!({
        "position": event.position,
        "id": event.id,
        "stream": event.stream.to_string(),
        "version": event.version,
        "case": event.case,
        "type": event.kind,
        "occurred_at": event.occurred_at.to_string(),
        "recorded_at": event.recorded_at.to_string(),
        "actor": event.actor,
        "correlation": event.correlation,
        "causation": event.causation,
        "sealed": event.has_sealed,
        "data": data,
    })
}

fn row(event: &Recorded) -> Vec<String> {
    vec![
        event.position.to_string(),
        local(event.recorded_at),
        event.kind.clone(),
        event.case.map_or_else(|| "–".to_owned(), |c| c.to_string()),
        event.actor.to_string(),
        String::from_utf8_lossy(&event.data).into_owned(),
    ]
}

/// The city's wall clock.
pub(super) fn local(instant: kernel::Instant) -> String {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(7));
    instant
        .timestamp()
        .to_zoned_datetime(zone)
        .strftime("%d/%m/%Y %H:%M:%S")
        .to_string()
}
