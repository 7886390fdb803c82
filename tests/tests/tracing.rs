//! One trace from the channel to the citizen's answer: a real OTLP receiver sees every service's spans, and nothing personal in them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chassis::nats::{Credential, Headers, Message, Nats};
use contracts::subjects;
use contracts::wire::{CaseNotice, ReceiptOut};
use hoiam_tests::System;
use hoiam_tests::system::wait_for;
use kernel::taxonomy::Channel;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::json;
use tokio_stream::wrappers::TcpListenerStream;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// What the citizen and the unit typed, and who the citizen is.
const PERSONAL: [&str; 6] = [
    "Lưu Ly Mã Não",
    "0913 555 808",
    "0913555808",
    "ly.ma.nao@example.vn",
    "ổ gà trước nhà số 7",
    "đã vá xong chiều nay",
];

/// A collector that keeps what it is sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let spans = request.into_inner().resource_spans.into_iter();
        let spans = spans
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans);
        self.0.lock().expect("no holder panics").extend(spans);
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    async fn listen(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let server = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(self.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        address
    }

    fn spans(&self) -> Vec<Span> {
        self.0.lock().expect("no holder panics").clone()
    }
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let value = attributes
        .iter()
        .find(|it| it.key == key)
        .and_then(|it| it.value.as_ref());
    match value.and_then(|it| it.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        _ => String::new(),
    }
}

/// Who did it: the span's name, and for a handled event whose consumer.
fn role(span: &Span) -> String {
    let consumer = text(&span.attributes, "consumer");
    if consumer.is_empty() {
        span.name.clone()
    } else {
        format!("{} {consumer}", span.name)
    }
}

async fn outsider(system: &System, user: &str) -> Nats {
    let url = format!(
        "nats://{}",
        system.addresses()["nats"]
            .as_str()
            .expect("an address")
            .trim_start_matches("nats://")
    );
    let credential = Credential::load(system.credential(user)).expect("a credential");
    Nats::connect_as(&url, Some(credential), "a test's outsider")
        .await
        .expect("a connection")
}

/// The trace's headers as a gateway or a unit sends them on.
fn traced(traceparent: &str) -> Headers {
    Headers::new().with("traceparent", traceparent)
}

/// A report of a hole in the road before somebody's house, as a gateway sends it; gives the trace that its receipt carries on.
async fn report(gateway: &Nats) -> String {
    let mut receipts = gateway.work_queue_existing(subjects::RECEIPTS, "gw-demo");
    let body = json!({
        "id": "traced-1",
        "text": "Có ổ gà trước nhà số 7 đường Nguyễn Trãi, phường Bến Thành, xe máy té nhiều lần. Đề nghị sửa chữa mặt đường.",
        "from": {"name": "Lưu Ly Mã Não", "phone": "0913 555 808", "email": "ly.ma.nao@example.vn"},
    });
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    gateway
        .publish_stored(
            &subjects::inbox(Channel::Sms, "demo"),
            None,
            &traced(&traceparent),
            body.to_string().into(),
        )
        .await
        .expect("the INBOX holds it");
    let receipt = soon("a receipt", receipts.next()).await;
    let told: ReceiptOut = serde_json::from_slice(&receipt.message.payload).expect("a receipt or a refusal");
    assert!(matches!(told, ReceiptOut::Receipt { .. }), "{told:?}");
    let traceparent = receipt.message.traceparent().to_owned();
    receipt.done().await.expect("the server hears of it");
    traceparent
}

async fn soon<T>(what: &str, it: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), it)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// What the unit's own system does with the next case; gives the trace that the notice carried.
async fn answer(unit: &Nats, name: &str) -> String {
    let mut cases = unit.work_queue_existing(subjects::CASES, &subjects::unit_durable(name));
    let work = soon("a case before the unit", cases.next()).await;
    let notice: CaseNotice = serde_json::from_slice(&work.message.payload).expect("a notice");
    let traceparent = work.message.traceparent().to_owned();
    for (verb, more) in [
        ("open", json!({})),
        ("accept", json!({})),
        ("result", json!({"code": "done", "text": "đã vá xong chiều nay"})),
    ] {
        let mut body = json!({"request_id": verb, "case": notice.case, "revision": notice.revision});
        let fields = more.as_object().expect("an object").clone();
        body.as_object_mut().expect("an object").extend(fields);
        let reply: Message = unit
            .request(
                &subjects::desk(name, verb),
                &traced(&traceparent),
                body.to_string().into(),
                Duration::from_secs(20),
            )
            .await
            .expect("the desk answers");
        assert!(
            !String::from_utf8_lossy(&reply.payload).contains("refused"),
            "{verb}: {reply:?}"
        );
    }
    work.done().await.expect("the server hears of it");
    traceparent
}

/// Type and trace of every event of the case.
async fn on_record(system: &System) -> Vec<(String, String)> {
    use sqlx::Connection as _;
    let url = format!("sqlite:{}", system.data().join("db/ledger.db").display());
    let mut ledger = sqlx::SqliteConnection::connect(&url)
        .await
        .expect("the ledger's file");
    sqlx::query_as("SELECT name, traceparent FROM events WHERE case_id IS NOT NULL ORDER BY position")
        .fetch_all(&mut ledger)
        .await
        .expect("events")
}

#[test]
fn one_trace_leads_from_the_channel_to_the_citizens_answer_and_holds_nothing_personal() {
    // The collector serves on its threads while this one waits for the system.
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let collector = Collector::default();
    let endpoint = format!("http://{}", runtime.block_on(collector.listen()));
    let mut system = System::start_with(&["--otlp-endpoint", &endpoint], &[]);
    let carried_on = runtime.block_on(async { report(&outsider(&system, "gw-demo").await).await });
    assert_eq!(carried_on[3..35], *TRACE, "the receipt carries the trace on");
    let unit = wait_for("the case to be put before a unit", || {
        let story = system.replay();
        let dispatched = story.of("routing.case_dispatched").next()?;
        dispatched.data["unit"].as_str().map(str::to_owned)
    });
    let _ = system.hoiam(&["unit", "add", &unit]).ok();
    let carried_on = runtime.block_on(async {
        let credential = format!("unit-{unit}");
        answer(&outsider(&system, &credential).await, &unit).await
    });
    assert_eq!(carried_on[3..35], *TRACE, "so does the notice to the unit");
    wait_for("the citizen's answer to be handed over", || {
        // The acknowledgement and the answer.
        (system.replay().count("message.message_handed_over") >= 2).then_some(())
    });
    system.stop(); // what is still in memory is sent
    for (kind, traceparent) in runtime.block_on(on_record(&system)) {
        assert!(traceparent.contains(TRACE), "{kind} has `{traceparent}`");
    }

    let spans = collector.spans();
    let ours: Vec<&Span> = spans
        .iter()
        .filter(|s| hex::encode(&s.trace_id) == TRACE)
        .collect();
    let roles: BTreeSet<String> = ours.iter().map(|span| role(span)).collect();
    for expected in [
        "intake.receive",
        "ledger.append",
        "ledger.store",
        "consumer.handle classification",
        "consumer.handle routing",
        "consumer.handle routing-notices",
        "consumer.handle escalation",
        "consumer.handle feedback",
        "consumer.handle feedback-outbox",
        "routing.desk",
    ] {
        assert!(roles.contains(expected), "no span of {expected}: {roles:?}");
    }
    // Every span of ours has its parent in the trace, or the one that the gateway named.
    let known: BTreeSet<&[u8]> = ours.iter().map(|span| span.span_id.as_slice()).collect();
    for span in &ours {
        let parent = span.parent_span_id.as_slice();
        assert!(
            known.contains(parent) || hex::encode(parent) == "00f067aa0ba902b7",
            "{} hangs on nothing",
            role(span)
        );
    }
    let said = format!("{spans:?}").to_lowercase();
    for personal in PERSONAL {
        assert!(
            !said.contains(&personal.to_lowercase()),
            "`{personal}` stands in a span"
        );
    }
}
