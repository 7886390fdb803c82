//! Carries the answer to the citizen at the level of the case, closes and reopens.

mod api;
mod case;
mod config;
mod error;
mod handle;
mod messages;
mod outbox;
mod react;
mod share;
mod units;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use chassis::outbox::FileTransport;
use chassis::service::{Host, Life, Service};
use tonic::service::Routes;

pub use config::Config;

/// The service.
pub struct Feedback;

#[async_trait]
impl Service for Feedback {
    const NAME: &'static str = "feedback";
    const ABOUT: &'static str =
        "Carries the answer to the citizen at the level of the case, closes and reopens.";
    type Config = Config;

    async fn run(config: Config, life: Life) -> anyhow::Result<()> {
        run(config, life).await
    }

    async fn migrate(_: Config) -> anyhow::Result<()> {
        Ok(()) // feedback keeps nothing of its own: its state is its stream in the ledger
    }
}

/// Runs feedback until the word to stop: the procedure of each case, the outbox of messages, and people's commands.
///
/// # Errors
/// A key, folder or credential that cannot be used, an address that is taken.
pub async fn run(config: Config, life: Life) -> anyhow::Result<()> {
    let transport = FileTransport::open(config.outbox_dir()?, config.outbox_key()?)?;
    let mut host = Host::start(Feedback::NAME, &config.service, life).await?;
    let desk = Arc::new(handle::Desk::new(host.ledger.clone()));
    host.reactor(Arc::new(react::Follow::new(Arc::clone(&desk))));
    host.reactor(Arc::new(share::Share::new(Arc::clone(&desk))));
    host.reactor(Arc::new(outbox::Outbox::new(host.ledger.clone(), transport)));
    let grpc = Routes::new(api::service(desk, host.callers.clone(), Arc::clone(&host.clock)));
    host.serve(grpc, axum::Router::new()).await
}
