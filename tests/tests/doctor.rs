//! What `hoiam doctor` says when something is wrong: an exit code, the thing by its name, and what to do.

use chassis::config::Secret;
use chassis::consumer::Parked;
use chassis::nats::{Credential, Headers, Nats};
use contracts::subjects;
use hoiam_tests::System;
use hoiam_tests::system::wait_for;
use kernel::{EventId, Instant, Position};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// The checks that are not well, with their advice.
fn complaints(system: &System) -> (i32, Vec<Value>) {
    let output = system.hoiam(&["doctor", "--json"]);
    let checks = output.json()["checks"].as_array().expect("a list").clone();
    (
        output.code,
        checks.into_iter().filter(|c| c["ok"] == false).collect(),
    )
}

fn named<'a>(complaints: &'a [Value], check: &str) -> &'a Value {
    complaints
        .iter()
        .find(|c| c["check"] == check)
        .unwrap_or_else(|| panic!("no complaint of {check}: {complaints:?}"))
}

#[test]
fn a_broker_that_hangs_and_a_system_that_does_not_run_are_named_with_what_to_do() {
    let mut system = System::start();
    assert_eq!(complaints(&system), (0, vec![]));
    let nats = Pid::from_raw(i32::try_from(system.nats_pid()).expect("a pid fits"));
    kill(nats, Signal::SIGSTOP).expect("nats-server runs");
    let (code, wrong) = complaints(&system);
    kill(nats, Signal::SIGCONT).expect("nats-server is there still");
    assert_eq!(code, 1);
    let broker = named(&wrong, "broker");
    assert!(
        broker["says"]
            .as_str()
            .expect("words")
            .contains("cannot be reached"),
        "{broker}"
    );
    assert!(
        broker["advice"].as_str().expect("words").contains("server.log"),
        "{broker}"
    );
    wait_for("doctor to be content again", || {
        (complaints(&system).0 == 0).then_some(())
    });

    assert_eq!(system.stop(), 0);
    let (code, wrong) = complaints(&system);
    assert_eq!(code, 1);
    assert!(
        named(&wrong, "running")["says"]
            .as_str()
            .expect("words")
            .contains("hoiam up"),
        "{wrong:?}"
    );
    let people = system.hoiam(&["doctor"]);
    assert_eq!(people.code, 1);
    assert!(people.stdout.contains("✗ running"), "{people:?}");
}

#[test]
fn what_was_parked_is_counted_by_consumer_and_reason_until_somebody_settles_it() {
    let system = System::start();
    let text = std::fs::read(system.credential("feedback")).expect("a credential");
    let credential: Value = serde_json::from_slice(&text).expect("JSON");
    let of = |name: &str| credential[name].as_str().expect("text").to_owned();
    let secret = Credential {
        user: of("user"),
        password: Secret::new(of("password")),
    };
    let parked = Parked {
        consumer: "feedback".to_owned(),
        position: Position(3),
        event: EventId(uuid::Uuid::from_u128(3)),
        kind: "report.report_received.v1".to_owned(),
        case: None,
        reason: "undecodable".to_owned(),
        detail: "a test".to_owned(),
        at: Instant(1_000_000),
    };
    let body = serde_json::to_vec(&parked).expect("JSON");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let nats = Nats::connect_as(&of("url"), Some(secret), "test")
            .await
            .expect("the broker lets it in");
        nats.publish_stored(&subjects::park("feedback"), None, &Headers::new(), body.into())
            .await
            .expect("a service may park");
    });
    let (code, wrong) = complaints(&system);
    assert_eq!((code, wrong.len()), (1, 1), "{wrong:?}");
    let says = named(&wrong, "parked")["says"].as_str().expect("words");
    assert!(says.contains("1 × feedback: undecodable"), "{says}");
    let verbose = system.hoiam(&["doctor", "--verbose"]).stdout;
    assert!(verbose.contains("position 3"), "{verbose}");
}
