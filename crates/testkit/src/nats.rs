//! A real nats-server on a free port, with JetStream in a folder of its own.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use chassis::config::Secret;
use chassis::nats::{Credential, Nats};

use crate::process::Process;

/// A server; killed and its folder deleted when dropped.
#[derive(Debug)]
pub struct NatsServer {
    folder: tempfile::TempDir,
    authorization: String,
    port: u16,
    process: Option<Process>,
}

impl NatsServer {
    /// Starts a server without authentication.
    ///
    /// # Errors
    /// When no nats-server is found or it does not start.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with("").await
    }

    /// Starts a server with an `authorization { … }` block (or any other lines of its configuration).
    ///
    /// # Errors
    /// When no nats-server is found or it does not start.
    pub async fn start_with(configuration: &str) -> anyhow::Result<Self> {
        Self::start_on(tempfile::tempdir()?, configuration).await
    }

    /// The same in a given folder, which is deleted in the end.
    ///
    /// # Errors
    /// As `start_with`.
    pub async fn start_on(folder: tempfile::TempDir, configuration: &str) -> anyhow::Result<Self> {
        // -1: the server takes a free port and writes it to a file.
        let mut server = Self {
            folder,
            authorization: configuration.to_owned(),
            port: 0,
            process: None,
        };
        server.restart().await?;
        Ok(server)
    }

    /// `nats://127.0.0.1:<port>`; the same after a restart.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// The folder that JetStream stores in.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// Connects without a credential.
    ///
    /// # Errors
    /// As `Nats::connect_as`.
    pub async fn connect(&self) -> anyhow::Result<Nats> {
        Ok(Nats::connect_as(&self.url(), None, "test").await?)
    }

    /// Connects as a user.
    ///
    /// # Errors
    /// As `Nats::connect_as`.
    pub async fn connect_as(&self, user: &str, password: &str) -> anyhow::Result<Nats> {
        let credential = Credential {
            user: user.to_owned(),
            password: Secret::new(password),
        };
        Ok(Nats::connect_as(&self.url(), Some(credential), user).await?)
    }

    /// As if the power had gone.
    pub fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill9();
        }
    }

    /// Deletes all it stored. It must not run.
    ///
    /// # Errors
    /// When it runs, or a file cannot be deleted.
    pub fn delete_data(&self) -> anyhow::Result<()> {
        if self.process.is_some() {
            bail!("kill the server before its data are deleted");
        }
        let store = self.store();
        if store.exists() {
            std::fs::remove_dir_all(store)?;
        }
        Ok(())
    }

    /// Starts it again (or for the first time) on the same port and data.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.kill9();
        let path = |name: &str| self.folder.path().join(name);
        let ports = path("ports");
        if ports.exists() {
            std::fs::remove_dir_all(&ports)?;
        }
        std::fs::create_dir_all(&ports)?;
        let port = if self.port == 0 {
            "-1".to_owned()
        } else {
            self.port.to_string()
        };
        let mut configuration = String::new();
        writeln!(
            configuration,
            "host: 127.0.0.1\nport: {port}\nports_file_dir: {:?}",
            ports.display().to_string()
        )?;
        writeln!(
            configuration,
            "jetstream {{ store_dir: {:?}, sync_interval: always, max_memory_store: 256MB, max_file_store: 4GB }}",
            path("store").display().to_string()
        )?;
        configuration.push_str(&self.authorization);
        std::fs::write(path("nats.conf"), configuration)?;
        let mut process = Process::spawn(Command::new(find_server()?).arg("-c").arg(path("nats.conf")))?;
        process
            .wait_for_line("Server is ready", Duration::from_secs(30))
            .await?;
        if self.port == 0 {
            self.port = read_port(&ports, process.id()).await?;
        }
        self.process = Some(process);
        Ok(())
    }
}

async fn read_port(folder: &Path, id: u32) -> anyhow::Result<u16> {
    for _ in 0..1_000 {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.to_string_lossy().contains(&format!("_{id}."))
                && let Ok(ports) = serde_json::from_slice::<serde_json::Value>(&std::fs::read(&path)?)
                && let Some(url) = ports["nats"][0].as_str()
            {
                return url
                    .rsplit(':')
                    .next()
                    .and_then(|p| p.parse().ok())
                    .context("the port in the ports file");
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    bail!("nats-server wrote no ports file")
}

/// `HOIAM_NATS_SERVER`, or the PATH, or `target/tools/nats-server` of this checkout.
///
/// # Errors
/// When there is none, saying how to get it.
pub fn find_server() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("HOIAM_NATS_SERVER") {
        return Ok(PathBuf::from(path));
    }
    let on_path = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|p| std::env::split_paths(&p).collect::<Vec<_>>());
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    on_path
        .map(|folder| folder.join("nats-server"))
        .chain(target.map(|t| t.join("tools/nats-server")))
        .chain([checkout.join("tools/nats-server")])
        .find(|path| path.is_file())
        .context("no nats-server found: run deploy/nats-server, or set HOIAM_NATS_SERVER to the program")
}
