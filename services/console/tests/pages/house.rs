//! A console on a real ledger and broker, a browser without scripts, and cases told event by event as the services would tell them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use chassis::config::Secret;
use chassis::ledger::{Append, Expected, LedgerClient, NewEvent, StreamWrite};
use chassis::service::Life;
use console::{Config, Role, Store, ensure_person};
use contracts::events::classification::{Finding, ReportClassified};
use contracts::events::report::ReportReceived;
use contracts::events::routing::CaseRouted;
use contracts::sealed::{ReportContent, Reporter};
use contracts::{Code, Payload};
use kernel::taxonomy::{Channel, Destination, Field, Kind, Level, Office, Topic, Urgency};
use kernel::{Actor, CaseId, IdentityKey, Instant, Position, RequestId, StreamId, TrackingCode};
use testkit::ledger::TestLedger;
use testkit::nats::NatsServer;
use tokio_util::sync::CancellationToken;

/// The password of everybody here.
pub(crate) const PASSWORD: &str = "mật khẩu thử 1";

/// Everything that runs.
pub(crate) struct House {
    _nats: NatsServer,
    _ledger: TestLedger,
    pub(crate) store: Store,
    pub(crate) url: String,
    pub(crate) grpc: String,
    client: LedgerClient,
    key: IdentityKey,
    shutdown: CancellationToken,
}

impl House {
    pub(crate) async fn open() -> anyhow::Result<Self> {
        let nats = NatsServer::start().await?;
        let ledger = TestLedger::start(&nats).await?;
        let service = ledger.service_config("console")?;
        let database = service
            .database
            .clone()
            .context("the test ledger names a database")?;
        let store = Store::open(database.reveal()).await?;
        for role in Role::ALL {
            let name = format!("Người {}", role.code());
            ensure_person(&store, role.code(), &Secret::new(PASSWORD), role, None, &name).await?;
        }
        // Nobody listens there: what the console says when a service is away.
        let nobody = "http://127.0.0.1:9".to_owned();
        let config = Config {
            service,
            intake_url: nobody.clone(),
            classification_url: nobody.clone(),
            routing_url: nobody.clone(),
            feedback_url: nobody,
            secure_cookies: false,
        };
        let shutdown = CancellationToken::new();
        let (life, ready) = Life::under(&shutdown);
        let task = tokio::spawn(console::run(config, life));
        let Ok(running) = ready.await else {
            anyhow::bail!("the console did not start: {:?}", task.await)
        };
        let http = running.http.context("the console serves HTTP")?;
        let client = ledger.client("test").await?;
        Ok(Self {
            _nats: nats,
            _ledger: ledger,
            store,
            url: format!("http://{http}"),
            grpc: format!("http://{}", running.grpc),
            client,
            key: IdentityKey::new([7; 32]),
            shutdown,
        })
    }

    /// A case by a word that names it.
    pub(crate) fn case(&self, name: &str) -> (CaseId, TrackingCode) {
        let case = self.key.case_of(RequestId::client("test", name));
        (case, self.key.code_of(case))
    }

    /// States a fact about a case, as the service of its category would.
    pub(crate) async fn state<P: Payload>(
        &self,
        case: CaseId,
        fact: &P,
        actor: Actor,
        sealed: Option<Vec<u8>>,
    ) -> anyhow::Result<Position> {
        let id = format!("{case}/{}/{}", P::TYPE, serde_json::to_string(fact)?);
        let mut event = NewEvent::of(fact, actor, Instant::parse("2026-11-24T03:00:00Z")?);
        if let Some(words) = sealed {
            event = event.sealed(words);
        }
        let write = StreamWrite::new(StreamId::new(P::CATEGORY, case.0), Expected::Any, vec![event]);
        let append = Append::client(
            RequestId::client("test", &id),
            id.as_bytes(),
            Some(case),
            vec![write],
        );
        Ok(self.client.append(append).await?.position)
    }

    /// A report is on record.
    pub(crate) async fn report(&self, name: &str, text: &str) -> anyhow::Result<(CaseId, String, Position)> {
        let (case, code) = self.case(name);
        let fact = ReportReceived {
            channel: Channel::Phone,
            gateway: Code::lossy("grpc"),
            line: Code::lossy("1022"),
            code: code.clone(),
            source: Code::default(),
            answerable: true,
            complete: true,
            text_length: u32::try_from(text.chars().count())?,
            language: Code::lossy("vi"),
            located: false,
            express: false,
        };
        let content = ReportContent {
            text: text.to_owned(),
            id: name.to_owned(),
            from: Reporter {
                phone: Some("0903000111".to_owned()),
                ..Reporter::default()
            },
            ..ReportContent::default()
        };
        let sealed = serde_json::to_vec(&content)?;
        let position = self
            .state(case, &fact, Actor::of("operator", "operator")?, Some(sealed))
            .await?;
        Ok((case, code.to_string(), position))
    }

    /// It was found to be of this kind and level, and routed to where that level rests.
    pub(crate) async fn sort(&self, case: CaseId, kind: Kind, level: u8) -> anyhow::Result<Position> {
        let finding = Finding {
            field: Some(Field::StateManagement),
            topic: Some(Topic::Flooding),
            also: vec![],
            kind,
            urgency: Urgency::Urgent,
            level: Level::try_from(level)?,
            complete: true,
            wards: vec![],
            place: vec![],
        };
        let fact = ReportClassified {
            finding,
            confidence: 900,
            evidence: vec![],
            policy: Code::lossy("v1"),
        };
        self.state(case, &fact, Actor::service("classification"), None)
            .await?;
        let destination = match level {
            1 => Destination::Desk,
            2 => Destination::Unit,
            _ => Destination::Office,
        };
        let routed = CaseRouted {
            office: Office::PeoplesCommittee,
            units: vec![Code::lossy("so_xd")],
            destination,
            policy: Code::lossy("v1"),
            clause: Code::lossy("flooding"),
            inputs: vec![],
        };
        self.state(case, &routed, Actor::service("routing"), None).await
    }

    /// Who opened content, by the record.
    pub(crate) async fn openings(&self, case: CaseId) -> anyhow::Result<Vec<String>> {
        let events = self.client.read_case(case).await?;
        let opened = events
            .iter()
            .filter(|e| e.is::<contracts::events::access::ContentOpened>());
        Ok(opened
            .map(|e| String::from_utf8_lossy(&e.data).into_owned())
            .collect())
    }

    pub(crate) fn browser(&self) -> anyhow::Result<Browser> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Browser {
            client,
            url: self.url.clone(),
            cookies: BTreeMap::new(),
        })
    }

    pub(crate) async fn signed(&self, role: Role) -> anyhow::Result<Browser> {
        let mut browser = self.browser()?;
        browser.sign_in(role.code(), PASSWORD).await?;
        Ok(browser)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// What a page answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) to: String,
    pub(crate) body: String,
    pub(crate) headers: reqwest::header::HeaderMap,
}

/// Keeps cookies and the token of the last form, as a browser would.
pub(crate) struct Browser {
    client: reqwest::Client,
    url: String,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) async fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        let request = self.client.get(format!("{}{path}", self.url));
        self.send(request).await
    }

    /// Posts a form with the token that the page at `from` carries.
    pub(crate) async fn post(
        &mut self,
        from: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> anyhow::Result<Answer> {
        let page = self.get(from).await?;
        let token = page
            .body
            .split("name=\"csrf\" value=\"")
            .nth(1)
            .and_then(|t| t.split('"').next());
        let mut fields = fields.to_vec();
        fields.push(("csrf", token.unwrap_or_default()));
        let request = self.client.post(format!("{}{path}", self.url)).form(&fields);
        self.send(request).await
    }

    /// Posts a form as another site would make the browser do: with cookies, without the token.
    pub(crate) async fn post_bare(&mut self, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<Answer> {
        let request = self.client.post(format!("{}{path}", self.url)).form(&fields);
        self.send(request).await
    }

    /// Opens an event stream and waits for the first thing it tells, keep-alives apart; `None` when it tells nothing for `patience`.
    pub(crate) async fn told(&mut self, path: &str, patience: Duration) -> anyhow::Result<Option<String>> {
        let cookies: Vec<String> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let request = self.client.get(format!("{}{path}", self.url));
        let mut stream = request.header("cookie", cookies.join("; ")).send().await?;
        let first = async {
            while let Some(chunk) = stream.chunk().await? {
                if chunk.starts_with(b"event:") {
                    return Ok(Some(String::from_utf8(chunk.to_vec())?));
                }
            }
            anyhow::Ok(None)
        };
        tokio::time::timeout(patience, first).await.unwrap_or(Ok(None))
    }

    pub(crate) async fn sign_in(&mut self, login: &str, password: &str) -> anyhow::Result<Answer> {
        self.post("/", "/sign-in", &[("login", login), ("password", password)])
            .await
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
        let cookies: Vec<String> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let response = request.header("cookie", cookies.join("; ")).send().await?;
        let headers = response.headers().clone();
        for cookie in headers.get_all("set-cookie") {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let to = headers
            .get("location")
            .map(|l| l.to_str().map(str::to_owned))
            .transpose()?
            .unwrap_or_default();
        Ok(Answer {
            status: response.status().as_u16(),
            to,
            headers,
            body: response.text().await?,
        })
    }
}
