//! A service's life: readiness, metrics, a task that fails, the word to stop; and what refuses to start.
#![allow(clippy::unwrap_used, reason = "tests")]

mod http;

use std::time::Duration;

use chassis::config::{BrokerAccess, ServiceConfig};
use chassis::nats::Nats;
use chassis::service::{Host, Life, Running};
use clap::Parser;
use testkit::ledger::TestLedger;
use testkit::nats::NatsServer;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    nats: NatsServer,
    ledger: TestLedger,
}

impl World {
    async fn start() -> Self {
        let nats = NatsServer::start().await.unwrap();
        let ledger = TestLedger::start(&nats).await.unwrap();
        Self { nats, ledger }
    }

    /// Runs a service with one task.
    async fn serve<F: Future<Output = anyhow::Result<()>> + Send + 'static>(
        &self,
        shutdown: &CancellationToken,
        task: impl FnOnce(CancellationToken) -> F + Send + 'static,
    ) -> (Running, JoinHandle<anyhow::Result<()>>) {
        let config = self.ledger.service_config("routing").unwrap();
        let (life, ready) = Life::under(shutdown);
        let service = tokio::spawn(async move {
            let mut host = Host::start("routing", &config, life).await?;
            let word = host.shutdown.clone();
            host.task("the task", task(word));
            host.serve(Routes::default(), axum::Router::new()).await
        });
        (ready.await.unwrap(), service)
    }
}

async fn get(running: &Running, path: &str) -> (u16, String) {
    let reply = reqwest::get(format!("http://{}{path}", running.http.unwrap()))
        .await
        .unwrap();
    (reply.status().as_u16(), reply.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_says_whether_it_is_ready_and_stops_when_told_after_its_task_has_finished() {
    let mut world = World::start().await;
    let shutdown = CancellationToken::new();
    let (finished, has_finished) = tokio::sync::oneshot::channel();
    let (running, service) = world
        .serve(&shutdown, |word| async move {
            word.cancelled().await;
            finished.send(()).unwrap();
            Ok(())
        })
        .await;
    assert_eq!(get(&running, "/healthz").await.0, 200);
    assert_eq!(get(&running, "/readyz").await.0, 200);
    assert_eq!(get(&running, "/metrics").await.0, 200);
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", running.grpc))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
    let status = health
        .check(tonic_health::pb::HealthCheckRequest::default())
        .await
        .unwrap()
        .into_inner()
        .status;
    assert_eq!(
        status,
        tonic_health::pb::health_check_response::ServingStatus::Serving as i32
    );

    world.nats.kill9();
    let not_ready = async {
        loop {
            let (code, body) = get(&running, "/readyz").await;
            if code == 503 {
                return body;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert_eq!(
        tokio::time::timeout(PATIENCE, not_ready).await.unwrap(),
        "waiting for: nats\n"
    );
    world.nats.restart().await.unwrap();
    let ready = async {
        while get(&running, "/readyz").await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ready).await.unwrap();

    shutdown.cancel();
    tokio::time::timeout(PATIENCE, service)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    has_finished.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_fails_stops_its_service_with_its_error() {
    let world = World::start().await;
    let shutdown = CancellationToken::new();
    let (_, service) = world
        .serve(&shutdown, |_| async { anyhow::bail!("the disk is full") })
        .await;
    let error = tokio::time::timeout(PATIENCE, service)
        .await
        .unwrap()
        .unwrap()
        .unwrap_err();
    assert_eq!(
        format!("{error:#}"),
        "the task `the task` failed: the disk is full"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_is_named() {
    let world = World::start().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = world.ledger.service_config("routing").unwrap();
    config.listen.grpc_listen = taken.local_addr().unwrap().to_string();
    let (life, _ready) = Life::under(&CancellationToken::new());
    let host = Host::start("routing", &config, life).await.unwrap();
    let error = host
        .serve(Routes::default(), axum::Router::new())
        .await
        .unwrap_err();
    assert!(error.to_string().contains(&config.listen.grpc_listen), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_an_error_at_once_and_is_not_repeated_in_it() {
    let server = NatsServer::start_with("authorization { users = [{user: routing, password: right}] }")
        .await
        .unwrap();
    server.connect_as("routing", "right").await.unwrap();
    let error = tokio::time::timeout(PATIENCE, server.connect_as("routing", "wr0ng"))
        .await
        .unwrap()
        .unwrap_err();
    assert!(
        format!("{error:#}").contains("refuses the user or the password"),
        "{error:#}"
    );
    assert!(!format!("{error:?}").contains("wr0ng"));
    let nowhere = Nats::connect(
        &BrokerAccess {
            nats_url: "not an address".to_owned(),
            nats_credential: None,
        },
        "test",
    )
    .await;
    assert!(nowhere.unwrap_err().to_string().contains("is not an address"));
}

#[derive(Parser, Debug)]
struct Cli {
    #[command(flatten)]
    config: ServiceConfig,
}

#[test]
fn every_bad_value_is_reported_at_once_and_no_secret_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.json");
    std::fs::write(&bad, r#"{"user": "x", "pasword": "s3cret"}"#).unwrap();
    let cli = Cli::try_parse_from([
        "service",
        "--ledger-url=localhost",
        "--ledger-token-file=/nowhere/token",
        &format!("--nats-credential={}", bad.display()),
        &format!("--callers={}", bad.display()),
        "--grpc-listen=7401",
        "--database=postgres://user:s3cret@host/db",
        "--otlp-endpoint=collector:4317",
    ])
    .unwrap();
    let problems = cli.config.problems();
    let options: Vec<&str> = problems.iter().map(|p| p.option).collect();
    assert_eq!(
        options,
        [
            "--ledger-url",
            "--ledger-token-file",
            "--nats-credential",
            "--grpc-listen",
            "--callers",
            "--otlp-endpoint"
        ]
    );
    let shown = format!("{problems:?} {:#?}", cli.config);
    assert!(!shown.contains("s3cret"), "{shown}");
}
