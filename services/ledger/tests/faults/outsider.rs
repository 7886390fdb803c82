//! Whoever can reach the ports: noise, calls that are none, too much at once, slowness. Those who belong here are served all the while.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use contracts::grpc::ledger as wire;
use testkit::chance::Chance;
use testkit::process::Process;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use crate::world::{Client, Load, PATIENCE, Site, any_append, append_surely, program};

/// How long those who belong here may wait for an answer while others misbehave.
const ANSWER: Duration = Duration::from_secs(10);

struct Attacked {
    site: Site,
    process: Process,
    client: Client,
    chance: Chance,
    acknowledged: Vec<wire::Appended>,
}

impl Attacked {
    async fn start() -> Self {
        let site = Site::sqlite();
        let process = site.start(&[("HOIAM_HTTP_LISTEN", "127.0.0.1:0")]).await;
        Self::of(site, process).await
    }

    async fn of(site: Site, process: Process) -> Self {
        let mut attacked = Self {
            client: site.client(),
            site,
            process,
            chance: Chance::seeded(),
            acknowledged: Vec::new(),
        };
        let first = append_surely(&mut [attacked.client.clone()], any_append(&mut attacked.chance)).await;
        attacked.acknowledged.push(first);
        attacked
    }

    fn address(&self) -> SocketAddr {
        self.site
            .address()
            .strip_prefix("http://")
            .unwrap()
            .parse()
            .unwrap()
    }

    /// One who was here before, and one who comes now, are both served.
    async fn serves(&mut self) {
        for mut client in [self.client.clone(), self.site.client()] {
            let append = client.append(any_append(&mut self.chance));
            let answer = tokio::time::timeout(ANSWER, append).await;
            self.acknowledged
                .push(answer.expect("an answer in time").unwrap().into_inner());
        }
    }

    /// After all of it: the same process, and a record in order.
    async fn stood_it(mut self) {
        self.serves().await;
        assert!(self.process.is_running());
        self.site.in_order(&self.acknowledged).await;
    }

    /// A call of any method with any message; what the ledger says.
    async fn call<M: prost::Message + Default + 'static>(
        &self,
        path: &'static str,
        message: M,
        token: &str,
    ) -> Status {
        let channel = Endpoint::from_shared(self.site.address()).unwrap().connect_lazy();
        let mut grpc = Grpc::new(channel);
        grpc.ready().await.unwrap();
        let mut request = Request::new(message);
        if !token.is_empty() {
            request
                .metadata_mut()
                .insert("authorization", token.parse().unwrap());
        }
        let codec = ProstCodec::<M, wire::Appended>::default();
        let call = grpc.unary(request, PathAndQuery::from_static(path), codec);
        let answer = tokio::time::timeout(ANSWER, call)
            .await
            .expect("an answer in time");
        answer.map(|_| ()).expect_err("nothing of this is served")
    }
}

const APPEND: &str = "/hoiam.ledger.v1.Ledger/Append";
const GOOD: &str = "Bearer token of routing";

#[tokio::test(flavor = "multi_thread")]
async fn noise_on_the_port_is_nobodys_problem() {
    let mut attacked = Attacked::start().await;
    let mut noises: Vec<Vec<u8>> = vec![
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        // A TLS greeting.
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        // HTTP/2 that begins well, and a frame that says it has 16 MiB.
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\x00\x00\x00\x00\x00\x01".to_vec(),
        Vec::new(),
    ];
    for _ in 0..200 {
        let length = attacked.chance.below(2_000);
        noises.push((0..length).map(|_| attacked.chance.next() as u8).collect());
    }
    for noise in noises {
        let mut stream = TcpStream::connect(attacked.address()).await.unwrap();
        // The server may hang up in the middle.
        let _ = stream.write_all(&noise).await;
        let _ = stream.shutdown().await;
    }
    attacked.serves().await;
    attacked.stood_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_none_are_refused_one_by_one() {
    let mut attacked = Attacked::start().await;
    let good = any_append(&mut attacked.chance);
    // Another message than the method takes: its fields have other types.
    let other = wire::Content {
        position: 7,
        outcome: Some(wire::content::Outcome::Plaintext(vec![0xff; 1_000].into())),
    };
    let status = attacked.call(APPEND, other.clone(), GOOD).await;
    assert!(
        matches!(status.code(), Code::Internal | Code::InvalidArgument),
        "{status:?}"
    );
    let status = attacked
        .call("/hoiam.ledger.v1.Ledger/DropEverything", other.clone(), GOOD)
        .await;
    assert_eq!(status.code(), Code::Unimplemented);
    let status = attacked.call("/x", other, GOOD).await;
    assert_eq!(status.code(), Code::Unimplemented);
    // Far over what a message may be.
    let mut huge = good.clone();
    huge.streams[0].events[0].data = vec![b' '; 100 << 20].into();
    let status = attacked.call(APPEND, huge, GOOD).await;
    assert!(
        matches!(
            status.code(),
            Code::OutOfRange | Code::ResourceExhausted | Code::Unknown | Code::Internal
        ),
        "{status:?}"
    );
    for token in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer token of nobody",
        "Basic dG9rZW4=",
        "bearer token of routing\u{7f}x",
    ] {
        if token.parse::<tonic::metadata::AsciiMetadataValue>().is_err() {
            continue;
        }
        let status = attacked.call(APPEND, good.clone(), token).await;
        assert_eq!(status.code(), Code::Unauthenticated, "{token:?}: {status:?}");
    }
    let long = format!("Bearer {}", "x".repeat(1 << 20));
    let status = attacked.call(APPEND, good, &long).await;
    assert_ne!(status.code(), Code::Ok, "{status:?}");
    attacked.stood_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_connections_than_files_may_be_open_and_the_ledger_is_there_again() {
    let site = Site::sqlite();
    let mut command = Command::new("prlimit");
    command.args(["--nofile=200:200"]).arg(program());
    let mut process = site.spawn(command, &[]);
    process.wait_for_line("\"grpc\"", PATIENCE).await.unwrap();
    let mut attacked = Attacked::of(site, process).await;
    let mut held = Vec::new();
    // Until nobody takes them any more, and the system's queue is full as well.
    while held.len() < 400 {
        let connect = TcpStream::connect(attacked.address());
        match tokio::time::timeout(Duration::from_millis(200), connect).await {
            Ok(stream) => held.push(stream.unwrap()),
            Err(_) => break,
        }
    }
    assert!(held.len() > 200, "{} connections were taken", held.len());
    // Whoever was connected before goes on.
    let append = attacked.client.append(any_append(&mut attacked.chance));
    let answer = tokio::time::timeout(ANSWER, append)
        .await
        .expect("an answer in time");
    attacked.acknowledged.push(answer.unwrap().into_inner());
    drop(held);
    attacked.serves().await;
    attacked.stood_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_never_finish_a_request_do_not_keep_others_from_http() {
    let site = Site::sqlite();
    let mut process = site.spawn(Command::new(program()), &[("HOIAM_HTTP_LISTEN", "127.0.0.1:0")]);
    let line = process.wait_for_line("\"grpc\"", PATIENCE).await.unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let http = line["http"].as_str().unwrap();
    let http: SocketAddr = http
        .trim_start_matches("Some(")
        .trim_end_matches(')')
        .parse()
        .unwrap();
    let attacked = Attacked::of(site, process).await;
    let mut held = Vec::new();
    for _ in 0..500 {
        let mut stream = TcpStream::connect(http).await.unwrap();
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
            .await
            .unwrap();
        held.push(stream);
    }
    let asked = async {
        let mut stream = TcpStream::connect(http).await.unwrap();
        let get = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(get).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let answer = tokio::time::timeout(ANSWER, asked)
        .await
        .expect("an answer in time");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(held);
    attacked.stood_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_who_never_read_hold_up_nobody_and_cost_little() {
    let mut attacked = Attacked::start().await;
    attacked
        .acknowledged
        .extend(Load::start(&[&attacked.site], 16, 40).done().await);
    let before = resident(&attacked.process);
    let mut stalled = Vec::new();
    for n in 0..50 {
        // Two connections, twenty-five stalled streams on each.
        let mut client = if n % 25 == 0 {
            attacked.site.client()
        } else {
            attacked.client.clone()
        };
        stalled.push(client.follow(wire::ReadAllRequest::default()).await.unwrap());
        attacked.client = client;
    }
    let load = Load::start(&[&attacked.site], 16, 15).done();
    let written = tokio::time::timeout(PATIENCE, load).await.expect("writers go on");
    attacked.acknowledged.extend(written);
    let grown = resident(&attacked.process).saturating_sub(before);
    // Three chunks of 256 KiB each wait for a reader who stopped, 37.5 MiB for fifty, and what the writers took meanwhile.
    assert!(grown < 48 << 10, "50 stalled readers cost {grown} KiB");
    // A connection of its own: the stalled ones have used up the window of theirs.
    attacked.client = attacked.site.client();
    attacked.serves().await;
    drop(stalled);
    attacked.stood_it().await;
}

/// Memory of a process, in KiB.
fn resident(process: &Process) -> u64 {
    std::fs::read_to_string(format!("/proc/{}/status", process.id()))
        .unwrap()
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmRSS:")?
                .trim()
                .strip_suffix(" kB")?
                .trim()
                .parse()
                .ok()
        })
        .unwrap()
}
