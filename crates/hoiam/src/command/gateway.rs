//! `hoiam gateway add`: a credential for a channel's gateway, and the durable by which it reads its receipts.

use std::path::Path;

use anyhow::bail;
use contracts::subjects;

use crate::connect::System;
use crate::data::gateway_user;
use crate::output;
use crate::up::members;

#[derive(clap::Args)]
#[command(after_help = "Example:\n  hoiam gateway add sms-1")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Let a gateway in: it gets a credential file, and a durable for its receipts.
    #[command(after_help = "Example:\n  hoiam gateway add sms-1")]
    Add {
        /// Its name: lower-case letters, digits, `_` and `-`.
        name: String,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) async fn run(data: &Path, arguments: Arguments) -> anyhow::Result<()> {
    let Command::Add { name, json } = arguments.command;
    if !subjects::is_token(&name) {
        bail!("`{name}` cannot be a gateway's name: use 1 to 64 lower-case letters, digits, `_` and `-`");
    }
    let system = System::of(data)?;
    members::add_gateway(&system, &name).await?;
    let credential = system.folder.nats_credential(&gateway_user(&name));
    if json {
        return output::json(&serde_json::json!({ "gateway": name, "credential": credential }));
    }
    output::line(format!(
        "Gateway {name} may hand in on in.<channel>.{name} and reads its receipts from the durable gw-{name} of RECEIPTS."
    ))?;
    output::line(format!("Its credential: {}", credential.display()))
}
