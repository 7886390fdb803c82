//! The ledger's life: migrate, take the vault's keys, write, sign, relay, serve; and on the word to stop, answer what was taken.

use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use chassis::callers::Callers;
use chassis::health::Health;
use chassis::service::{Life, Service, serve};
use contracts::grpc::ledger::ledger_server::LedgerServer;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::ahead::{self, Herald};
use crate::api::Api;
use crate::config::Config;
use crate::log::checkpointer::Checkpointer;
use crate::log::store::TileStore;
use crate::relay::{RelayHandle, StreamSettings};
use crate::request::MAX_REQUEST;
use crate::status::{LogStatus, RelayStatus};
use crate::store::{Engine, Store, migrate, notice};
use crate::vault::Vault;
use crate::vault::index::Index;
use crate::writer::Writer;

/// A request of the largest size, with as much again for envelopes and framing.
const MAX_MESSAGE: usize = 2 * MAX_REQUEST;

/// The ledger as a service.
pub struct Ledger;

#[async_trait]
impl Service for Ledger {
    const NAME: &'static str = "ledger";
    const ABOUT: &'static str = "The event store: what is on record here happened";
    type Config = Config;

    async fn run(config: Config, life: Life) -> anyhow::Result<()> {
        run(config, life).await
    }

    async fn migrate(config: Config) -> anyhow::Result<()> {
        migrate::run(config.database.reveal())
            .await
            .context("the migration failed")
    }
}

/// Runs the ledger until `life.shutdown`.
///
/// # Errors
/// When the database, the key file, the callers or an address cannot be used.
pub async fn run(config: Config, life: Life) -> anyhow::Result<()> {
    let engine: Engine = config.database.reveal().parse()?;
    migrate::run(config.database.reveal())
        .await
        .context("the ledger's database cannot be brought up to date")?;
    let callers = config
        .listen
        .callers
        .as_ref()
        .map_or_else(|| Ok(Callers::nobody()), Callers::load)?;
    let store = Store::open(&engine)
        .await
        .context("the ledger's database cannot be read")?;
    store
        .check_end()
        .await
        .context("the ledger does not add to a damaged record")?;
    let used = *store.watch().borrow() > 0;
    let vault = Arc::new(
        Vault::open(&engine, &config.kek, used)
            .await
            .context("the vault does not open")?,
    );
    vault
        .before_opening(&store, life.clock.now().0)
        .await
        .context("what is erased on record cannot be forgotten")?;
    let health = Health::default();
    health.set("writing", false);
    let listened = engine.clone();
    let (writer, leadership, writing) = Writer::new(
        engine,
        store.clone(),
        Arc::clone(&vault),
        Arc::clone(&life.clock),
        health.clone(),
        config.address(),
        config.accept_clock.clone(),
    );
    let (log_status, log) = watch::channel(LogStatus {
        state: "off".to_owned(),
        ..LogStatus::default()
    });
    let checkpointer = match &config.log.folder {
        Some(folder) => {
            let clock = Arc::clone(&life.clock);
            let opened = Checkpointer::open(folder, &config.log, store.clone(), clock, log_status).await;
            Some(opened.context("the log does not let the ledger start")?)
        }
        None => None,
    };
    let fallen = life.shutdown.clone();
    let signing =
        checkpointer.map(|it| part(&fallen, it.run(leadership.clone(), life.shutdown.child_token())));
    let stop_writing = CancellationToken::new();
    let listening = part(
        &fallen,
        notice::listen(listened, store.clone(), stop_writing.clone()),
    );
    let writing = part(&fallen, writing.run(stop_writing.clone()));
    let (status, relay) = watch::channel(RelayStatus::default());
    let stop_relaying = life.shutdown.child_token();
    let (asked, orders) = RelayHandle::new();
    let (herald, words) = Herald::new();
    let telling =
        (!config.no_relay).then(|| tokio::spawn(ahead::run(config.broker.clone(), config.shards, words)));
    let relaying = if config.no_relay {
        status.send_replace(RelayStatus {
            state: "off".to_owned(),
            ..RelayStatus::default()
        });
        None
    } else {
        let settings = StreamSettings {
            patrol: config.patrol,
            ..StreamSettings::one_server(config.shards)
        };
        let relaying = crate::relay::run(
            store.clone(),
            config.broker.clone(),
            settings,
            status,
            leadership.clone(),
            orders,
            stop_relaying.clone(),
        );
        Some(part(&fallen, relaying))
    };
    let indexing = part(
        &fallen,
        Index::run(
            Arc::clone(&vault),
            store.clone(),
            leadership.clone(),
            writer.clone(),
            stop_writing.clone(),
        ),
    );
    let api = Api {
        store: store.clone(),
        writer,
        herald,
        vault: Arc::clone(&vault),
        callers,
        clock: Arc::clone(&life.clock),
        relay,
        leadership,
        relaying: (!config.no_relay).then_some(asked),
        log,
        tiles: config.log.folder.as_deref().map(TileStore::at),
        shards: config.shards,
        stop: life.shutdown.clone(),
    };
    let http = api
        .tiles
        .clone()
        .map_or_else(axum::Router::new, crate::log::serve::router);
    let routes = Routes::new(LedgerServer::new(api).max_decoding_message_size(MAX_MESSAGE));
    let served = serve(&config.listen, life, &health, routes, http).await;
    stop_relaying.cancel();
    if let Some(telling) = telling {
        // What it has not told yet is in the stream.
        telling.abort();
    }
    let relayed = match relaying {
        Some(relaying) => relaying.await.context("the relay panicked"),
        None => Ok(()),
    };
    let signed = match signing {
        Some(signing) => signing.await.context("the log's signer panicked"),
        None => Ok(()),
    };
    // Calls are over; what the writer has taken it finishes.
    stop_writing.cancel();
    let written = writing.await.context("the writer panicked");
    let listened = listening.await.context("the listening for new events panicked");
    let indexed = indexing.await.context("the indexer panicked");
    store.close().await;
    vault.close().await;
    served
        .and(relayed)
        .and(signed)
        .and(written)
        .and(listened)
        .and(indexed)
}

/// Runs a part of the ledger beside the others. When it panics, the ledger stops, to be started anew: without it, it would live on and
/// do nothing.
fn part<T: Send + 'static>(
    shutdown: &CancellationToken,
    part: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let falls = Falls(shutdown.clone());
    tokio::spawn(async move {
        let _falls = falls;
        part.await
    })
}

struct Falls(CancellationToken);

impl Drop for Falls {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.cancel();
        }
    }
}
