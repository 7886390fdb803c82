//! The event stores we compare with, where they are installed: UmaDB and message-db.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::closed_loop::{Measured, Span};
use super::load::BYTES;

/// The program of `tests/bench/peers`, which speaks to both.
const DRIVER: &str = "hoiam-bench-peers";
const PATIENCE: Duration = Duration::from_secs(30);

/// What the driver says of a run.
#[derive(Deserialize)]
struct Said {
    events: usize,
    seconds: f64,
    p50_us: u64,
    p99_us: u64,
}

/// Drives a peer; found on the path, or named by `HOIAM_BENCH_PEERS`.
pub(super) struct Driver(PathBuf);

impl Driver {
    pub(super) fn find() -> Option<Self> {
        found("HOIAM_BENCH_PEERS", DRIVER).map(Self)
    }

    async fn run(&self, arguments: &[&str], clients: usize, span: Span) -> anyhow::Result<Measured> {
        let output = Command::new(&self.0)
            .args(arguments)
            .args(["--clients", &clients.to_string(), "--bytes", &BYTES.to_string()])
            .args(["--warm-up", &span.warm_up.as_millis().to_string()])
            .args(["--measured", &span.measured.as_millis().to_string()])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("{} cannot be started", self.0.display()))?;
        if !output.status.success() {
            bail!(
                "{DRIVER} failed: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        let said: Said = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{DRIVER} said something else"))?;
        Ok(Measured {
            count: said.events,
            seconds: said.seconds,
            p50_us: said.p50_us,
            p99_us: said.p99_us,
        })
    }
}

/// A running UmaDB; its server syncs each batch and has no way not to.
pub(super) struct UmaDb<'a> {
    driver: &'a Driver,
    _server: Child,
    url: String,
}

impl<'a> UmaDb<'a> {
    /// The server's program, if it is installed; named by `HOIAM_UMADB`, or on the path.
    pub(super) fn program() -> Option<PathBuf> {
        found("HOIAM_UMADB", "umadb")
    }

    pub(super) async fn start(driver: &'a Driver, program: &Path, folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir(folder)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut server = Command::new(program)
            .arg("--listen")
            .arg(address.to_string())
            .arg("--db-path")
            .arg(folder.join("uma.db"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        let began = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            if let Some(status) = server.try_wait()? {
                bail!("UmaDB ended at once ({status})");
            }
            if began.elapsed() > PATIENCE {
                bail!("UmaDB does not answer");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self {
            driver,
            _server: server,
            url: format!("http://{address}"),
        })
    }

    /// An append on the condition that nothing has its tag yet, as ours says that the stream must not exist.
    pub(super) async fn append(&self, clients: usize, span: Span) -> anyhow::Result<Measured> {
        self.driver
            .run(&["umadb", "append", &self.url], clients, span)
            .await
    }

    pub(super) async fn read_all(&self, span: Span) -> anyhow::Result<Measured> {
        self.driver.run(&["umadb", "read-all", &self.url], 1, span).await
    }
}

/// message-db in a database of its own.
pub(super) struct MessageDb<'a> {
    driver: &'a Driver,
    database: String,
    sql: PathBuf,
}

impl<'a> MessageDb<'a> {
    /// The folder `database` of the npm package `@eventide/message-db`, named by `HOIAM_MESSAGE_DB`.
    pub(super) fn sql() -> Option<PathBuf> {
        let folder = PathBuf::from(std::env::var_os("HOIAM_MESSAGE_DB")?);
        folder
            .join("functions/write-message.sql")
            .is_file()
            .then_some(folder)
    }

    pub(super) fn new(driver: &'a Driver, database: String, sql: PathBuf) -> Self {
        Self {
            driver,
            database,
            sql,
        }
    }

    /// `write_message` with the expectation that the stream does not exist, each client on a connection of its own.
    pub(super) async fn append(&self, clients: usize, span: Span) -> anyhow::Result<Measured> {
        let sql = self.sql.to_string_lossy();
        self.driver
            .run(&["message-db", "append", &self.database, &sql], clients, span)
            .await
    }
}

fn found(variable: &str, program: &str) -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(variable) {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}
