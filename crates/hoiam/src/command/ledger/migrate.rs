//! `hoiam ledger migrate`: the schema brought up to date by the owner of the tables, so that the ledger's own role need not be.

use std::path::Path;

use anyhow::Context as _;

use super::place::Database;
use crate::data::DataFolder;
use crate::output;

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  CREATE ROLE hoiam_ledger LOGIN PASSWORD '…';   -- in psql, once\n  hoiam ledger migrate --database postgres://owner@localhost/hoiam --grant hoiam_ledger\n\nThen the ledger runs as postgres://hoiam_ledger@…: it can add to the record, and neither change nor remove an event."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    database: Database,
    /// Give this role what the ledger needs to run, and nothing more (PostgreSQL); again after each migration.
    #[arg(long, value_name = "ROLE")]
    grant: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let url = arguments.database.url(&DataFolder::at(data)?);
    ledger::run_migrations(&url)
        .await
        .context("the schema is as it was")?;
    if let Some(role) = &arguments.grant {
        ledger::store::roles::grant(&url, role)
            .await
            .with_context(|| format!("the schema is the newest, but {role} was given nothing"))?;
    }
    if arguments.json {
        return output::json(&serde_json::json!({ "migrated": true, "granted": arguments.grant }));
    }
    output::line("The schema is the newest.")?;
    match &arguments.grant {
        Some(role) => output::line(format!("{role} may run the ledger; it can change no event.")),
        None => Ok(()),
    }
}
