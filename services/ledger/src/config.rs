//! What the ledger is told at start, checked before anything binds.

use std::path::PathBuf;

use chassis::config::{BrokerAccess, ListenConfig, Problem, Secret, Settings, TelemetryConfig};

use crate::error::StoreError;
use crate::log::note::{Role, SigningKey};
use crate::log::policy::Policy;
use crate::store::Engine;

/// The ledger's configuration: flags, or `HOIAM_*` variables.
#[derive(clap::Args, Clone, Debug)]
pub struct Config {
    /// Where events are kept: `sqlite:<path>` or `postgres://…`.
    #[arg(long, env = "HOIAM_LEDGER_DATABASE")]
    pub database: Secret,
    /// The key-encryption key: a file (32 bytes in hex, mode 0600), or an AES key in a token,
    /// `pkcs11:token=…;object=…?module-path=…&pin-source=file:…`. Losing it loses all sealed content.
    #[arg(long, env = "HOIAM_LEDGER_KEK")]
    pub kek: PathBuf,
    /// Into how many shards the subjects of EVENTS are split. Fixed for the life of a stream.
    #[arg(long, env = "HOIAM_LEDGER_SHARDS", default_value_t = contracts::subjects::DEFAULT_SHARDS)]
    pub shards: u32,
    /// Publish nothing: for maintenance, and for a ledger without a broker.
    #[arg(long, env = "HOIAM_LEDGER_NO_RELAY")]
    pub no_relay: bool,
    /// How many of the stream's messages are compared with the record each second, from the first to the last and again from the first; 0:
    /// none. They are read up to a thousand at a time. At 200 a round over ten million takes 14 hours.
    #[arg(
        long,
        env = "HOIAM_LEDGER_PATROL",
        value_name = "PER SECOND",
        default_value_t = 200
    )]
    pub patrol: u32,
    /// Where others reach this instance's gRPC, e.g. `http://ledger-1:7401`: callers of an instance that does not write are told. None:
    /// the address it listens on, if its port is fixed.
    #[arg(long, env = "HOIAM_LEDGER_ADVERTISE")]
    pub advertise: Option<String>,
    /// Take the wall clock's word although it is behind the last event or over 60 days ahead of it, and record who says so
    /// (`operator:lan`). Only the start looks at it; take it away afterwards.
    #[arg(long, env = "HOIAM_LEDGER_ACCEPT_CLOCK", value_name = "ACTOR")]
    pub accept_clock: Option<String>,
    /// The log that others can check.
    #[command(flatten)]
    pub log: LogConfig,
    /// Listeners and callers.
    #[command(flatten)]
    pub listen: ListenConfig,
    /// The broker that the relay publishes to.
    #[command(flatten)]
    pub broker: BrokerAccess,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
}

impl Config {
    /// Where others are sent; empty when nobody can know.
    pub(crate) fn address(&self) -> String {
        match (
            &self.advertise,
            self.listen.grpc_listen.parse::<std::net::SocketAddr>(),
        ) {
            (Some(url), _) => url.clone(),
            (None, Ok(listen)) if listen.port() != 0 && !listen.ip().is_unspecified() => {
                format!("http://{listen}")
            }
            _ => String::new(),
        }
    }
}

/// The log that others can check: tiles, checkpoints, witnesses.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct LogConfig {
    /// Folder of the log's tiles and checkpoints. Without it nothing is signed, and nothing can be proven to others.
    #[arg(
        long = "log",
        env = "HOIAM_LEDGER_LOG",
        requires = "log_key",
        value_name = "DIR"
    )]
    pub folder: Option<PathBuf>,
    /// File with the log's signing key (32 bytes in hex, mode 0600). Whoever has it can sign in the log's name. Beside it the log
    /// keeps its public key (`.vkey`) and the last checkpoint it signed (`.signed`).
    #[arg(
        id = "log_key",
        long = "log-key",
        env = "HOIAM_LEDGER_LOG_KEY",
        value_name = "FILE"
    )]
    pub key: Option<PathBuf>,
    /// The log's name: its address without `https://` is a good one. Fixed for the life of the log.
    #[arg(long = "log-origin", env = "HOIAM_LEDGER_LOG_ORIGIN", default_value = crate::log::DEFAULT_ORIGIN)]
    pub origin: Option<String>,
    /// Whose cosignatures a checkpoint needs before it is published (c2sp.org/tlog-policy); without it, nobody's.
    #[arg(long = "log-policy", env = "HOIAM_LEDGER_LOG_POLICY", value_name = "FILE")]
    pub policy: Option<PathBuf>,
}

impl LogConfig {
    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.origin.as_deref().unwrap_or(crate::log::DEFAULT_ORIGIN)
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let (Some(_), Some(key)) = (&self.folder, &self.key) {
            if !key.is_file() {
                let what = format!(
                    "{} is no file: `hoiam up` makes one, or write 32 random bytes in hex to it",
                    key.display()
                );
                problems.push(Problem::new("--log-key", what));
            } else if let Err(error) = SigningKey::load(key, self.origin(), Role::Log) {
                problems.push(Problem::of("--log-key", &error));
            }
        }
        if let Some(Err(error)) = self.policy.as_deref().map(Policy::load) {
            problems.push(Problem::of("--log-policy", &error));
        }
        problems
    }
}

impl Settings for Config {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Err(error) = self.database.reveal().parse::<Engine>() {
            problems.push(Problem::new("--database", error.to_string()));
        }
        if let Err(error) = crate::vault::check_kek(&self.kek) {
            problems.push(Problem::of("--kek", &error));
            if matches!(error, StoreError::File { .. }) {
                problems.push(Problem::new(
                    "--kek",
                    "`hoiam up` makes one, or write 32 random bytes in hex to it",
                ));
            }
        }
        if !(1..=1_024).contains(&self.shards) {
            problems.push(Problem::new("--shards", "must be from 1 to 1024"));
        }
        if self
            .advertise
            .as_ref()
            .is_some_and(|url| !url.starts_with("http"))
        {
            problems.push(Problem::new("--advertise", "must begin with http:// or https://"));
        }
        if self
            .accept_clock
            .as_ref()
            .is_some_and(|who| kernel::Actor::parse(who).is_err())
        {
            problems.push(Problem::new(
                "--accept-clock",
                "must say who accepts it, e.g. operator:lan",
            ));
        }
        if self.listen.callers.is_none() {
            problems.push(Problem::new(
                "--callers",
                "must name the file of those who may call: without it nobody may",
            ));
        }
        problems.extend(self.log.problems());
        problems.extend(self.listen.problems());
        if !self.no_relay {
            problems.extend(self.broker.problems());
        }
        problems.extend(self.telemetry.problems());
        problems
    }

    fn telemetry(&self) -> &TelemetryConfig {
        &self.telemetry
    }
}
