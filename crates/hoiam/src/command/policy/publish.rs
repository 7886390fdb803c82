//! `hoiam policy publish`, `list` and `show`: the versions on record.

use std::path::{Path, PathBuf};

use anyhow::Context;
use contracts::grpc::policy::{PublishRequest, Version};
use kernel::Instant;
use serde_json::{Value, json};

use super::Of;
use super::source::{self, Versions};
use crate::command::moment;
use crate::command::replay::local;
use crate::connect::{System, actor, refusal};
use crate::output;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam policy publish new.toml --by operator:lan\n  hoiam policy publish new.toml --by office:an --from 2026-12-01T00:00"
)]
pub(crate) struct Arguments {
    /// The policy (TOML).
    file: PathBuf,
    /// Who is answerable: `operator:lan`, `office:an`, `leader:…`, `admin:…`.
    #[arg(long)]
    by: String,
    /// In force for what is recorded from then on: `2026-12-01`, `2026-12-01T08:00` (UTC+7), or RFC 3339. None: at once.
    #[arg(long, value_name = "TIME", value_parser = moment::since)]
    from: Option<Instant>,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  hoiam policy list\n  hoiam policy list --json")]
pub(crate) struct ListArguments {
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  hoiam policy show current > new.toml\n  hoiam policy show 1")]
pub(crate) struct ShowArguments {
    /// `current`, a hash, or a number in `hoiam policy list`.
    version: String,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(data: &Path, of: Of, arguments: &Arguments) -> anyhow::Result<()> {
    let file = arguments.file.display();
    let text = std::fs::read_to_string(&arguments.file).with_context(|| format!("{file} cannot be read"))?;
    let by = actor(&arguments.by)?;
    let mut policies = source::client(&System::of(data)?, of).await?;
    let request = PublishRequest {
        request_id: source::request_id(),
        actor: by,
        text,
        from: arguments.from.unwrap_or_default().0,
    };
    let reply = policies.publish(request).await;
    let version = reply.map_err(|status| refusal(&status))?.into_inner();
    if arguments.json {
        return output::json(&object(None, &version));
    }
    let when = if version.in_force {
        "It is in force for all that is recorded from now on.".to_owned()
    } else {
        format!("It takes effect on {}.", local(Instant(version.from)))
    };
    output::line(format!(
        "Version {} is on record at position {}, by {}. {when}",
        version.version, version.position, version.actor
    ))
}

pub(super) async fn list(data: &Path, of: Of, arguments: &ListArguments) -> anyhow::Result<()> {
    let versions = Versions::of(data, of).await?;
    if arguments.json {
        for (nth, version) in versions.listed.iter().enumerate() {
            output::json(&object(Some(nth + 1), version))?;
        }
        return Ok(());
    }
    let rows = versions.listed.iter().enumerate().map(|(nth, version)| {
        vec![
            (nth + 1).to_string(),
            version.version.clone(),
            local(Instant(version.from)),
            if version.in_force { "in force" } else { "" }.to_owned(),
            version.actor.clone(),
            version.source.clone(),
            version.position.to_string(),
        ]
    });
    output::table(
        &["", "version", "from (UTC+7)", "", "by", "source", "position"],
        rows,
    )
}

pub(super) async fn show(data: &Path, of: Of, arguments: &ShowArguments) -> anyhow::Result<()> {
    let mut versions = Versions::of(data, of).await?;
    let version = versions.named(&arguments.version)?;
    let text = versions.text(&version).await?;
    if arguments.json {
        let mut object = object(None, &version);
        object["text"] = Value::String(text);
        return output::json(&object);
    }
    output::line(text.trim_end())
}

fn object(nth: Option<usize>, version: &Version) -> Value {
    json!({
        "number": nth,
        "version": version.version,
        "sha256": version.sha256,
        "position": version.position,
        "recorded_at": Instant(version.recorded_at).to_string(),
        "from": Instant(version.from).to_string(),
        "by": version.actor,
        "source": version.source,
        "in_force": version.in_force,
    })
}
