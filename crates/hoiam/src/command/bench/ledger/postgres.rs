//! A PostgreSQL server for the time of a measurement, on its own defaults but for memory; fsync stays on.

use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server, ours or somebody's, and the folder of PostgreSQL's programs.
pub(super) struct Postgres {
    programs: PathBuf,
    /// `postgres://user@host:port/` without a database.
    server: String,
    ours: Option<Child>,
}

impl Postgres {
    /// Starts one in a new folder. It refuses to run as root: then it runs as the user `postgres` or `nobody`.
    pub(super) fn start(folder: &Path) -> anyhow::Result<Self> {
        let programs = programs()?;
        std::fs::create_dir(folder)?;
        let user = if geteuid().is_root() {
            Some(somebody()?)
        } else {
            None
        };
        if let Some(user) = &user {
            chown(folder, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
        }
        let command = |program: &str| {
            let mut command = Command::new(programs.join(program));
            command.current_dir(folder).stdin(Stdio::null());
            if let Some(user) = &user {
                command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
            }
            command
        };
        let made = command("initdb")
            .args([
                "--username=hoiam",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "-D",
            ])
            .arg(folder.join("data"))
            .output()
            .context("initdb cannot be started")?;
        if !made.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&made.stderr).trim());
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = command("postgres")
            .arg("-D")
            .arg(folder.join("data"))
            .arg("-k")
            .arg(folder)
            .args(["-h", "127.0.0.1", "-p", &port.to_string()])
            .args([
                "-c",
                "max_connections=200",
                "-c",
                "shared_buffers=256MB",
                "-c",
                "max_wal_size=4GB",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("PostgreSQL cannot be started")?;
        let mut postgres = Self {
            server: format!("postgres://hoiam@127.0.0.1:{port}/"),
            programs,
            ours: Some(child),
        };
        postgres.wait()?;
        Ok(postgres)
    }

    /// One that runs already: `postgres://user:password@host:port/database`; new databases are made beside that one.
    pub(super) fn running(url: &str) -> anyhow::Result<Self> {
        let server = url
            .rsplit_once('/')
            .filter(|(server, database)| server.contains("://") && server.len() > 13 && !database.is_empty())
            .with_context(|| {
                "the database is named as postgres://user:password@host:port/database".to_owned()
            })?;
        Ok(Self {
            programs: programs()?,
            server: format!("{}/", server.0),
            ours: None,
        })
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "before the bench's runtime does anything else"
    )]
    fn wait(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        while self.ask("postgres", "SELECT 1").is_err() {
            if let Some(child) = &mut self.ours
                && let Some(status) = child.try_wait()?
            {
                bail!("PostgreSQL ended at once ({status})");
            }
            if began.elapsed() > PATIENCE {
                bail!("PostgreSQL does not answer");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Makes an empty database and gives its URL. One of that name is an error.
    pub(super) fn database(&self, name: &str) -> anyhow::Result<String> {
        self.ask("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(format!("{}{name}", self.server))
    }

    /// Removes a database with whatever is still connected to it.
    pub(super) fn remove(&self, name: &str) -> anyhow::Result<()> {
        self.ask(
            "postgres",
            &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        )
        .map(drop)
    }

    /// Bytes of write-ahead log since the server was made.
    pub(super) fn wal(&self) -> anyhow::Result<u64> {
        let said = self.ask("postgres", "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")?;
        said.parse().context("PostgreSQL's WAL position is no number")
    }

    /// Its version: `15.14`.
    pub(super) fn version(&self) -> anyhow::Result<String> {
        self.ask("postgres", "SHOW server_version")
    }

    fn ask(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        let answered = Command::new(self.programs.join("psql"))
            .args(["-AtqX", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .arg(format!("{}{database}", self.server))
            .stdin(Stdio::null())
            .output()
            .context("psql cannot be started")?;
        if !answered.status.success() {
            bail!(
                "PostgreSQL refused: {}",
                String::from_utf8_lossy(&answered.stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&answered.stdout).trim().to_owned())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let Some(child) = &mut self.ours else { return };
        if let (Ok(None), Ok(pid)) = (child.try_wait(), i32::try_from(child.id())) {
            // SIGQUIT: at once and without a checkpoint, since the data is thrown away. An error means that it has gone.
            let _ = kill(Pid::from_raw(pid), Signal::SIGQUIT);
            let _ = child.wait();
        }
    }
}

fn somebody() -> anyhow::Result<User> {
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name)? {
            return Ok(user);
        }
    }
    bail!("PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`")
}

/// The folder of PostgreSQL's programs: named by `HOIAM_POSTGRES_BIN`, on the path, or the newest of Debian's packages.
fn programs() -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os("HOIAM_POSTGRES_BIN") {
        return Ok(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let whole = |folder: &PathBuf| {
        ["postgres", "initdb", "psql"]
            .iter()
            .all(|program| folder.join(program).is_file())
    };
    if let Some(found) = std::env::split_paths(&path).find(whole) {
        return Ok(found);
    }
    let number = |folder: &PathBuf| folder.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(whole)
        .max_by_key(number)
        .context("PostgreSQL is not installed: apt-get install postgresql, or name its folder of programs in HOIAM_POSTGRES_BIN")
}
