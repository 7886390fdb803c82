//! `hoiam ledger …`: the record itself, and the stream that is made from it.

mod audit_stream;
mod backup;
mod copy;
mod erase;
mod keys;
mod migrate;
mod place;
mod rebuild_stream;
mod restore;
mod search;

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
    /// Erase for ever what was sealed for a case: facts and proofs stay.
    Erase(erase::Arguments),
    /// Find cases by words, phone numbers, e-mail addresses or ID numbers in what was sealed; the search is on record.
    Search(search::Arguments),
    /// Wrap every data key under a new key-encryption key; the old one then opens nothing and can be destroyed.
    RotateKey(keys::Rotate),
    /// Make the blind index anew under another secret, so that no remains of the old one say anything.
    Reindex(keys::Reindex),
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
        Command::Erase(arguments) => erase::run(data, arguments).await.map(done),
        Command::Search(arguments) => search::run(data, arguments).await.map(done),
        Command::RotateKey(arguments) => keys::rotate(data, arguments).await.map(done),
        Command::Reindex(arguments) => keys::reindex(data, arguments).await.map(done),
    }
}
