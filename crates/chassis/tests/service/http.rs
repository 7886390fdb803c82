//! Those who connect and say nothing, or never finish: they keep nobody else from HTTP, and are not waited for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use chassis::config::{HttpLimits, ListenConfig};
use chassis::health::Health;
use chassis::service::{Life, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::PATIENCE;

struct Served {
    address: SocketAddr,
    /// Lets `/slow` answer.
    go: Arc<Notify>,
    /// How often `/slow` was asked.
    at_work: watch::Sender<usize>,
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Served {
    async fn start(http_connections: u32, http_head_seconds: u32) -> Self {
        let listen = ListenConfig {
            grpc_listen: "127.0.0.1:0".to_owned(),
            http_listen: Some("127.0.0.1:0".to_owned()),
            http_limits: HttpLimits {
                http_connections,
                http_head_seconds,
            },
            callers: None,
        };
        let (stop, go) = (CancellationToken::new(), Arc::new(Notify::new()));
        let (life, ready) = Life::under(&stop);
        let slow = Arc::clone(&go);
        let at_work = watch::Sender::new(0);
        let asked = at_work.clone();
        let app = axum::Router::new().route("/", get(async || "here")).route(
            "/slow",
            get(async move || {
                asked.send_modify(|asked| *asked += 1);
                slow.notified().await;
                "at last"
            }),
        );
        let task =
            tokio::spawn(
                async move { serve(&listen, life, &Health::default(), Routes::default(), app).await },
            );
        Self {
            address: ready.await.unwrap().http.unwrap(),
            go,
            at_work,
            stop,
            task,
        }
    }

    /// A request that waits for its answer.
    async fn at_work(&self) -> TcpStream {
        let asked = *self.at_work.borrow() + 1;
        let mut stream = self.connect().await;
        ask(&mut stream, "/slow").await;
        let mut at_work = self.at_work.subscribe();
        let begun = at_work.wait_for(|at_work| *at_work >= asked);
        tokio::time::timeout(PATIENCE, begun).await.unwrap().unwrap();
        stream
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Connections that say nothing, or begin a request and never finish it.
    async fn crowd(&self, size: usize) -> Vec<TcpStream> {
        let mut crowd = Vec::new();
        for n in 0..size {
            let mut stream = self.connect().await;
            if n % 2 == 0 {
                stream.write_all(b"GET / HTTP/1.1\r\nX-Slow: ").await.unwrap();
            }
            crowd.push(stream);
        }
        crowd
    }
}

async fn ask(stream: &mut TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
}

async fn answered(stream: &mut TcpStream, body: &str) {
    let mut answer = String::new();
    let read = async {
        let mut buffer = [0; 1_024];
        while !answer.ends_with(body) {
            let count = stream.read(&mut buffer).await.unwrap();
            assert!(count > 0, "it was cut off after {answer:?}");
            answer.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, read).await.is_ok(),
        "no answer but {answer:?}"
    );
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_crowd_stops_nobody_and_takes_no_place_from_a_request_at_work() {
    let served = Served::start(20, 600).await;
    let mut at_work = served.at_work().await;
    let mut crowd = served.crowd(300).await;
    for _ in 0..3 {
        let mut honest = served.connect().await;
        for _ in 0..2 {
            ask(&mut honest, "/").await;
            answered(&mut honest, "here").await;
        }
        crowd.extend(served.crowd(50).await);
    }
    served.go.notify_one();
    answered(&mut at_work, "at last").await;
    // The first of the crowd made room, though they had all the time in the world.
    let mut end = Vec::new();
    let first = tokio::time::timeout(PATIENCE, crowd[0].read_to_end(&mut end)).await;
    assert!(first.is_ok(), "it was held");
    served.stop.cancel();
    drop(crowd);
    drop(at_work);
    tokio::time::timeout(PATIENCE, served.task)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_every_place_has_a_request_at_work_new_ones_wait_and_are_served() {
    let served = Served::start(3, 600).await;
    let mut at_work = Vec::new();
    for _ in 0..3 {
        at_work.push(served.at_work().await);
    }
    let mut waiting = served.connect().await;
    ask(&mut waiting, "/").await;
    let early = tokio::time::timeout(Duration::from_millis(300), waiting.peek(&mut [0])).await;
    assert!(early.is_err(), "there is no place yet");
    for stream in &mut at_work {
        served.go.notify_one();
        answered(stream, "at last").await;
    }
    answered(&mut waiting, "here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_finish_the_head_of_a_request_in_time_is_hung_up_on() {
    let served = Served::start(100, 1).await;
    for mut stream in served.crowd(4).await {
        let mut end = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut end)).await;
        assert!(ended.is_ok(), "it is still held");
    }
    let mut honest = served.connect().await;
    ask(&mut honest, "/").await;
    answered(&mut honest, "here").await;
}
