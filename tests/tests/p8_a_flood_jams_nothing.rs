//! P8, a flood of reports jams nothing, and an emergency overtakes it.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::Stdio;

use hoiam_tests::story::{Event, Story};
use hoiam_tests::system::wait_for;
use hoiam_tests::{Feed, System};

#[test]
fn emergencies_overtake_a_flood_on_every_step_and_the_flood_is_taken_to_the_last_report() {
    const BACKLOG: usize = 3_000;
    let system = System::start();
    let file = Feed::write(system.scratch(), "flood", BACKLOG);
    // The last of it, on no lane of its own; no other report is as long.
    let ends = "Cháy lớn ở hẻm 118 Bạch Đằng, có người mắc kẹt trên lầu, cứu với! ".repeat(9);
    let record = serde_json::json!({"id": "flood-last", "channel": "sms", "text": ends});
    let mut appended = OpenOptions::new()
        .append(true)
        .open(&file)
        .expect("the file is ours");
    writeln!(appended, "{record}").expect("the temporary folder is writable");
    let mut feed = system
        .command(&["feed", "--json", file.to_str().expect("UTF-8")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("hoiam feed starts");
    wait_for("the flood to begin", || {
        (system.totals()["reports"].as_u64()? > 100).then_some(())
    });
    let answer = system
        .hoiam(&[
            "submit",
            "Cháy lớn ở hẻm 118 Bạch Đằng, có người mắc kẹt trên lầu, cứu với!",
            "--channel",
            "sms",
            "--express",
            "--json",
        ])
        .ok()
        .json();
    let code = answer["code"].as_str().expect("a code");
    assert!(
        feed.wait().expect("the feed ends").success(),
        "and the flood itself is taken to the last report"
    );
    let story = system.settled();
    assert_eq!(story.count("report.report_received"), BACKLOG + 2);
    let received = story
        .of("report.report_received")
        .find(|e| e.data["code"] == code)
        .expect("on record");
    let later = story
        .of("report.report_received")
        .filter(|e| e.position > received.position)
        .count();
    assert!(
        later > 500,
        "it was accepted before most of the flood: {later} came after it"
    );
    assert_eq!(
        story
            .of("report.emergency_suspected")
            .filter(|e| e.case == received.case)
            .count(),
        1,
        "seen as an emergency before the commit"
    );
    let dispatched = story
        .of("routing.case_dispatched")
        .find(|e| e.case == received.case)
        .expect("put before a unit");
    let last = story
        .of("report.report_received")
        .map(|e| e.position)
        .max()
        .expect("reports");
    println!(
        "accepted at {}, dispatched at {}; the last report of the flood at {last}",
        received.position, dispatched.position
    );
    let last = story
        .of("report.report_received")
        .find(|e| e.data["text_length"] == ends.chars().count())
        .expect("on record");
    // How much waits for a step, and how soon one's turn comes, depends on the machine; crates/chassis/tests/consumer/ahead.rs stops the others.
    let mut overtaken = 0;
    for step in [
        "classification.report_classified",
        "routing.case_dispatched",
        "feedback.citizen_told",
        "obligation.obligation_opened",
    ] {
        let before = Before::a_step(&story, last, step);
        println!(
            "{step}: overtook {} of {} that waited",
            before.overtaken, before.waiting
        );
        overtaken += before.overtaken;
    }
    assert!(overtaken > 100, "there was a flood to overtake: {overtaken}");
}

/// Reports that were on record before ours.
struct Before {
    /// How many had not come to a step when ours came on record.
    waiting: usize,
    /// How many of them came to it after ours.
    overtaken: usize,
}

impl Before {
    fn a_step(story: &Story, ours: &Event, step: &str) -> Self {
        let mut first = HashMap::new();
        for event in story.of(step) {
            first.entry(&event.case).or_insert(event.position);
        }
        let came = first[&ours.case];
        let steps: Vec<u64> = story
            .of("report.report_received")
            .filter(|e| e.position < ours.position)
            .filter_map(|e| first.get(&e.case).copied())
            .collect();
        Self {
            waiting: steps.iter().filter(|step| **step > ours.position).count(),
            overtaken: steps.iter().filter(|step| **step > came).count(),
        }
    }
}
