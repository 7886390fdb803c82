//! `hoiam bench`: how many reports a second, how long each takes, and where the time goes.

mod ledger;
mod load;
mod process;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Serialize;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

use crate::connect::System;
use crate::output;
use load::Measured;
use process::Usage;

#[derive(clap::Args)]
#[command(after_help = "Example:\n  hoiam bench pipeline --reports 5000 --json")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Bench,
}

#[derive(clap::Subcommand)]
enum Bench {
    /// From the gateway's message to the receipt, and to the unit that got the case: all at once, then at half that pace.
    #[command(after_help = "Example:\n  hoiam bench pipeline --reports 5000 --json")]
    Pipeline(Pipeline),
    /// The ledger by itself: appending, reading, relaying, memory and growth, beside other event stores.
    Ledger(ledger::Arguments),
    /// The ledger that `bench ledger` measures, as a process of its own.
    #[command(
        hide = true,
        after_help = "Example:\n  hoiam bench serve --database sqlite:ledger.db --kek kek --callers callers.json"
    )]
    Serve(Box<::ledger::Config>),
}

#[derive(clap::Args)]
struct Pipeline {
    /// So many reports in each run.
    #[arg(long, default_value_t = 2_000, value_parser = some)]
    reports: usize,
    /// The ledger's database; SQLite in a temporary folder when none is named.
    #[arg(long, hide_env_values = true)]
    database: Option<String>,
    /// Keep the system's data here instead of in a temporary folder that is removed.
    #[arg(long = "keep", value_name = "DIR")]
    keep: Option<PathBuf>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

fn some(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a whole number of at least 1 is needed".to_owned()),
        Ok(reports) => Ok(reports),
    }
}

/// One line of results.
#[derive(Serialize)]
struct Line {
    bench: &'static str,
    case: String,
    engine: String,
    per_second: f64,
    p50_us: u64,
    p99_us: u64,
    peak_rss_mib: f64,
    /// By process: the services, nats-server, and this load generator.
    cpu_us_per_report: BTreeMap<&'static str, f64>,
    reports: usize,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let pipeline = match arguments.command {
        Bench::Pipeline(pipeline) => pipeline,
        Bench::Ledger(arguments) => return Box::pin(ledger::run(&arguments)).await,
        Bench::Serve(config) => return Box::pin(ledger::serve(*config)).await,
    };
    let temporary = Temporary::new(pipeline.keep.clone())?;
    let mut child = start(temporary.path(), pipeline.database.as_deref())?;
    let result = measure(temporary.path(), &mut child, &pipeline).await;
    stop(&mut child).await;
    result
}

/// A folder that goes when it is no longer needed.
struct Temporary {
    path: PathBuf,
    keep: bool,
}

impl Temporary {
    fn new(keep: Option<PathBuf>) -> anyhow::Result<Self> {
        if let Some(path) = keep {
            return Ok(Self { path, keep: true });
        }
        let path = std::env::temp_dir().join(format!("hoiam-bench-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self { path, keep: false })
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// The system under test: a process of its own, so that its time is told apart from the load generator's.
fn start(data: &Path, database: Option<&str>) -> anyhow::Result<Child> {
    let mut command =
        Command::new(std::env::current_exe().context("this program does not know where it lies")?);
    command
        .args(["up", "--port", "0", "--nats-port", "0", "--no-demo", "--data"])
        .arg(data);
    if let Some(url) = database {
        command.env("HOIAM_DATABASE", url);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command.spawn().context("the system under test cannot be started")
}

async fn stop(child: &mut Child) {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        // An error means that it has gone already.
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM);
    }
    if tokio::time::timeout(Duration::from_secs(60), child.wait())
        .await
        .is_err()
    {
        let _ = child.kill().await;
    }
}

async fn measure(data: &Path, child: &mut Child, pipeline: &Pipeline) -> anyhow::Result<()> {
    let system = wait_until_up(data, child).await?;
    let load = load::Load::prepare(&system).await?;
    // Warms caches and compiles statements; not counted.
    load.run("warm", pipeline.reports.min(200), None).await?;
    load.come_to_rest().await?;
    let (flood, usage) = observed(&system, load.run("flood", pipeline.reports, None)).await?;
    report(pipeline, &system, "at once", &flood, &usage)?;
    load.come_to_rest().await?;
    let rate = flood.unit.per_second / 2.0;
    let (paced, usage) = observed(
        &system,
        load.run("paced", pipeline.reports.min(2_000), Some(rate)),
    )
    .await?;
    report(pipeline, &system, &format!("{rate:.0} a second"), &paced, &usage)
}

async fn wait_until_up(data: &Path, child: &mut Child) -> anyhow::Result<System> {
    loop {
        if let Ok(system) = System::of(data) {
            return Ok(system);
        }
        if let Some(status) = child.try_wait()? {
            let mut said = String::new();
            if let Some(mut stderr) = child.stderr.take() {
                stderr.read_to_string(&mut said).await?;
            }
            bail!("the system under test ended at once ({status}): {}", said.trim());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Runs something and says what each process spent on it.
async fn observed(
    system: &System,
    run: impl Future<Output = anyhow::Result<Measured>>,
) -> anyhow::Result<(Measured, Vec<Usage>)> {
    let nats = crate::broker::running(&system.folder).unwrap_or_default();
    let processes = [
        ("services", system.run.pid.unwrap_or_default()),
        ("nats-server", nats),
        ("load generator", std::process::id()),
    ];
    let before = processes.map(|(name, pid)| Usage::of(name, pid));
    let measured = run.await?;
    Ok((measured, before.iter().map(Usage::since).collect()))
}

fn report(
    pipeline: &Pipeline,
    system: &System,
    pace: &str,
    measured: &Measured,
    usage: &[Usage],
) -> anyhow::Result<()> {
    for (what, stage) in [("accepted", &measured.accepted), ("unit got it", &measured.unit)] {
        let line = Line {
            bench: "pipeline",
            case: format!("{what}, {pace}"),
            engine: system.run.engine.clone(),
            per_second: round(stage.per_second),
            p50_us: stage.percentile(50),
            p99_us: stage.percentile(99),
            peak_rss_mib: round(
                usage
                    .iter()
                    .filter(|u| u.name != "load generator")
                    .map(|u| u.peak_rss_mib)
                    .sum(),
            ),
            #[expect(clippy::cast_precision_loss, reason = "a quotient for people")]
            cpu_us_per_report: usage
                .iter()
                .map(|u| (u.name, round(u.cpu_us as f64 / measured.reports as f64)))
                .collect(),
            reports: measured.reports,
        };
        if pipeline.json {
            output::json(&line)?;
        } else {
            line.print()?;
        }
    }
    Ok(())
}

impl Line {
    fn print(&self) -> anyhow::Result<()> {
        let cpu: Vec<_> = self
            .cpu_us_per_report
            .iter()
            .map(|(name, us)| format!("{name} {us:.0}"))
            .collect();
        output::line(format!(
            "{:<32} {:>8.0}/s   p50 {:>9.1} ms   p99 {:>9.1} ms   peak {:.0} MiB   CPU µs a report: {}",
            format!("{} ({})", self.case, self.engine),
            self.per_second,
            millis(self.p50_us),
            millis(self.p99_us),
            self.peak_rss_mib,
            cpu.join(", ")
        ))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn millis(us: u64) -> f64 {
    us as f64 / 1000.0
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
