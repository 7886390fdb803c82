//! `hoiam up`: everything on one machine, in one process beside nats-server.

mod demo;
mod heal;
pub(crate) mod members;
mod port;
mod screen;
mod services;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use chassis::clock::SystemClock;
use chassis::config::TelemetryConfig;
use chassis::telemetry;
use kernel::Clock;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use crate::connect::System;
use crate::data::{DataFolder, FolderLock, RunInfo};
use crate::output;
use services::Launched;

/// What `hoiam up` is told.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  hoiam up\n  hoiam up --data /srv/hoiam --port 9000\n  HOIAM_DATABASE=postgres://hoiam@localhost/hoiam hoiam up"
)]
pub struct Arguments {
    /// The ledger's database: `postgres://…`, or SQLite in the data folder when none is named.
    ///
    /// Only the record and its keys move there. Read models and the console's accounts stay in SQLite files of the data folder; read
    /// models can be rebuilt from the record. A city that runs each service on its own gives each its own `--database`.
    #[arg(long, env = "HOIAM_DATABASE", hide_env_values = true)]
    database: Option<String>,
    /// Port of the console's pages; 0: any free one.
    #[arg(long, env = "HOIAM_PORT", default_value_t = 8080)]
    port: u16,
    /// Port of nats-server; 0: the one it had last time, or any free one.
    #[arg(long, env = "HOIAM_NATS_PORT", default_value_t = 4222)]
    nats_port: u16,
    /// Make no demonstration accounts and units at the first start.
    #[arg(long)]
    no_demo: bool,
    /// Write logs on standard error instead of the file `log/hoiam.log` of the data folder.
    #[arg(long)]
    verbose: bool,
    /// OTLP collector for traces, e.g. `http://127.0.0.1:4317`.
    #[arg(long, env = "HOIAM_OTLP_ENDPOINT")]
    otlp_endpoint: Option<String>,
}

/// What a system is started with.
#[derive(Clone)]
pub struct Options {
    /// The data folder; made if it is not there.
    pub data: PathBuf,
    /// The ledger's database; SQLite in the folder when none is named.
    pub database: Option<String>,
    /// Port of the console; 0: any free one.
    pub console_port: u16,
    /// Port of nats-server; 0: the one it had last time, or any free one.
    pub nats_port: u16,
    /// Whether demonstration accounts, a gateway and some units are made at the first start.
    pub demo: bool,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// A running system.
pub struct Running {
    /// What runs and where.
    pub info: RunInfo,
    folder: DataFolder,
    broker: Broker,
    launched: Vec<Launched>,
    healer: JoinHandle<()>,
    stop_healing: CancellationToken,
    _lock: FolderLock,
}

/// Starts everything and waits until it works.
///
/// # Errors
/// A folder that another runs, a port that is taken, a database that is out of reach …: one line that says what to do. What was started by
/// then is stopped.
pub async fn start(options: Options) -> anyhow::Result<Running> {
    start_unless(options, std::future::pending())
        .await?
        .context("it was told to stop before it ran")
}

/// The same, given up when `stop` ends first: then what was started by then is stopped too, nats-server included, and there is nothing.
async fn start_unless(options: Options, stop: impl Future<Output = ()>) -> anyhow::Result<Option<Running>> {
    tokio::pin!(stop);
    let folder = DataFolder::at(&options.data)?;
    folder.init()?;
    let lock = FolderLock::take(&folder)?;
    RunInfo::remove(&folder);
    let console = port::console(options.console_port).await?;
    let nats_port = port::nats(&folder, options.nats_port);
    let broker = tokio::select! {
        broker = Broker::start(&folder, nats_port) => broker?,
        () = &mut stop => return Ok(None),
    };
    let mut launched = Vec::new();
    let started = tokio::select! {
        started = services::start_all(&folder, &options, broker.url(), console, &mut launched) => started.map(|()| true),
        () = &mut stop => Ok(false),
    };
    if !matches!(started, Ok(true)) {
        services::stop_all(launched).await;
        broker.stop().await;
        return started.map(|_| None);
    }
    let info = RunInfo {
        pid: Some(std::process::id()),
        console: launched
            .iter()
            .find(|s| s.name == "console")
            .and_then(Launched::http)
            .unwrap_or_default(),
        nats: broker.url().to_owned(),
        nats_pid: crate::broker::running(&folder),
        grpc: launched.iter().map(|s| (s.name.to_owned(), s.grpc())).collect(),
        http: launched
            .iter()
            .filter_map(|s| Some((s.name.to_owned(), s.http()?)))
            .collect(),
        engine: if options.database.is_some() {
            "postgres"
        } else {
            "sqlite"
        }
        .to_owned(),
    };
    let stop_healing = CancellationToken::new();
    let healer = tokio::spawn(heal::run(
        folder.clone(),
        broker.url().to_owned(),
        broker.starts(),
        stop_healing.clone(),
    ));
    let running = Running {
        info,
        folder,
        broker,
        launched,
        healer,
        stop_healing,
        _lock: lock,
    };
    let settled = tokio::select! {
        settled = running.settle_in(options.demo) => settled.map(|()| true),
        () = &mut stop => Ok(false),
    };
    if matches!(settled, Ok(true)) {
        return Ok(Some(running));
    }
    running.stop().await;
    settled.map(|_| None)
}

impl Running {
    /// What comes after all services listen: the durables, the demonstration, and the word that it runs.
    async fn settle_in(&self, with_demo: bool) -> anyhow::Result<()> {
        let system = System {
            folder: self.folder.clone(),
            run: self.info.clone(),
        };
        heal::first_time(&system).await?;
        if with_demo {
            demo::prepare(&system)
                .await
                .context("the demonstration accounts and units")?;
        }
        self.info.write(&self.folder)
    }

    /// Ends when a service ends before it was told to, with its error.
    pub async fn failed(&mut self) -> anyhow::Error {
        services::first_to_fail(&mut self.launched).await
    }

    /// Stops everything in order: services, then the ledger, then the broker. What was taken is finished.
    pub async fn stop(self) {
        let Self {
            folder,
            broker,
            launched,
            healer,
            stop_healing,
            _lock,
            ..
        } = self;
        stop_healing.cancel();
        if let Err(error) = healer.await {
            tracing::error!(error = %chassis::telemetry::chain(&error), "the healer ended badly");
        }
        services::stop_all(launched).await;
        broker.stop().await;
        RunInfo::remove(&folder);
    }
}

/// The command.
pub(crate) async fn run(data: &Path, arguments: Arguments) -> anyhow::Result<()> {
    let folder = DataFolder::at(data)?;
    folder.init()?;
    let telemetry = telemetry::init(
        "hoiam",
        &TelemetryConfig {
            otlp_endpoint: arguments.otlp_endpoint.clone(),
            log_file: (!arguments.verbose).then(|| folder.log()),
            ..TelemetryConfig::default()
        },
    );
    let result = until_stopped(data, arguments).await;
    telemetry.shutdown();
    result
}

async fn until_stopped(data: &Path, arguments: Arguments) -> anyhow::Result<()> {
    let options = Options {
        data: data.to_owned(),
        database: arguments.database,
        console_port: arguments.port,
        nats_port: arguments.nats_port,
        demo: !arguments.no_demo,
        clock: Arc::new(SystemClock),
    };
    let stop = stop_signal()?;
    tokio::pin!(stop);
    let Some(mut running) = start_unless(options, &mut stop).await? else {
        return Ok(());
    };
    screen::show(&running.folder, &running.info)?;
    let failure = tokio::select! {
        () = &mut stop => None,
        error = running.failed() => Some(error),
    };
    output::note("Đang dừng … / Stopping …");
    running.stop().await;
    failure.map_or(Ok(()), Err)
}

/// Ends at the first Ctrl-C or SIGTERM.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be heard")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("Ctrl-C cannot be heard")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
