//! Witnesses: what they cosign, what they never do, and what the ledger does without them.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chassis::clock::SystemClock;
use contracts::grpc::ledger as wire;
use ledger::log::checkpoint::Checkpoint;
use ledger::log::note::{Note, Role, SigningKey};
use ledger::log::policy::Policy;
use ledger::log::witness::{Answer, Witness};
use metamorphic_log as foreign;
use tokio_util::sync::CancellationToken;

use crate::world::World;
use crate::{LOG, PATIENCE, append, covered, keys, signing, start, tlog};

const WITNESS: &str = "example.org/witness";

/// A witness that serves on a free port until it is dropped.
async fn witness(folder: &Path, log: &Path) -> (String, CancellationToken) {
    std::fs::create_dir_all(folder).unwrap();
    if !Witness::key_file(folder).exists() {
        SigningKey::create(&Witness::key_file(folder)).unwrap();
    }
    let key = SigningKey::load(log, LOG, Role::Log).unwrap().public().clone();
    let witness = Witness::open(folder, WITNESS, vec![key], Arc::new(SystemClock)).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let line = format!("witness w {} {url}\nquorum w\n", witness.public());
    let stop = CancellationToken::new();
    tokio::spawn(ledger::log::witness::serve(
        listener,
        Arc::new(witness),
        stop.clone().cancelled_owned(),
    ));
    (line, stop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_published_when_its_witness_has_cosigned_and_a_ledger_set_back_does_not_start() {
    let scratch = tempfile::tempdir().unwrap();
    let mut world = World::sqlite().await;
    world.stop().await;
    let folder = world.folder.path().to_owned();
    let key = keys(&folder);
    let (lines, stop) = witness(&scratch.path().join("w"), &key).await;
    let log_key = SigningKey::load(&key, LOG, Role::Log).unwrap();
    let policy = format!("log {}\n{lines}", log_key.public());
    std::fs::write(folder.join("policy"), &policy).unwrap();
    world.config.log.folder = Some(folder.join("tlog"));
    world.config.log.key = Some(key.clone());
    world.config.log.origin = Some(LOG.to_owned());
    world.config.log.policy = Some(folder.join("policy"));
    // What a backup would hold: the database as it was before anything happened.
    let backup = |from: &Path, to: &Path| {
        for name in ["ledger.db", "ledger-keys.db"] {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
            for extension in ["-wal", "-shm"] {
                let _ = std::fs::remove_file(to.join(format!("{name}{extension}")));
            }
        }
    };
    world.wake().await;
    let mut client = world.client("routing").await;
    append(&mut client, 5).await;
    covered(&mut client, 5).await;
    world.stop().await;
    backup(&folder, scratch.path());
    world.wake().await;
    let mut client = world.client("routing").await;
    append(&mut client, 5).await;
    covered(&mut client, 10).await;
    let note: Note = String::from_utf8(tlog(&world).read("checkpoint").unwrap())
        .unwrap()
        .parse()
        .unwrap();
    let accepted = Policy::parse(&policy).unwrap().accept(&note).unwrap();
    assert_eq!((accepted.checkpoint.size, accepted.cosigners.len()), (10, 1));
    // The foreign verifier finds the cosignature good too.
    let witness_key = lines.split(' ').nth(2).unwrap();
    let foreign_note = foreign::note::SignedNote::parse(&note.to_string()).unwrap();
    let foreign_key = foreign::note::VerifierKey::parse(witness_key).unwrap();
    assert_eq!(foreign_note.verify(&[foreign_key]).unwrap().len(), 1);
    world.stop().await;

    // An older database, and everything that the ledger itself remembers gone: the witness remembers.
    backup(scratch.path(), &folder);
    std::fs::remove_dir_all(folder.join("tlog")).unwrap();
    let signed = std::fs::read(folder.join("log.key.signed")).unwrap();
    std::fs::remove_file(folder.join("log.key.signed")).unwrap();
    let refused = start(&world).await;
    assert!(
        refused.contains("the ledger has 5 events, but the witness w has signed 10"),
        "{refused}"
    );
    // The same from its own memory, with the witness away.
    std::fs::write(folder.join("log.key.signed"), signed).unwrap();
    stop.cancel();
    let refused = start(&world).await;
    assert!(refused.contains("has signed 10"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_witness_the_ledger_goes_on_and_says_what_it_waits_for() {
    let nobody: &dyn Fn(&Path) -> String = &|folder| {
        SigningKey::create(&folder.join("w.key")).unwrap();
        let key = SigningKey::load(&folder.join("w.key"), WITNESS, Role::Witness).unwrap();
        format!("witness w {} http://127.0.0.1:1\nquorum w\n", key.public())
    };
    let world = signing(Some(nobody)).await;
    let mut client = world.client("routing").await;
    append(&mut client, 3).await;
    let waiting = async {
        loop {
            let head = client
                .head(wire::HeadRequest { at_least: 0 })
                .await
                .unwrap()
                .into_inner();
            if head.log_signed == 3 && head.log_state.starts_with("waiting for witnesses: w ") {
                return head;
            }
            tokio::task::yield_now().await;
        }
    };
    let head = tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    assert_eq!((head.position, head.log_cosigned), (3, 0));
    let reply = client
        .prove(wire::ProveRequest { position: 2 })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(reply.outcome, Some(wire::prove_reply::Outcome::NotYetCovered(0)));
}

#[test]
fn a_witness_never_cosigns_a_fork_or_a_rollback_also_after_it_was_started_again() {
    let folder = tempfile::tempdir().unwrap();
    SigningKey::create(&Witness::key_file(folder.path())).unwrap();
    let log = SigningKey::from_seed(&[3; 32], LOG, Role::Log).unwrap();
    let open = || {
        let logs = vec![log.public().clone()];
        Witness::open(folder.path(), WITNESS, logs, Arc::new(SystemClock)).unwrap()
    };
    let mut tree = foreign::merkle::MerkleTree::new();
    for n in 0_u8..9 {
        tree.push(&[n]);
    }
    let checkpoint = |size: u64| Checkpoint {
        size,
        root: tree.root_at(size),
        ..Checkpoint::empty(LOG)
    };
    let body = |old: u64, checkpoint: &Checkpoint, key: &SigningKey| {
        let proof = if (1..checkpoint.size).contains(&old) {
            tree.consistency_proof(old, checkpoint.size)
        } else {
            Vec::new()
        };
        let proof: String = proof.iter().map(|hash| BASE64.encode(hash) + "\n").collect();
        format!("old {old}\n{proof}\n{}", checkpoint.sign(key))
    };
    let witness = open();
    assert!(matches!(
        witness.add_checkpoint(&body(0, &checkpoint(4), &log)),
        Answer::Cosigned(_)
    ));
    let (path, other) = (folder.path().to_owned(), vec![log.public().clone()]);
    assert!(
        Witness::open(&path, WITNESS, other, Arc::new(SystemClock)).is_err(),
        "its memory is in use"
    );
    drop(witness);
    let witness = open();
    let fork = Checkpoint {
        root: [1; 32],
        ..checkpoint(4)
    };
    let larger_fork = Checkpoint {
        root: [1; 32],
        ..checkpoint(9)
    };
    let stranger = SigningKey::from_seed(&[4; 32], LOG, Role::Log).unwrap();
    for (body, answer) in [
        (body(0, &checkpoint(3), &log), Answer::Conflict(4)),
        (body(0, &checkpoint(9), &log), Answer::Conflict(4)),
        (body(3, &checkpoint(9), &log), Answer::Conflict(4)),
        (body(4, &fork, &log), Answer::Conflict(4)),
        (body(4, &larger_fork, &log), Answer::NotConsistent),
        (body(4, &checkpoint(9), &stranger), Answer::Unsigned),
        (
            body(
                4,
                &Checkpoint {
                    origin: "example.org/else".to_owned(),
                    ..checkpoint(9)
                },
                &log,
            ),
            Answer::UnknownLog,
        ),
    ] {
        assert_eq!(witness.add_checkpoint(&body), answer, "{body}");
    }
    assert!(matches!(witness.add_checkpoint("old 1\n"), Answer::Malformed(_)));
    assert!(matches!(
        witness.add_checkpoint(&body(4, &checkpoint(9), &log)),
        Answer::Cosigned(_)
    ));
    assert_eq!(
        witness.add_checkpoint(&body(4, &checkpoint(9), &log)),
        Answer::Conflict(9)
    );
    assert!(matches!(
        witness.add_checkpoint(&body(9, &checkpoint(9), &log)),
        Answer::Cosigned(_)
    ));
}
