//! Takes what citizens report, from NATS, gRPC and HTTP, and gives a receipt once it is on record.

mod ahead;
mod api;
mod config;
mod error;
mod handle;
mod inbox;
mod names;
mod parse;
mod refuse;
mod submit;
mod web;

use std::sync::Arc;

use async_trait::async_trait;
use chassis::service::{Host, Life, Service};
use tonic::service::Routes;

pub use config::Config;

/// The service.
pub struct Intake;

#[async_trait]
impl Service for Intake {
    const NAME: &'static str = "intake";
    const ABOUT: &'static str = "Takes what citizens report and gives a receipt once it is on record.";
    type Config = Config;

    async fn run(config: Config, life: Life) -> anyhow::Result<()> {
        run(config, life).await
    }

    async fn migrate(_: Config) -> anyhow::Result<()> {
        Ok(()) // intake keeps nothing of its own
    }
}

/// Runs intake until the word to stop: its four entrances over one desk.
///
/// # Errors
/// A key or credential that cannot be used, an address that is taken.
pub async fn run(config: Config, life: Life) -> anyhow::Result<()> {
    let key = config.identity_key()?;
    let mut host = Host::start(Intake::NAME, &config.service, life).await?;
    let desk = Arc::new(handle::Desk::new(
        host.ledger.clone(),
        Arc::clone(&host.clock),
        key,
    ));
    for lane in inbox::Lane::ALL {
        let inbox = inbox::Inbox::new(lane, host.nats.clone(), Arc::clone(&desk));
        host.task(lane.durable(), inbox.run(host.shutdown.clone()));
    }
    host.task(
        "ahead",
        ahead::run(host.nats.clone(), Arc::clone(&desk), host.shutdown.clone()),
    );
    host.task(
        "submit",
        submit::run(host.nats.clone(), Arc::clone(&desk), host.shutdown.clone()),
    );
    let grpc = Routes::new(api::service(Arc::clone(&desk), host.callers.clone()));
    host.serve(grpc, web::router(desk)).await
}
