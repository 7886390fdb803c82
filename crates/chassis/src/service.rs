//! A service's life: parsed and checked before anything binds, started, told to stop, drained with a timeout.

mod host;
mod http;
mod main_fn;
mod serve;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kernel::Clock;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

pub use host::Host;
pub use main_fn::run_main;
pub use serve::serve;

use crate::clock::SystemClock;
use crate::config::Settings;

/// How long running work may take to finish after the word to stop.
pub const DRAIN: Duration = Duration::from_secs(10);

/// What `run_main` runs.
#[async_trait]
pub trait Service: Send + Sync + 'static {
    /// Its name, one token: `intake`.
    const NAME: &'static str;
    /// One line for `--help`.
    const ABOUT: &'static str;
    /// What it is told.
    type Config: Settings;
    /// Runs until `life.shutdown`.
    async fn run(config: Self::Config, life: Life) -> anyhow::Result<()>;
    /// Brings its database to the present schema.
    async fn migrate(config: Self::Config) -> anyhow::Result<()>;
}

/// Where a running service listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running {
    /// gRPC.
    pub grpc: SocketAddr,
    /// HTTP, if it serves any.
    pub http: Option<SocketAddr>,
}

/// What a service gets from whoever runs it: its own `main`, `hoiam up`, or a test.
pub struct Life {
    /// The word to stop.
    pub shutdown: CancellationToken,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Told once, when the service listens and works.
    pub ready: Option<oneshot::Sender<Running>>,
    /// A listener for gRPC, instead of the configured address.
    pub grpc: Option<TcpListener>,
    /// A listener for HTTP, instead of the configured address.
    pub http: Option<TcpListener>,
}

impl Life {
    /// A life under a parent's word to stop, and where its readiness is told.
    #[must_use]
    pub fn under(shutdown: &CancellationToken) -> (Self, oneshot::Receiver<Running>) {
        let (ready, is_ready) = oneshot::channel();
        let life = Self {
            shutdown: shutdown.child_token(),
            clock: Arc::new(SystemClock),
            ready: Some(ready),
            grpc: None,
            http: None,
        };
        (life, is_ready)
    }

    /// With another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// With a listener for gRPC.
    #[must_use]
    pub fn with_grpc(mut self, listener: TcpListener) -> Self {
        self.grpc = Some(listener);
        self
    }

    /// With a listener for HTTP.
    #[must_use]
    pub fn with_http(mut self, listener: TcpListener) -> Self {
        self.http = Some(listener);
        self
    }
}
