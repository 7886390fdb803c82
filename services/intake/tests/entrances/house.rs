//! Intake as it runs: a real broker, a real ledger, and what a gateway sees.

use std::pin::Pin;
use std::time::Duration;

use chassis::ledger::{Filter, LedgerClient, Range};
use chassis::nats::{Headers, Message, Nats};
use chassis::service::{Life, Running};
use contracts::wire::ReceiptOut;
use contracts::{Payload, Recorded};
use futures::{Stream, StreamExt, TryStreamExt};
use serde_json::{Value, json};
use testkit::ledger::TestLedger;
use testkit::nats::NatsServer;
use tokio_util::sync::CancellationToken;

/// How long a fact may take; only a failing test waits so long.
const SOON: Duration = Duration::from_secs(30);

pub(crate) struct House {
    pub(crate) ledger: TestLedger,
    pub(crate) client: LedgerClient,
    pub(crate) nats: Nats,
    pub(crate) running: Running,
    out: Pin<Box<dyn Stream<Item = Message> + Send>>,
    shutdown: CancellationToken,
    _server: NatsServer,
    _folder: tempfile::TempDir,
}

impl House {
    pub(crate) async fn start() -> Self {
        let server = NatsServer::start().await.unwrap();
        let ledger = TestLedger::start(&server).await.unwrap();
        ledger.relayed().await.unwrap(); // the streams are made
        let nats = server.connect().await.unwrap();
        while nats.stream_state("INBOX").await.unwrap().is_none() {
            tokio::task::yield_now().await;
        }
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("identity.key");
        std::fs::write(&key, "07".repeat(32)).unwrap();
        let config = intake::Config {
            service: ledger.service_config("intake").unwrap(),
            identity_key_file: Some(key),
        };
        let shutdown = CancellationToken::new();
        let (life, ready) = Life::under(&shutdown);
        tokio::spawn(intake::run(config, life));
        let running = ready.await.expect("intake starts");
        let out = Box::pin(nats.subscribe("out.>").await.unwrap());
        nats.flush().await.unwrap();
        let client = ledger.client("test").await.unwrap();
        Self {
            ledger,
            client,
            nats,
            running,
            out,
            shutdown,
            _server: server,
            _folder: folder,
        }
    }

    /// Nothing of INBOX is given to the bulk lane before then.
    pub(crate) async fn pause_inbox(&self, until: &str) {
        let (subject, body) = (
            "$JS.API.CONSUMER.PAUSE.INBOX.intake-bulk",
            json!({"pause_until": until}),
        );
        let answer = self
            .nats
            .request(subject, &Headers::new(), body.to_string().into(), SOON)
            .await;
        let answer: Value = serde_json::from_slice(&answer.unwrap().payload).unwrap();
        assert!(answer["error"].is_null(), "{answer}");
    }

    /// As a gateway publishes.
    pub(crate) async fn publish(&self, subject: &str, body: impl Into<Vec<u8>>) {
        self.nats
            .publish_stored(subject, None, &Headers::new(), body.into().into())
            .await
            .unwrap();
    }

    /// The next receipt or refusal, and the subject it came by.
    pub(crate) async fn next_out(&mut self) -> (String, ReceiptOut) {
        let message = tokio::time::timeout(SOON, self.out.next())
            .await
            .expect("an answer comes")
            .unwrap();
        (
            message.subject.clone(),
            serde_json::from_slice(&message.payload).unwrap(),
        )
    }

    /// As a gateway asks.
    pub(crate) async fn ask(&self, subject: &str, body: impl Into<Vec<u8>>) -> ReceiptOut {
        let reply = self
            .nats
            .request(subject, &Headers::new(), body.into().into(), SOON)
            .await
            .unwrap();
        serde_json::from_slice(&reply.payload).unwrap()
    }

    pub(crate) fn http(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.http.unwrap())
    }

    pub(crate) async fn everything(&self) -> Vec<Recorded> {
        self.client
            .read_all(Range::default(), Filter::default())
            .try_collect()
            .await
            .unwrap()
    }

    /// All events of one type on record.
    pub(crate) async fn all<P: Payload>(&self) -> Vec<(Recorded, P)> {
        let events = self.everything().await.into_iter();
        events
            .filter_map(|e| e.decode::<P>().unwrap().map(|p| (e, p)))
            .collect()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub(crate) fn report(id: &str, text: &str) -> Vec<u8> {
    report_with(id, text, json!({}))
}

pub(crate) fn report_with(id: &str, text: &str, mut more: Value) -> Vec<u8> {
    more["id"] = json!(id);
    more["text"] = json!(text);
    more.to_string().into_bytes()
}

/// Code and position of a receipt.
pub(crate) fn receipt(answer: &ReceiptOut) -> (String, u64) {
    match answer {
        ReceiptOut::Receipt { code, position, .. } => (code.to_string(), *position),
        ReceiptOut::Refusal { reason, .. } => panic!("refused: {reason}"),
    }
}

/// Id and reason of a refusal; the sentence must be one.
pub(crate) fn refusal(answer: &ReceiptOut) -> (Option<&str>, &str) {
    match answer {
        ReceiptOut::Refusal { id, reason, detail } => {
            assert!(
                detail.len() > 20 && detail.ends_with('.'),
                "no sentence: {detail}"
            );
            (id.as_deref(), reason.as_str())
        }
        ReceiptOut::Receipt { .. } => panic!("accepted"),
    }
}
