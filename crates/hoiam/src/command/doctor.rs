//! `hoiam doctor`: is everything well, and if not, what to do.

mod events;
mod machine;
mod report;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use chassis::ledger::{HeadReply, LedgerClient};
use chassis::nats::Nats;
use contracts::subjects;
use kernel::Position;

use crate::connect::System;
use crate::data::DataFolder;
use report::Report;

/// How long something that is under way may take to arrive before it counts as standing still.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
#[command(after_help = "Example:\n  hoiam doctor --verbose")]
pub(crate) struct Arguments {
    /// List what was parked, one line each.
    #[arg(long, short)]
    verbose: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    let folder = DataFolder::at(data)?;
    machine::permissions(&folder, &mut report);
    machine::disk(&folder, &mut report);
    match System::of(data) {
        Err(error) => report.wrong(
            "running",
            format!("{error:#}"),
            "one that was killed is started the same way; it goes on where it was",
        ),
        Ok(system) => {
            let says = system.run.pid.map_or_else(
                || "each service as a program of its own".to_owned(),
                |pid| format!("everything in process {pid}"),
            );
            report.well("running", says);
            look(&system, arguments.verbose, &mut report).await;
        }
    }
    if arguments.json {
        report.print_json()?
    } else {
        report.print()?
    }
    Ok(if report.is_well() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn look(system: &System, verbose: bool, report: &mut Report) {
    machine::services(system, report).await;
    let nats = match system.nats("admin").await {
        Ok(nats) => {
            report.well("broker", system.run.nats.clone());
            Some(nats)
        }
        Err(error) => {
            let advice = format!(
                "see {}; `hoiam up` starts it again by itself",
                system.folder.nats_log().display()
            );
            report.wrong("broker", format!("{error:#}"), advice);
            None
        }
    };
    let ledger = match system.ledger().await {
        Ok(ledger) => ledger,
        Err(error) => {
            return report.wrong(
                "ledger",
                format!("{error:#}"),
                format!("see {}", system.folder.log().display()),
            );
        }
    };
    match ledger.head(Position(0)).await {
        Ok(head) => {
            report.head(head.position);
            report.well(
                "ledger",
                format!("{} events on record ({})", head.position, head.engine),
            );
            leader(&head, report);
            machine::clock(&head, report);
            machine::log(&head, report);
            relay(&ledger, nats.as_ref(), head, report).await;
        }
        Err(error) => report.wrong(
            "ledger",
            error.to_string(),
            format!("see {}", system.folder.log().display()),
        ),
    }
    cursors(&ledger, report).await;
    if let Err(error) = events::refused(&ledger, report).await {
        report.wrong("refused", format!("{error:#}"), "the ledger cannot be read");
    }
    if let Some(nats) = &nats
        && let Err(error) = events::parked(nats, verbose, report).await
    {
        report.wrong("parked", format!("{error:#}"), "the stream PARK cannot be read");
    }
}

/// Looks again, until it is well or the patience is over; gives what was seen last.
async fn until<T, E>(mut look: impl AsyncFnMut() -> Result<T, E>, well: impl Fn(&T) -> bool) -> Result<T, E> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let seen = look().await?;
        if well(&seen) || tokio::time::Instant::now() > deadline {
            return Ok(seen);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Somebody has to write.
fn leader(head: &HeadReply, report: &mut Report) {
    match (head.leads, head.leader.is_empty()) {
        (true, _) => report.well(
            "leader",
            format!("this instance writes, under fence {}", head.fence),
        ),
        (false, false) => report.well(
            "leader",
            format!("{} writes, under fence {}", head.leader, head.fence),
        ),
        (false, true) => report.wrong(
            "leader",
            "this instance does not write, and who does is not on record",
            "nothing is accepted until one writes: look at the logs of the ledger's instances",
        ),
    }
}

/// What the relay's patrol has found so far.
fn audited(said: &str, report: &mut Report) {
    if said.starts_with("differs") {
        report.wrong(
            "stream's content",
            format!("it is not what is on record: it {said}"),
            "`hoiam ledger audit-stream` shows all of it; `hoiam ledger rebuild-stream` makes the stream anew from the record",
        );
    } else if !said.is_empty() {
        report.well("stream's content", format!("compared with the record, it {said}"));
    }
}

/// The stream has to reach what was on record when we came.
async fn relay(ledger: &LedgerClient, nats: Option<&Nats>, head: HeadReply, report: &mut Report) {
    let at_least = head.position;
    match until(
        async || ledger.head(Position(0)).await,
        |h| h.relayed >= at_least && !h.relay_state.starts_with("stopped"),
    )
    .await
    {
        Ok(head) if head.relay_state.starts_with("stopped") => report.wrong(
            "relay",
            head.relay_state,
            "nobody acts until it is clear which of the two is right: `hoiam verify` checks the record",
        ),
        Ok(head) if head.relayed >= at_least => report.well(
            "relay",
            format!("{} at position {}", head.relay_state, head.relayed),
        ),
        Ok(head) => report.wrong(
            "relay",
            format!(
                "{} at position {}, {} behind the ledger",
                head.relay_state,
                head.relayed,
                at_least - head.relayed
            ),
            "look whether the broker is well; the relay goes on by itself",
        ),
        Err(error) => return report.wrong("relay", error.to_string(), "look whether the ledger is well"),
    }
    audited(&head.stream_audit, report);
    let Some(nats) = nats else { return };
    match until(
        async || nats.stream_state(subjects::EVENTS).await,
        |s| s.is_some_and(|s| s.last >= at_least && s.missing() == 0),
    )
    .await
    {
        Ok(Some(state)) if state.missing() > 0 => report.wrong(
            "stream",
            format!(
                "EVENTS has lost {} of the messages between {} and {}",
                state.missing(),
                state.first,
                state.last
            ),
            "the relay makes it anew by itself; if it does not, see its line",
        ),
        Ok(Some(state)) if state.last >= at_least => report.well(
            "stream",
            format!("EVENTS holds positions {} to {}", state.first, state.last),
        ),
        Ok(Some(state)) => report.wrong(
            "stream",
            format!("EVENTS ends at {}, the ledger at {at_least}", state.last),
            "see the relay's line",
        ),
        Ok(None) => report.wrong(
            "stream",
            "there is no stream EVENTS",
            "the relay makes it anew from the ledger as soon as the broker is well",
        ),
        Err(error) => report.wrong("stream", error.to_string(), "look whether the broker is well"),
    }
}

/// Every reactor has to reach what was on record when we came, and somebody has to hold its lease.
async fn cursors(ledger: &LedgerClient, report: &mut Report) {
    let target = match ledger.list_cursors().await {
        Ok((_, head)) => head.0,
        Err(error) => return report.wrong("consumers", error.to_string(), "look whether the ledger is well"),
    };
    let reached = |cursors: &[chassis::ledger::Cursor]| cursors.iter().all(|c| c.position >= target);
    match until(
        async || ledger.list_cursors().await,
        |(cursors, _)| reached(cursors),
    )
    .await
    {
        Ok((cursors, _)) if cursors.is_empty() => report.wrong(
            "consumers",
            "no consumer has a cursor",
            "look whether the services run",
        ),
        Ok((cursors, head)) => {
            for cursor in cursors {
                let name = format!("consumer {}-{}", cursor.consumer, cursor.shard);
                let lag = target.saturating_sub(cursor.position);
                if cursor.holder.is_empty() {
                    report.wrong(
                        name,
                        format!("at position {}, held by nobody", cursor.position),
                        "look whether its service runs",
                    );
                } else if lag > 0 {
                    let says = format!(
                        "at position {} of {head}, {lag} behind; held by {}",
                        cursor.position, cursor.holder
                    );
                    report.wrong(name, says, "if it does not move: its log says what it waits for");
                } else {
                    report.well(name, format!("at position {}", cursor.position));
                }
            }
        }
        Err(error) => report.wrong("consumers", error.to_string(), "look whether the ledger is well"),
    }
}
