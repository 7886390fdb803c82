//! `hoiam ledger copy`: the record and its keys moved to another database, under the same positions and root.

use anyhow::Context as _;

use super::place::shown;
use crate::output;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam ledger copy sqlite:data/db/ledger.db postgres://hoiam@localhost/hoiam\n  hoiam ledger copy postgres://hoiam@localhost/hoiam sqlite:data/db/ledger.db\n\nA password is better kept in PGPASSWORD or ~/.pgpass than in the URL."
)]
pub(crate) struct Arguments {
    /// Where the ledger is: `sqlite:<path>` or `postgres://…`. No ledger may run on it.
    from: String,
    /// An empty place: a file that is not there, or a database without a ledger.
    to: String,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (bar, progress) = shown();
    let copied = Box::pin(ledger::store::copy::copy(
        &arguments.from,
        &arguments.to,
        progress,
    ))
    .await
    .context("nothing was copied")?;
    bar.finish_and_clear();
    let (position, root) = (copied.ledger.position, hex::encode(copied.ledger.root));
    if arguments.json {
        return output::json(&serde_json::json!({
            "position": position,
            "root": root,
            "tables": copied.tables,
        }));
    }
    for table in &copied.tables {
        output::line(format!("{:>12}  {}", table.rows, table.name))?;
    }
    output::line(format!(
        "All {position} events arrived and fit the Merkle root {root}.\nStart the ledger on the new database, and never again on the old one: two would tell two stories."
    ))
}
