//! `hoiam ledger …`: the record itself, and the stream that is made from it.

mod audit_stream;
mod backup;
mod copy;
mod migrate;
mod place;
mod rebuild_stream;
mod restore;

use std::path::Path;
use std::process::ExitCode;

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  hoiam ledger audit-stream\n  hoiam ledger rebuild-stream")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Back up the record, and its keys apart from it, while the ledger runs.
    Backup(backup::Arguments),
    /// Bring a backup back to an empty place.
    Restore(restore::Arguments),
    /// Move the record and its keys to another database, SQLite or PostgreSQL, with the same positions and root.
    Copy(copy::Arguments),
    /// Bring the database to the present schema, as the owner of its tables.
    Migrate(migrate::Arguments),
    /// Compare the stream EVENTS with the record, message by message.
    AuditStream(audit_stream::Arguments),
    /// Delete the stream EVENTS and have the relay make it anew from the record.
    RebuildStream(rebuild_stream::Arguments),
}

pub(crate) async fn run(data: &Path, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let done = |()| ExitCode::SUCCESS;
    match arguments.command {
        Command::Backup(arguments) => backup::run(data, &arguments).await.map(done),
        Command::Restore(arguments) => restore::run(data, &arguments).await.map(done),
        Command::Copy(arguments) => copy::run(&arguments).await.map(done),
        Command::Migrate(arguments) => migrate::run(data, &arguments).await.map(done),
        Command::AuditStream(arguments) => audit_stream::run(data, &arguments).await,
        Command::RebuildStream(arguments) => rebuild_stream::run(data, &arguments).await.map(done),
    }
}
