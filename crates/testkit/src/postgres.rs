//! A PostgreSQL server of a test's own: a fresh data folder, a free port, ended by its process id.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

/// Attempts to start: a free port may be taken before the server binds it.
const ATTEMPTS: usize = 5;
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server; ended when dropped.
pub struct Postgres {
    server: Server,
    port: u16,
    bin: PathBuf,
    user: Option<User>,
    folder: TempDir,
}

impl Postgres {
    /// Starts a server with an empty database `hoiam`, and waits until it answers. PostgreSQL refuses to run as root: then
    /// it runs as the user `postgres` or `nobody`.
    ///
    /// # Errors
    /// When PostgreSQL is not installed (`HOIAM_POSTGRES_BIN` names its folder of programs) or does not start.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_on(tempfile::Builder::new().prefix("hoiam-pg-").tempdir()?).await
    }

    /// The same in a given folder, which is deleted in the end.
    ///
    /// # Errors
    /// As `start`.
    pub async fn start_on(folder: TempDir) -> anyhow::Result<Self> {
        let bin = programs()?;
        let user = if geteuid().is_root() {
            Some(someone()?)
        } else {
            None
        };
        if let Some(user) = &user {
            chown(folder.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
        }
        let data = folder.path().join("data");
        let initdb = as_user(&bin.join("initdb"), user.as_ref(), folder.path())
            .args([
                "--username=hoiam",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "-D",
            ])
            .arg(&data)
            .output()
            .context("initdb cannot be started")?;
        if !initdb.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&initdb.stderr));
        }
        for _ in 0..ATTEMPTS {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            let mut server = Server(serve(&bin, user.as_ref(), folder.path(), port)?);
            if server.answers(port).await? {
                return Ok(Self {
                    server,
                    port,
                    bin,
                    user,
                    folder,
                });
            }
        }
        bail!("PostgreSQL found no free port in {ATTEMPTS} attempts")
    }

    /// As if the power had gone, then on again at the same address.
    ///
    /// # Errors
    /// When it does not come back.
    pub async fn crash_and_restart(&mut self) -> anyhow::Result<()> {
        self.restart(Signal::SIGQUIT).await
    }

    /// Ended in an orderly way (`fast`: sessions are cut off, a checkpoint is written), then on again at the same address.
    ///
    /// # Errors
    /// When it does not come back.
    pub async fn stop_and_restart(&mut self) -> anyhow::Result<()> {
        self.restart(Signal::SIGINT).await
    }

    /// Whether the server runs: it ends itself when it cannot go on.
    pub fn is_running(&mut self) -> bool {
        matches!(self.server.0.try_wait(), Ok(None))
    }

    async fn restart(&mut self, how: Signal) -> anyhow::Result<()> {
        self.server.end(how);
        self.server = Server(serve(
            &self.bin,
            self.user.as_ref(),
            self.folder.path(),
            self.port,
        )?);
        if self.server.answers(self.port).await? {
            Ok(())
        } else {
            bail!("PostgreSQL did not come back")
        }
    }

    /// `postgres://…` of the database.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("hoiam")
    }

    /// Makes another empty database; `postgres://…` of it.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn database(&self, name: &str) -> anyhow::Result<String> {
        let mut conn = PgConnection::connect(&self.url()).await?;
        let create = format!("CREATE DATABASE {name}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(create))
            .execute(&mut conn)
            .await?;
        Ok(self.url_of(name))
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://hoiam@127.0.0.1:{}/{database}", self.port)
    }

    /// The data folder, for tests that look at what is on disk.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// The server's process.
struct Server(Child);

impl Server {
    /// Waits until it answers and makes the database; false when it ended before.
    async fn answers(&mut self, port: u16) -> anyhow::Result<bool> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let admin = format!("postgres://hoiam@127.0.0.1:{port}/postgres");
        loop {
            if self.0.try_wait()?.is_some() {
                return Ok(false);
            }
            if let Ok(mut conn) = PgConnection::connect(&admin).await {
                let exists: Option<i32> =
                    sqlx::query_scalar("SELECT 1 FROM pg_database WHERE datname = 'hoiam'")
                        .fetch_optional(&mut conn)
                        .await?;
                if exists.is_none() {
                    sqlx::raw_sql("CREATE DATABASE hoiam").execute(&mut conn).await?;
                }
                return Ok(true);
            }
            if tokio::time::Instant::now() >= deadline {
                bail!("PostgreSQL does not answer");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends it: SIGQUIT makes the server end its children without a checkpoint, SIGINT with one.
    fn end(&mut self, how: Signal) {
        if let (Ok(None), Ok(pid)) = (self.0.try_wait(), i32::try_from(self.0.id())) {
            let _ = kill(Pid::from_raw(pid), how);
            let _ = self.0.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end(Signal::SIGQUIT);
    }
}

fn serve(bin: &Path, user: Option<&User>, folder: &Path, port: u16) -> anyhow::Result<Child> {
    as_user(&bin.join("postgres"), user, folder)
        .arg("-D")
        .arg(folder.join("data"))
        .arg("-k")
        .arg(folder)
        .args([
            "-p",
            &port.to_string(),
            "-h",
            "127.0.0.1",
            "-c",
            "max_connections=60",
            "-c",
            "shared_buffers=32MB",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("PostgreSQL cannot be started")
}

fn as_user(program: &Path, user: Option<&User>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    if let Some(user) = user {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

fn someone() -> anyhow::Result<User> {
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name)? {
            return Ok(user);
        }
    }
    bail!("PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`")
}

/// The folder of PostgreSQL's programs: named, beside `postgres` on the PATH, or the newest of the packages.
fn programs() -> anyhow::Result<PathBuf> {
    if let Some(bin) = std::env::var_os("HOIAM_POSTGRES_BIN") {
        return Ok(bin.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path)
        .find(|folder| folder.join("postgres").is_file() && folder.join("initdb").is_file());
    if let Some(bin) = on_path {
        return Ok(bin);
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .context("PostgreSQL is not installed (apt-get install postgresql)")?;
    let number = |folder: &PathBuf| {
        folder
            .file_name()
            .and_then(|name| name.to_str()?.parse::<u32>().ok())
    };
    let newest = versions
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|folder| number(folder).is_some())
        .max_by_key(number);
    Ok(newest
        .context("PostgreSQL is not installed (apt-get install postgresql)")?
        .join("bin"))
}
