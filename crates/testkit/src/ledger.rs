//! A real ledger in this process, with callers for every service.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use chassis::callers::{Caller, CallerKind, CallersFile, token_sha256};
use chassis::clock::SystemClock;
use chassis::config::{BrokerAccess, LedgerAccess, ListenConfig, Secret, ServiceConfig, TelemetryConfig};
use chassis::ledger::LedgerClient;
use chassis::service::Life;
use kernel::{Clock, Position};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::nats::NatsServer;

/// Who calls, what they append, and what for they open content.
const CALLERS: [(&str, CallerKind, &[&str], &[&str]); 8] = [
    ("intake", CallerKind::Service, &["report"], &[]),
    (
        "classification",
        CallerKind::Service,
        &["classification", "classification-policy"],
        &["classify", "learn", "policy"],
    ),
    (
        "routing",
        CallerKind::Service,
        &["routing", "routing-policy", "routing-outlet"],
        &["route", "handle", "policy"],
    ),
    (
        "escalation",
        CallerKind::Service,
        &["obligation", "sla-policy"],
        &["policy"],
    ),
    (
        "feedback",
        CallerKind::Service,
        &["feedback", "message", "petition", "feedback-policy"],
        &["answer", "policy"],
    ),
    (
        "console",
        CallerKind::Console,
        &["directory"],
        &["handle", "review", "inspect"],
    ),
    ("auditor", CallerKind::Auditor, &[], &["inspect"]),
    (
        "test",
        CallerKind::Admin,
        &[
            "report",
            "classification",
            "routing",
            "obligation",
            "feedback",
            "message",
            "directory",
            "routing-policy",
        ],
        &[
            "classify", "route", "answer", "handle", "review", "inspect", "policy", "learn", "backtest",
        ],
    ),
];

/// A ledger on SQLite (or PostgreSQL) with its data in a temporary folder; stopped when dropped.
pub struct TestLedger {
    folder: tempfile::TempDir,
    config: ledger::Config,
    clock: Arc<dyn Clock>,
    running: Option<(CancellationToken, JoinHandle<anyhow::Result<()>>)>,
}

impl TestLedger {
    /// A ledger on SQLite whose relay publishes to this server.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(nats: &NatsServer) -> anyhow::Result<Self> {
        Self::start_with(&nats.url(), None, 1, Arc::new(SystemClock)).await
    }

    /// The same with everything said: the broker's address, the database (`None`: SQLite), how many shards, the clock.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_with(
        nats_url: &str,
        database: Option<String>,
        shards: u32,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name);
        ledger::vault::create_kek_file(&path("kek"))?;
        let callers = CALLERS.iter().map(|(name, kind, append, purposes)| Caller {
            name: (*name).to_owned(),
            kind: *kind,
            token_sha256: token_sha256(&token(name)),
            append: append.iter().map(|c| (*c).to_owned()).collect(),
            purposes: purposes.iter().map(|p| (*p).to_owned()).collect(),
            rights: vec![],
            read: true,
            acts_for_people: matches!(kind, CallerKind::Console | CallerKind::Admin),
        });
        std::fs::write(
            path("callers.json"),
            serde_json::to_vec(&CallersFile {
                callers: callers.collect(),
            })?,
        )?;
        let database = database.unwrap_or_else(|| format!("sqlite:{}", path("ledger.db").display()));
        let config = ledger::Config {
            database: Secret::new(database),
            kek: path("kek"),
            shards,
            advertise: None,
            accept_clock: None,
            patrol: 0,
            no_relay: nats_url.is_empty(),
            log: Default::default(),
            listen: ListenConfig {
                grpc_listen: "127.0.0.1:0".to_owned(),
                http_listen: None,
                http_limits: Default::default(),
                callers: Some(path("callers.json")),
            },
            broker: BrokerAccess {
                nats_url: nats_url.to_owned(),
                nats_credential: None,
            },
            telemetry: TelemetryConfig::default(),
        };
        let mut ledger = Self {
            folder,
            config,
            clock,
            running: None,
        };
        ledger.restart().await?;
        Ok(ledger)
    }

    /// `http://127.0.0.1:<port>`; the same after a restart.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.config.listen.grpc_listen)
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &ledger::Config {
        &self.config
    }

    /// A client that calls as `intake`, `routing`, …, or as `test`, who may do everything.
    ///
    /// # Errors
    /// As `LedgerClient::connect`.
    pub async fn client(&self, caller: &str) -> anyhow::Result<LedgerClient> {
        Ok(LedgerClient::connect(&self.url(), &token(caller)).await?)
    }

    /// A file with the token of a caller, for a service's configuration.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn token_file(&self, caller: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder.path().join(format!("{caller}.token"));
        std::fs::write(&path, token(caller))?;
        Ok(path)
    }

    /// The common configuration of the service `name` on this ledger and broker: free ports, its read model in the ledger's folder, and the
    /// ledger's callers as its own.
    ///
    /// # Errors
    /// When the token file cannot be written.
    pub fn service_config(&self, name: &str) -> anyhow::Result<ServiceConfig> {
        Ok(ServiceConfig {
            ledger: LedgerAccess {
                ledger_url: self.url(),
                ledger_token_file: Some(self.token_file(name)?),
            },
            broker: self.config.broker.clone(),
            listen: ListenConfig {
                grpc_listen: "127.0.0.1:0".to_owned(),
                http_listen: Some("127.0.0.1:0".to_owned()),
                http_limits: Default::default(),
                callers: self.config.listen.callers.clone(),
            },
            database: Some(Secret::new(format!(
                "sqlite:{}",
                self.folder.path().join(format!("{name}.db")).display()
            ))),
            replica: Some(name.to_owned()),
            telemetry: TelemetryConfig::default(),
        })
    }

    /// Stops it as a service is stopped.
    ///
    /// # Errors
    /// What it ended with.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        if let Some((shutdown, task)) = self.running.take() {
            shutdown.cancel();
            task.await??;
        }
        Ok(())
    }

    /// Starts it (again) on the same data and port.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.stop().await?;
        let shutdown = CancellationToken::new();
        let (life, ready) = Life::under(&shutdown);
        let task = tokio::spawn(ledger::run(
            self.config.clone(),
            life.with_clock(Arc::clone(&self.clock)),
        ));
        let Ok(running) = ready.await else {
            bail!("the ledger did not start: {:?}", task.await)
        };
        self.config.listen.grpc_listen = running.grpc.to_string();
        self.running = Some((shutdown, task));
        Ok(())
    }

    /// The same with another way to the broker.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart_through(&mut self, nats_url: &str) -> anyhow::Result<()> {
        nats_url.clone_into(&mut self.config.broker.nats_url);
        self.restart().await
    }

    /// Waits until the relay has put everything on record into the stream; gives the head.
    ///
    /// # Errors
    /// When it does not in 20 s.
    pub async fn relayed(&self) -> anyhow::Result<Position> {
        let client = self.client("test").await?;
        let wait = async {
            loop {
                let head = client.head(Position(0)).await?;
                if head.relayed >= head.position {
                    return anyhow::Ok(Position(head.position));
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait)
            .await
            .context("the relay does not follow")?
    }
}

impl Drop for TestLedger {
    fn drop(&mut self) {
        if let Some((shutdown, _)) = &self.running {
            shutdown.cancel();
        }
    }
}

/// The token of a caller.
#[must_use]
pub fn token(caller: &str) -> String {
    format!("token of {caller}")
}
