//! The services in one process: each configured by the flags that its own program has, started, watched and stopped.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use chassis::config::Settings;
use chassis::service::{Life, Running as Listening, Service};
use clap::{Args, Parser};
use futures::future::select_all;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::Options;
use crate::data::DataFolder;

/// How long a service may take to listen; a large SQLite file is checked first.
const START: Duration = Duration::from_secs(120);

/// A service that listens.
pub(super) struct Launched {
    pub(super) name: &'static str,
    listening: Listening,
    stop: CancellationToken,
    /// Dropped with it.
    task: AbortOnDropHandle<anyhow::Result<()>>,
}

impl Launched {
    pub(super) fn grpc(&self) -> String {
        url(self.listening.grpc)
    }

    pub(super) fn http(&self) -> Option<String> {
        self.listening.http.map(url)
    }
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// Starts the ledger, then the services, then the console, each when those it needs listen. Dropped on the way, it drops those that do
/// not listen yet; those in `launched` are for the caller to stop, as after an error.
pub(super) async fn start_all(
    folder: &DataFolder,
    options: &Options,
    nats: &str,
    console: TcpListener,
    launched: &mut Vec<Launched>,
) -> anyhow::Result<()> {
    let database = options
        .database
        .clone()
        .unwrap_or_else(|| folder.sqlite("ledger"));
    let flags = Flags::new()
        .common(folder, nats, "ledger")
        .set("database", database)
        .path("kek", &folder.kek())
        .path("log", &folder.tlog())
        .path("log-key", &folder.log_key())
        .path("log-policy", &folder.log_policy());
    launched.push(launch::<ledger::Ledger>(flags, options, None).await?);
    let ledger = launched[0].grpc();
    let flags = |name: &str| {
        Flags::new()
            .common(folder, nats, name)
            .set("ledger-url", &ledger)
            .path("ledger-token-file", &folder.token(name))
            .set("database", folder.sqlite(name))
            // The lock on the folder sees to it that there is one of each; by its name it has its shards back at once after a crash.
            .set("replica", name)
    };
    // A city that sends real mails says where its console is; without that, links lead to this machine.
    let links = match std::env::var("HOIAM_CONSOLE_URL") {
        Ok(url) => url,
        Err(_) => url(console.local_addr()?),
    };
    let (intake, classification, routing, escalation, feedback) = tokio::join!(
        launch::<intake::Intake>(
            flags("intake").path("identity-key-file", &folder.identity_key()),
            options,
            None
        ),
        launch::<classification::Classification>(
            flags("classification")
                .path("models", &folder.models())
                .path("sketch-key-file", &folder.sketch_key()),
            options,
            None
        ),
        launch::<routing::Routing>(
            flags("routing")
                .path("outbox-dir", &folder.outbox())
                .path("outbox-key-file", &folder.outbox_key())
                .set("console-url", &links),
            options,
            None
        ),
        launch::<escalation::Escalation>(flags("escalation"), options, None),
        launch::<feedback::Feedback>(
            flags("feedback")
                .path("outbox-dir", &folder.outbox())
                .path("outbox-key-file", &folder.outbox_key()),
            options,
            None
        ),
    );
    let mut failure = None;
    for service in [intake, classification, routing, escalation, feedback] {
        match service {
            Ok(service) => launched.push(service),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    if let Some(error) = failure {
        return Err(error);
    }
    let mut with_others = flags("console");
    for service in launched
        .iter()
        .filter(|s| ["intake", "classification", "routing", "feedback"].contains(&s.name))
    {
        with_others = with_others.set(&format!("{}-url", service.name), service.grpc());
    }
    launched.push(launch::<console::Console>(with_others, options, Some(console)).await?);
    Ok(())
}

/// Flags of a service, as one would type them.
struct Flags(Vec<String>);

impl Flags {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn set(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.0.push(format!("--{name}={}", value.as_ref()));
        self
    }

    fn path(self, name: &str, path: &Path) -> Self {
        self.set(name, path.to_string_lossy())
    }

    fn common(self, folder: &DataFolder, nats: &str, name: &str) -> Self {
        self.set("grpc-listen", "127.0.0.1:0")
            .set("http-listen", "127.0.0.1:0")
            .path("callers", &folder.callers())
            .set("nats-url", nats)
            .path("nats-credential", &folder.nats_credential(name))
    }
}

/// A service's configuration, parsed as its own program parses it.
#[derive(Parser)]
struct Configured<C: Args> {
    #[command(flatten)]
    config: C,
}

fn configure<S: Service>(flags: Flags) -> anyhow::Result<S::Config> {
    let words = std::iter::once(S::NAME.to_owned()).chain(flags.0);
    let Configured { config } =
        Configured::<S::Config>::try_parse_from(words).map_err(|e| anyhow::anyhow!("{}: {e}", S::NAME))?;
    let problems: Vec<_> = config.problems().iter().map(ToString::to_string).collect();
    if problems.is_empty() {
        Ok(config)
    } else {
        bail!("{}: {}", S::NAME, problems.join("; "))
    }
}

/// Starts a service and waits until it listens.
async fn launch<S: Service>(
    flags: Flags,
    options: &Options,
    http: Option<TcpListener>,
) -> anyhow::Result<Launched> {
    let config = configure::<S>(flags)?;
    let stop = CancellationToken::new();
    let (life, ready) = Life::under(&stop);
    let life = life.with_clock(Arc::clone(&options.clock));
    let life = match http {
        Some(listener) => life.with_http(listener),
        None => life,
    };
    let mut task = AbortOnDropHandle::new(tokio::spawn(S::run(config, life)));
    let listening = tokio::select! {
        ready = tokio::time::timeout(START, ready) => match ready {
            Ok(Ok(listening)) => listening,
            // It dropped the sender: its task says why.
            Ok(Err(_)) => return Err(ended(S::NAME, task.await)),
            Err(_) => {
                task.abort();
                bail!("{} did not come up within {} s: the log says what it waits for", S::NAME, START.as_secs())
            }
        },
        result = &mut task => return Err(ended(S::NAME, result)),
    };
    Ok(Launched {
        name: S::NAME,
        listening,
        stop,
        task,
    })
}

fn ended(name: &str, result: Result<anyhow::Result<()>, tokio::task::JoinError>) -> anyhow::Error {
    match result {
        Ok(Ok(())) => anyhow::anyhow!("{name} ended by itself"),
        Ok(Err(error)) => error.context(format!("{name} stopped")),
        Err(error) => anyhow::anyhow!("{name} stopped: {error}"),
    }
}

/// Waits until one of them ends before it was told to.
pub(super) async fn first_to_fail(launched: &mut Vec<Launched>) -> anyhow::Error {
    if launched.is_empty() {
        return std::future::pending().await;
    }
    let (result, index, _) = select_all(launched.iter_mut().map(|s| &mut s.task)).await;
    // A task that has ended cannot be waited for again.
    let service = launched.remove(index);
    ended(service.name, result)
}

/// Stops them, the last started first; the ledger when all others have finished their work.
pub(super) async fn stop_all(mut launched: Vec<Launched>) {
    let ledger = launched
        .iter()
        .position(|s| s.name == "ledger")
        .map(|index| launched.remove(index));
    for service in &launched {
        service.stop.cancel();
    }
    for service in launched {
        finish(service).await;
    }
    if let Some(ledger) = ledger {
        ledger.stop.cancel();
        finish(ledger).await;
    }
}

async fn finish(service: Launched) {
    let Launched { name, mut task, .. } = service;
    match tokio::time::timeout(chassis::service::DRAIN + Duration::from_secs(5), &mut task).await {
        Ok(Ok(Ok(()))) => tracing::info!(service = name, "stopped"),
        Ok(result) => tracing::error!(
            "{:#}",
            ended(name, result).context("while stopping").context(name)
        ),
        Err(_) => {
            task.abort();
            tracing::warn!(service = name, "did not stop in time and was dropped");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_understands_the_flags_that_up_gives_it() {
        let temp = tempfile::tempdir().unwrap();
        let folder = DataFolder::at(temp.path()).unwrap();
        folder.init().unwrap();
        let common = |name: &str| Flags::new().common(&folder, "nats://127.0.0.1:4222", name);
        let flags = |name: &str| {
            common(name)
                .set("ledger-url", "http://127.0.0.1:1")
                .path("ledger-token-file", &folder.token(name))
                .set("database", folder.sqlite(name))
        };
        configure::<ledger::Ledger>(
            common("ledger")
                .set("database", folder.sqlite("ledger"))
                .path("kek", &folder.kek())
                .path("log", &folder.tlog())
                .path("log-key", &folder.log_key())
                .path("log-policy", &folder.log_policy()),
        )
        .unwrap();
        configure::<intake::Intake>(flags("intake").path("identity-key-file", &folder.identity_key()))
            .unwrap();
        configure::<classification::Classification>(
            flags("classification")
                .path("models", &folder.models())
                .path("sketch-key-file", &folder.sketch_key()),
        )
        .unwrap();
        configure::<routing::Routing>(
            flags("routing")
                .path("outbox-dir", &folder.outbox())
                .path("outbox-key-file", &folder.outbox_key())
                .set("console-url", "http://127.0.0.1:1"),
        )
        .unwrap();
        configure::<escalation::Escalation>(flags("escalation")).unwrap();
        configure::<feedback::Feedback>(
            flags("feedback")
                .path("outbox-dir", &folder.outbox())
                .path("outbox-key-file", &folder.outbox_key()),
        )
        .unwrap();
        configure::<console::Console>(flags("console").set("intake-url", "http://127.0.0.1:1")).unwrap();
    }
}
