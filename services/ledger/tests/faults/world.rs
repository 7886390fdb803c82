//! A ledger that is a process of its own, to be killed, paused and starved; and clients that go on until each request is acknowledged.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chassis::callers::{BearerToken, Caller, CallerKind, CallersFile, token_sha256};
use chassis::config::Secret;
use contracts::grpc::ledger as wire;
use contracts::grpc::ledger::ledger_client::LedgerClient;
use prost::Message as _;
use tempfile::TempDir;
use testkit::chance::Chance;
use testkit::postgres::Postgres;
use testkit::process::Process;
use testkit::record::Record;
use tokio::task::JoinSet;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use uuid::Uuid;

pub(crate) type Client = LedgerClient<InterceptedService<Channel, BearerToken>>;

/// Beyond this something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How long a client waits for one answer before it asks again.
pub(crate) const CALL: Duration = Duration::from_secs(3);
/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000_000;

/// Where a ledger lives: its files, its database, its address.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) database: String,
    nats_url: Option<String>,
    port: u16,
}

impl Site {
    /// On SQLite, in a folder of its own.
    pub(crate) fn sqlite() -> Self {
        Self::sqlite_in(tempfile::tempdir().unwrap())
    }

    /// On SQLite in a given folder. Nothing else of the ledger is in it but keys and callers.
    pub(crate) fn sqlite_in(folder: TempDir) -> Self {
        let database = format!("sqlite:{}", folder.path().join("ledger.db").display());
        Self::new(folder, database)
    }

    /// On any database.
    pub(crate) fn on(database: String) -> Self {
        Self::new(tempfile::tempdir().unwrap(), database)
    }

    fn new(folder: TempDir, database: String) -> Self {
        ledger::vault::create_kek_file(&folder.path().join("kek")).unwrap();
        let caller = Caller {
            name: "routing".to_owned(),
            kind: CallerKind::Service,
            token_sha256: token_sha256("token of routing"),
            append: vec!["routing".to_owned(), "routing-policy".to_owned()],
            purposes: vec!["route".to_owned()],
            rights: vec![],
            read: true,
            acts_for_people: false,
        };
        let callers = serde_json::to_vec(&CallersFile {
            callers: vec![caller],
        })
        .unwrap();
        std::fs::write(folder.path().join("callers.json"), callers).unwrap();
        Self {
            folder,
            database,
            nats_url: None,
            port: free_port(),
        }
    }

    /// With a relay to this server.
    pub(crate) fn relaying_to(self, nats_url: String) -> Self {
        Self {
            nats_url: Some(nats_url),
            ..self
        }
    }

    /// A second instance of the same ledger, at an address of its own.
    pub(crate) fn twin(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["kek", "callers.json"] {
            std::fs::copy(self.folder.path().join(name), folder.path().join(name)).unwrap();
        }
        Self {
            folder,
            database: self.database.clone(),
            nats_url: self.nats_url.clone(),
            port: free_port(),
        }
    }

    /// The same ledger, whose way to the database is another.
    pub(crate) fn through(self, database: String) -> Self {
        Self { database, ..self }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A client that connects when it is first used, and again whenever it must.
    pub(crate) fn client(&self) -> Client {
        client_of(&self.address())
    }

    /// Starts the ledger's own program and waits until it listens.
    pub(crate) async fn start(&self, environment: &[(&str, &str)]) -> Process {
        let mut process = self.spawn(Command::new(program()), environment);
        process.wait_for_line("\"grpc\"", PATIENCE).await.unwrap();
        process
    }

    /// Starts it as `command` says, which may put another program before it; does not wait.
    pub(crate) fn spawn(&self, mut command: Command, environment: &[(&str, &str)]) -> Process {
        command
            .env("HOIAM_LEDGER_DATABASE", &self.database)
            .env("HOIAM_LEDGER_KEK", self.file("kek"))
            .env("HOIAM_CALLERS", self.file("callers.json"))
            .env("HOIAM_GRPC_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("RUST_LOG", "info")
            .envs(environment.iter().copied());
        match &self.nats_url {
            Some(url) => command.env("HOIAM_NATS_URL", url),
            None => command.env("HOIAM_LEDGER_NO_RELAY", "true"),
        };
        Process::spawn(&mut command).unwrap()
    }

    /// The whole record is in order, and so is everything that was acknowledged; gives it.
    #[track_caller]
    pub(crate) fn in_order<'a>(
        &self,
        acknowledged: impl IntoIterator<Item = &'a wire::Appended>,
    ) -> impl Future<Output = Record> {
        in_order(self.database.clone(), acknowledged.into_iter().cloned().collect())
    }
}

async fn in_order(database: String, acknowledged: Vec<wire::Appended>) -> Record {
    let record = Record::read(&database).await.unwrap();
    record.holds(&acknowledged).unwrap();
    record
}

/// The program under test.
pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_hoiam-ledger"))
}

/// The two engines, each with an empty database.
pub(crate) async fn both_engines(postgres: &Postgres, name: &'static str) -> [Site; 2] {
    [Site::sqlite(), Site::on(postgres.database(name).await.unwrap())]
}

/// A client of the ledger at an address.
pub(crate) fn client_of(address: &str) -> Client {
    let channel = Endpoint::from_shared(address.to_owned())
        .unwrap()
        .connect_timeout(CALL)
        .connect_lazy();
    LedgerClient::with_interceptor(channel, BearerToken::new(Secret::new("token of routing")))
}

/// Not taken now; the ledger that is about to start takes it.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// An append whose every choice is chance's: one to three events in one or two streams of one of few cases, sealed or not.
pub(crate) fn any_append(chance: &mut Chance) -> wire::AppendRequest {
    let case = Uuid::from_u128(u128::from(chance.below(40)) + 1);
    let streams = 1 + chance.below(2);
    let streams = (0..streams).map(|n| wire::StreamAppend {
        category: "routing".to_owned(),
        stream_id: id(Uuid::from_u128((u128::from(n) << 64) | case.as_u128())),
        expected: Some(wire::stream_append::Expected::Any(true)),
        events: (0..=chance.below(2)).map(|_| any_event(chance)).collect(),
    });
    let streams = streams.collect();
    wire::AppendRequest {
        request_id: id(Uuid::from_u64_pair(chance.next(), chance.next())),
        origin: Some(wire::append_request::Origin::Client(wire::Client {
            sent_sha256: vec![7; 32].into(),
        })),
        case_id: Some(id(case)),
        streams,
        lane: if chance.one_in(3) {
            wire::Lane::Express
        } else {
            wire::Lane::Bulk
        }
        .into(),
        correlation: "c".to_owned(),
        ..Default::default()
    }
}

fn any_event(chance: &mut Chance) -> wire::NewEvent {
    wire::NewEvent {
        r#type: "routing.case_routed.v1".to_owned(),
        occurred_at: START,
        actor: "service:routing".to_owned(),
        data: format!(r#"{{"n":{}}}"#, chance.next()).into(),
        sealed: chance.one_in(4).then(|| vec![b'x'; 100].into()),
    }
}

pub(crate) fn id(id: Uuid) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(id.as_bytes())
}

/// Whether the same request may be sent again: the ledger said so, or the way to it broke. (Exhausted is a connection on which too many
/// calls were cancelled: HTTP/2 servers end it.)
pub(crate) fn may_be_sent_again(status: &Status) -> bool {
    use Code::{Cancelled, DeadlineExceeded, Internal, ResourceExhausted, Unavailable, Unknown};
    matches!(
        status.code(),
        Unavailable | Unknown | Cancelled | DeadlineExceeded | Internal | ResourceExhausted
    )
}

/// Appends, and sends the same again to one address after the other until it is acknowledged.
pub(crate) async fn append_surely(clients: &mut [Client], request: wire::AppendRequest) -> wire::Appended {
    let surely = async {
        for turn in 0.. {
            let count = clients.len();
            let client = &mut clients[turn % count];
            match tokio::time::timeout(CALL, client.append(request.clone())).await {
                Ok(Ok(appended)) => return appended.into_inner(),
                Ok(Err(status)) => assert!(may_be_sent_again(&status), "{status:?}"),
                Err(_) => {}
            }
            // It may be away for a while: do not take the machine from whoever starts it.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        unreachable!("it goes on until it is acknowledged")
    };
    tokio::time::timeout(2 * PATIENCE, surely)
        .await
        .expect("a request is acknowledged some day")
}

/// Clients that append one request after the other, each until it is acknowledged.
pub(crate) struct Load(JoinSet<Vec<wire::Appended>>);

impl Load {
    /// `writers` clients with `each` requests; each begins at another of the sites.
    pub(crate) fn start(sites: &[&Site], writers: u64, each: u64) -> Self {
        // A second load in one test makes requests of its own, not those of the first again.
        static LOADS: AtomicU64 = AtomicU64::new(0);
        let load = LOADS.fetch_add(1, Ordering::SeqCst) << 32;
        let mut set = JoinSet::new();
        for writer in 0..writers {
            let mut clients: Vec<Client> = sites.iter().map(|site| site.client()).collect();
            clients.rotate_left(writer as usize % sites.len());
            let mut chance = Chance::seeded().branch(load | writer);
            set.spawn(async move {
                let mut acknowledged = Vec::new();
                for _ in 0..each {
                    acknowledged.push(append_surely(&mut clients, any_append(&mut chance)).await);
                }
                acknowledged
            });
        }
        Self(set)
    }

    /// Waits until all have all acknowledged; what was acknowledged.
    pub(crate) async fn done(self) -> Vec<wire::Appended> {
        self.0.join_all().await.into_iter().flatten().collect()
    }
}

/// Waits until the ledger's head is there.
pub(crate) async fn head_reaches(client: &mut Client, at_least: u64) -> wire::HeadReply {
    let wait = async {
        loop {
            if let Ok(head) = client.head(wire::HeadRequest { at_least }).await
                && head.get_ref().position >= at_least
            {
                return head.into_inner();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .unwrap_or_else(|_| panic!("the head does not reach {at_least}"))
}

/// Waits until the relay has put everything on record into the stream, and says that it follows.
pub(crate) async fn relayed(client: &mut Client) {
    let mut last = wire::HeadReply::default();
    let wait = async {
        loop {
            if let Ok(head) = client.head(wire::HeadRequest::default()).await {
                last = head.into_inner();
                if last.relayed >= last.position && last.relay_state == "following" {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let done = tokio::time::timeout(PATIENCE, wait).await;
    assert!(done.is_ok(), "the relay does not follow: {last:?}");
}

/// What the ledger said when it refused.
#[track_caller]
pub(crate) fn reason(status: &Status) -> wire::refusal::Reason {
    wire::Refusal::decode(status.details())
        .ok()
        .and_then(|refusal| refusal.reason)
        .unwrap_or_else(|| panic!("a refusal without a reason: {status:?}"))
}
