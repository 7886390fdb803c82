//! `hoiam prove`: the proof file of a position, to be handed to anybody.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use chassis::ledger::Proof;
use kernel::Position;
use serde_json::json;

use crate::connect::System;
use crate::output;

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  hoiam prove 1234 --out receipt.tlog-proof\n  hoiam verify receipt.tlog-proof"
)]
pub(crate) struct Arguments {
    /// Position on record.
    position: u64,
    /// Where the proof is written; else to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let position = Position(arguments.position);
    let proof = match System::of(data)?.ledger().await?.prove(position).await? {
        Proof::File(proof) => proof,
        Proof::NotYetCovered(covered) => bail!(
            "position {position} is not yet covered: the published checkpoint ends at {covered}; try again in a moment, or see `hoiam doctor`"
        ),
    };
    if let Some(path) = &arguments.out {
        std::fs::write(path, &proof).with_context(|| format!("{} cannot be written", path.display()))?;
        if arguments.json {
            return output::json(&json!({ "position": arguments.position, "file": path }));
        }
        return output::line(format!("{}: the proof of position {position}", path.display()));
    }
    if arguments.json {
        return output::json(&json!({ "position": arguments.position, "proof": proof }));
    }
    output::line(proof.trim_end_matches('\n'))
}
