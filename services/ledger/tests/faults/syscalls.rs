//! The n-th call of one kind that a thread of the ledger makes of the system fails with EIO, or is its last: strace injects it.

use std::collections::HashMap;
use std::process::{Command, Stdio};
use std::time::Duration;

use contracts::grpc::ledger as wire;
use testkit::chance::Chance;

use crate::world::{PATIENCE, Site, any_append, append_surely, may_be_sent_again, program};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Eio,
    Kill,
}

impl Fault {
    /// As strace injects it.
    pub(crate) fn injected(self) -> &'static str {
        match self {
            Self::Eio => "error=EIO",
            Self::Kill => "signal=KILL",
        }
    }
}

/// What SQLite and the writers of files do to a disk.
const CALLS: [&str; 12] = [
    "fsync",
    "fdatasync",
    "pwrite64",
    "write",
    "ftruncate",
    "pread64",
    "openat",
    "unlink",
    "rename",
    "fcntl",
    "flock",
    "newfstatat",
];

/// Whether strace is there and may trace; says so when not.
pub(crate) fn can_inject() -> bool {
    let tried = Command::new("strace")
        .args(["-f", "-D", "-o", "/dev/null", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let can = tried.is_ok_and(|status| status.success());
    if !can {
        eprintln!(
            "NOT TESTED: faults per system call need strace (apt-get install strace) and the right to trace"
        );
    }
    can
}

/// Starts a ledger on SQLite under strace (a new one, or one that has some events), appends to it while its n-th `call` fails, kills it, and
/// starts it again without: all that was acknowledged is there, once. False when no thread came to an n-th call.
async fn survives(new: bool, call: &str, fault: Fault, n: u64) -> bool {
    let site = Site::sqlite();
    let mut acknowledged = Vec::new();
    let mut chance = Chance::seeded();
    if !new {
        let _process = site.start(&[]).await;
        for _ in 0..3 {
            acknowledged.push(append_surely(&mut [site.client()], any_append(&mut chance)).await);
        }
    }
    let before = acknowledged.len();
    let trace = site.file("trace");
    let how = fault.injected();
    let mut command = Command::new("strace");
    // -D: strace is the grandchild, and the process that we kill is the ledger.
    command.args(["-f", "-D", "-qqq", "-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={call}:{how}:when={n}")]);
    command.arg("-o").arg(&trace).arg(program());
    let mut process = site.spawn(command, &[]);
    let listens = process.wait_for_line("\"grpc\"", PATIENCE).await.is_ok();

    let requests: Vec<wire::AppendRequest> = (0..5).map(|_| any_append(&mut chance)).collect();
    if listens {
        let mut client = site.client();
        for request in &requests {
            match tokio::time::timeout(PATIENCE / 3, client.append(request.clone())).await {
                Ok(Ok(appended)) => acknowledged.push(appended.into_inner()),
                Ok(Err(status)) => assert!(may_be_sent_again(&status), "{call} {fault:?} {n}: {status:?}"),
                Err(_) => panic!("{call} {fault:?} {n}: no answer"),
            }
        }
        // A failure is no reason to stop: the same process takes it at a later attempt. (A connection opened anew is a thread with a count
        // of its own, which would fail again: strace has to go first.)
        if fault == Fault::Eio && process.is_running() {
            end_tracer(process.id()).await;
            let surely = async {
                for request in &requests {
                    acknowledged.push(append_surely(&mut [site.client()], request.clone()).await);
                }
            };
            // The runtime itself dies of some failures (a write that wakes its threads): a crash like another.
            let dies = async {
                while process.is_running() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            let either = async {
                tokio::select! {
                    () = surely => {}
                    () = dies => {}
                }
            };
            if tokio::time::timeout(PATIENCE / 3, either).await.is_err() {
                panic!("{call} {n}: it does not go on; it said:\n{}", process.output());
            }
        }
    }
    process.kill9();
    let reached = most_of_one_thread(&std::fs::read_to_string(&trace).unwrap_or_default(), call) >= n;

    let _process = site.start(&[]).await;
    for request in &requests {
        acknowledged.push(append_surely(&mut [site.client()], request.clone()).await);
    }
    let record = site.in_order(&acknowledged).await;
    assert_eq!(record.requests(), before + requests.len(), "{call} {fault:?} {n}");
    reached
}

/// Who traces a process of ours; 0: nobody.
fn tracer(traced: u32) -> i32 {
    std::fs::read_to_string(format!("/proc/{traced}/status"))
        .unwrap()
        .lines()
        .find_map(|line| line.strip_prefix("TracerPid:"))
        .and_then(|pid| pid.trim().parse().ok())
        .unwrap()
}

/// Ends the strace that traces a process of ours (it does not listen to SIGTERM), and waits until it has let go.
pub(crate) async fn end_tracer(traced: u32) {
    let strace = tracer(traced);
    assert_ne!(strace, 0, "strace is not there");
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(strace),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
    let gone = async {
        while tracer(traced) != 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE / 6, gone)
        .await
        .expect("strace lets go");
}

/// How often the thread that made most of them made the call: strace counts each thread for itself.
pub(crate) fn most_of_one_thread(trace: &str, call: &str) -> u64 {
    let mut counts: HashMap<&str, u64> = HashMap::new();
    for line in trace.lines() {
        if let Some((thread, what)) = line.split_once(' ')
            && what.trim_start().starts_with(&format!("{call}("))
        {
            *counts.entry(thread).or_default() += 1;
        }
    }
    counts.into_values().max().unwrap_or(0)
}

/// Every call of each kind, of a new and of an old `what`, failed and as the last one, until no thread comes to one more.
/// `HOIAM_FAULT_CALL` names one kind.
pub(crate) async fn everywhere(
    what: &str,
    calls: &[&'static str],
    survives: impl AsyncFn(bool, &'static str, Fault, u64) -> bool,
) {
    let only = std::env::var("HOIAM_FAULT_CALL").ok();
    let named = |call: &&&str| only.as_deref().is_none_or(|only| only == **call);
    for call in calls.iter().filter(named) {
        for (new, fault) in [
            (true, Fault::Eio),
            (true, Fault::Kill),
            (false, Fault::Eio),
            (false, Fault::Kill),
        ] {
            let mut n = 1;
            while survives(new, call, fault, n).await {
                n += 1;
            }
            let which = if new { "a new" } else { "an old" };
            eprintln!("{call} {fault:?} of {which} {what}: {} places", n - 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_or_last_call_of_the_system_loses_nothing_and_doubles_nothing() {
    if !can_inject() {
        return;
    }
    // The log's frames and their synchronisation, by the migration of a new ledger and by appends to an old one.
    for (new, call, fault, n) in [
        (true, "fsync", Fault::Eio, 4),
        (true, "pwrite64", Fault::Kill, 30),
        (false, "fsync", Fault::Eio, 3),
        (false, "fsync", Fault::Kill, 5),
        (false, "pwrite64", Fault::Eio, 12),
        (false, "pwrite64", Fault::Kill, 13),
    ] {
        assert!(
            survives(new, call, fault, n).await,
            "no thread came to call {n} of {call}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "many minutes: every single call of the system, twice; HOIAM_FAULT_CALL names one kind"]
async fn every_call_of_the_system_may_fail_or_be_the_last() {
    if !can_inject() {
        return;
    }
    everywhere("ledger", &CALLS, survives).await;
}
