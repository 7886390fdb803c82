//! The n-th call of one kind that the writer of the log's files makes of the system fails with EIO, or is its last. SQLite's are left
//! alone: strace looks only at the log's own files.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use contracts::grpc::ledger as wire;
use ledger::log::note::SigningKey;
use ledger::log::proof::ProofFile;
use testkit::chance::Chance;
use testkit::tlog::Tlog;
use uuid::Uuid;

use crate::syscalls::{Fault, can_inject, end_tracer, everywhere, most_of_one_thread};
use crate::world::{Client, PATIENCE, Site, any_append, append_surely, may_be_sent_again, program};

/// What the log's writer does to a disk: tiles, bundles, checkpoints, and the folders they lie in.
const CALLS: [&str; 9] = [
    "openat",
    "write",
    "fsync",
    "rename",
    "mkdir",
    "unlinkat",
    "read",
    "statx",
    "getdents64",
];

/// So many events that what is appended next fills the first tile: then a tile of the next level begins, and the partial ones go.
const NEARLY_A_TILE: usize = 250;
/// More than any test appends.
const MOST: usize = NEARLY_A_TILE + 60;

/// A ledger with a log.
struct Signing {
    site: Site,
    log: PathBuf,
    key: PathBuf,
}

impl Signing {
    fn new() -> Self {
        let site = Site::sqlite();
        let (log, key) = (site.file("tlog"), site.file("log.key"));
        SigningKey::create(&key).unwrap();
        Self { site, log, key }
    }

    fn environment(&self) -> [(&str, &str); 2] {
        [
            ("HOIAM_LEDGER_LOG", self.log.to_str().unwrap()),
            ("HOIAM_LEDGER_LOG_KEY", self.key.to_str().unwrap()),
        ]
    }

    /// Every file and folder that its log may ever write.
    fn files(&self) -> Vec<PathBuf> {
        let mut below = vec!["checkpoint".to_owned()];
        for kind in ["0", "entries"] {
            below.extend(["000", "001"].map(|tile| format!("tile/{kind}/{tile}")));
            below.extend((1..256).map(|width| format!("tile/{kind}/000.p/{width}")));
            below.extend((1..MOST - 256).map(|width| format!("tile/{kind}/001.p/{width}")));
        }
        below.push("tile/1/000.p/1".to_owned());
        let mut files: Vec<PathBuf> = below.iter().map(|path| self.log.join(path)).collect();
        files.push(self.site.file("log.key.signed"));
        files.push(self.site.file("log.key.vkey"));
        let new = |file: &PathBuf| PathBuf::from(format!("{}.new", file.display()));
        files.extend(files.clone().iter().map(new));
        let folders = ["", "tile", "tile/0", "tile/1", "tile/entries"];
        files.extend(folders.map(|folder| self.log.join(folder)));
        for folder in [
            "tile/0/000.p",
            "tile/0/001.p",
            "tile/1/000.p",
            "tile/entries/000.p",
            "tile/entries/001.p",
        ] {
            files.push(self.log.join(folder));
        }
        files
    }

    /// What a verifier that is none of ours finds, whatever was done to the writer; `None`: nothing was published yet.
    fn verdict(&self) -> Option<Tlog> {
        let checkpoint = self.log.join("checkpoint");
        let vkey = std::fs::read_to_string(self.site.file("log.key.vkey")).ok();
        checkpoint
            .exists()
            .then(|| Tlog::read(&self.log, vkey.expect("a log with a checkpoint has a key").trim()).unwrap())
    }
}

/// Waits until all that is on record is under a published checkpoint.
async fn covered(client: &mut Client) -> u64 {
    let mut last = wire::HeadReply::default();
    let wait = async {
        loop {
            if let Ok(head) = client.head(wire::HeadRequest::default()).await {
                last = head.into_inner();
                if last.log_cosigned >= last.position {
                    return last.position;
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    match tokio::time::timeout(PATIENCE, wait).await {
        Ok(position) => position,
        Err(_) => panic!("the log does not cover what is on record: {last:?}"),
    }
}

/// One request with so many events.
fn many(events: usize) -> wire::AppendRequest {
    let mut chance = Chance::seeded().branch(7);
    let mut request = any_append(&mut chance);
    let event = request.streams[0].events[0].clone();
    request.streams.truncate(1);
    request.streams[0].events = vec![event; events];
    request.request_id = crate::world::id(Uuid::from_u128(0x7_1135));
    request
}

/// Starts a ledger with a log under strace (a new one, or one whose first tile is nearly full), appends to it while the n-th `call` of one
/// of its threads on the log's files fails, kills it, and starts it again without. False when no thread came to an n-th call.
async fn survives(new: bool, call: &str, fault: Fault, n: u64) -> bool {
    let signing = Signing::new();
    let (site, environment) = (&signing.site, signing.environment());
    let mut acknowledged = Vec::new();
    let mut chance = Chance::seeded();
    if !new {
        let _process = site.start(&environment).await;
        let mut client = site.client();
        acknowledged.push(append_surely(&mut [client.clone()], many(NEARLY_A_TILE)).await);
        covered(&mut client).await;
    }
    let what = format!(
        "{call} {fault:?} {n} of {} log",
        if new { "a new" } else { "an old" }
    );
    let before = acknowledged.len();
    let published = signing.verdict().map_or(0, |log| log.size);

    let trace = site.file("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-D", "-qqq", "-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={call}:{}:when={n}", fault.injected())]);
    for file in signing.files() {
        command.arg("-P").arg(file);
    }
    command.arg("-o").arg(&trace).arg(program());
    let mut process = site.spawn(command, &environment);
    // A log whose beginning fails lets no ledger start: then it has said so, and is started again below.
    let listens = process.wait_for_line("\"grpc\"", PATIENCE).await.is_ok();
    let requests: Vec<wire::AppendRequest> = (0..5).map(|_| any_append(&mut chance)).collect();
    if listens {
        let mut client = site.client();
        for request in &requests {
            // The log is behind the answers: whatever happens to its files, the ledger takes what it is given.
            match tokio::time::timeout(PATIENCE, client.append(request.clone())).await {
                Ok(Ok(appended)) => {
                    let head = appended.get_ref().head;
                    acknowledged.push(appended.into_inner());
                    signed_or_failed(&mut client, head).await;
                }
                Ok(Err(status)) => {
                    assert!(
                        fault == Fault::Kill && may_be_sent_again(&status),
                        "{what}: {status:?}"
                    );
                }
                Err(_) => panic!("{what}: no answer"),
            }
        }
        // A failure is no reason to stop: the same process signs on. (Another thread has a count of its own and would fail again:
        // strace has to go first.)
        if fault == Fault::Eio {
            assert!(process.is_running(), "{what}: it died:\n{}", process.output());
            end_tracer(process.id()).await;
            covered(&mut client).await;
        }
    }
    process.kill9();
    let reached = most_of_one_thread(&std::fs::read_to_string(&trace).unwrap_or_default(), call) >= n;
    // As it was left, whoever reads the log believes it, and at least as much of it as before.
    let left = signing.verdict().map_or(0, |log| log.size);
    assert!(left >= published, "{what}: {left} leaves are left of {published}");

    let _process = site.start(&environment).await;
    let mut client = site.client();
    for request in &requests {
        acknowledged.push(append_surely(&mut [client.clone()], request.clone()).await);
    }
    let position = covered(&mut client).await;
    let record = site.in_order(&acknowledged).await;
    assert_eq!(record.requests(), before + requests.len(), "{what}");
    let log = signing.verdict().expect("it is published");
    assert_eq!((log.size, log.root), (position, record.root()), "{what}");
    assert!(
        leftovers(&signing.log).len() <= 2,
        "{what}: {:?}",
        leftovers(&signing.log)
    );
    for position in [1, position / 2, position] {
        let proof = client
            .prove(wire::ProveRequest { position })
            .await
            .unwrap()
            .into_inner();
        let Some(wire::prove_reply::Outcome::Proof(file)) = proof.outcome else {
            panic!("{what}: {proof:?}")
        };
        let proof: ProofFile = String::from_utf8(file.to_vec()).unwrap().parse().unwrap();
        let path: Vec<Vec<u8>> = proof.path.iter().map(|hash| hash.to_vec()).collect();
        log.includes(position, &path).unwrap();
    }
    reached
}

/// Waits until the log has come to the position, or says that it cannot; or until the ledger is no more.
async fn signed_or_failed(client: &mut Client, position: u64) {
    let wait = async {
        while let Ok(head) = client.head(wire::HeadRequest::default()).await {
            let head = head.into_inner();
            if head.log_cosigned >= position || head.log_state.starts_with("stopped") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("the log moves or says why not");
}

/// Half-written files that a death left; the next one of the name takes their place.
fn leftovers(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(leftovers(&path));
        } else if path.extension().is_some_and(|extension| extension == "new") {
            found.push(path);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_or_last_call_of_the_logs_writer_leaves_a_log_that_others_believe() {
    if !can_inject() {
        return;
    }
    for (new, call, fault, n) in [
        (true, "mkdir", Fault::Kill, 3),
        (true, "fsync", Fault::Eio, 3),
        (false, "write", Fault::Eio, 4),
        (false, "fsync", Fault::Kill, 6),
        (false, "rename", Fault::Eio, 3),
        (false, "rename", Fault::Kill, 4),
    ] {
        assert!(
            survives(new, call, fault, n).await,
            "no thread came to call {n} of {call}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "many minutes: every single call on the log's files, twice; HOIAM_FAULT_CALL names one kind"]
async fn every_call_of_the_logs_writer_may_fail_or_be_the_last() {
    if !can_inject() {
        return;
    }
    everywhere("log", &CALLS, survives).await;
}
