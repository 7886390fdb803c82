//! `hoiam ledger …`: the record itself, and the stream that is made from it.

mod verify;

use std::path::Path;
use std::process::ExitCode;

#[derive(clap::Args)]
#[command(after_help = "Example:\n  hoiam ledger verify")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Recompute the Merkle tree from the events and compare it with the root that grew with them.
    Verify(verify::Arguments),
}

pub(crate) async fn run(data: &Path, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let done = |()| ExitCode::SUCCESS;
    match arguments.command {
        Command::Verify(arguments) => verify::run(data, &arguments).await.map(done),
    }
}
