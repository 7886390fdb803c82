//! A city of one ledger, one broker and routing; the other services' facts are appended by the test.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chassis::callers::{BearerToken, Caller, CallerKind, CallersFile, token_sha256};
use chassis::clock::SystemClock;
use chassis::config::Secret;
use chassis::ledger::{Append, Expected, Filter, LedgerClient, NewEvent, StreamWrite};
use chassis::nats::{Headers, Nats, WorkOptions, WorkQueue};
use chassis::service::{Life, Running};
use contracts::events::classification::{Finding, ReportClassified};
use contracts::events::report::ReportReceived;
use contracts::grpc::routing::ListOutletsRequest;
use contracts::grpc::routing::routing_client::RoutingClient;
use contracts::sealed::{Place, ReportContent, Reporter};
use contracts::wire::{CaseNotice, DeskReply, DeskRequest};
use contracts::{Code, Payload, Recorded, subjects};
use futures::StreamExt;
use kernel::taxonomy::{Channel, Kind, Level, Topic, Urgency};
use kernel::{Actor, CaseId, Clock, IdentityKey, Instant, Position, RequestId, StreamId};
use testkit::ledger::{TestLedger, token};
use testkit::nats::NatsServer;
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel as Wire, Endpoint};

/// What the citizen said in every test: it may turn up where a unit opened it, and nowhere else.
pub(crate) const SAID: &str = "Ổ gà lớn trước nhà tôi, xin sửa giúp";

pub(crate) type Client = RoutingClient<InterceptedService<Wire, BearerToken>>;

pub(crate) struct World {
    pub(crate) ledger: LedgerClient,
    pub(crate) nats: Nats,
    pub(crate) server: NatsServer,
    pub(crate) running: Running,
    pub(crate) clock: Arc<Shifted>,
    kept: TestLedger,
    stop: CancellationToken,
    routing: Option<tokio::task::JoinHandle<anyhow::Result<()>>>,
    notices: WorkQueue,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    /// With settings of the test's own.
    pub(crate) async fn start_with(settle: impl FnOnce(&mut routing::Config)) -> Self {
        let server = NatsServer::start().await.unwrap();
        let kept = TestLedger::start(&server).await.unwrap();
        add_units(&kept);
        let nats = server.connect().await.unwrap();
        let notices = nats.work_queue(subjects::CASES, "test", WorkOptions::default());
        let clock = Arc::new(Shifted::default());
        let mut config = configure(&kept, "routing");
        settle(&mut config);
        let (stop, running, routing) = start_routing(config, &clock).await;
        let ledger = kept.client("test").await.unwrap();
        Self {
            ledger,
            nats,
            server,
            running,
            clock,
            kept,
            stop,
            routing: Some(routing),
            notices,
        }
    }

    /// Stops routing as a service is stopped, and starts it again on the same read model.
    pub(crate) async fn restart_routing(&mut self) {
        self.restart_on("routing").await;
    }

    /// The same, with its read model lost.
    pub(crate) async fn lose_read_model(&mut self) {
        self.restart_on("another").await;
    }

    async fn restart_on(&mut self, database: &str) {
        self.stop.cancel();
        self.routing.take().unwrap().await.unwrap().unwrap();
        let (stop, running, routing) = start_routing(configure(&self.kept, database), &self.clock).await;
        (self.stop, self.running, self.routing) = (stop, running, Some(routing));
    }

    /// The ledger as another service sees it.
    pub(crate) async fn ledger_as(&self, caller: &str) -> LedgerClient {
        self.kept.client(caller).await.unwrap()
    }

    /// A client of routing's gRPC.
    pub(crate) async fn client(&self, caller: &str) -> Client {
        let channel = Endpoint::from_shared(format!("http://{}", self.running.grpc))
            .unwrap()
            .connect()
            .await
            .unwrap();
        RoutingClient::with_interceptor(channel, BearerToken::new(Secret::new(token(caller))))
    }

    /// A report with its content, as intake records it.
    pub(crate) async fn report(&self, id: &str, said_at: &str) -> CaseId {
        let key = IdentityKey::new([7; 32]);
        let request = RequestId::client("test", id);
        let case = key.case_of(request);
        let received = ReportReceived {
            channel: Channel::Sms,
            gateway: code("gw1"),
            line: code("1022"),
            code: key.code_of(case),
            source: code(""),
            answerable: true,
            complete: true,
            text_length: 36,
            language: code("vi"),
            located: true,
            express: false,
        };
        let content = ReportContent {
            text: SAID.to_owned(),
            id: id.to_owned(),
            from: Reporter {
                phone: Some("0900000001".to_owned()),
                ..Reporter::default()
            },
            place: Place {
                address: Some("12 Lê Lợi".to_owned()),
                ..Place::default()
            },
        };
        let event = NewEvent::of(&received, Actor::citizen(), at(said_at)).sealed_json(&content);
        self.append(request, case, "report", vec![event]).await;
        case
    }

    /// What classification records of it.
    pub(crate) async fn classified(&self, case: CaseId, finding: Finding) -> Recorded {
        let payload = ReportClassified {
            finding,
            confidence: 900,
            evidence: vec![],
            policy: code("test"),
            model: code(""),
        };
        let event = NewEvent::of(
            &payload,
            Actor::service("classification"),
            at("2026-11-24T09:00:00+07:00"),
        );
        self.append(
            RequestId::client("test-classified", &case.to_string()),
            case,
            "classification",
            vec![event],
        )
        .await;
        self.wait_for::<ReportClassified>(case).await
    }

    /// A hole in the road of level 2, before so_xd.
    pub(crate) async fn before_so_xd(&mut self, id: &str) -> (CaseId, CaseNotice) {
        let case = self.report(id, "2026-11-24T08:00:00+07:00").await;
        self.classified(case, hole_in_the_road(Level::TWO)).await;
        let notice = self.notice().await;
        (case, notice)
    }

    /// Appends another service's facts.
    pub(crate) async fn append(
        &self,
        request: RequestId,
        case: CaseId,
        category: &str,
        events: Vec<NewEvent>,
    ) -> Position {
        let write = StreamWrite::new(StreamId::new(category, case.0), Expected::Any, events);
        self.ledger
            .append(Append::client(request, b"test", Some(case), vec![write]))
            .await
            .unwrap()
            .position
    }

    /// The first event of a type in a case, as soon as it is on record.
    pub(crate) async fn wait_for<P: Payload>(&self, case: CaseId) -> Recorded {
        self.wait_for_after::<P>(case, Position(0)).await
    }

    /// The first event of a type in a case after a position.
    pub(crate) async fn wait_for_after<P: Payload>(&self, case: CaseId, after: Position) -> Recorded {
        let filter = Filter {
            case_id: Some(case.to_vec().into()),
            ..Filter::default()
        };
        let mut events = Box::pin(self.ledger.follow(Position(after.0 + 1), filter));
        let wait = async {
            loop {
                let event = events.next().await.unwrap().unwrap();
                if event.is::<P>() {
                    return event;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait)
            .await
            .unwrap_or_else(|_| panic!("no {} in 30 s", P::TYPE))
    }

    /// The types of routing's events in a case, in order.
    pub(crate) async fn routing_of(&self, case: CaseId) -> Vec<String> {
        let events = self.ledger.read_case(case).await.unwrap();
        let own = events.iter().filter(|e| e.stream.category == "routing");
        own.map(|e| {
            e.kind
                .trim_start_matches("routing.")
                .trim_end_matches(".v1")
                .to_owned()
        })
        .collect()
    }

    /// Waits until a consumer has nothing undone up to a position.
    pub(crate) async fn wait_for_cursor(&self, consumer: &str, position: Position) {
        let wait = async {
            loop {
                let (cursors, _) = self.ledger.list_cursors().await.unwrap();
                if cursors
                    .iter()
                    .any(|cursor| cursor.consumer == consumer && cursor.position >= position.0)
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap();
    }

    /// Waits until the table of outlets has one of a unit.
    pub(crate) async fn wait_for_outlet(&self, unit: &str) {
        let mut client = self.client("console").await;
        let request = ListOutletsRequest {
            unit: unit.to_owned(),
        };
        while client
            .list_outlets(request.clone())
            .await
            .unwrap()
            .into_inner()
            .outlets
            .is_empty()
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The next notice on CASES.
    pub(crate) async fn notice(&mut self) -> CaseNotice {
        let work = tokio::time::timeout(Duration::from_secs(30), self.notices.next())
            .await
            .unwrap();
        let message = work.message.clone();
        work.done().await.unwrap();
        let notice: CaseNotice = serde_json::from_slice(&message.payload).unwrap();
        let subject =
            subjects::case_notice(notice.office, notice.unit.as_str(), notice.case, notice.revision);
        assert_eq!(message.subject, subject);
        notice
    }

    /// What a unit's system asks over NATS.
    pub(crate) async fn ask(&self, unit: &str, verb: &str, request: &DeskRequest) -> DeskReply {
        self.ask_raw(unit, verb, serde_json::to_vec(request).unwrap())
            .await
    }

    pub(crate) async fn ask_raw(&self, unit: &str, verb: &str, body: Vec<u8>) -> DeskReply {
        let subject = subjects::desk(unit, verb);
        let within = Duration::from_secs(20);
        let reply = self
            .nats
            .request(&subject, &Headers::new(), Bytes::from(body), within)
            .await
            .unwrap();
        serde_json::from_slice(&reply.payload).unwrap()
    }
}

/// The machine's time, moved on by the test.
#[derive(Default)]
pub(crate) struct Shifted(AtomicI64);

impl Shifted {
    /// By microseconds.
    pub(crate) fn advance(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for Shifted {
    fn now(&self) -> Instant {
        SystemClock.now().plus_micros(self.0.load(Ordering::SeqCst))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

type Started = (
    CancellationToken,
    Running,
    tokio::task::JoinHandle<anyhow::Result<()>>,
);

fn configure(kept: &TestLedger, database: &str) -> routing::Config {
    let mut service = kept.service_config("routing").unwrap();
    service.database = kept.service_config(database).unwrap().database;
    routing::Config {
        service,
        webhook_allow_private: vec!["127.0.0.0/8".parse().unwrap()],
        ..routing::Config::default()
    }
}

async fn start_routing(config: routing::Config, clock: &Arc<Shifted>) -> Started {
    let stop = CancellationToken::new();
    let (life, ready) = Life::under(&stop);
    let life = life.with_clock(Arc::clone(clock) as Arc<dyn Clock>);
    let routing = tokio::spawn(routing::run(config, life));
    (stop, ready.await.unwrap(), routing)
}

/// Units have tokens, and routing reads in their name.
fn add_units(kept: &TestLedger) {
    let path = kept.config().listen.callers.clone().unwrap();
    let mut file: CallersFile = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for caller in file.callers.iter_mut().filter(|caller| caller.name == "routing") {
        caller.acts_for_people = true;
    }
    file.callers.extend(["so_xd", "sawaco"].map(|unit| Caller {
        name: unit.to_owned(),
        kind: CallerKind::Unit,
        token_sha256: token_sha256(&token(unit)),
        append: vec![],
        purposes: vec![],
        rights: vec![],
        read: false,
        acts_for_people: false,
    }));
    std::fs::write(&path, serde_json::to_vec(&file).unwrap()).unwrap();
}

pub(crate) fn code(text: &str) -> Code {
    Code::new(text).unwrap()
}

pub(crate) fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

pub(crate) fn hole_in_the_road(level: Level) -> Finding {
    Finding {
        field: Some(Topic::Roads.field()),
        topic: Some(Topic::Roads),
        also: vec![],
        kind: Kind::Reflection,
        urgency: Urgency::Normal,
        level,
        complete: true,
        wards: vec![code("26734")],
        place: vec![],
    }
}

pub(crate) fn request(id: &str, case: CaseId, revision: u32) -> DeskRequest {
    DeskRequest {
        request_id: id.to_owned(),
        case,
        revision,
        code: None,
        text: None,
        better_unit: None,
        committed_date: None,
        unit: None,
        attachments: vec![],
    }
}

pub(crate) fn refused(reply: &DeskReply) -> &str {
    match reply {
        DeskReply::Refused { reason, .. } => reason.as_str(),
        DeskReply::Done { .. } => "done",
        DeskReply::Opened { .. } => "opened",
    }
}
