//! Deaths of the checkpointer between two file operations.

use std::process::Command;

use contracts::grpc::ledger as wire;
use testkit::process::Process;
use uuid::Uuid;

use crate::world::{self, Client, World, event, request, to_stream};
use crate::{LOG, PATIENCE, append, covered, foreign_verdict, signing, tlog, vkey};

/// The ledger's own program on the world's files, to die at the n-th file operation of the log; `None` when it died before it listened.
async fn start_to_die(world: &World, n: usize) -> Option<(Process, Client)> {
    let (config, log) = (&world.config, &world.config.log);
    let mut command = Command::new(env!("CARGO_BIN_EXE_hoiam-ledger"));
    command
        .env("HOIAM_LEDGER_DATABASE", &world.url)
        .env("HOIAM_LEDGER_KEK", &config.kek)
        .env("HOIAM_LEDGER_NO_RELAY", "true")
        .env("HOIAM_LEDGER_LOG", log.folder.as_ref().unwrap())
        .env("HOIAM_LEDGER_LOG_KEY", log.key.as_ref().unwrap())
        .env("HOIAM_LEDGER_LOG_ORIGIN", LOG)
        // The world began by a clock of its own.
        .env("HOIAM_LEDGER_ACCEPT_CLOCK", "operator:test")
        .env("HOIAM_CALLERS", config.listen.callers.as_ref().unwrap())
        .env("HOIAM_GRPC_LISTEN", "127.0.0.1:0")
        .env("HOIAM_FAIL_POINT", format!("log.file_operation:{n}"))
        .env("RUST_LOG", "info");
    let mut process = Process::spawn(&mut command).unwrap();
    let line = process.wait_for_line("\"grpc\"", PATIENCE).await.ok()?;
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let grpc = [&line["grpc"], &line["fields"]["grpc"]]
        .into_iter()
        .find_map(|it| it.as_str())
        .unwrap()
        .to_owned();
    let client = world::connect(&format!("http://{grpc}"), "routing").await;
    Some((process, client))
}

/// Dies at every `step`-th file operation in turn, and heals each time.
async fn dies_and_heals(step: usize) {
    let mut world = signing(None).await;
    let (store, key) = (tlog(&world), vkey(&world));
    for n in (1..).step_by(step) {
        world.stop().await;
        let mut survived = false;
        if let Some((mut process, mut client)) = start_to_die(&world, n).await {
            let case = Uuid::new_v4();
            let events = (0..130).map(|_| event("{}")).collect();
            let request = request(Uuid::new_v4(), case, vec![to_stream(case, events)]);
            // It may die before the answer.
            if let Ok(appended) = client.append(request).await {
                let head = appended.into_inner().head;
                survived = loop {
                    match client.head(wire::HeadRequest { at_least: 0 }).await {
                        Ok(reply) if reply.get_ref().log_cosigned >= head => break true,
                        Ok(_) => {}
                        Err(_) => break false,
                    }
                };
            }
            if survived {
                process.kill9();
            }
            process.wait(PATIENCE).await.unwrap();
        }
        world.wake().await;
        let mut client = world.client("routing").await;
        append(&mut client, 1).await;
        let position = client
            .head(wire::HeadRequest { at_least: 0 })
            .await
            .unwrap()
            .into_inner()
            .position;
        covered(&mut client, position).await;
        assert_eq!(
            foreign_verdict(&store, &key),
            Ok(position),
            "after a death at operation {n}"
        );
        if survived {
            assert!(n > 20, "a checkpoint takes more file operations than {n}");
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_between_file_operations_leaves_a_log_that_heals() {
    dies_and_heals(9).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a minute: a start of the ledger for each single file operation"]
async fn a_death_between_any_two_file_operations_leaves_a_log_that_heals() {
    dies_and_heals(1).await;
}
