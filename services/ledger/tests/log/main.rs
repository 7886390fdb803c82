//! The log from outside: a running ledger signs, witnesses cosign, and a verifier that is none of ours believes it and nothing tampered.
#![expect(
    clippy::unwrap_used,
    reason = "scenarios are test code in functions of their own"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use contracts::grpc::ledger as wire;
use ledger::log::note::{Role, SigningKey};
use ledger::log::policy::Policy;
use ledger::log::proof::ProofFile;
use ledger::log::store::TileStore;
use ledger::log::tile::{Kind, Tile};
use metamorphic_log as foreign;
use testkit::tlog::Tlog;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

#[path = "../conformance/world.rs"]
#[expect(dead_code, reason = "the conformance tests use all of it")]
mod world;

mod crash;
mod witness;

use world::{Client, World, event, request, to_stream};

const PATIENCE: Duration = Duration::from_secs(60);
const LOG: &str = "example.org/log";

fn keys(folder: &Path) -> PathBuf {
    let key = folder.join("log.key");
    SigningKey::create(&key).unwrap();
    key
}

/// A world whose ledger signs a log under a policy.
async fn signing(policy: Option<&dyn Fn(&Path) -> String>) -> World {
    let mut world = World::sqlite().await;
    world.stop().await;
    let folder = world.folder.path().to_owned();
    world.config.log.folder = Some(folder.join("tlog"));
    world.config.log.key = Some(keys(&folder));
    world.config.log.origin = Some(LOG.to_owned());
    if let Some(policy) = policy {
        let path = folder.join("policy");
        let vkey = SigningKey::load(&folder.join("log.key"), LOG, Role::Log).unwrap();
        std::fs::write(&path, format!("log {}\n{}", vkey.public(), policy(&folder))).unwrap();
        world.config.log.policy = Some(path);
    }
    world.wake().await;
    world
}

async fn append(client: &mut Client, events: usize) {
    let case = Uuid::new_v4();
    let events = (0..events).map(|_| event("{\"a\":1}")).collect();
    let request = request(Uuid::new_v4(), case, vec![to_stream(case, events)]);
    client.append(request).await.unwrap();
}

/// Waits until so many leaves are under a published checkpoint.
async fn covered(client: &mut Client, at_least: u64) -> wire::HeadReply {
    let look = async {
        loop {
            let head = client
                .head(wire::HeadRequest { at_least: 0 })
                .await
                .unwrap()
                .into_inner();
            if head.log_cosigned >= at_least {
                return head;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap()
}

fn tlog(world: &World) -> TileStore {
    TileStore::at(&world.folder.path().join("tlog"))
}

fn vkey(world: &World) -> String {
    let text = std::fs::read_to_string(world.folder.path().join("log.key.vkey")).unwrap();
    text.trim().to_owned()
}

/// What a verifier says of the whole log that knows the specifications and nothing of ours.
fn foreign_verdict(store: &TileStore, vkey: &str) -> Result<u64, String> {
    let log = Tlog::read(&store.path(""), vkey).map_err(|e| format!("{e:#}"))?;
    Ok(log.size)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_verifier_believes_the_log_of_a_running_ledger_and_rejects_each_tampering() {
    let mut world = signing(None).await;
    let mut client = world.client("routing").await;
    append(&mut client, 300).await;
    covered(&mut client, 300).await;
    append(&mut client, 250).await;
    let head = covered(&mut client, 550).await;
    assert_eq!((head.log_signed, head.log_state.as_str()), (550, "following"));
    let (store, key) = (tlog(&world), vkey(&world));
    assert_eq!(head.log_key, key);
    assert_eq!(foreign_verdict(&store, &key), Ok(550));
    world.stop().await;
    let first_leaf = |bytes: &[u8]| 2 + usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
    type Change = Box<dyn Fn(&mut Vec<u8>)>;
    let changes: Vec<(&str, Change)> = vec![
        ("tile/entries/000", Box::new(|it| it[40] ^= 1)),
        (
            "tile/entries/002.p/38",
            Box::new(|it| *it.last_mut().unwrap() ^= 1),
        ),
        (
            "tile/entries/000",
            Box::new(move |it| {
                let length = first_leaf(it);
                it.drain(..length);
            }),
        ),
        (
            "tile/entries/000",
            Box::new(move |it| {
                let length = first_leaf(it);
                it.rotate_left(length);
            }),
        ),
        (
            "tile/entries/000",
            Box::new(move |it| {
                let length = first_leaf(it);
                it.extend_from_within(..length);
            }),
        ),
        ("tile/entries/001", Box::new(|it| it.truncate(1000))),
        ("tile/0/001", Box::new(|it| it[77] ^= 1)),
        ("tile/0/001", Box::new(|it| it.truncate(32))),
        ("checkpoint", Box::new(|it| it[LOG.len() + 1] ^= 1)),
        ("checkpoint", Box::new(|it| it[LOG.len() + 8] ^= 1)),
        (
            "checkpoint",
            Box::new(|it| {
                let at = it.len() - 10;
                it[at] ^= 1
            }),
        ),
    ];
    for (n, (path, change)) in changes.into_iter().enumerate() {
        let path = store.path(path);
        let good = std::fs::read(&path).unwrap();
        let mut bad = good.clone();
        change(&mut bad);
        std::fs::write(&path, bad).unwrap();
        assert!(foreign_verdict(&store, &key).is_err(), "change {n} of {path:?}");
        std::fs::write(&path, good).unwrap();
    }
    assert_eq!(foreign_verdict(&store, &key), Ok(550));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_convinces_ours_and_a_foreign_verifier_and_nothing_changed_does() {
    let world = signing(None).await;
    let mut client = world.client("routing").await;
    append(&mut client, 20).await;
    covered(&mut client, 20).await;
    let prove = wire::ProveRequest { position: 7 };
    let reply = client.prove(prove).await.unwrap().into_inner();
    let Some(wire::prove_reply::Outcome::Proof(file)) = reply.outcome else {
        panic!("{reply:?}")
    };
    let text = String::from_utf8(file.to_vec()).unwrap();
    let proof: ProofFile = text.parse().unwrap();
    assert_eq!(proof.to_string(), text);
    let policy = Policy::parse(&format!("log {}\nquorum none\n", vkey(&world))).unwrap();
    let proven = proof.verify(&policy).unwrap();
    assert_eq!(
        (proven.facts.position, proven.facts.type_.as_str()),
        (7, "routing.case_routed.v1")
    );
    let leaf = foreign::merkle::hash_leaf(&proof.leaf);
    let root = proven.accepted.checkpoint.root;
    let size = proven.accepted.checkpoint.size;
    let path: Vec<Vec<u8>> = proof.path.iter().map(|hash| hash.to_vec()).collect();
    assert!(foreign::proof::verify_inclusion(6, size, &leaf, &path, &root).is_ok());
    // One bit of any byte, anywhere in the file: it proves nothing, or is not even a proof.
    for n in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[n] ^= 1;
        let proves = String::from_utf8(bytes).is_ok_and(|text| {
            text.parse::<ProofFile>()
                .is_ok_and(|proof| proof.verify(&policy).is_ok())
        });
        assert!(!proves, "byte {n}: {}", &text[..n.min(200)]);
    }
    let late = client
        .prove(wire::ProveRequest { position: 21 })
        .await
        .unwrap_err();
    assert_eq!(late.code(), tonic::Code::InvalidArgument);
}

/// Starts a ledger that must refuse, and gives its reason.
async fn start(world: &World) -> String {
    let shutdown = CancellationToken::new();
    let (life, _ready) = chassis::service::Life::under(&shutdown);
    let refused = ledger::run(world.config.clone(), life).await;
    format!("{:#}", refused.unwrap_err())
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_tiles_are_built_again_and_a_changed_history_does_not_start() {
    let mut world = signing(None).await;
    let mut client = world.client("routing").await;
    append(&mut client, 400).await;
    covered(&mut client, 400).await;
    world.stop().await;
    let (store, key) = (tlog(&world), vkey(&world));
    let before = store.read("tile/entries/000").unwrap();
    std::fs::remove_file(store.path("tile/entries/000")).unwrap();
    std::fs::remove_file(store.path("tile/0/001.p/144")).unwrap();
    world.wake().await;
    world.stop().await;
    assert_eq!(store.read("tile/entries/000").unwrap(), before);
    assert_eq!(foreign_verdict(&store, &key), Ok(400));
    std::fs::remove_dir_all(store.path("")).unwrap();
    world
        .sql("DROP TRIGGER events_refuse_update; UPDATE events SET actor = 'service:nobody' WHERE position = 10")
        .await
        .unwrap();
    let refused = start(&world).await;
    assert!(refused.contains("position 10"), "{refused}");
}

#[test]
fn the_files_named_here_are_those_of_the_specification() {
    let ours: Vec<String> = Tile::all(70_000)
        .filter(|it| it.kind != Kind::Entries)
        .map(|it| it.path())
        .collect();
    let theirs: Vec<String> = foreign::tile::tiles_for_size(70_000)
        .iter()
        .map(foreign::tile::Tile::path)
        .collect();
    assert_eq!(ours, theirs);
}
