//! How a command reaches a running system: through its `run.json`, with the credentials of the data folder.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use chassis::callers::BearerToken;
use chassis::config::Secret;
use chassis::ledger::{Filter, LedgerClient, Range};
use chassis::nats::{Credential, Nats};
use contracts::events::report::ReportReceived;
use futures::StreamExt;
use kernel::{Actor, CaseId, TrackingCode};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

use crate::data::{DataFolder, NatsCredential, RunInfo};

/// A channel to one of our gRPC servers that carries our token.
pub(crate) type Authorised = InterceptedService<Channel, BearerToken>;

/// How long a command waits for the broker before it says that it cannot be reached.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running system, seen from a command.
pub(crate) struct System {
    pub(crate) folder: DataFolder,
    pub(crate) run: RunInfo,
}

impl System {
    /// The system that runs on a data folder.
    pub(crate) fn of(data: &Path) -> anyhow::Result<Self> {
        let folder = DataFolder::at(data)?;
        let run = RunInfo::read(&folder)?;
        Ok(Self { folder, run })
    }

    /// The ledger, as the administrator.
    pub(crate) async fn ledger(&self) -> anyhow::Result<LedgerClient> {
        let client = LedgerClient::lazy(self.run.grpc("ledger")?, &self.folder.read_token("admin")?)?;
        match tokio::time::timeout(PATIENCE, client.head(kernel::Position(0))).await {
            Ok(head) => head.map(|_| client).map_err(Into::into),
            Err(_) => bail!(
                "the ledger at {} does not answer: is `hoiam up` still running?",
                self.run.grpc("ledger")?
            ),
        }
    }

    /// The broker, as one of its users.
    pub(crate) async fn nats(&self, user: &str) -> anyhow::Result<Nats> {
        let mut credential = NatsCredential::read(&self.folder.nats_credential(user))?;
        credential.url = Some(self.run.nats.clone());
        broker(&credential).await
    }

    /// One of our services, as the administrator.
    pub(crate) async fn service(&self, name: &str) -> anyhow::Result<Authorised> {
        let address = self.run.grpc(name)?;
        let channel = Endpoint::from_shared(address.to_owned())?
            .connect_timeout(PATIENCE)
            .connect()
            .await
            .with_context(|| {
                format!("{name} at {address} cannot be reached: is `hoiam up` still running?")
            })?;
        let token = Secret::new(self.folder.read_token("admin")?);
        Ok(InterceptedService::new(channel, BearerToken::new(token)))
    }

    /// The tracking code of every case.
    pub(crate) async fn codes(&self, ledger: &LedgerClient) -> anyhow::Result<HashMap<CaseId, TrackingCode>> {
        let filter = Filter {
            types: vec!["report.report_received".to_owned()],
            ..Filter::default()
        };
        let mut reports = std::pin::pin!(ledger.read_all(Range::default(), filter));
        let mut codes = HashMap::new();
        while let Some(event) = reports.next().await {
            let event = event?;
            if let (Some(case), Some(report)) = (event.case, event.decode::<ReportReceived>()?) {
                codes.insert(case, report.code);
            }
        }
        Ok(codes)
    }

    /// The case that a person names by its tracking code or its id.
    pub(crate) async fn case(&self, ledger: &LedgerClient, named: &str) -> anyhow::Result<CaseId> {
        if let Ok(case) = named.parse::<CaseId>() {
            return Ok(case);
        }
        let code = TrackingCode::parse(named)?;
        let filter = Filter {
            types: vec!["report.report_received".to_owned()],
            ..Filter::default()
        };
        let mut reports = std::pin::pin!(ledger.read_all(Range::default(), filter));
        while let Some(event) = reports.next().await {
            let event = event?;
            if event
                .decode::<ReportReceived>()?
                .is_some_and(|report| report.code == code)
                && let Some(case) = event.case
            {
                return Ok(case);
            }
        }
        bail!("no case has the code {code}: check what was typed")
    }
}

/// Connects to the broker with a credential that says where it is.
pub(crate) async fn broker(credential: &NatsCredential) -> anyhow::Result<Nats> {
    let url = credential
        .url
        .as_deref()
        .context("the credential file says no `url`: start `hoiam up` once, which writes it")?;
    let secret = Credential {
        user: credential.user.clone(),
        password: Secret::new(credential.password.clone()),
    };
    match tokio::time::timeout(PATIENCE, Nats::connect_as(url, Some(secret), "hoiam command")).await {
        Ok(connected) => Ok(connected?),
        Err(_) => bail!(
            "the broker at {url} cannot be reached as `{}`, or does not let it in",
            credential.user
        ),
    }
}

/// Who acts when a person works with the command: `operator:lan`.
pub(crate) fn actor(text: &str) -> anyhow::Result<String> {
    Ok(Actor::parse(text)?.to_string())
}

/// What a service says when it refuses, as one line.
pub(crate) fn refusal(status: &tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("{}", status.message())
}
