//! Feedback as it runs: a real broker, a real ledger, and the other services' facts stated by the test.

use std::path::PathBuf;
use std::time::Duration;

use chassis::ledger::{Append, Expected, Filter, LedgerClient, NewEvent, Range, StreamWrite};
use chassis::outbox::{OutboxKey, OutboxMessage, open_outbox_file};
use chassis::service::{Life, Running};
use contracts::events::classification::{Finding, ReportClassified};
use contracts::events::report::ReportReceived;
use contracts::events::routing::{
    CaseDispatched, CaseRouted, ProgressReported, QuestionAsked, ResultReported,
};
use contracts::grpc::feedback::Done;
use contracts::grpc::feedback::feedback_client::FeedbackClient;
use contracts::sealed::{Note, ReportContent, Reporter};
use contracts::{Code, Payload, Recorded};
use futures::{StreamExt, TryStreamExt};
use kernel::taxonomy::{Channel, Destination, Kind, Level, Office, Urgency};
use kernel::{Actor, CaseId, IdentityKey, Instant, Position, RequestId, StreamId};
use serde::Serialize;
use testkit::ledger::TestLedger;
use testkit::nats::NatsServer;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};
use uuid::Uuid;

/// How long a fact may take; only a failing test waits so long.
const SOON: Duration = Duration::from_secs(30);
/// When everything happens.
const AT: Instant = Instant(1_774_314_000_000_000);

pub(crate) struct House {
    pub(crate) client: LedgerClient,
    ledger: TestLedger,
    service: Option<(Running, CancellationToken, JoinHandle<anyhow::Result<()>>)>,
    folder: tempfile::TempDir,
    _server: NatsServer,
}

impl House {
    pub(crate) async fn start() -> Self {
        let server = NatsServer::start().await.unwrap();
        let ledger = TestLedger::start(&server).await.unwrap();
        let client = ledger.client("test").await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("outbox.key"), "09".repeat(32)).unwrap();
        let mut house = Self {
            client,
            ledger,
            service: None,
            folder,
            _server: server,
        };
        house.start_service().await;
        house
    }

    pub(crate) async fn start_service(&mut self) {
        let config = feedback::Config {
            service: self.ledger.service_config("feedback").unwrap(),
            outbox_dir: Some(self.outbox_folder()),
            outbox_key_file: Some(self.folder.path().join("outbox.key")),
        };
        let shutdown = CancellationToken::new();
        let (life, ready) = Life::under(&shutdown);
        let task = tokio::spawn(feedback::run(config, life));
        let running = ready.await.expect("feedback starts");
        self.service = Some((running, shutdown, task));
    }

    pub(crate) async fn stop_service(&mut self) {
        let (_, shutdown, task) = self.service.take().unwrap();
        shutdown.cancel();
        task.await.unwrap().unwrap();
    }

    fn outbox_folder(&self) -> PathBuf {
        self.folder.path().join("outbox")
    }

    /// A report of a citizen who left this phone number comes on record.
    pub(crate) async fn report(&self, phone: Option<&str>) -> CaseId {
        let key = IdentityKey::new([7; 32]);
        let case = key.case_of(RequestId(Uuid::new_v4()));
        let received = ReportReceived {
            channel: Channel::Sms,
            gateway: Code::lossy("gw1"),
            line: Code::default(),
            code: key.code_of(case),
            source: Code::default(),
            answerable: phone.is_some(),
            complete: true,
            text_length: 10,
            language: Code::lossy("vi"),
            located: false,
            express: false,
        };
        let from = Reporter {
            phone: phone.map(str::to_owned),
            ..Reporter::default()
        };
        let content = ReportContent {
            text: "Rác ứ đọng".into(),
            id: "1".into(),
            from,
            ..ReportContent::default()
        };
        self.state(case, &received, Some(&content)).await;
        case
    }

    /// Another service states a fact of the case.
    pub(crate) async fn state<P: Payload>(
        &self,
        case: CaseId,
        payload: &P,
        sealed: Option<&impl Serialize>,
    ) -> Position {
        let mut event = NewEvent::of(payload, Actor::service("test"), AT);
        if let Some(sealed) = sealed {
            event = event.sealed_json(sealed);
        }
        let write = StreamWrite::new(StreamId::new(P::CATEGORY, case.0), Expected::Any, vec![event]);
        let append = Append::client(RequestId(Uuid::new_v4()), b"", Some(case), vec![write]);
        self.client.append(append).await.unwrap().position
    }

    /// Classified at a level, and routed.
    pub(crate) async fn routed(&self, case: CaseId, level: Level, destination: Destination) {
        let finding = Finding {
            field: None,
            topic: None,
            also: vec![],
            kind: Kind::Reflection,
            urgency: Urgency::Normal,
            level,
            complete: true,
            wards: vec![],
            place: vec![],
        };
        let policy = Code::lossy("test");
        let classified = ReportClassified {
            finding,
            confidence: 900,
            evidence: vec![],
            policy: policy.clone(),
            model: Code::default(),
        };
        self.state(case, &classified, None::<&Note>).await;
        let routed = CaseRouted {
            office: Office::PeoplesCommittee,
            units: vec![],
            destination,
            policy,
            clause: Code::lossy("test"),
            inputs: vec![],
            join: false,
        };
        self.state(case, &routed, None::<&Note>).await;
    }

    pub(crate) async fn dispatched(&self, case: CaseId, unit: &str, revision: u32) {
        let dispatched = CaseDispatched {
            unit: Code::lossy(unit),
            office: Office::PeoplesCommittee,
            revision,
            basis: Code::lossy("level_2"),
        };
        self.state(case, &dispatched, None::<&Note>).await;
    }

    pub(crate) async fn result(&self, case: CaseId, unit: &str, revision: u32, words: &str) {
        self.result_as(case, unit, revision, "done", words).await;
    }

    pub(crate) async fn result_as(
        &self,
        case: CaseId,
        unit: &str,
        revision: u32,
        outcome: &str,
        words: &str,
    ) {
        let result = ResultReported {
            unit: Code::lossy(unit),
            revision,
            outcome: Code::lossy(outcome),
            attachments: 0,
        };
        let text = words.to_owned();
        self.state(case, &result, Some(&Note::of(text))).await;
    }

    pub(crate) async fn question(&self, case: CaseId, unit: &str, revision: u32, words: &str) {
        let asked = QuestionAsked {
            unit: Code::lossy(unit),
            revision,
            question: 1,
        };
        self.state(case, &asked, Some(&Note::of(words.to_owned()))).await;
    }

    pub(crate) async fn progress(&self, case: CaseId, unit: &str, revision: u32, date: &str, words: &str) {
        let progress = ProgressReported {
            unit: Code::lossy(unit),
            revision,
            committed_date: Some(Code::lossy(date)),
            attachments: 0,
        };
        let text = words.to_owned();
        self.state(case, &progress, Some(&Note::of(text))).await;
    }

    /// Waits for an event of this type that fits.
    pub(crate) async fn until<P: Payload>(&self, fits: impl Fn(&Recorded, &P) -> bool) -> (Recorded, P) {
        let mut events = std::pin::pin!(self.client.follow(Position(1), Filter::default()));
        let wait = async {
            loop {
                let event = events.next().await.unwrap().unwrap();
                if let Some(payload) = event.decode::<P>().unwrap()
                    && fits(&event, &payload)
                {
                    return (event, payload);
                }
            }
        };
        tokio::time::timeout(SOON, wait)
            .await
            .unwrap_or_else(|_| panic!("no such {}", P::TYPE))
    }

    /// All events of one type of a case.
    pub(crate) async fn all<P: Payload>(&self, case: CaseId) -> Vec<P> {
        let events: Vec<Recorded> = self
            .client
            .read_all(Range::default(), Filter::default())
            .try_collect()
            .await
            .unwrap();
        events
            .iter()
            .filter(|e| e.case == Some(case))
            .filter_map(|e| e.decode().unwrap())
            .collect()
    }

    /// The message with this id, as the carrier got it.
    pub(crate) fn outbox(&self, id: Uuid) -> OutboxMessage {
        let key = OutboxKey::load(self.folder.path().join("outbox.key")).unwrap();
        open_outbox_file(&key, self.outbox_folder().join(format!("{id}.sealed"))).unwrap()
    }

    /// Asks over gRPC as the console.
    pub(crate) async fn ask<M, F>(
        &self,
        message: M,
        call: impl FnOnce(FeedbackClient<tonic::transport::Channel>, Request<M>) -> F,
    ) -> Result<Done, Status>
    where
        F: Future<Output = Result<tonic::Response<Done>, Status>>,
    {
        let (running, ..) = self.service.as_ref().unwrap();
        let address = format!("http://{}", running.grpc);
        let channel = tonic::transport::Endpoint::from_shared(address)
            .unwrap()
            .connect()
            .await
            .unwrap();
        let mut request = Request::new(message);
        let token = format!("Bearer {}", testkit::ledger::token("console"))
            .parse()
            .unwrap();
        request.metadata_mut().insert("authorization", token);
        call(FeedbackClient::new(channel), request)
            .await
            .map(tonic::Response::into_inner)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some((_, shutdown, _)) = &self.service {
            shutdown.cancel();
        }
    }
}
