//! The whole of a service's `main`: `run`, `check-config`, `migrate`.

use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use tokio_util::sync::CancellationToken;

use super::{Life, Service};
use crate::config::Settings;
use crate::telemetry;

#[derive(Parser)]
struct Cli<C: Args> {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    config: C,
}

#[derive(Subcommand, Clone, Copy, PartialEq, Eq)]
enum Command {
    /// Run the service until Ctrl-C or SIGTERM (the default).
    Run,
    /// Check the configuration and print it, secrets hidden.
    CheckConfig,
    /// Bring the database to the present schema.
    Migrate,
}

/// Parses the arguments and runs the service; every bad value is reported at once, before anything binds.
#[must_use]
pub fn run_main<S: Service>() -> ExitCode {
    let command = Cli::<S::Config>::command()
        .name(S::NAME)
        .about(S::ABOUT)
        .version(env!("CARGO_PKG_VERSION"));
    let cli = match Cli::<S::Config>::from_arg_matches(&command.get_matches()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let problems = cli.config.problems();
    if !problems.is_empty() {
        for problem in problems {
            say(&problem.to_string());
        }
        return ExitCode::from(2);
    }
    let command = cli.command.unwrap_or(Command::Run);
    if command == Command::CheckConfig {
        say(&format!("{:#?}", cli.config));
        return ExitCode::SUCCESS;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&format!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        let telemetry = telemetry::init(S::NAME, cli.config.telemetry());
        let result = match command {
            Command::Migrate => S::migrate(cli.config).await,
            _ => {
                let shutdown = CancellationToken::new();
                tokio::spawn(cancel_on_signal(shutdown.clone()));
                let (life, _ready) = Life::under(&shutdown);
                S::run(cli.config, life).await
            }
        };
        telemetry.shutdown();
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!(service = S::NAME, "{error:#}");
                ExitCode::FAILURE
            }
        }
    })
}

/// Cancels at the first Ctrl-C or SIGTERM.
async fn cancel_on_signal(shutdown: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(error) => {
            tracing::warn!(error = %crate::telemetry::chain(&error), "SIGTERM cannot be heard; Ctrl-C can");
            let _ = tokio::signal::ctrl_c().await;
        }
    }
    tracing::info!("asked to stop");
    shutdown.cancel();
}

#[expect(
    clippy::print_stderr,
    reason = "what the person who started the program is told, before there are logs"
)]
fn say(line: &str) {
    eprintln!("{line}");
}
