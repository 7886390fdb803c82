//! The ledger under test: a process of its own on a database, with the credentials of a data folder.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use chassis::callers::{BearerToken, Caller, CallerKind};
use chassis::config::{Secret, Settings};
use chassis::service::Life;
use contracts::grpc::ledger as wire;
use contracts::grpc::ledger::ledger_client::LedgerClient;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

use crate::command::bench::process::Usage;
use crate::data::DataFolder;

/// A connection to the ledger as the bench's own caller.
pub(super) type Client = LedgerClient<InterceptedService<Channel, BearerToken>>;

const CALLER: &str = "bench";
/// What is appended to: one category for loads, one for what a consumer waits for.
pub(super) const LOAD: &str = "routing";
pub(super) const FOLLOWED: &str = "message";
const PATIENCE: Duration = Duration::from_secs(60);

/// Lets the bench append and read.
pub(super) fn admit(folder: &DataFolder) -> anyhow::Result<()> {
    folder.ensure_callers(vec![Caller {
        name: CALLER.to_owned(),
        kind: CallerKind::Service,
        token_sha256: String::new(),
        append: vec![LOAD.to_owned(), FOLLOWED.to_owned()],
        purposes: Vec::new(),
        read: true,
        acts_for_people: false,
        rights: Vec::new(),
    }])
}

/// What the ledger does beside.
#[derive(Clone, Copy)]
pub(super) enum Beside<'a> {
    /// Nothing: neither relay nor log.
    Nothing,
    /// It signs and writes the log's files.
    Log,
    /// It relays to this broker.
    Relay(&'a str),
}

/// The ledger's process.
pub(super) struct Subject {
    child: Child,
    address: String,
    token: String,
}

impl Subject {
    /// Starts it. What it does beside writing and answering is what it is told to.
    pub(super) async fn start(
        folder: &DataFolder,
        database: &str,
        beside: Beside<'_>,
    ) -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command =
            Command::new(std::env::current_exe().context("this program does not know where it lies")?);
        command
            .args(["bench", "serve"])
            .env("HOIAM_LEDGER_DATABASE", database)
            .env("HOIAM_LEDGER_KEK", folder.kek())
            .env("HOIAM_CALLERS", folder.callers())
            .env("HOIAM_GRPC_LISTEN", format!("127.0.0.1:{port}"))
            .env("HOIAM_LOG_FILE", folder.log())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        match beside {
            Beside::Relay(broker) => command
                .env("HOIAM_NATS_URL", broker)
                .env("HOIAM_NATS_CREDENTIAL", folder.nats_credential("ledger")),
            Beside::Log | Beside::Nothing => command.env("HOIAM_LEDGER_NO_RELAY", "true"),
        };
        if let Beside::Log = beside {
            command
                .env("HOIAM_LEDGER_LOG", folder.tlog())
                .env("HOIAM_LEDGER_LOG_KEY", folder.log_key());
        }
        let mut subject = Self {
            child: command.spawn().context("the ledger cannot be started")?,
            address: format!("http://127.0.0.1:{port}"),
            token: folder.read_token(CALLER)?,
        };
        let began = Instant::now();
        loop {
            if let Some(status) = subject.child.try_wait()? {
                let said = std::fs::read_to_string(folder.log()).unwrap_or_default();
                bail!(
                    "the ledger ended at once ({status}): {}",
                    said.lines().last().unwrap_or_default()
                );
            }
            if subject.head().await.is_ok() {
                return Ok(subject);
            }
            if began.elapsed() > PATIENCE {
                bail!("the ledger does not answer");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Where it is.
    pub(super) async fn head(&self) -> anyhow::Result<wire::HeadReply> {
        Ok(self
            .client()
            .await?
            .head(wire::HeadRequest { at_least: 0 })
            .await?
            .into_inner())
    }

    /// A connection of its own.
    pub(super) async fn client(&self) -> anyhow::Result<Client> {
        let channel = Endpoint::from_shared(self.address.clone())?
            .tcp_nodelay(true)
            .initial_stream_window_size(8 << 20)
            .initial_connection_window_size(16 << 20)
            .connect()
            .await?;
        Ok(LedgerClient::with_interceptor(
            channel,
            BearerToken::new(Secret::new(self.token.clone())),
        ))
    }

    /// The most memory it ever held, in MiB.
    pub(super) fn peak_rss_mib(&self) -> f64 {
        Usage::of("ledger", self.child.id().unwrap_or_default()).peak_rss_mib
    }

    /// What it has handed to the disk so far, in bytes; none where the kernel does not tell.
    pub(super) fn written(&self) -> Option<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/io", self.child.id()?)).ok()?;
        text.lines()
            .find_map(|line| line.strip_prefix("write_bytes: "))?
            .parse()
            .ok()
    }

    /// Stops it as a service is stopped.
    pub(super) async fn stop(mut self) {
        super::super::stop(&mut self.child).await;
    }
}

/// What the process does.
pub(crate) async fn serve(config: ledger::Config) -> anyhow::Result<()> {
    if let Some(problem) = config.problems().into_iter().next() {
        bail!("{problem}");
    }
    let telemetry = chassis::telemetry::init("ledger", &config.telemetry);
    let shutdown = CancellationToken::new();
    let (life, _ready) = Life::under(&shutdown);
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::spawn(async move {
        terminate.recv().await;
        shutdown.cancel();
    });
    let ended = ledger::run(config, life).await;
    telemetry.shutdown();
    ended
}
