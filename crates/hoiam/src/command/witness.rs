//! `hoiam witness`: cosigns what the log signs, if it continues what was cosigned before. Run by somebody else than the city, on their
//! own machine.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use chassis::clock::SystemClock;
use ledger::log::note::{Role, SigningKey, VerifierKey};
use ledger::log::witness::Witness;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::output;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam witness keygen --state /srv/witness --name ubkt.danang.gov.vn/witness\n  hoiam witness run --state /srv/witness --name ubkt.danang.gov.vn/witness --log 'hoi-am.local/log+8d92a4f1+AQ…'"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make the witness's key and print its public half, for the log's policy.
    #[command(
        after_help = "Example:\n  hoiam witness keygen --state /srv/witness --name ubkt.danang.gov.vn/witness"
    )]
    Keygen(Own),
    /// Cosign until stopped.
    #[command(
        after_help = "Example:\n  hoiam witness run --state /srv/witness --name ubkt.danang.gov.vn/witness --log 'hoi-am.local/log+8d92a4f1+AQ…' --listen 0.0.0.0:7600"
    )]
    Run {
        #[command(flatten)]
        own: Own,
        /// Public key of a log to watch (the ledger writes it to `log.key.vkey`); more than one may be given.
        #[arg(long = "log", required = true, value_name = "VKEY")]
        logs: Vec<String>,
        /// Where to listen: the ledger posts to `http://<here>/add-checkpoint`.
        #[arg(long, default_value = "127.0.0.1:7600")]
        listen: String,
    },
}

#[derive(clap::Args)]
struct Own {
    /// The witness's folder: its key, and what it cosigned last. Losing the second makes it useless; copying it to a second witness is worse.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Its name: an address without `https://` is a good one. Fixed for the life of its key.
    #[arg(long)]
    name: String,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Keygen(own) => keygen(&own),
        Command::Run { own, logs, listen } => watch(&own, &logs, &listen).await,
    }
}

fn keygen(own: &Own) -> anyhow::Result<()> {
    std::fs::create_dir_all(&own.state)
        .with_context(|| format!("the folder {} cannot be made", own.state.display()))?;
    let path = Witness::key_file(&own.state);
    SigningKey::create(&path)?;
    let key = SigningKey::load(&path, &own.name, Role::Witness)?;
    tell(own, "key", key.public(), None)
}

fn tell(own: &Own, what: &str, key: &VerifierKey, listening: Option<String>) -> anyhow::Result<()> {
    if own.json {
        return output::json(&json!({ what: key.to_string(), "listening": listening }));
    }
    match listening {
        Some(address) => output::line(format!("Witness {key} listens on {address}.")),
        None => output::line(key.to_string()),
    }
}

async fn watch(own: &Own, logs: &[String], listen: &str) -> anyhow::Result<()> {
    let mut known = Vec::new();
    for log in logs {
        let key: VerifierKey = log.parse().with_context(|| format!("--log {log}"))?;
        if key.role != Role::Log {
            bail!("--log {log}: this is a witness's key");
        }
        known.push(key);
    }
    let witness = Arc::new(Witness::open(
        &own.state,
        &own.name,
        known,
        Arc::new(SystemClock),
    )?);
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}: is it taken by another program?"))?;
    let address = format!("http://{}", listener.local_addr()?);
    tell(own, "witness", witness.public(), Some(address))?;
    let mut terminated = signal(SignalKind::terminate())?;
    let stop = async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated.recv() => {}
        }
    };
    ledger::log::witness::serve(listener, witness, stop).await?;
    Ok(())
}
