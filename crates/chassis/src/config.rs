//! What every service is told at start: by flags or by `HOIAM_*` variables, checked before anything binds.

mod secret;

use std::fmt;
use std::path::{Path, PathBuf};

pub use secret::Secret;

/// What a service's own configuration offers to `run_main`.
pub trait Settings: clap::Args + Clone + fmt::Debug + Send + Sync + 'static {
    /// Every bad value, so that all are reported at once.
    fn problems(&self) -> Vec<Problem>;
    /// Where telemetry goes.
    fn telemetry(&self) -> &TelemetryConfig;
}

/// One bad value: which option, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {what}")]
pub struct Problem {
    /// `--ledger-url`.
    pub option: &'static str,
    /// What is wrong and what to do.
    pub what: String,
}

impl Problem {
    /// A bad value.
    #[must_use]
    pub fn new(option: &'static str, what: impl Into<String>) -> Self {
        Self {
            option,
            what: what.into(),
        }
    }

    /// The same from an error and what caused it, in one line.
    #[must_use]
    pub fn of(option: &'static str, error: &dyn std::error::Error) -> Self {
        let causes = std::iter::successors(Some(error), |error| error.source());
        let line: Vec<String> = causes.map(ToString::to_string).collect();
        Self::new(option, line.join(": "))
    }
}

/// Where the ledger is and who we are to it.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct LedgerAccess {
    /// Address of the ledger, e.g. `http://127.0.0.1:7401`; several instances' are separated by commas.
    #[arg(long, env = "HOIAM_LEDGER_URL", default_value = "http://127.0.0.1:7401")]
    pub ledger_url: String,
    /// File with the bearer token for calls to the ledger.
    #[arg(long, env = "HOIAM_LEDGER_TOKEN_FILE")]
    pub ledger_token_file: Option<PathBuf>,
}

impl LedgerAccess {
    /// The token; empty when no file is named.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn token(&self) -> Result<Secret, Problem> {
        match &self.ledger_token_file {
            None => Ok(Secret::default()),
            Some(path) => read_secret("--ledger-token-file", path),
        }
    }

    /// Every bad value.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let good = |url: &str| url.trim().starts_with("http://") || url.trim().starts_with("https://");
        if !self.ledger_url.split(',').all(good) {
            problems.push(Problem::new(
                "--ledger-url",
                "must begin with http:// or https://",
            ));
        }
        problems.extend(self.token().err());
        problems
    }
}

/// Where the broker is and who we are to it.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct BrokerAccess {
    /// Address of nats-server, e.g. `nats://127.0.0.1:4222`; several are separated by commas.
    #[arg(long, env = "HOIAM_NATS_URL", default_value = "nats://127.0.0.1:4222")]
    pub nats_url: String,
    /// JSON file `{"user": …, "password": …}`; none where the server asks for none.
    #[arg(long, env = "HOIAM_NATS_CREDENTIAL")]
    pub nats_credential: Option<PathBuf>,
}

impl BrokerAccess {
    /// Every bad value.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.nats_url.split(',').any(|url| !url.contains("://")) {
            problems.push(Problem::new("--nats-url", "must be of the form nats://host:port"));
        }
        if let Some(path) = &self.nats_credential
            && let Err(error) = crate::nats::Credential::load(path)
        {
            problems.push(Problem::of("--nats-credential", &error));
        }
        problems
    }
}

/// How many may speak HTTP to the service at once, and how long they may keep it waiting.
#[derive(clap::Args, Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Most HTTP connections at once. Beyond it the one that has been silent for longest makes room; while all have requests at work, new
    /// ones wait.
    #[arg(long, env = "HOIAM_HTTP_CONNECTIONS", default_value_t = Self::default().http_connections)]
    pub http_connections: u32,
    /// Seconds in which the head of a request must have arrived, counted from the connection or the answer before.
    #[arg(long, env = "HOIAM_HTTP_HEAD_SECONDS", default_value_t = Self::default().http_head_seconds)]
    pub http_head_seconds: u32,
}

impl Default for HttpLimits {
    /// Of the 1,024 files that a process may open where nobody has said more, half.
    fn default() -> Self {
        Self {
            http_connections: 512,
            http_head_seconds: 20,
        }
    }
}

impl HttpLimits {
    fn problems(self) -> Vec<Problem> {
        let zero = |(option, number)| (number == 0).then(|| Problem::new(option, "must be at least 1"));
        [
            ("--http-connections", self.http_connections),
            ("--http-head-seconds", self.http_head_seconds),
        ]
        .into_iter()
        .filter_map(zero)
        .collect()
    }
}

/// Where the service listens and whom it lets in.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ListenConfig {
    /// Where gRPC is served; port 0 takes a free one.
    #[arg(long, env = "HOIAM_GRPC_LISTEN", default_value = "127.0.0.1:0")]
    pub grpc_listen: String,
    /// Where HTTP is served (health, metrics, and the service's own pages); none: no HTTP.
    #[arg(long, env = "HOIAM_HTTP_LISTEN")]
    pub http_listen: Option<String>,
    /// How much of HTTP it takes on.
    #[command(flatten)]
    pub http_limits: HttpLimits,
    /// JSON file that lists who may call, by the SHA-256 of their token; none: nobody from outside.
    #[arg(long, env = "HOIAM_CALLERS")]
    pub callers: Option<PathBuf>,
}

impl ListenConfig {
    /// Every bad value.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut address = |option, text: &str| {
            if text.parse::<std::net::SocketAddr>().is_err() {
                problems.push(Problem::new(
                    option,
                    format!("`{text}` is not an address like 127.0.0.1:7401"),
                ));
            }
        };
        address("--grpc-listen", &self.grpc_listen);
        if let Some(http) = &self.http_listen {
            address("--http-listen", http);
        }
        problems.extend(self.http_limits.problems());
        if let Some(path) = &self.callers
            && let Err(error) = crate::callers::Callers::load(path)
        {
            problems.push(Problem::of("--callers", &error));
        }
        problems
    }
}

/// How logs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people.
    Text,
}

/// Where logs and traces go. What is logged is chosen by `RUST_LOG`.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct TelemetryConfig {
    /// OTLP collector for traces, e.g. `http://127.0.0.1:4317`; none: spans are not exported.
    #[arg(long, env = "HOIAM_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,
    /// How logs are written on standard error.
    #[arg(long, env = "HOIAM_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// File to which logs are appended instead of standard error (made with mode 0600).
    #[arg(long, env = "HOIAM_LOG_FILE")]
    pub log_file: Option<PathBuf>,
}

impl TelemetryConfig {
    /// Every bad value.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let bad = self
            .otlp_endpoint
            .as_ref()
            .is_some_and(|endpoint| !endpoint.starts_with("http://") && !endpoint.starts_with("https://"));
        bad.then(|| Problem::new("--otlp-endpoint", "must begin with http:// or https://"))
            .into_iter()
            .collect()
    }
}

/// What every service but the ledger is told.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ServiceConfig {
    /// The ledger.
    #[command(flatten)]
    pub ledger: LedgerAccess,
    /// The broker.
    #[command(flatten)]
    pub broker: BrokerAccess,
    /// Listeners.
    #[command(flatten)]
    pub listen: ListenConfig,
    /// The service's read model: `sqlite:<path>` or `postgres://…`.
    #[arg(long, env = "HOIAM_DATABASE")]
    pub database: Option<Secret>,
    /// Name of this replica, unique among those that run at the same time. One that starts again under its name has its shards back at once;
    /// without a name it waits until the lease it held before has run out.
    #[arg(long, env = "HOIAM_REPLICA")]
    pub replica: Option<String>,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
}

impl ServiceConfig {
    /// Every bad value of the common part.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.ledger.problems();
        problems.extend(self.broker.problems());
        problems.extend(self.listen.problems());
        if let Some(url) = &self.database
            && !["sqlite:", "postgres:", "postgresql:"]
                .iter()
                .any(|scheme| url.reveal().starts_with(scheme))
        {
            problems.push(Problem::new(
                "--database",
                "must begin with sqlite: or postgres://",
            ));
        }
        problems.extend(self.telemetry.problems());
        problems
    }
}

fn read_secret(option: &'static str, path: &Path) -> Result<Secret, Problem> {
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => {
            Err(Problem::new(option, format!("{} is empty", path.display())))
        }
        Ok(text) => Ok(Secret::new(text.trim())),
        Err(error) => Err(Problem::new(
            option,
            format!("{} cannot be read: {error}", path.display()),
        )),
    }
}
