//! The stream is only a copy of the record: made anew under load it costs nobody an event, and what does not belong in it is named.

use std::process::Stdio;

use chassis::config::Secret;
use chassis::nats::{Credential, Headers, Nats};
use hoiam_tests::story::differences;
use hoiam_tests::system::wait_for;
use hoiam_tests::{Feed, Story, System};
use serde_json::Value;

const REPORTS: usize = 90;

/// Feeds the reports, does something meanwhile, and gives the whole story once everything rests.
fn fed(system: &System, meanwhile: impl FnOnce()) -> Story {
    let file = Feed::write(system.scratch(), "feed", REPORTS);
    let feed = system
        .command(&["feed", "--json", file.to_str().expect("UTF-8")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("hoiam feed starts");
    meanwhile();
    let output = feed.wait_with_output().expect("hoiam feed ends");
    assert!(output.status.success(), "the feed did not reconcile: {output:?}");
    system.settled()
}

fn rebuilt(system: &System, arguments: &[&str]) -> Value {
    let all = [&["ledger", "rebuild-stream", "--yes", "--json"], arguments].concat();
    system.hoiam(&all).ok().json()
}

/// A message that the relay never wrote, put at the end of the stream with the relay's own credential.
fn put_a_foreign_message(system: &System) {
    let text = std::fs::read(system.credential("ledger")).expect("a credential");
    let credential: Value = serde_json::from_slice(&text).expect("JSON");
    let of = |name: &str| credential[name].as_str().expect("text").to_owned();
    let secret = Credential {
        user: of("user"),
        password: Secret::new(of("password")),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let nats = Nats::connect_as(&of("url"), Some(secret), "test")
            .await
            .expect("the broker lets it in");
        let subject = "evt.0.routing.case_accepted.x";
        nats.publish_stored(subject, None, &Headers::new(), "{}".into())
            .await
            .expect("the relay's user may publish");
    });
}

#[test]
fn made_anew_again_and_again_during_a_feed_nothing_is_lost_or_done_twice_and_a_foreign_message_is_named() {
    let mut calm = System::start();
    let expected = fed(&calm, || {});
    assert_eq!(calm.stop(), 0);

    // The same keys, so that the same report opens the same case.
    let mut system = System::prepared(Some(&calm));
    system.up(&[]);
    let story = fed(&system, || {
        for round in 1..=4 {
            wait_for("the feed to get on", || {
                let reports = system.totals()["reports"].as_u64().unwrap_or_default();
                (reports >= round * 20).then_some(())
            });
            // Also to begin beyond where consumers are: what they miss in the stream they read from the ledger.
            let from = if round % 2 == 0 {
                vec!["--from", "60"]
            } else {
                vec![]
            };
            let made = rebuilt(&system, &from);
            assert_eq!(made["from"], if round % 2 == 0 { 60 } else { 1 }, "{made}");
        }
    });
    story.assert_dense();
    let differences = differences(&story.multiset(), &expected.multiset());
    assert!(
        differences.is_empty(),
        "{} differences: {differences:#?}",
        differences.len()
    );
    let audit = system.hoiam(&["ledger", "audit-stream", "--json"]).ok().json();
    assert_eq!(
        (&audit["findings"], &audit["from"]),
        (&0.into(), &60.into()),
        "{audit}"
    );

    put_a_foreign_message(&system);
    wait_for("the relay to stand still", || {
        let doctor = system.hoiam(&["doctor"]);
        (doctor.code == 1 && doctor.stdout.contains("✗ relay: stopped")).then_some(())
    });
    let audit = system.hoiam(&["ledger", "audit-stream"]);
    let foreign = format!(
        "✗ position {}: in the stream, but the record ends at",
        story.0.len() + 1
    );
    assert!(audit.code == 1 && audit.stdout.contains(&foreign), "{audit:?}");
    let refused = system.hoiam(&["ledger", "rebuild-stream", "--yes"]);
    assert!(
        refused.code == 1 && refused.stderr.contains("--discard-foreign"),
        "{refused:?}"
    );
    let _ = rebuilt(&system, &["--discard-foreign"]);
    let _ = system.hoiam(&["ledger", "audit-stream"]).ok();
    wait_for("doctor to be content", || {
        (system.hoiam(&["doctor"]).code == 0).then_some(())
    });
}
