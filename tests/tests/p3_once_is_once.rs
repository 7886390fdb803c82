//! P3, once is once: a report sent twice, an event delivered twice, a crash at any line: one effect.

use std::collections::HashSet;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hoiam_tests::story::{SUSPICION, differences};
use hoiam_tests::system::wait_for;
use hoiam_tests::{Feed, Story, System};
use serde_json::{Value, json};

/// Feeds a file while the system is killed and started again, and gives the feed's own summary.
fn fed_through(system: &mut System, file: &str, mut trouble: impl FnMut(&mut System)) -> Value {
    let feed = system
        .command(&["feed", "--json", "--patience", "120", file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("hoiam feed starts");
    trouble(system);
    let output = feed.wait_with_output().expect("hoiam feed ends");
    assert!(
        output.status.success(),
        "the feed did not reconcile: {} {}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("a JSON summary")
}

fn received(system: &System) -> usize {
    let output = system.hoiam(&["totals", "--json"]);
    serde_json::from_str::<Value>(&output.stdout)
        .ok()
        .and_then(|t| t["reports"].as_u64())
        .map_or(0, |n| usize::try_from(n).expect("small"))
}

#[test]
fn kill_9_at_random_moments_and_at_every_fail_point_during_a_feed_of_2000_changes_nothing_of_what_is_on_record()
 {
    const REPORTS: usize = 2_000;
    let mut calm = System::start();
    let file = Feed::write(calm.scratch(), "feed", REPORTS);
    let file = file.to_str().expect("UTF-8").to_owned();
    let summary = fed_through(&mut calm, &file, |_| {});
    assert_eq!(summary["receipted"], REPORTS, "{summary}");
    let expected = calm.settled();
    assert_eq!(calm.stop(), 0);

    // The same keys, so that the same report opens the same case.
    let mut troubled = System::prepared(Some(&calm));
    troubled.up(&[]);
    let summary = fed_through(&mut troubled, &file, |system| {
        // Moments that differ from run to run: when so many reports are on record.
        let seed = std::process::id() as usize;
        for step in 1..=3 {
            let at = step * 300 + (seed * step) % 200;
            wait_for("the feed to get on", || (received(system) >= at).then_some(()));
            system.kill9();
            system.up(&[]);
        }
        for (point, passing) in [
            ("ledger.before_commit", 40),
            ("ledger.after_commit_before_reply", 40),
            ("consumer.after_effect_before_cursor", 5),
        ] {
            system.kill9();
            system.spawn(&[("HOIAM_FAIL_POINT", &format!("{point}:{passing}"))]);
            system.wait_for_death();
            system.up(&[]);
        }
    });
    assert_eq!(
        summary["receipted"], REPORTS,
        "every report has its receipt: {summary}"
    );
    let story = troubled.settled();
    story.assert_dense();
    assert_eq!(
        story.count("report.report_received"),
        REPORTS,
        "every receipted report is there once"
    );
    let mut suspected = HashSet::new();
    for event in story.of(SUSPICION) {
        let pair = (&event.case, event.data["of"].to_string());
        assert!(suspected.insert(pair), "suspected twice: {event:?}");
    }
    assert!(!suspected.is_empty(), "the feed goes round the same reports");
    let differences = differences(&story.multiset(), &expected.multiset());
    assert!(
        differences.is_empty(),
        "{} differences, first: {:#?}",
        differences.len(),
        &differences[..differences.len().min(5)]
    );
    assert_eq!(
        troubled.hoiam(&["doctor"]).code,
        0,
        "all is well afterwards: {}",
        troubled.hoiam(&["doctor"]).stdout
    );
}

#[test]
fn kill_9_of_nats_alone_and_loss_of_its_folder_rebuild_the_stream_with_the_same_numbers_and_nothing_is_acted_on_twice()
 {
    let mut system = System::start();
    let file = Feed::write(system.scratch(), "feed", 200);
    let _ = fed_through(&mut system, file.to_str().expect("UTF-8"), |_| {});
    // A unit whose system has not looked yet.
    let _ = system
        .hoiam(&[
            "submit",
            "Đường Lê Văn Lương có ổ gà lớn trước số nhà 100, mặt đường hư, đề nghị vá lại",
            "--json",
        ])
        .ok();
    let before = system.settled();
    let dispatched = before
        .of("routing.case_dispatched")
        .last()
        .expect("a case is before a unit");
    let (unit, case) = (
        dispatched.data["unit"].as_str().expect("a unit").to_owned(),
        dispatched.case.clone().expect("a case"),
    );
    let _ = system.hoiam(&["unit", "add", &unit]).ok();
    let before = system.settled();

    // Killed alone: started again by `hoiam up`.
    let first = system.nats_pid();
    system.kill9_nats();
    wait_for("a new nats-server", || {
        std::fs::read_to_string(system.data().join("nats/nats.pid"))
            .ok()?
            .trim()
            .parse::<u32>()
            .ok()
            .filter(|p| *p != first)
    });
    wait_for("doctor to be content", || {
        (system.hoiam(&["doctor"]).code == 0).then_some(())
    });

    // Killed, and everything it kept deleted, while the system is stopped and while it runs.
    let second = system.nats_pid();
    assert_eq!(system.stop(), 0);
    assert!(
        std::fs::metadata(format!("/proc/{second}")).is_err(),
        "a clean stop stops the child too"
    );
    std::fs::remove_dir_all(system.data().join("nats/jetstream")).expect("JetStream's folder is there");
    system.up(&[]);
    wait_for("doctor to be content", || {
        (system.hoiam(&["doctor"]).code == 0).then_some(())
    });
    assert!(system.runs());
    let after = system.settled();
    let texts = |story: &Story| story.0.iter().map(|e| e.json.to_string()).collect::<Vec<_>>();
    assert_eq!(
        texts(&after),
        texts(&before),
        "the same events with the same numbers, and not one more"
    );

    // The unit finds its cases, though CASES was lost too, and its answer counts once.
    let shown = wait_for("the unit's cases to be on CASES again", || {
        let shown = system.hoiam(&["unit", "watch", &unit, "--once", "--json"]);
        shown.stdout.contains(&case).then_some(shown.stdout)
    });
    let notice: Value = shown
        .lines()
        .map(|line| serde_json::from_str(line).expect("a notice a line"))
        .find(|notice: &Value| notice["case"] == *case)
        .expect("the case's notice");
    assert_eq!(notice["position"], dispatched.position, "{notice}");
    let reply = [
        "unit",
        "reply",
        &unit,
        &case,
        "result",
        "--text",
        "Đã vá xong",
        "--id",
        "r-1",
        "--json",
    ];
    let first = system.hoiam(&reply).ok().json();
    assert_eq!(
        (&first["already"], &system.hoiam(&reply).ok().json()["already"]),
        (&json!(false), &json!(true))
    );
    let answered = system.settled();
    let results = answered
        .of("routing.result_reported")
        .filter(|e| e.case.as_deref() == Some(case.as_str()));
    assert_eq!(results.count(), 1);
    let before = answered;

    // And life goes on.
    let answer = system
        .hoiam(&["submit", "Cây ngã chắn đường Pasteur, phường Sài Gòn", "--json"])
        .ok()
        .json();
    assert!(
        answer["position"]
            .as_u64()
            .is_some_and(|p| p > before.0.len() as u64),
        "{answer}"
    );
    let last = system.settled();
    last.assert_dense();
    assert_eq!(last.count("report.report_received"), 202);
}

#[test]
fn the_same_message_a_hundred_times_is_one_report_with_the_same_receipt_each_time_and_other_content_under_its_id_is_refused()
 {
    let system = System::start();
    let credential = system.credential("gw-demo");
    let line = |body: &Value| {
        json!({"subject": "in.sms.demo", "body": STANDARD.encode(body.to_string())}).to_string()
    };
    let report =
        json!({"id": "m-1", "text": "Ngập nặng ở đường Nguyễn Hữu Cảnh", "from": {"phone": "0900000011"}});
    let mut input = vec![line(&report); 100];
    input.push(line(&json!({"id": "m-1", "text": "Một nội dung khác"})));
    let arguments = [
        "--credential",
        credential.to_str().expect("UTF-8"),
        "--gateway",
        "demo",
        "--expect",
        "101",
    ];
    let result = system.outsider("gateway.py", &arguments, &input.join("\n"));
    assert_eq!(result["held"], 101, "{result}");
    let answers = result["receipts"].as_array().expect("a list");
    assert_eq!(answers.len(), 101);
    let receipts: Vec<_> = answers.iter().filter(|a| a["kind"] == "receipt").collect();
    assert_eq!(receipts.len(), 100);
    assert!(
        receipts.iter().all(|r| *r == receipts[0]),
        "the same receipt each time"
    );
    let refusal = answers
        .iter()
        .find(|a| a["kind"] == "refusal")
        .expect("one refusal");
    assert_eq!(
        (&refusal["reason"], &refusal["id"]),
        (&json!("reused_id"), &json!("m-1")),
        "{refusal}"
    );
    assert!(
        !refusal.to_string().contains("nội dung khác"),
        "and it does not quote what was sent"
    );
    let story = system.settled();
    assert_eq!(story.count("report.report_received"), 1);
    assert_eq!(
        story
            .of("feedback.citizen_told")
            .filter(|e| e.data["what"] == "received")
            .count(),
        1,
        "the citizen is told once"
    );
}
