//! P1, accepted means durable: no receipt is given before the report is committed to disk.

use hoiam_tests::System;
use hoiam_tests::system::wait_for;

#[test]
fn a_receipted_report_is_there_after_kill_9_at_the_very_moment_of_the_receipt() {
    let mut system = System::start();
    let mut codes = Vec::new();
    for round in 0..3 {
        let text = format!("Rác ứ đọng ở đường Nguyễn Trãi, phường Bến Thành, lần {round}");
        let answer = system.hoiam(&["submit", &text, "--json"]).ok().json();
        system.kill9();
        codes.push(answer["code"].as_str().expect("a code").to_owned());
        system.up(&[]);
        let story = system.replay();
        story.assert_dense();
        for code in &codes {
            assert_eq!(
                story
                    .of("report.report_received")
                    .filter(|e| e.data["code"] == *code)
                    .count(),
                1,
                "{code} is on record once"
            );
        }
    }
}

#[test]
fn a_crash_before_the_commit_gives_no_receipt_and_a_crash_after_it_gives_the_same_receipt_when_asked_again() {
    for (point, on_record) in [
        ("ledger.before_commit", 0),
        ("ledger.after_commit_before_reply", 1),
    ] {
        let mut system = System::start();
        let before = system.settled().0.len();
        assert_eq!(system.stop(), 0, "a clean stop");
        // The first append of this life is the report's: everything else is at rest. `up` comes to life, then dies at the point.
        system.spawn(&[("HOIAM_FAIL_POINT", point)]);
        system.wait_until_up();
        let failed = system.hoiam(&[
            "submit",
            "Cống tắc ở hẻm 47 Quốc Hương",
            "--id",
            "m-1",
            "--timeout",
            "5",
            "--json",
        ]);
        assert_ne!(
            failed.code, 0,
            "no receipt from a process that died at {point}: {failed:?}"
        );
        system.wait_for_death();
        system.up(&[]);
        let received = |system: &System| system.replay().count("report.report_received");
        assert_eq!(received(&system), on_record, "after a crash at {point}");
        let answer = system
            .hoiam(&["submit", "Cống tắc ở hẻm 47 Quốc Hương", "--id", "m-1", "--json"])
            .ok()
            .json();
        assert!(
            answer["code"].as_str().is_some_and(|c| c.starts_with("HA-")),
            "{answer}"
        );
        assert_eq!(
            received(&system),
            1,
            "sent again after a crash at {point}: still one report"
        );
        assert!(system.replay().0.len() > before);
        wait_for("the report to be acted on", || {
            (system.replay().count("routing.case_routed")
                + system.replay().count("classification.review_requested")
                > 0)
            .then_some(())
        });
    }
}
