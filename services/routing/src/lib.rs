//! Names the office and units for a case and puts it before them; hears what they answer.

mod api;
mod case_file;
mod config;
mod desk;
mod error;
mod handle;
mod names;
mod notices;
mod outlet;
mod payload;
mod policies;
mod project;
mod react;
mod store;

use std::sync::Arc;

use async_trait::async_trait;
use chassis::service::{Host, Life, Service};
use tonic::service::Routes;

pub use case_file::facts;
pub use config::Config;
/// The rules, for whoever looks into a policy or replays history under it.
pub use routing_domain as domain;

/// The service.
pub struct Routing;

#[async_trait]
impl Service for Routing {
    const NAME: &'static str = "routing";
    const ABOUT: &'static str = "Puts each case before the unit that must act, and hears what it answers.";
    type Config = Config;

    async fn run(config: Config, life: Life) -> anyhow::Result<()> {
        run(config, life).await
    }

    async fn migrate(config: Config) -> anyhow::Result<()> {
        store::Store::open(config.database()?).await?;
        Ok(())
    }
}

/// Runs routing until the word to stop.
///
/// # Errors
/// A policy, a credential or a database that cannot be used; an address that is taken.
pub async fn run(config: Config, life: Life) -> anyhow::Result<()> {
    let text = config.policy_text()?;
    let (webhooks, mails) = (config.webhooks()?, config.mails()?);
    let store = store::Store::open(config.database()?).await?;
    let mut host = Host::start(Routing::NAME, &config.service, life).await?;
    let policies = Arc::new(policies::of(host.ledger.clone()));
    policies.publish(&text, config.source(), host.clock.now()).await?;
    let handler = Arc::new(handle::Handler::new(
        host.ledger.clone(),
        Arc::clone(&policies),
        Arc::clone(&host.clock),
    ));
    host.reactor(Arc::new(react::Reactor::new(Arc::clone(&handler))));
    let board = notices::Board::new(host.ledger.clone(), host.nats.clone());
    host.reactor(Arc::new(notices::Notices::new(board.clone())));
    let cases = host.projector(Arc::new(project::Cases::new(store.clone())));
    let restorer = notices::restore::Restorer::new(board, store.clone(), cases.clone());
    host.task("restorer", restorer.run(host.shutdown.clone()));
    let desk = Arc::new(desk::Desk::new(Arc::clone(&handler), host.ledger.clone()));
    host.task(
        "desk",
        desk::listen::run(host.nats.clone(), Arc::clone(&desk), host.shutdown.clone()),
    );
    let deliveries = outlet::store::Deliveries::new(store.database().clone());
    let wake = Arc::new(tokio::sync::Notify::new());
    let table = host.projector(Arc::new(outlet::project::Outlets::new(
        deliveries.clone(),
        Arc::clone(&wake),
    )));
    let outlets = api::outlet::Outlets {
        ledger: host.ledger.clone(),
        clock: Arc::clone(&host.clock),
        store: deliveries.clone(),
        webhooks: webhooks.clone(),
        mail: mails.is_some(),
    };
    let deliverer = outlet::deliver::Deliverer::new(
        host.ledger.clone(),
        Arc::clone(&host.clock),
        deliveries,
        Arc::clone(&policies),
        (webhooks, mails),
        wake,
    );
    host.task("deliverer", deliverer.run(table, host.shutdown.clone()));
    let (callers, shutdown) = (host.callers.clone(), host.shutdown.clone());
    let api = api::service(desk, handler, store, cases, outlets, callers, shutdown);
    let versions = chassis::policy::service(policies, host.callers.clone(), Arc::clone(&host.clock));
    host.serve(Routes::new(api).add_service(versions), axum::Router::new())
        .await
}
