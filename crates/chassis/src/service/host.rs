//! What every service but the ledger has around it: the broker, the ledger, the callers, its tasks, and its two servers.

use std::future::Future;
use std::sync::Arc;

use kernel::{Clock, Position};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use super::watch::watch;
use super::{DRAIN, Life, serve};
use crate::callers::Callers;
use crate::config::ServiceConfig;
use crate::consumer::{self, Deps, Projection, Reaction, Waiter};
use crate::health::Health;
use crate::ledger::LedgerClient;
use crate::nats::Nats;

/// A service being built, then served.
pub struct Host {
    /// The service's name.
    pub name: &'static str,
    /// The broker.
    pub nats: Nats,
    /// The ledger.
    pub ledger: LedgerClient,
    /// Who may call.
    pub callers: Callers,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Into how many shards subjects are split.
    pub shards: u32,
    /// What readiness depends on.
    pub health: Health,
    /// The word to stop.
    pub shutdown: CancellationToken,
    holder: String,
    config: ServiceConfig,
    life: Life,
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
}

impl Host {
    /// Connects to the broker and the ledger, waiting for both.
    ///
    /// # Errors
    /// What cannot be used: a credential, a token, an address.
    pub async fn start(name: &'static str, config: &ServiceConfig, life: Life) -> anyhow::Result<Self> {
        let callers = config
            .listen
            .callers
            .as_ref()
            .map_or_else(|| Ok(Callers::nobody()), Callers::load)?;
        let nats = Nats::connect(&config.broker, name).await?;
        let ledger = LedgerClient::of(&config.ledger).await?;
        let shards = ledger.head(Position(0)).await?.shards.max(1);
        let health = Health::default();
        health.set("listening", false);
        let holder = config
            .replica
            .clone()
            .unwrap_or_else(|| format!("{name}-{}", uuid::Uuid::new_v4().simple()));
        Ok(Self {
            name,
            nats,
            ledger,
            callers,
            clock: Arc::clone(&life.clock),
            shards,
            health,
            shutdown: life.shutdown.clone(),
            holder,
            config: config.clone(),
            life,
            tasks: JoinSet::new(),
        })
    }

    /// What the consumer loop needs.
    #[must_use]
    pub fn deps(&self) -> Deps {
        Deps {
            nats: self.nats.clone(),
            ledger: self.ledger.clone(),
            clock: Arc::clone(&self.clock),
            shards: self.shards,
            holder: self.holder.clone(),
        }
    }

    /// Runs a reaction beside the servers.
    pub fn reactor(&mut self, reaction: Arc<dyn Reaction>) {
        let (deps, shutdown) = (self.deps(), self.shutdown.clone());
        self.task("reactor", async move {
            consumer::run_reactor(reaction, deps, shutdown).await;
            Ok(())
        });
    }

    /// Runs a projection beside the servers; reads wait for it by the waiter.
    pub fn projector(&mut self, projection: Arc<dyn Projection>) -> Waiter {
        let (waiter, run) = consumer::run_projector(projection, self.deps(), self.shutdown.clone());
        self.task("projector", async move { Ok(run.await?) });
        waiter
    }

    /// Runs a task of the service's own. It ends by itself after `shutdown`; if it fails before, the whole service stops with its error.
    pub fn task(
        &mut self,
        name: &'static str,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.tasks.spawn(async move { (name, task.await) });
    }

    /// Serves gRPC (with reflection and health) and HTTP (with `/healthz`, `/readyz` and `/metrics`) until the word to stop, then waits for
    /// the tasks.
    ///
    /// # Errors
    /// An address that is taken; the error of the task that failed.
    pub async fn serve(self, grpc: Routes, http: axum::Router) -> anyhow::Result<()> {
        let Self {
            life,
            config,
            health,
            shutdown,
            mut tasks,
            nats,
            ledger,
            ..
        } = self;
        // Ends with this function.
        let mut watching = JoinSet::new();
        watching.spawn(watch(health.clone(), nats, ledger));
        let servers = serve(&config.listen, life, &health, grpc, http);
        tokio::pin!(servers);
        let mut first_error = None;
        let mut served = None;
        while served.is_none() {
            tokio::select! {
                result = &mut servers => served = Some(result),
                Some(ended) = tasks.join_next() => {
                    if let Err(error) = outcome(ended) {
                        first_error.get_or_insert(error);
                        shutdown.cancel();
                    }
                }
            }
        }
        shutdown.cancel();
        let drained = tokio::time::timeout(DRAIN, async {
            while let Some(ended) = tasks.join_next().await {
                if let Err(error) = outcome(ended) {
                    first_error.get_or_insert(error);
                }
            }
        });
        if drained.await.is_err() {
            tracing::warn!(
                seconds = DRAIN.as_secs(),
                tasks = tasks.len(),
                "tasks did not finish in time and are dropped"
            );
        }
        match (first_error, served) {
            (Some(error), _) => Err(error),
            (None, Some(Err(error))) => Err(error),
            (None, _) => Ok(()),
        }
    }
}

fn outcome(ended: Result<(&'static str, anyhow::Result<()>), tokio::task::JoinError>) -> anyhow::Result<()> {
    match ended {
        Ok((_, Ok(()))) => Ok(()),
        Ok((name, Err(error))) => Err(error.context(format!("the task `{name}` failed"))),
        Err(error) => Err(anyhow::anyhow!("a task panicked: {error}")),
    }
}
