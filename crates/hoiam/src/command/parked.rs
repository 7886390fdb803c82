//! `hoiam parked`: what a consumer could not handle, and that a person has looked at it.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use chassis::clock::SystemClock;
use chassis::consumer::Parked;
use chassis::nats::Nats;
use contracts::{Code, subjects};
use kernel::Clock;
use serde_json::json;

use super::replay::local;
use crate::connect::System;
use crate::data::DataFolder;
use crate::output;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam parked\n  hoiam replay --from 4711 --to 4711\n  hoiam parked settle 3 --reason fixed_by_update"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// One JSON object a line.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum Command {
    /// What waits: its number here, who could not handle it, which event, why, since when.
    #[command(after_help = "Example:\n  hoiam parked list --json")]
    List,
    /// A person has looked at it and done what was to be done: take it away. The event itself stays on record.
    #[command(after_help = "Example:\n  hoiam parked settle 3 --reason fixed_by_update")]
    Settle {
        /// Its number, as `hoiam parked` shows it.
        number: u64,
        /// What was done about it, as a code: letters, digits, `_`, `-`, `.`; nothing personal. Kept in `log/settled.jsonl`.
        #[arg(long, value_parser = code)]
        reason: Code,
    },
}

fn code(text: &str) -> Result<Code, String> {
    Code::new(text).ok().filter(|c| !c.is_empty()).ok_or_else(|| {
        "a reason is a code of 1 to 64 letters, digits, `_`, `-` or `.`, like fixed_by_update".to_owned()
    })
}

pub(crate) async fn run(data: &Path, arguments: Arguments) -> anyhow::Result<()> {
    let system = System::of(data)?;
    let nats = system.nats("admin").await?;
    match arguments.command.unwrap_or(Command::List) {
        Command::List => list(&nats, arguments.json).await,
        Command::Settle { number, reason } => {
            settle(&system.folder, &nats, number, &reason, arguments.json).await
        }
    }
}

async fn list(nats: &Nats, json: bool) -> anyhow::Result<()> {
    let parked = waiting(nats).await?;
    if json {
        for (number, what) in &parked {
            output::json(&json!({ "number": number, "parked": what }))?;
        }
        return Ok(());
    }
    if parked.is_empty() {
        output::note("Không có gì bị gác lại / Nothing is parked.");
        return Ok(());
    }
    let rows = parked.into_iter().map(|(number, what)| match what {
        Some(what) => vec![
            number.to_string(),
            what.consumer,
            what.position.to_string(),
            what.kind,
            what.case.map_or_else(|| "–".to_owned(), |c| c.to_string()),
            format!("{}: {}", what.reason, what.detail),
            local(what.at),
        ],
        None => {
            let mut row = vec![number.to_string()];
            row.extend(["?", "?", "?", "–", "unreadable", "?"].map(str::to_owned));
            row
        }
    });
    output::table(
        &[
            "number",
            "consumer",
            "position",
            "type",
            "case",
            "reason",
            "since (UTC+7)",
        ],
        rows,
    )?;
    output::note(
        "What stands there: hoiam replay --from POSITION --to POSITION. When it is dealt with: hoiam parked settle NUMBER --reason CODE",
    );
    Ok(())
}

/// What is parked, the oldest first, with its number in the stream; nothing for what nobody can read.
pub(crate) async fn waiting(nats: &Nats) -> anyhow::Result<Vec<(u64, Option<Parked>)>> {
    let Some(state) = nats.stream_state(subjects::PARK).await? else {
        bail!("there is no stream PARK: the relay makes it as soon as the broker is well");
    };
    let mut parked = Vec::new();
    if state.messages == 0 {
        return Ok(parked);
    }
    let stream = nats
        .jetstream()
        .get_stream(subjects::PARK)
        .await
        .context("the stream PARK cannot be read")?;
    for number in state.first..=state.last {
        // Settled in the meantime.
        let Ok(message) = stream.get_raw_message(number).await else {
            continue;
        };
        parked.push((number, serde_json::from_slice(&message.payload).ok()));
    }
    Ok(parked)
}

async fn settle(
    folder: &DataFolder,
    nats: &Nats,
    number: u64,
    reason: &Code,
    json: bool,
) -> anyhow::Result<()> {
    let stream = nats
        .jetstream()
        .get_stream(subjects::PARK)
        .await
        .context("the stream PARK cannot be read")?;
    let Ok(message) = stream.get_raw_message(number).await else {
        bail!("nothing with the number {number} is parked: `hoiam parked` shows what is");
    };
    let what: Option<Parked> = serde_json::from_slice(&message.payload).ok();
    let line = json!({ "number": number, "settled_at": SystemClock.now().to_string(), "reason": reason, "parked": what });
    // Kept before it goes, so that no crash takes away what nobody wrote down.
    keep(folder, &line.to_string())?;
    stream
        .delete_message(number)
        .await
        .context("it could not be taken away")?;
    if json {
        return output::json(&line);
    }
    output::line(match what {
        Some(what) => format!(
            "Settled ({reason}): position {} of {}, which {} could not handle.",
            what.position, what.kind, what.consumer
        ),
        None => format!("Settled ({reason}): number {number}."),
    })
}

fn keep(folder: &DataFolder, line: &str) -> anyhow::Result<()> {
    let path = folder.settled();
    let write = || {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}
