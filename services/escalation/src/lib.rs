//! Turns events into obligations with deadlines and records what was missed.

mod config;
mod names;
mod policies;
mod project;
mod react;
mod store;
mod story;
mod timer;
mod wire;

use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use chassis::service::{Host, Life, Service};
use tonic::service::Routes;

pub use config::Config;

/// The service.
pub struct Escalation;

#[async_trait]
impl Service for Escalation {
    const NAME: &'static str = "escalation";
    const ABOUT: &'static str = "Turns events into obligations with deadlines and records what was missed.";
    type Config = Config;

    async fn run(config: Config, life: Life) -> anyhow::Result<()> {
        run(config, life).await
    }

    async fn migrate(config: Config) -> anyhow::Result<()> {
        store::Store::open(config.database()?)
            .await
            .context("the table of obligations cannot be made")?;
        Ok(())
    }
}

/// Runs escalation until the word to stop: it follows the facts of every case, and a timer watches what is owed.
///
/// # Errors
/// A credential or database that cannot be used, a built-in policy that the ledger refuses, an address that is taken.
pub async fn run(config: Config, life: Life) -> anyhow::Result<()> {
    let store = store::Store::open(config.database()?)
        .await
        .context("the table of obligations cannot be opened")?;
    let mut host = Host::start(Escalation::NAME, &config.service, life).await?;
    let policies = policies::of(host.ledger.clone());
    policies
        .publish(escalation_domain::BUILT_IN, "built_in", host.clock.now())
        .await?;
    host.reactor(Arc::new(react::Follow::new(host.ledger.clone(), policies)));
    host.projector(Arc::new(project::Table::new(store.clone())));
    let timer = timer::Timer::new(host.ledger.clone(), store, Arc::clone(&host.clock));
    host.task("timer", timer.run(host.shutdown.clone()));
    host.serve(Routes::default(), axum::Router::new()).await
}
