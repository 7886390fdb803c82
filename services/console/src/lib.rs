//! The console: web pages for people, and the directory of people, roles, units and credentials.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chassis::config::Secret;
use chassis::service::{Host, Life, Service};
use contracts::grpc::console::directory_server::DirectoryServer;
use tonic::service::Routes;

pub mod api;
pub mod case;
pub mod clients;
pub mod config;
pub mod error;
pub mod filter;
pub mod lang;
pub mod people;
pub mod project;
pub mod roles;
pub mod store;
pub mod timeline;
pub mod web;
pub mod words;

pub use config::Config;
pub use lang::Lang;
pub use people::ensure_person;
pub use roles::Role;
pub use store::Store;

/// The service, for its tiny `main`.
pub struct Console;

#[async_trait]
impl Service for Console {
    const NAME: &'static str = "console";
    const ABOUT: &'static str = "Hồi Âm's console: web pages for people, and the directory";
    type Config = Config;

    async fn run(config: Config, life: Life) -> anyhow::Result<()> {
        run(config, life).await
    }

    async fn migrate(config: Config) -> anyhow::Result<()> {
        Store::open(database(&config)?.reveal()).await?;
        Ok(())
    }
}

fn database(config: &Config) -> anyhow::Result<&Secret> {
    config
        .service
        .database
        .as_ref()
        .ok_or_else(|| anyhow::anyhow!("--database is needed: sqlite:<path> or postgres://…"))
}

/// Serves the pages at `--http-listen` and the directory at `--grpc-listen` until the word to stop.
///
/// # Errors
/// What cannot be used or reached: a token, an address, the database, the projection.
pub async fn run(config: Config, life: Life) -> anyhow::Result<()> {
    let store = Store::open(database(&config)?.reveal()).await?;
    let token = config.service.ledger.token()?;
    let clients = clients::Clients::new(&config, &token)?;
    let mut host = Host::start("console", &config.service, life).await?;
    let live = project::Live::default();
    let waiter = host.projector(Arc::new(project::Cases::new(store.clone(), live.clone())));
    let directory = api::DirectoryApi {
        ledger: host.ledger.clone(),
        callers: host.callers.clone(),
        store: store.clone(),
        waiter: waiter.clone(),
        clock: Arc::clone(&host.clock),
    };
    let pages = web::router(Arc::new(web::App {
        store,
        ledger: host.ledger.clone(),
        clients,
        live,
        waiter,
        clock: Arc::clone(&host.clock),
        shutdown: host.shutdown.clone(),
        secure_cookies: config.secure_cookies,
        units: Mutex::default(),
        links: Mutex::default(),
    }));
    host.serve(Routes::new(DirectoryServer::new(directory)), pages)
        .await
}
