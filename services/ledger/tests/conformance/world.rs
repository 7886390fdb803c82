//! A ledger in a temporary folder, its callers, and short ways to say what a test says.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chassis::callers::{BearerToken, Caller, CallerKind, CallersFile, token_sha256};
use chassis::clock::ManualClock;
use chassis::config::{ListenConfig, Secret};
use chassis::service::Life;
use contracts::grpc::ledger as wire;
use contracts::grpc::ledger::ledger_client::LedgerClient;
use kernel::Instant;
use ledger::Config;
use prost::Message as _;
use sqlx::{Connection as _, Executor as _};
use tempfile::TempDir;
use testkit::postgres::Postgres;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;
use wire::refusal::Reason;

pub(crate) type Client = LedgerClient<InterceptedService<Channel, BearerToken>>;

/// 2026-01-01T00:00:00Z.
pub(crate) const START: i64 = 1_767_225_600_000_000;

pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) clock: Arc<ManualClock>,
    /// Of the tables' owner.
    pub(crate) url: String,
    pub(crate) postgres: Option<Postgres>,
    pub(crate) folder: TempDir,
    address: String,
    running: Option<(CancellationToken, JoinHandle<anyhow::Result<()>>)>,
}

impl World {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("ledger.db").display());
        Self::start(folder, url, None).await
    }

    /// The ledger runs as a role that owns nothing, as it should in a city: each scenario shows that its rights suffice.
    pub(crate) async fn postgres() -> Self {
        let postgres = Postgres::start().await.unwrap();
        let owner = postgres.url();
        ledger::run_migrations(&owner).await.unwrap();
        let mut conn = sqlx::PgConnection::connect(&owner).await.unwrap();
        conn.execute("CREATE ROLE ledger LOGIN").await.unwrap();
        ledger::store::roles::grant(&owner, "ledger").await.unwrap();
        let application = owner.replace("//hoiam@", "//ledger@");
        let mut world = Self::start(tempfile::tempdir().unwrap(), application, Some(postgres)).await;
        world.url = owner;
        world
    }

    async fn start(folder: TempDir, url: String, postgres: Option<Postgres>) -> Self {
        let kek = folder.path().join("kek");
        ledger::vault::create_kek_file(&kek).unwrap();
        let callers = folder.path().join("callers.json");
        std::fs::write(&callers, serde_json::to_vec(&everybody()).unwrap()).unwrap();
        let listen = ListenConfig {
            grpc_listen: "127.0.0.1:0".to_owned(),
            http_listen: None,
            http_limits: Default::default(),
            callers: Some(callers),
        };
        let config = Config {
            database: Secret::new(url.clone()),
            kek,
            shards: 1,
            no_relay: true,
            advertise: None,
            accept_clock: None,
            patrol: 0,
            log: Default::default(),
            listen,
            broker: Default::default(),
            telemetry: Default::default(),
        };
        let clock = Arc::new(ManualClock::new(Instant(START)));
        let mut world = Self {
            config,
            clock,
            url,
            postgres,
            folder,
            address: String::new(),
            running: None,
        };
        world.wake().await;
        world
    }

    /// Starts the ledger again after `stop`.
    pub(crate) async fn wake(&mut self) {
        let (address, running) = run(self.config.clone(), self.clock.clone()).await;
        self.address = address;
        self.running = Some(running);
    }

    pub(crate) async fn stop(&mut self) {
        if let Some((shutdown, task)) = self.running.take() {
            shutdown.cancel();
            task.await.unwrap().unwrap();
        }
    }

    /// The client that services use.
    pub(crate) async fn chassis(&self, caller: &str) -> chassis::ledger::LedgerClient {
        let token = format!("token of {caller}");
        chassis::ledger::LedgerClient::connect(&self.address, &token)
            .await
            .unwrap()
    }

    /// A client that calls as this caller, on a connection of its own.
    pub(crate) async fn client(&self, caller: &str) -> Client {
        connect(&self.address, caller).await
    }

    /// Every file that the ledger's data may be in.
    pub(crate) fn data_folders(&self) -> Vec<PathBuf> {
        let own = self.folder.path().to_owned();
        std::iter::once(own)
            .chain(self.postgres.as_ref().map(|it| it.folder().to_owned()))
            .collect()
    }

    /// Runs a statement as whoever has the database's own rights.
    pub(crate) async fn sql(&self, statement: &'static str) -> Result<(), sqlx::Error> {
        let file = self.folder.path().join("ledger.db");
        self.sql_in(&file, statement).await
    }

    /// The same in the key store.
    pub(crate) async fn sql_of_keys(&self, statement: &'static str) -> Result<(), sqlx::Error> {
        let file = self.folder.path().join("ledger-keys.db");
        self.sql_in(&file, statement).await
    }

    async fn sql_in(&self, file: &Path, statement: &'static str) -> Result<(), sqlx::Error> {
        if self.postgres.is_some() {
            let mut conn = sqlx::PgConnection::connect(&self.url).await?;
            conn.execute("SET search_path = public, keys").await?;
            conn.execute(sqlx::raw_sql(statement)).await?;
        } else {
            let mut conn = sqlx::SqliteConnection::connect(&format!("sqlite:{}", file.display())).await?;
            conn.execute(sqlx::raw_sql(statement)).await?;
        }
        Ok(())
    }
}

/// Runs a ledger in this process until its token is cancelled.
pub(crate) async fn run(
    config: Config,
    clock: Arc<dyn kernel::Clock>,
) -> (String, (CancellationToken, JoinHandle<anyhow::Result<()>>)) {
    let shutdown = CancellationToken::new();
    let (life, ready) = Life::under(&shutdown);
    let task = tokio::spawn(ledger::run(config, life.with_clock(clock)));
    let Ok(running) = ready.await else {
        panic!("the ledger did not start: {:?}", task.await)
    };
    (format!("http://{}", running.grpc), (shutdown, task))
}

/// A client of the ledger at an address.
pub(crate) async fn connect(address: &str, caller: &str) -> Client {
    let channel = Endpoint::from_shared(address.to_owned())
        .unwrap()
        .connect()
        .await
        .unwrap();
    let token = BearerToken::new(Secret::new(format!("token of {caller}")));
    LedgerClient::with_interceptor(channel, token)
}

fn everybody() -> CallersFile {
    let caller = |name: &str, kind, append: &[&str], purposes: &[&str], read| Caller {
        name: name.to_owned(),
        kind,
        token_sha256: token_sha256(&format!("token of {name}")),
        append: append.iter().map(|it| (*it).to_owned()).collect(),
        purposes: purposes.iter().map(|it| (*it).to_owned()).collect(),
        rights: vec![],
        read,
        acts_for_people: kind == CallerKind::Console,
    };
    CallersFile {
        callers: vec![
            Caller {
                rights: ["erase", "search"].map(str::to_owned).to_vec(),
                acts_for_people: true,
                ..caller("admin", CallerKind::Admin, &[], &["learn", "backtest"], true)
            },
            caller(
                "routing",
                CallerKind::Service,
                &["routing", "routing-policy"],
                &["route", "policy"],
                true,
            ),
            caller("console", CallerKind::Console, &["directory"], &["handle"], true),
            caller("auditor", CallerKind::Auditor, &[], &["inspect"], true),
            caller("gateway", CallerKind::Gateway, &["report"], &[], false),
        ],
    }
}

/// An event of the category `routing`.
pub(crate) fn event(data: &str) -> wire::NewEvent {
    wire::NewEvent {
        r#type: "routing.case_routed.v1".to_owned(),
        occurred_at: START - 1,
        actor: "service:routing".to_owned(),
        data: data.to_owned().into(),
        sealed: None,
    }
}

/// Some events for a stream, whatever its version.
pub(crate) fn to_stream(stream: Uuid, events: Vec<wire::NewEvent>) -> wire::StreamAppend {
    wire::StreamAppend {
        category: "routing".to_owned(),
        stream_id: id(stream),
        expected: Some(wire::stream_append::Expected::Any(true)),
        events,
    }
}

/// A reaction's request of a case, with its streams.
pub(crate) fn request(request_id: Uuid, case: Uuid, streams: Vec<wire::StreamAppend>) -> wire::AppendRequest {
    wire::AppendRequest {
        request_id: id(request_id),
        origin: Some(wire::append_request::Origin::Reaction(wire::Reaction {
            consumer: "routing".to_owned(),
        })),
        case_id: Some(id(case)),
        streams,
        unless: Vec::new(),
        lane: wire::Lane::Bulk.into(),
        correlation: "c".to_owned(),
        causation: None,
        traceparent: String::new(),
    }
}

/// One event for the stream `routing/<case>`.
pub(crate) fn simple(case: Uuid) -> wire::AppendRequest {
    request(Uuid::new_v4(), case, vec![to_stream(case, vec![event("{}")])])
}

pub(crate) fn id(id: Uuid) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(id.as_bytes())
}

/// Why the ledger refused.
#[track_caller]
pub(crate) fn reason(status: &Status) -> Reason {
    let refusal = wire::Refusal::decode(status.details()).unwrap();
    assert_eq!(refusal.message, status.message());
    refusal
        .reason
        .unwrap_or_else(|| panic!("a refusal without a reason: {status:?}"))
}

/// Everything on record, as `routing` sees it.
pub(crate) async fn everything(client: &mut Client) -> Vec<wire::Event> {
    collect(
        client
            .read_all(wire::ReadAllRequest::default())
            .await
            .unwrap()
            .into_inner(),
    )
    .await
}

pub(crate) async fn collect(mut events: tonic::Streaming<wire::Event>) -> Vec<wire::Event> {
    let mut all = Vec::new();
    while let Some(event) = events.message().await.unwrap() {
        all.push(event);
    }
    all
}
