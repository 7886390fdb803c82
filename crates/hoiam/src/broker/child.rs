//! The running nats-server: started, watched, started again when it dies, and stopped with its parent.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::Signal;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::config::write_config;
use super::orphan;
use crate::data::{DataFolder, NatsCredential};

/// How long a start may last: JetStream reads its files first.
const START: Duration = Duration::from_secs(60);
/// How often the folder is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// A nats-server of ours.
#[derive(Debug)]
pub struct Broker {
    url: String,
    starts: watch::Receiver<u64>,
    stop: CancellationToken,
    watcher: JoinHandle<()>,
}

impl Broker {
    /// Starts it on this port of 127.0.0.1 (0: a free one), and waits until it answers.
    ///
    /// # Errors
    /// When none is found, the port is taken, or it does not start; the message says what to do.
    pub async fn start(folder: &DataFolder, port: u16) -> anyhow::Result<Self> {
        let program = super::find()?;
        orphan::stop(folder).await?;
        let port = free_port(port)?;
        let mut server = Server {
            folder: folder.clone(),
            program,
            port,
            users: BTreeMap::new(),
        };
        let child = server.spawn().await?;
        folder.tell_users_the_address(&server.url())?;
        let (count, starts) = watch::channel(1);
        let stop = CancellationToken::new();
        let url = server.url();
        let watcher = tokio::spawn(watch_over(server, child, count, stop.clone()));
        Ok(Self {
            url,
            starts,
            stop,
            watcher,
        })
    }

    /// `nats://127.0.0.1:4222`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How often it was started: changes when it died and came back, perhaps without its data.
    #[must_use]
    pub fn starts(&self) -> watch::Receiver<u64> {
        self.starts.clone()
    }

    /// Stops it and waits until it has gone.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.watcher.await {
            tracing::error!(error = %chassis::telemetry::chain(&error), "the watch over nats-server ended badly");
        }
    }
}

struct Server {
    folder: DataFolder,
    program: PathBuf,
    port: u16,
    /// What was seen in the folder, so that it can be written again when somebody deletes the folder under us.
    users: BTreeMap<String, NatsCredential>,
}

impl Server {
    fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Remembers the users in the folder, among them those added while it runs.
    fn remember_users(&mut self) {
        if let Ok(users) = self.folder.nats_users() {
            self.users
                .extend(users.into_iter().map(|user| (user.user.clone(), user)));
        }
    }

    async fn spawn(&mut self) -> anyhow::Result<Child> {
        self.remember_users();
        self.folder.restore_nats_users(self.users.values())?;
        write_config(&self.folder, self.port)?;
        let said = open_log(&self.folder)?;
        let mut child = Command::new(&self.program)
            .arg("-c")
            .arg(self.folder.nats_config())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            // Ctrl-C goes to the whole group of the terminal; the child has to outlive the services, which still finish their work.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be started", self.program.display()))?;
        match tokio::time::timeout(START, self.ready(&mut child)).await {
            Ok(result) => result?,
            Err(_) => bail!(
                "nats-server does not answer after {} s: see {}",
                START.as_secs(),
                self.folder.nats_log().display()
            ),
        }
        Ok(child)
    }

    /// Waits for its greeting.
    async fn ready(&self, child: &mut Child) -> anyhow::Result<()> {
        loop {
            if let Some(status) = child.try_wait()? {
                bail!(
                    "nats-server ended at once ({status}): {}",
                    last_complaint(&self.folder)
                );
            }
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)).await {
                let mut greeting = [0_u8; 5];
                if stream.read_exact(&mut greeting).await.is_ok() && &greeting == b"INFO " {
                    return Ok(());
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Starts it again whenever it ends, until told to stop; a start that fails is tried again, more and more slowly.
async fn watch_over(
    mut server: Server,
    mut child: Child,
    count: watch::Sender<u64>,
    stop: CancellationToken,
) {
    let mut pause = Duration::from_millis(100);
    loop {
        tokio::select! {
            () = stop.cancelled() => return end(&mut child).await,
            status = child.wait() => {
                tracing::error!(status = ?status.ok().and_then(|s| s.code()), "nats-server ended by itself and is started again");
            }
            () = tokio::time::sleep(LOOK) => {
                server.remember_users();
                if server.folder.jetstream().exists() {
                    continue;
                }
                tracing::error!("JetStream's folder is gone: nats-server is started anew and the relay fills it from the ledger");
                let _ = child.start_kill();
                let _ = child.wait().await;
            }
        }
        loop {
            match server.spawn().await {
                Ok(new) => {
                    child = new;
                    pause = Duration::from_millis(100);
                    count.send_modify(|n| *n += 1);
                    break;
                }
                Err(error) => tracing::error!(
                    error = format!("{error:#}"),
                    "nats-server could not be started again"
                ),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(5)),
            }
        }
    }
}

async fn end(child: &mut Child) {
    if let Some(pid) = child.id() {
        // An error means that it has gone already.
        let _ = super::signal(pid, Signal::SIGTERM);
    }
    if tokio::time::timeout(Duration::from_secs(10), child.wait())
        .await
        .is_err()
    {
        tracing::warn!("nats-server did not stop within 10 s and was killed");
        let _ = child.kill().await;
    }
}

/// The port, if it is free.
fn free_port(port: u16) -> anyhow::Result<u16> {
    match TcpListener::bind(("127.0.0.1", port)) {
        Ok(listener) => Ok(listener.local_addr()?.port()),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => bail!(
            "port {port} (for NATS) is taken by another program: stop that one, or choose another port with --nats-port (0: any free one)"
        ),
        Err(error) => Err(error).with_context(|| {
            format!("port {port} (for NATS) cannot be used: choose another with --nats-port")
        }),
    }
}

fn open_log(folder: &DataFolder) -> anyhow::Result<File> {
    let path = folder.nats_log();
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("{} cannot be opened", path.display()))
}

/// The last line of its log that complains, for a message to a person.
fn last_complaint(folder: &DataFolder) -> String {
    let text = std::fs::read_to_string(folder.nats_log()).unwrap_or_default();
    text.lines()
        .rev()
        .find(|line| line.contains("[FTL]") || line.contains("[ERR]") || line.starts_with("nats-server:"))
        .map_or_else(|| format!("see {}", folder.nats_log().display()), str::to_owned)
}
