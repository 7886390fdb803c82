//! The command line: every command, its arguments, and how an error is told.

mod bench;
mod case;
mod classify;
mod desk;
mod doctor;
mod eval;
mod feed;
mod gateway;
mod init;
mod ledger;
mod moment;
mod outbox;
mod parked;
mod person;
mod policy;
mod prove;
mod replay;
mod submit;
mod totals;
mod train;
mod unit;
mod verify;
mod witness;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::{output, up};

/// Where the data folder is.
#[derive(Args, Clone, Debug)]
pub(crate) struct Data {
    /// The data folder.
    #[arg(
        long,
        env = "HOIAM_DATA",
        default_value = "data",
        global = true,
        value_name = "DIR"
    )]
    pub(crate) data: PathBuf,
}

#[derive(Parser)]
#[command(
    name = "hoiam",
    version,
    about = "Hồi Âm: the answer that comes back. Runs the whole system on one machine, and looks into it.",
    after_help = "Examples:\n  hoiam up\n  hoiam submit \"Đường Lê Văn Lương có ổ gà lớn\" --channel sms --phone 0900000011\n  hoiam doctor"
)]
struct Cli {
    #[command(flatten)]
    data: Data,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything on this machine: nats-server, ledger, services, console.
    Up(up::Arguments),
    /// Make the data folder with keys, credentials and one environment file per service, and start nothing.
    Init(init::Arguments),
    /// Hand in one report and print its tracking code.
    Submit(submit::Arguments),
    /// Hand in a file of reports as a gateway would, through NATS, and reconcile what came back.
    Feed(feed::Arguments),
    /// Tell the story of a case: what happened, when, who, why.
    Case(case::Arguments),
    /// Print what is on record.
    Replay(replay::Arguments),
    /// Where every report rests.
    Totals(totals::Arguments),
    /// Act for people: answer, opinion, order, review, reopen …
    Desk(desk::Arguments),
    /// The people who may sign in to the console.
    Person(person::Arguments),
    /// The routing policy: check, compare, publish, explain, backtest.
    Policy(policy::Arguments),
    /// A unit's own system: add one, watch what is put before it, answer.
    Unit(unit::Arguments),
    /// The gateways through which channels hand in.
    Gateway(gateway::Arguments),
    /// Messages to citizens that the file transport took.
    Outbox(outbox::Arguments),
    /// What no service could handle: look at it, settle it.
    Parked(parked::Arguments),
    /// Is everything well, and if not, what to do.
    Doctor(doctor::Arguments),
    /// Check what is on record against what was signed; or one proof file, offline.
    Verify(verify::Arguments),
    /// The proof file of a position, to be handed to anybody.
    Prove(prove::Arguments),
    /// Cosign what a ledger's log signs, on a machine of your own.
    Witness(witness::Arguments),
    /// The record itself.
    Ledger(ledger::Arguments),
    /// What the rules and the model make of a text, and why. Nothing is recorded.
    Classify(classify::Arguments),
    /// How the rules and the model do on labelled reports.
    Eval(eval::Arguments),
    /// Build a candidate model from labelled reports, compare it with the one in force, store it; put nothing in force.
    Train(train::Arguments),
    /// Measure.
    Bench(bench::Arguments),
}

/// Parses the arguments and runs the command. An error is one line on standard error and a code other than 0.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misused(&error),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::note(format!("hoiam: cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let code = match runtime.block_on(dispatch(cli)) {
        Ok(code) => code,
        // `hoiam replay | head`: the reader has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::note(format!("hoiam: {}", one_line(&error)));
            ExitCode::FAILURE
        }
    };
    // A blocked read of the terminal must not keep the program alive.
    runtime.shutdown_background();
    code
}

/// What was typed is no command: one line and the code 2. Help and version are no errors.
fn misused(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // Nobody to tell it to is no reason to fail.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
    } else {
        output::note(format!("hoiam: {}", told(error)));
    }
    ExitCode::from(2)
}

/// What clap says in a paragraph, on one line.
fn told(error: &clap::Error) -> String {
    let rendered = error.render().to_string();
    let said = rendered.split("\n\nUsage:").next().unwrap_or_default();
    let said = said.split("\n\nFor more information").next().unwrap_or_default();
    let mut line = said
        .trim()
        .trim_start_matches("error: ")
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .fold(String::new(), |mut line, part| {
            if !line.is_empty() {
                line.push_str(if line.ends_with(':') || line.ends_with(',') {
                    " "
                } else {
                    "; "
                });
            }
            line.push_str(part);
            line
        });
    line.push_str("; see `hoiam --help`");
    line
}

async fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    let data = cli.data.data;
    let done = |()| ExitCode::SUCCESS;
    match cli.command {
        Command::Up(arguments) => up::run(&data, arguments).await.map(done),
        Command::Init(arguments) => init::run(&data, &arguments).map(done),
        Command::Submit(arguments) => submit::run(&data, arguments).await.map(done),
        Command::Feed(arguments) => feed::run(&data, arguments).await,
        Command::Case(arguments) => case::run(&data, &arguments).await.map(done),
        Command::Replay(arguments) => replay::run(&data, &arguments).await.map(done),
        Command::Totals(arguments) => totals::run(&data, &arguments).await.map(done),
        Command::Desk(arguments) => Box::pin(desk::run(&data, arguments)).await.map(done),
        Command::Person(arguments) => person::run(&data, arguments).await.map(done),
        Command::Policy(arguments) => Box::pin(policy::run(&data, arguments)).await,
        Command::Unit(arguments) => unit::run(&data, arguments).await.map(done),
        Command::Gateway(arguments) => gateway::run(&data, arguments).await.map(done),
        Command::Outbox(arguments) => outbox::run(&data, &arguments).await.map(done),
        Command::Parked(arguments) => parked::run(&data, arguments).await.map(done),
        Command::Doctor(arguments) => doctor::run(&data, &arguments).await,
        Command::Verify(arguments) => verify::run(&data, &arguments).await,
        Command::Prove(arguments) => prove::run(&data, &arguments).await.map(done),
        Command::Witness(arguments) => witness::run(arguments).await.map(done),
        Command::Ledger(arguments) => ledger::run(&data, arguments).await,
        Command::Classify(arguments) => classify::run(&data, &arguments).await.map(done),
        Command::Eval(arguments) => eval::run(&arguments).map(done),
        Command::Train(arguments) => train::run(&data, &arguments).await.map(done),
        Command::Bench(arguments) => Box::pin(bench::run(arguments)).await.map(done),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|e| {
        e.downcast_ref::<std::io::Error>()
            .is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

/// An error and what lies behind it, on one line; a cause that only repeats what was said is left out.
fn one_line(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for part in error.chain().map(ToString::to_string) {
        if !said.contains(&part) {
            if !said.is_empty() {
                said.push_str(": ");
            }
            said.push_str(&part);
        }
    }
    said.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_every_command_shows_an_example() {
        fn check(command: &clap::Command, path: &str) {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(help.contains("Example"), "{path} shows no example");
            for sub in command.get_subcommands() {
                check(sub, &format!("{path} {}", sub.get_name()));
            }
        }
        let command = Cli::command();
        command.clone().debug_assert();
        check(&command, "hoiam");
    }

    #[test]
    fn what_is_mistyped_is_told_on_one_line_that_says_what_was_wrong() {
        for (typed, said) in [
            (&["hoiam", "totls"][..], "unrecognized subcommand 'totls'"),
            (&["hoiam", "submit"], "<TEXT>"),
            (&["hoiam", "submit", "x", "--channel", "fax"], "'fax'"),
            (&["hoiam", "bench", "pipeline", "--reports", "0"], "'0'"),
            (&["hoiam", "parked", "settle", "3"], "--reason"),
        ] {
            let Err(error) = Cli::try_parse_from(typed) else {
                panic!("{typed:?} was taken")
            };
            let line = told(&error);
            assert!(line.contains(said), "{line}");
            assert!(!line.contains('\n') && !line.contains("Usage"), "{line}");
        }
    }

    #[test]
    fn an_error_is_told_on_one_line_without_repetition() {
        let error = anyhow::anyhow!("it is taken")
            .context("cannot listen: it is taken")
            .context("up\nfailed");
        assert_eq!(one_line(&error), "up failed: cannot listen: it is taken");
    }
}
