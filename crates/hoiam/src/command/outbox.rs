//! `hoiam outbox`: messages to citizens that the file transport took, sealed on disk, shown to who holds the key.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use feedback::OutboxKey;
use serde_json::json;

use crate::data::DataFolder;
use crate::output;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam outbox list\n  hoiam outbox show 5b8e4e1c-0e0f-5f3a-9d43-2f8c0a6f1d11"
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
    /// The ids of all messages.
    #[command(after_help = "Example:\n  hoiam outbox list")]
    List,
    /// What one of them says, and to whom.
    #[command(after_help = "Example:\n  hoiam outbox show 5b8e4e1c-0e0f-5f3a-9d43-2f8c0a6f1d11")]
    Show {
        /// Its id.
        id: uuid::Uuid,
    },
}

pub(crate) async fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let folder = DataFolder::at(data)?;
    match arguments.command.as_ref().unwrap_or(&Command::List) {
        Command::List => list(&folder, arguments.json),
        Command::Show { id } => show(&folder, *id, arguments.json).await,
    }
}

fn list(folder: &DataFolder, json: bool) -> anyhow::Result<()> {
    let outbox = folder.outbox();
    let mut ids: Vec<String> = std::fs::read_dir(&outbox)
        .with_context(|| format!("{} cannot be read", outbox.display()))?
        .filter_map(|entry| {
            Some(
                entry
                    .ok()?
                    .file_name()
                    .to_str()?
                    .strip_suffix(".sealed")?
                    .to_owned(),
            )
        })
        .collect();
    ids.sort();
    for id in &ids {
        if json {
            output::json(&json!({ "id": id }))?
        } else {
            output::line(id)?
        }
    }
    if ids.is_empty() {
        output::note("No message has been handed over.");
    }
    Ok(())
}

async fn show(folder: &DataFolder, id: uuid::Uuid, json: bool) -> anyhow::Result<()> {
    let path: PathBuf = folder.outbox().join(format!("{}.sealed", id.hyphenated()));
    if !path.exists() {
        bail!("there is no message {id}: `hoiam outbox list` shows those there are");
    }
    let message = feedback::open_outbox_file(&OutboxKey::load(folder.outbox_key())?, &path)?;
    if json {
        return output::json(&message);
    }
    output::line(format!("{} {}", output::bold("To:"), message.to))?;
    if !message.subject.is_empty() {
        output::line(format!("{} {}", output::bold("Subject:"), message.subject))?;
    }
    output::line(format!("\n{}", message.body))
}
