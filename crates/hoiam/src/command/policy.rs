//! `hoiam policy`: a routing policy before it decides, and what it decided.

mod backtest;
mod check;
mod diff;
mod explain;
mod publish;
mod source;

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;
use routing::domain::UnitCode;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam policy check new.toml\n  hoiam policy diff current new.toml\n  hoiam policy publish new.toml --by operator:lan --from 2026-12-01T00:00\n  hoiam policy explain HA-7K3MX-9QP4T-5"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Every problem of a policy's file, each with an example; needs no running system.
    Check(check::Arguments),
    /// What two policies say differently, and which reports would go elsewhere.
    Diff(diff::Arguments),
    /// Put a version on record, in force from a time on.
    Publish(publish::Arguments),
    /// The versions on record.
    List(publish::ListArguments),
    /// The text of a version on record.
    Show(publish::ShowArguments),
    /// Why a case went where it went.
    Explain(explain::Arguments),
    /// Which cases on record would have gone elsewhere under a policy; nothing is written.
    Backtest(backtest::Arguments),
}

pub(crate) async fn run(data: &Path, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let done = |()| ExitCode::SUCCESS;
    match arguments.command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Diff(arguments) => diff::run(data, &arguments).await.map(done),
        Command::Publish(arguments) => publish::run(data, &arguments).await.map(done),
        Command::List(arguments) => publish::list(data, &arguments).await.map(done),
        Command::Show(arguments) => publish::show(data, &arguments).await.map(done),
        Command::Explain(arguments) => explain::run(data, &arguments).await.map(done),
        Command::Backtest(arguments) => backtest::run(data, &arguments).await.map(done),
    }
}

/// Units as they are listed: the lead first.
fn listed(units: &[UnitCode]) -> String {
    if units.is_empty() {
        return "nobody".to_owned();
    }
    units
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
