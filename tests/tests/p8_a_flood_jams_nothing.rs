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
    for step in ["classification.report_classified", "routing.case_dispatched"] {
        let overtaken = overtaken(&story, last, step);
        println!("{step}: overtook {overtaken}");
        assert!(overtaken > 100, "{step}: overtook {overtaken}");
    }
}

/// How many reports were on record before this one, and came to a step after it.
fn overtaken(story: &Story, ours: &Event, step: &str) -> usize {
    let steps: HashMap<_, _> = story.of(step).map(|e| (&e.case, e.position)).collect();
    let came = steps[&ours.case];
    story
        .of("report.report_received")
        .filter(|e| e.position < ours.position && steps.get(&e.case).is_some_and(|other| *other > came))
        .count()
}
