//! Readers that stand still, and readers of an instance that does not write.

use std::process::Command;
use std::time::{Duration, Instant};

use contracts::grpc::ledger as wire;
use testkit::process::Process;
use uuid::Uuid;

use crate::world::{World, connect, event, run, simple};

/// Notices come at once: a standby that only looked would look twice a second, 20 s for these 40 one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_follower_at_an_instance_that_does_not_write_hears_of_each_event_at_once() {
    let world = World::postgres().await;
    let (address, (shutdown, task)) = run(world.config.clone(), world.clock.clone()).await;
    let mut writer = world.client("routing").await;
    let mut reader = connect(&address, "auditor").await;
    let mut followed = reader
        .follow(wire::ReadAllRequest::default())
        .await
        .unwrap()
        .into_inner();
    let began = Instant::now();
    for position in 1..=40 {
        writer.append(simple(Uuid::new_v4())).await.unwrap();
        assert_eq!(followed.message().await.unwrap().unwrap().position, position);
    }
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    shutdown.cancel();
    task.await.unwrap().unwrap();
}

/// The ledger's own program on the world's database, and where it listens.
async fn start(world: &World) -> (Process, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hoiam-ledger"));
    command
        .env("HOIAM_LEDGER_DATABASE", &world.url)
        .env("HOIAM_LEDGER_KEK", &world.config.kek)
        .env("HOIAM_LEDGER_NO_RELAY", "true")
        .env("HOIAM_CALLERS", world.config.listen.callers.as_ref().unwrap())
        .env("HOIAM_GRPC_LISTEN", "127.0.0.1:0")
        .env("RUST_LOG", "info");
    let mut process = Process::spawn(&mut command).unwrap();
    let line = process
        .wait_for_line("\"grpc\"", Duration::from_secs(60))
        .await
        .unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let grpc = [&line["grpc"], &line["fields"]["grpc"]]
        .into_iter()
        .find_map(|it| it.as_str());
    (process, format!("http://{}", grpc.unwrap()))
}

fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|it| it.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

/// 60 MiB of events wait for each of 40 readers that stopped reading: 2.4 GiB, if they were kept for them.
#[tokio::test(flavor = "multi_thread")]
#[cfg(target_os = "linux")]
async fn readers_that_stop_reading_cost_little_memory_and_slow_no_writer() {
    const READERS: u64 = 40;
    let mut world = World::sqlite().await;
    world.stop().await;
    let (process, address) = start(&world).await;
    let mut client = connect(&address, "routing").await;
    let big = event(&format!("{{\"a\":\"{}\"}}", "x".repeat(60_000)));
    for _ in 0..5 {
        let mut request = simple(Uuid::new_v4());
        request.streams[0].events = vec![big.clone(); 200];
        client.append(request).await.unwrap();
    }
    let before = resident(process.id());
    let mut readers = Vec::new();
    for n in 0..READERS {
        let mut reader = connect(&address, "auditor").await;
        let all = wire::ReadAllRequest::default();
        let answer = if n % 2 == 0 {
            reader.read_all(all).await
        } else {
            reader.follow(all).await
        };
        let mut events = answer.unwrap().into_inner();
        assert_eq!(events.message().await.unwrap().unwrap().position, 1);
        readers.push(events);
    }
    for _ in 0..100 {
        client.append(simple(Uuid::new_v4())).await.unwrap();
    }
    let grown = resident(process.id()).saturating_sub(before);
    assert!(grown < 6 * READERS, "{grown} MiB more for {READERS} readers");
    // One that begins to read again has missed nothing.
    for position in 2..=1_100 {
        assert_eq!(readers[1].message().await.unwrap().unwrap().position, position);
    }
}
