//! P8, a flood of reports jams nothing, and an emergency overtakes it.

use std::process::Stdio;

use hoiam_tests::system::wait_for;
use hoiam_tests::{Feed, System};

#[test]
fn an_emergency_sent_into_a_flood_is_on_record_before_most_of_it_and_the_flood_is_taken_to_the_last_report() {
    const BACKLOG: usize = 3_000;
    let system = System::start();
    let file = Feed::write(system.scratch(), "flood", BACKLOG);
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
    assert_eq!(story.count("report.report_received"), BACKLOG + 1);
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
}
