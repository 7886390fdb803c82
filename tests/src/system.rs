//! `hoiam up` in a temporary folder on free ports: started, killed, restarted and used as a user would.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::programs;
use crate::story::Story;

/// How long a wait for a fact may last before the test fails; generous, since these machines are slow and noisy.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A running (or just killed) system.
pub struct System {
    folder: TempDir,
    child: Option<Child>,
    arguments: Vec<String>,
    nats_port: u16,
}

/// What a command printed.
#[derive(Debug)]
pub struct Output {
    /// Exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Standard output as JSON.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("no JSON ({e}): {self:?}"))
    }

    /// The output, after making sure that the command succeeded.
    ///
    /// # Panics
    /// When it failed.
    #[must_use]
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "the command failed: {self:?}");
        self
    }
}

/// Waits for a fact, looking again and again; the only place of the tests that sleeps.
///
/// # Panics
/// When it has not come true within [`PATIENCE`].
#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "waited {PATIENCE:?} in vain for: {what}"
        );
        #[expect(clippy::disallowed_methods, reason = "a pause between two looks at a fact")]
        std::thread::sleep(Duration::from_millis(100));
    }
}

impl System {
    /// Starts a new system with the embedded default.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[], &[])
    }

    /// Starts a new system with further arguments of `up` and environment variables.
    #[must_use]
    pub fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("hoiam-test-")
            .tempdir()
            .expect("a temporary folder");
        let arguments = arguments.iter().map(|a| (*a).to_owned()).collect();
        let mut system = Self {
            folder,
            child: None,
            arguments,
            nats_port: free_port(),
        };
        system.up(environment);
        system
    }

    /// A folder with keys and credentials, in which nothing runs yet.
    #[must_use]
    pub fn prepared(keys_of: Option<&System>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("hoiam-test-")
            .tempdir()
            .expect("a temporary folder");
        let system = Self {
            folder,
            child: None,
            arguments: Vec::new(),
            nats_port: free_port(),
        };
        if let Some(other) = keys_of {
            // The key from which case ids and codes are derived; everything else it makes for itself.
            let keys = system.data().join("keys");
            std::fs::create_dir_all(&keys).expect("a writable folder");
            std::fs::copy(other.data().join("keys/identity.key"), keys.join("identity.key"))
                .expect("a copied key");
        }
        system
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A folder for the test's own files.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it (again) and waits until it says that it runs.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn up(&mut self, environment: &[(&str, &str)]) {
        self.spawn(environment);
        self.wait_until_up();
    }

    /// Starts it without waiting.
    ///
    /// # Panics
    /// When the program cannot be started.
    pub fn spawn(&mut self, environment: &[(&str, &str)]) {
        assert!(self.child.is_none(), "it runs already");
        let _ = std::fs::remove_file(self.data().join("run.json"));
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("a log file");
        let child = Command::new(programs::ours("hoiam"))
            .arg("up")
            .arg("--data")
            .arg(self.data())
            .args(["--port", "0", "--nats-port"])
            .arg(self.nats_port.to_string()) // the same after a restart, so that outsiders find it again
            .args(&self.arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("hoiam starts");
        self.child = Some(child);
    }

    /// Waits for `run.json`, written when everything is ready.
    ///
    /// # Panics
    /// When the process ends before, or time runs out.
    pub fn wait_until_up(&mut self) {
        let (run, log) = (self.data().join("run.json"), self.log_path());
        let child = self.child.as_mut().expect("started before");
        wait_for("hoiam up to be ready", || {
            if let Some(status) = child.try_wait().expect("a child can be asked") {
                panic!(
                    "hoiam up ended ({status}): {}",
                    std::fs::read_to_string(&log).unwrap_or_default()
                );
            }
            std::fs::read(&run)
                .ok()
                .filter(|bytes| serde_json::from_slice::<Value>(bytes).is_ok())
        });
    }

    /// Waits until the process has ended by itself (a fail point) and says whether a signal ended it.
    ///
    /// # Panics
    /// When it does not end.
    pub fn wait_for_death(&mut self) {
        let mut child = self.child.take().expect("it runs");
        wait_for("hoiam up to die at its fail point", || {
            child.try_wait().expect("a child can be asked")
        });
    }

    /// `kill -9` of `hoiam up`.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill9(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("a running child can be killed");
        child.wait().expect("a killed child can be waited for");
    }

    /// Whether the process still runs.
    pub fn runs(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|c| matches!(c.try_wait(), Ok(None)))
    }

    /// A clean stop by SIGTERM; gives the exit code.
    ///
    /// # Panics
    /// When it does not stop.
    pub fn stop(&mut self) -> i32 {
        let mut child = self.child.take().expect("it runs");
        nix::sys::signal::kill(pid(child.id()), nix::sys::signal::Signal::SIGTERM)
            .expect("a running child can be signalled");
        wait_for("hoiam up to stop", || {
            child.try_wait().expect("a child can be asked")
        })
        .code()
        .unwrap_or(-1)
    }

    /// The credential file of a NATS user (`unit-so_xd`, `gw-demo`).
    #[must_use]
    pub fn credential(&self, user: &str) -> PathBuf {
        self.data().join(format!("nats/{user}.json"))
    }

    /// Runs one of the programs in `tests/outsiders` to its end, feeding it `input`.
    ///
    /// # Panics
    /// When it cannot be started, or fails.
    #[must_use]
    pub fn outsider(&self, program: &str, arguments: &[&str], input: &str) -> Value {
        use std::io::Write as _;
        let mut child = Command::new(programs::python())
            .arg(programs::root().join("tests/outsiders").join(program))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("python starts");
        child
            .stdin
            .take()
            .expect("a piped stdin")
            .write_all(input.as_bytes())
            .expect("the program reads its input");
        let output = child.wait_with_output().expect("the program ends");
        assert!(
            output.status.success(),
            "{program} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).expect("it prints JSON")
    }

    /// The pid of `nats-server`, from its pid file.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn nats_pid(&self) -> u32 {
        wait_for("nats-server's pid file", || {
            std::fs::read_to_string(self.data().join("nats/nats.pid"))
                .ok()?
                .trim()
                .parse()
                .ok()
        })
    }

    /// `kill -9` of the child `nats-server` alone.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill9_nats(&self) {
        nix::sys::signal::kill(pid(self.nats_pid()), nix::sys::signal::Signal::SIGKILL)
            .expect("nats-server runs");
    }

    /// Command lines of processes that still use the data folder.
    #[must_use]
    pub fn left_behind(&self) -> Vec<String> {
        let data = self.data().to_string_lossy().into_owned();
        let lines = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        lines
            .filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok())
            .filter(|line| line.contains(&data))
            .map(|line| line.replace('\0', " "))
            .collect()
    }

    /// What `hoiam up` printed.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("up.log")
    }

    /// What `run.json` says.
    ///
    /// # Panics
    /// When nothing runs.
    #[must_use]
    pub fn addresses(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.data().join("run.json")).expect("run.json is there"))
            .expect("run.json is JSON")
    }

    /// Runs `hoiam …` on this system's data folder, to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn hoiam(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().expect("hoiam starts");
        Output {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The command, to be started by the test itself.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(programs::ours("hoiam"));
        command
            .args(arguments)
            .env("HOIAM_DATA", self.data())
            .stdin(Stdio::null());
        command
    }

    /// Everything on record.
    #[must_use]
    pub fn replay(&self) -> Story {
        Story::parse(&self.hoiam(&["replay", "--json"]).ok().stdout)
    }

    /// `hoiam totals --json`.
    #[must_use]
    pub fn totals(&self) -> Value {
        self.hoiam(&["totals", "--json"]).ok().json()
    }

    /// Waits until every report rests somewhere and nothing more is appended; gives the history.
    ///
    /// # Panics
    /// When it does not come to rest.
    #[must_use]
    pub fn settled(&self) -> Story {
        let mut before = None;
        wait_for("every report to come to rest", || {
            let totals = self.hoiam(&["totals", "--json"]);
            if totals.code != 0 || totals.json()["pending"] != 0 {
                before = None;
                return None;
            }
            // At rest: three looks in a row see the same head and nobody behind it.
            let head = self.hoiam(&["doctor", "--json"]).stdout;
            let head = serde_json::from_str::<Value>(&head)
                .ok()
                .map(|d| d["head"].clone())?;
            match &mut before {
                Some((last, times)) if *last == head => {
                    *times += 1;
                    (*times >= 5).then_some(())
                }
                _ => {
                    before = Some((head, 0));
                    None
                }
            }
        });
        self.replay()
    }
}

impl Drop for System {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = nix::sys::signal::kill(pid(child.id()), nix::sys::signal::Signal::SIGTERM);
            let started = Instant::now();
            while started.elapsed() < Duration::from_secs(15) {
                if matches!(child.try_wait(), Ok(Some(_))) {
                    return;
                }
                #[expect(clippy::disallowed_methods, reason = "a pause between two looks at a fact")]
                std::thread::sleep(Duration::from_millis(50));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        // A killed parent leaves its nats-server behind.
        if let Ok(text) = std::fs::read_to_string(self.data().join("nats/nats.pid"))
            && let Ok(number) = text.trim().parse::<u32>()
            && std::fs::read_to_string(format!("/proc/{number}/cmdline"))
                .is_ok_and(|line| line.contains(&*self.data().to_string_lossy()))
        {
            let _ = nix::sys::signal::kill(pid(number), nix::sys::signal::Signal::SIGKILL);
        }
    }
}

/// A port that is free just now.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .expect("a free port")
        .local_addr()
        .expect("a bound listener has an address")
        .port()
}

fn pid(number: u32) -> nix::unistd::Pid {
    nix::unistd::Pid::from_raw(i32::try_from(number).expect("a pid fits"))
}
