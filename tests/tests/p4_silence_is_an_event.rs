//! P4, silence is an event: each obligation has a deadline from the moment it exists, and missing it is recorded, once.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use chassis::clock::ManualClock;
use hoiam::up::{Options, start};
use hoiam_tests::system::wait_for;
use hoiam_tests::{Story, programs};
use kernel::Instant;

/// The command, on a system that runs in the test's own process under a clock of the test's own.
fn hoiam(data: &Path, arguments: &[&str]) -> String {
    let output = Command::new(programs::ours("hoiam"))
        .args(arguments)
        .env("HOIAM_DATA", data)
        .stdin(Stdio::null())
        .output()
        .expect("hoiam starts");
    assert!(
        output.status.success(),
        "hoiam {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn story(data: &Path) -> Story {
    Story::parse(&hoiam(data, &["replay", "--json"]))
}

const DAY: i64 = 24 * 3600 * Instant::SECOND;

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_says_nothing_misses_its_deadlines_on_record_once_each_and_a_late_answer_is_late() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    // A Monday morning in the office: 2 March 2026, 08:00 in the city.
    let clock = Arc::new(ManualClock::new(
        Instant::parse("2026-03-02T08:00:00+07:00").expect("an instant"),
    ));
    let options = Options {
        data: data.clone(),
        database: None,
        console_port: 0,
        nats_port: 0,
        demo: true,
        clock: clock.clone(),
    };
    let running = start(options).await.expect("it starts");

    let test = {
        let clock = clock.clone();
        move || {
            hoiam(
                &data,
                &[
                    "submit",
                    "Đường Lê Văn Lương, xã Nhà Bè có ổ gà lớn trước số nhà 100, mặt đường hư, đề nghị vá lại.",
                ],
            );
            let opened = wait_for("two obligations of the unit", || {
                let story = story(&data);
                let opened: Vec<_> = story.of("obligation.obligation_opened").cloned().collect();
                (opened.len() == 2).then_some(opened)
            });
            let what: Vec<_> = opened
                .iter()
                .map(|e| e.data["what"].as_str().expect("what").to_owned())
                .collect();
            assert_eq!(what, ["acceptance", "result"]);
            for event in &opened {
                let at = |name: &str| event.data[name].as_i64().expect("a time");
                assert!(
                    at("due") > at("from"),
                    "the deadline exists from the first moment: {event:?}"
                );
                assert!(at("due") < at("from") + 30 * DAY);
            }
            assert_eq!(
                story(&data).count("obligation.obligation_missed"),
                0,
                "nothing is missed yet"
            );

            clock.advance(30 * DAY);
            let missed = wait_for("both misses", || {
                let story = story(&data);
                (story.count("obligation.obligation_missed") >= 2).then_some(story)
            });
            for event in &opened {
                let of = missed
                    .of("obligation.obligation_missed")
                    .filter(|m| m.data["obligation"] == event.data["obligation"]);
                let of: Vec<_> = of.collect();
                assert_eq!(of.len(), 1, "{event:?}");
                assert_eq!(
                    of[0].data["due"], event.data["due"],
                    "and the record says which deadline passed"
                );
            }

            // Time goes on; a miss is not recorded twice. The unit answers at last.
            clock.advance(30 * DAY);
            let dispatched = missed
                .of("routing.case_dispatched")
                .next()
                .expect("dispatched")
                .clone();
            let (unit, case) = (
                dispatched.data["unit"].as_str().expect("a unit").to_owned(),
                dispatched.case.expect("a case"),
            );
            hoiam(&data, &["unit", "add", &unit]);
            hoiam(&data, &["unit", "reply", &unit, &case, "accept"]);
            hoiam(
                &data,
                &["unit", "reply", &unit, &case, "result", "--text", "Đã vá xong."],
            );
            let end = wait_for("both obligations to be met", || {
                let story = story(&data);
                (story.count("obligation.obligation_met") == 2).then_some(story)
            });
            assert!(
                end.of("obligation.obligation_met")
                    .all(|e| e.data["late"] == true),
                "late, and on record as late"
            );
            assert_eq!(end.count("obligation.obligation_missed"), 2, "each miss once");
        }
    };
    // The commands block; the system needs this runtime's threads.
    #[expect(
        clippy::disallowed_methods,
        reason = "the test drives child processes and waits for them"
    )]
    let verdict = tokio::task::spawn_blocking(test).await;
    running.stop().await;
    verdict.expect("the test's own words above");
}
