//! Decides field, topic, kind, urgency, level and place of a report, or asks for a person.

mod api;
mod config;
mod duplicates;
mod error;
mod handle;
mod models;
mod payload;
mod policies;
mod project;
mod react;
mod store;

use std::sync::Arc;

use async_trait::async_trait;
use chassis::service::{Host, Life, Service};
use tonic::service::Routes;

pub use config::Config;
pub use handle::found;
pub use models::{Opener, Speaking, records, speaking};
pub use policies::examine;

/// The service.
pub struct Classification;

#[async_trait]
impl Service for Classification {
    const NAME: &'static str = "classification";
    const ABOUT: &'static str = "Decides what a report is about and how urgent it is, or asks for a person.";
    type Config = Config;

    async fn run(config: Config, life: Life) -> anyhow::Result<()> {
        run(config, life).await
    }

    async fn migrate(config: Config) -> anyhow::Result<()> {
        store::Store::open(config.database()?).await?;
        Ok(())
    }
}

/// Runs classification until the word to stop.
///
/// # Errors
/// A policy, a credential or a database that cannot be used; an address that is taken.
pub async fn run(config: Config, life: Life) -> anyhow::Result<()> {
    let text = config.policy_text()?;
    let sketch_key = config.sketch_key()?;
    let store = store::Store::open(config.database()?).await?;
    let mut host = Host::start(Classification::NAME, &config.service, life).await?;
    let policies = Arc::new(policies::of(host.ledger.clone(), config.models.clone()));
    policies.publish(&text, config.source(), host.clock.now()).await?;
    let models = models::Models::new(host.ledger.clone(), config.models.clone());
    let handler = handle::Handler::new(
        host.ledger.clone(),
        Arc::clone(&policies),
        models,
        Arc::clone(&host.clock),
    );
    let handler = Arc::new(handler);
    // Before the first report waits for it; a model that cannot learn yet holds reports up, not the start.
    if let Err(refusal) = handler.rules().await {
        tracing::error!(error = %chassis::telemetry::chain(&refusal), "the rules in force cannot be used yet");
    }
    host.reactor(Arc::new(react::Reactor::new(Arc::clone(&handler))));
    let matters = Arc::new(duplicates::Matters::new(
        host.ledger.clone(),
        Arc::clone(&host.clock),
    ));
    host.reactor(Arc::new(duplicates::react::Join {
        matters: Arc::clone(&matters),
    }));
    let sketched = sketch_key.map(|key| {
        let sketches = project::sketches::Sketches::new(
            store.clone(),
            host.ledger.clone(),
            Arc::clone(&host.clock),
            key,
        );
        let sketched = host.projector(Arc::new(sketches));
        host.reactor(Arc::new(duplicates::react::Look {
            matters: Arc::clone(&matters),
            policies: Arc::clone(&policies),
            store: store.clone(),
            sketched: sketched.clone(),
        }));
        sketched
    });
    let reviews = host.projector(Arc::new(project::Reviews::new(store.clone())));
    let api = api::service(handler, store, reviews, matters, sketched, host.callers.clone());
    let versions = chassis::policy::service(policies, host.callers.clone(), Arc::clone(&host.clock));
    host.serve(Routes::new(api).add_service(versions), axum::Router::new())
        .await
}
