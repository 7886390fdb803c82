//! `hoiam policy`: a policy before it decides, and what it decided; routing's, or with `--of classification` the rules of classification.

mod backtest;
mod check;
mod diff;
mod explain;
mod publish;
mod source;

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Subcommand, ValueEnum};
use contracts::grpc::policy::Version;
use routing::domain::UnitCode;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam policy check new.toml\n  hoiam policy diff current new.toml\n  hoiam policy publish new.toml --by operator:lan --from 2026-12-01T00:00\n  hoiam policy explain HA-7K3MX-9QP4T-5\n  hoiam policy publish new.toml --by operator:lan --of classification"
)]
pub(crate) struct Arguments {
    /// Whose policy.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "SERVICE")]
    of: Of,
    #[command(subcommand)]
    command: Command,
}

/// Whose policy is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Of {
    /// Which office and units get a case.
    #[default]
    Routing,
    /// What a report is found to be, and by which model.
    Classification,
}

impl Of {
    /// The service that decides by it.
    const fn service(self) -> &'static str {
        match self {
            Self::Routing => "routing",
            Self::Classification => "classification",
        }
    }
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
    /// Which cases on record would have gone elsewhere, or been found otherwise, under a policy; nothing follows from it.
    Backtest(backtest::Arguments),
}

pub(crate) async fn run(data: &Path, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let of = arguments.of;
    let done = |()| ExitCode::SUCCESS;
    match arguments.command {
        Command::Check(arguments) => check::run(data, of, &arguments),
        Command::Diff(arguments) => diff::run(data, of, &arguments).await.map(done),
        Command::Publish(arguments) => publish::run(data, of, &arguments).await.map(done),
        Command::List(arguments) => publish::list(data, of, &arguments).await.map(done),
        Command::Show(arguments) => publish::show(data, of, &arguments).await.map(done),
        Command::Explain(arguments) if of == Of::Routing => explain::run(data, &arguments).await.map(done),
        Command::Explain(_) => bail!(
            "which rules found what is in the case's story: `hoiam case CODE`; `hoiam classify` explains a text"
        ),
        Command::Backtest(arguments) if of == Of::Routing => backtest::run(data, &arguments).await.map(done),
        Command::Backtest(arguments) => backtest::reports::run(data, &arguments).await.map(done),
    }
}

/// The classification policy in force, and its text.
pub(super) async fn classification_in_force(data: &Path) -> anyhow::Result<(Version, String)> {
    let mut versions = source::Versions::of(data, Of::Classification).await?;
    let version = versions.named("current")?;
    let text = versions.text(&version).await?;
    Ok((version, text))
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
