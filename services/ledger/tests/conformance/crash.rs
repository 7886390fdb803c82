//! Deaths at the worst moments, of a ledger that is a process of its own.

use std::process::Command;
use std::time::Duration;

use contracts::grpc::ledger as wire;
use testkit::process::Process;
use uuid::Uuid;

use crate::world::{Client, World, connect, everything, simple};

const PATIENCE: Duration = Duration::from_secs(60);

/// Starts the ledger's own program on the world's database, to die at the n-th passing of a fail point.
async fn start(world: &World, fail_point: &str) -> (Process, Client) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hoiam-ledger"));
    command
        .env("HOIAM_LEDGER_DATABASE", &world.url)
        .env("HOIAM_LEDGER_KEK", &world.config.kek)
        .env("HOIAM_LEDGER_NO_RELAY", "true")
        .env("HOIAM_CALLERS", world.config.listen.callers.as_ref().unwrap())
        .env("HOIAM_GRPC_LISTEN", "127.0.0.1:0")
        .env("HOIAM_FAIL_POINT", fail_point)
        .env("RUST_LOG", "info");
    let mut process = Process::spawn(&mut command).unwrap();
    let line = process.wait_for_line("\"grpc\"", PATIENCE).await.unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let grpc = [&line["grpc"], &line["fields"]["grpc"]]
        .into_iter()
        .find_map(|it| it.as_str())
        .unwrap()
        .to_owned();
    let client = connect(&format!("http://{grpc}"), "routing").await;
    (process, client)
}

/// Appends until the ledger dies; then sends everything again, answered or not, and finds each request once.
async fn survives(mut world: World, fail_point: &str, stored: usize) {
    world.stop().await;
    let (mut process, mut client) = start(&world, fail_point).await;
    let requests: Vec<wire::AppendRequest> = (0..4).map(|_| simple(Uuid::new_v4())).collect();
    let mut answered = Vec::new();
    for request in &requests {
        match client.append(request.clone()).await {
            Ok(appended) => answered.push(appended.into_inner()),
            Err(_) => break,
        }
    }
    assert_eq!(answered.len(), 2, "it dies at the third");
    assert!(!process.wait(PATIENCE).await.unwrap().success());
    world.wake().await;
    let mut client = world.client("routing").await;
    assert_eq!(everything(&mut client).await.len(), stored);
    for (n, request) in requests.iter().enumerate() {
        let again = client.append(request.clone()).await.unwrap().into_inner();
        assert_eq!(again.already, n < stored);
        assert_eq!(again.head, n as u64 + 1);
        if let Some(before) = answered.get(n) {
            assert_eq!(again.events, before.events);
        }
    }
    assert_eq!(everything(&mut client).await.len(), 4);
}

pub(crate) async fn a_death_before_the_commit_leaves_nothing_and_the_request_may_be_sent_again(world: World) {
    survives(world, "ledger.before_commit:3", 2).await;
}

pub(crate) async fn a_death_after_the_commit_leaves_everything_and_the_request_is_answered_again(
    world: World,
) {
    survives(world, "ledger.after_commit_before_reply:3", 3).await;
}

/// Whoever is told to try again sends the same id again: however often the server dies, each request is there once.
#[tokio::test(flavor = "multi_thread")]
async fn the_database_dies_three_times_while_eight_write_and_each_request_is_there_once() {
    const WRITERS: usize = 8;
    const EACH: usize = 60;
    let mut world = World::postgres().await;
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        let mut client = world.client("routing").await;
        writers.push(tokio::spawn(async move {
            for _ in 0..EACH {
                let request = simple(Uuid::new_v4());
                while let Err(status) = client.append(request.clone()).await {
                    assert_eq!(status.code(), tonic::Code::Unavailable);
                    tokio::task::yield_now().await;
                }
            }
        }));
    }
    let mut client = world.client("routing").await;
    for quarter in 1..4 {
        let at_least = (WRITERS * EACH / 4 * quarter) as u64;
        while !client
            .head(wire::HeadRequest { at_least })
            .await
            .is_ok_and(|head| head.get_ref().position >= at_least)
        {}
        world
            .postgres
            .as_mut()
            .unwrap()
            .crash_and_restart()
            .await
            .unwrap();
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let events = everything(&mut client).await;
    let positions: Vec<u64> = events.iter().map(|it| it.position).collect();
    assert_eq!(positions, (1..=(WRITERS * EACH) as u64).collect::<Vec<_>>());
    let requests: std::collections::HashSet<_> = events.iter().map(|it| it.request_id.clone()).collect();
    assert_eq!(requests.len(), WRITERS * EACH);
}
