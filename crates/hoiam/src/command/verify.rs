//! `hoiam verify`: the log against what was signed, the rows against the log, or one proof file, offline.

mod log;
mod receipt;
mod rows;
mod source;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use ledger::log::checkpoint::Checkpoint;
use ledger::log::note::Note;
use ledger::log::policy::{Accepted, Policy};
use ledger::log::verify::{Change, Finding};
use serde_json::json;

use crate::connect::System;
use crate::data::{DataFolder, RunInfo};
use crate::output;
use source::Source;

/// Findings that are listed; more are counted.
const LISTED: usize = 20;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam verify\n  hoiam verify --case HA-7K3MX-9QP4T-5\n  hoiam verify --log-only --log https://ledger.danang.example/log --policy danang.policy\n  hoiam verify receipt.tlog-proof --policy danang.policy"
)]
pub(crate) struct Arguments {
    /// A proof file: checked alone and offline, with the policy's public keys.
    #[arg(value_name = "FILE", conflicts_with_all = ["case", "log_only", "log"])]
    file: Option<PathBuf>,
    /// Only the events of one case (tracking code or id). That none is left out only the whole shows.
    #[arg(long, conflicts_with = "log_only")]
    case: Option<String>,
    /// Only the log's files; the ledger is not asked.
    #[arg(long)]
    log_only: bool,
    /// The log's folder or address; else that of the running ledger, or of the data folder.
    #[arg(long, value_name = "DIR|URL")]
    log: Option<String>,
    /// Whom to believe (c2sp.org/tlog-policy): the log's and the witnesses' public keys. An auditor has their own copy; else the data folder's.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// One JSON object a line: each finding, then the verdict.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let folder = DataFolder::at(data)?;
    let file = arguments.policy.clone().unwrap_or_else(|| folder.log_policy());
    let policy = Policy::load(&file).with_context(|| format!("the policy {}", file.display()))?;
    if let Some(proof) = &arguments.file {
        return receipt::verify(proof, &policy, arguments.json);
    }
    let source = match &arguments.log {
        Some(named) => Source::named(named)?,
        None => match RunInfo::read(&folder) {
            Ok(run) => Source::named(&format!("{}/log", run.http("ledger")?))?,
            Err(error) if !arguments.log_only => return Err(error),
            Err(_) => Source::folder(&folder.tlog()),
        },
    };
    let mut verdict = Verdict::new(arguments.json);
    let accepted = match believed(&source, &policy).await? {
        Ok(accepted) => accepted,
        Err(finding) => {
            verdict.found(&[finding])?;
            return verdict.end(None, 0);
        }
    };
    let system = (!arguments.log_only).then(|| System::of(data)).transpose()?;
    let checked = match (&arguments.case, &system) {
        (Some(case), Some(system)) => {
            let ledger = system.ledger().await?;
            let case = system.case(&ledger, case).await?;
            rows::of_case(&source, &accepted.checkpoint, &ledger, case, &mut verdict).await?
        }
        (_, system) => {
            let frontier = log::tree(&source, &accepted.checkpoint, &mut verdict).await?;
            match (system, frontier) {
                (Some(system), Some(frontier)) => {
                    let ledger = system.ledger().await?;
                    rows::all(&source, &accepted.checkpoint, frontier, &ledger, &mut verdict).await?
                }
                // Rows are compared with entries that are those signed; without these they are left alone.
                _ => accepted.checkpoint.size,
            }
        }
    };
    verdict.end(Some(&accepted), checked)
}

/// The published checkpoint, if the policy believes it.
async fn believed(source: &Source, policy: &Policy) -> anyhow::Result<Result<Accepted, Finding>> {
    let Some(bytes) = source.get("checkpoint").await? else {
        bail!("{source} has no checkpoint: is it a log, and has it signed anything yet?")
    };
    let accepted = String::from_utf8_lossy(&bytes)
        .parse::<Note>()
        .map_err(Into::into)
        .and_then(|note| policy.accept(&note));
    Ok(accepted.map_err(|why| Finding::whole(Change::Checkpoint, why.to_string())))
}

/// What was found, told as it is found.
struct Verdict {
    json: bool,
    findings: usize,
}

impl Verdict {
    fn new(json: bool) -> Self {
        Self { json, findings: 0 }
    }

    fn found(&mut self, findings: &[Finding]) -> anyhow::Result<()> {
        for finding in findings {
            self.findings += 1;
            if self.json {
                output::json(
                    &json!({ "position": finding.position, "change": finding.change.word(), "says": finding.says }),
                )?;
            } else if self.findings <= LISTED {
                let place = finding
                    .position
                    .map_or_else(String::new, |p| format!("position {p}: "));
                output::note(format!("{place}{} [{}]", finding.says, finding.change.word()));
            }
        }
        Ok(())
    }

    fn end(self, accepted: Option<&Accepted>, checked: u64) -> anyhow::Result<ExitCode> {
        let checkpoint = accepted.map(|it| &it.checkpoint);
        if self.json {
            output::json(&json!({
                "ok": self.findings == 0,
                "findings": self.findings,
                "checked": checked,
                "checkpoint": checkpoint.map(told),
                "witnesses": accepted.map(|it| it.cosigners.iter().map(|(name, at)| json!({ "name": name, "at": at })).collect::<Vec<_>>()),
            }))?;
        } else if self.findings > 0 {
            if self.findings > LISTED {
                output::note(format!("and {} more", self.findings - LISTED));
            }
            output::note("hoiam: the record is not what was signed");
        } else if let (Some(checkpoint), Some(accepted)) = (checkpoint, accepted) {
            let witnesses = match accepted.cosigners.len() {
                0 => "no witness asked".to_owned(),
                n => format!(
                    "cosigned by {n}: {}",
                    accepted
                        .cosigners
                        .iter()
                        .map(|(name, _)| name.as_str())
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            };
            let waiting = match checked.saturating_sub(checkpoint.size) {
                0 => String::new(),
                n => format!("; {n} later ones fit the ledger's own root and wait for the next checkpoint"),
            };
            output::line(format!(
                "All {} events are what was signed: {} leaves under the root {} ({witnesses}){waiting}.",
                checked.min(checkpoint.size),
                checkpoint.size,
                hex::encode(checkpoint.root)
            ))?;
        }
        Ok(if self.findings == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn told(checkpoint: &Checkpoint) -> serde_json::Value {
    json!({ "origin": checkpoint.origin, "size": checkpoint.size, "root": hex::encode(checkpoint.root) })
}
