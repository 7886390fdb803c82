//! `hoiam ledger rebuild-stream`: has the relay delete the stream and make it anew from the record.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use chassis::ledger::LedgerClient;
use contracts::grpc::ledger as wire;
use contracts::grpc::ledger::ledger_client::LedgerClient as Grpc;
use contracts::subjects;
use indicatif::{ProgressBar, ProgressStyle};
use kernel::Position;
use tokio::time::Instant;

use crate::connect::{System, refusal};
use crate::output;

/// How long nothing may move before the command gives up watching; the relay goes on all the same.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam ledger rebuild-stream\n  hoiam ledger rebuild-stream --from 1 --yes"
)]
pub(crate) struct Arguments {
    /// First position the stream is to hold; otherwise what its retention would keep.
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(u64).range(1..))]
    from: Option<u64>,
    /// Also when the stream holds what the ledger does not: that is lost then.
    #[arg(long)]
    discard_foreign: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let system = System::of(data)?;
    let ledger = system.ledger().await?;
    let held = match system.nats("admin").await?.stream_state(subjects::EVENTS).await? {
        Some(state) if state.messages > 0 => format!("holds positions {} to {}", state.first, state.last),
        Some(_) => "is empty".to_owned(),
        None => "is not there".to_owned(),
    };
    if !arguments.yes && !agreed(&held)? {
        bail!("nothing was done");
    }
    let started = Instant::now();
    let request = wire::RebuildStreamRequest {
        from: arguments.from.unwrap_or_default(),
        discard_foreign: arguments.discard_foreign,
    };
    let made = Grpc::new(system.service("ledger").await?)
        .rebuild_stream(request)
        .await
        .map_err(|status| refusal(&status))?
        .into_inner();
    watch(&ledger, made).await?;
    let seconds = started.elapsed().as_secs_f64();
    if arguments.json {
        return output::json(&serde_json::json!({ "from": made.from, "to": made.to, "seconds": seconds }));
    }
    output::line(format!(
        "The stream holds positions {} to {} again, after {seconds:.1} s. Consumers go on where they were.",
        made.from, made.to
    ))
}

fn agreed(held: &str) -> anyhow::Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        bail!("the stream EVENTS {held}; to delete it and make it anew from the record, say --yes");
    }
    let mut err = std::io::stderr();
    write!(
        err,
        "The stream EVENTS {held}. It will be deleted and made anew from the record; consumers wait meanwhile. Go on? [y/N] "
    )?;
    err.flush()?;
    let mut answer = String::new();
    stdin.read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Until the relay has published everything that was on record when it began.
async fn watch(ledger: &LedgerClient, made: wire::RebuildStreamReply) -> anyhow::Result<()> {
    let before = made.from.saturating_sub(1);
    let bar = ProgressBar::new(made.to.saturating_sub(before)).with_style(ProgressStyle::with_template(
        "{bar:40} {human_pos}/{human_len} {per_sec} {msg}",
    )?);
    let (mut reached, mut moved) = (before, Instant::now());
    while reached < made.to {
        let head = ledger.head(Position(0)).await?;
        if head.relay_state.starts_with("stopped") {
            bail!("the relay {}", head.relay_state);
        }
        if head.relayed > reached {
            (reached, moved) = (head.relayed, Instant::now());
        }
        if moved.elapsed() > PATIENCE {
            bail!(
                "the relay stays at {reached} ({}): it goes on by itself as soon as it can; `hoiam doctor` says more",
                head.relay_state
            );
        }
        bar.set_message(head.relay_state);
        bar.set_position(reached.saturating_sub(before));
        tokio::time::sleep(LOOK).await;
    }
    bar.finish_and_clear();
    Ok(())
}
