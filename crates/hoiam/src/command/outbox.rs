//! `hoiam outbox`: messages to citizens and units that the file transport took, sealed on disk, shown to who holds the key.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use chassis::outbox::{OutboxKey, open_outbox_file};
use console::Lang;
use console::words::{List, say};
use kernel::{CaseId, TrackingCode};
use serde_json::json;

use super::replay::local;
use crate::connect::System;
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
    /// All messages: when, what it tells, by which way, about which case, and its id.
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
        Command::List => list(data, &folder, arguments.json).await,
        Command::Show { id } => show(&folder, *id, arguments.json).await,
    }
}

/// Everything but the words and whom they are for.
async fn list(data: &Path, folder: &DataFolder, json: bool) -> anyhow::Result<()> {
    let outbox = folder.outbox();
    let ids: Vec<String> = std::fs::read_dir(&outbox)
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
    if ids.is_empty() {
        output::note("Chưa có lời nhắn nào / No message has been handed over.");
        return Ok(());
    }
    let key = OutboxKey::load(folder.outbox_key())?;
    let mut messages = Vec::new();
    for id in ids {
        // A file that is not of this outbox is shown by its name, so that somebody looks at it.
        let message = open_outbox_file(&key, outbox.join(format!("{id}.sealed"))).ok();
        messages.push((id, message));
    }
    messages.sort_by_key(|(_, message)| message.as_ref().map(|m| m.queued_at));
    // Without a running system the id of the case says which it is.
    let codes = codes(data).await.unwrap_or_default();
    let mut rows = Vec::new();
    for (id, message) in messages {
        let Some(message) = message else {
            let unreadable = "không mở được / cannot be opened".to_owned();
            if json {
                output::json(&json!({ "id": id, "readable": false }))?;
            }
            rows.push(vec![
                "–".to_owned(),
                unreadable,
                "–".to_owned(),
                "–".to_owned(),
                id,
            ]);
            continue;
        };
        let code = message
            .case
            .and_then(|case| codes.get(&case))
            .map(ToString::to_string);
        if json {
            output::json(&json!({
                "id": id, "queued_at": message.queued_at.to_string(), "what": message.what, "channel": message.channel,
                "case": message.case, "code": code,
            }))?;
        }
        rows.push(vec![
            local(message.queued_at),
            say(List::Told, &message.what, Lang::Vi).into_owned(),
            say(List::Way, &message.channel, Lang::Vi).into_owned(),
            code.or_else(|| message.case.map(|c| c.to_string()))
                .unwrap_or_else(|| "–".to_owned()),
            id,
        ]);
    }
    if json {
        return Ok(());
    }
    output::table(
        &["lúc (UTC+7)", "nội dung", "đường gửi", "mã tra cứu", "id"],
        rows,
    )
}

async fn codes(data: &Path) -> anyhow::Result<HashMap<CaseId, TrackingCode>> {
    let system = System::of(data)?;
    system.codes(&system.ledger().await?).await
}

async fn show(folder: &DataFolder, id: uuid::Uuid, json: bool) -> anyhow::Result<()> {
    let path: PathBuf = folder.outbox().join(format!("{}.sealed", id.hyphenated()));
    if !path.exists() {
        bail!("there is no message {id}: `hoiam outbox list` shows those there are");
    }
    let message = open_outbox_file(&OutboxKey::load(folder.outbox_key())?, &path)?;
    if json {
        return output::json(&message);
    }
    output::line(format!("{} {}", output::bold("To:"), message.to))?;
    if !message.subject.is_empty() {
        output::line(format!("{} {}", output::bold("Subject:"), message.subject))?;
    }
    output::line(format!("\n{}", message.body))
}
