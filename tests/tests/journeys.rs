//! The main job: every report that arrives gets to where its level and kind say, and its answer comes back.

use std::collections::{BTreeMap, HashMap};

use hoiam_tests::system::wait_for;
use hoiam_tests::{Record, Story, System};
use serde_json::{Value, json};

/// Where a finding must come to rest first, said again here on its own: by kind and level (architecture, "The journey of one report", step 5).
fn destination_of(finding: &Value) -> &'static str {
    match (
        finding["kind"].as_str().expect("a kind"),
        finding["level"].as_u64().expect("a level"),
    ) {
        ("not_a_report", _) => "none",
        ("crime_report", _) => "police",
        ("emergency", _) => "unit",
        (_, 1) => "desk",
        (_, 2) => "unit",
        _ => "office",
    }
}

/// Feeds all 480 reports through NATS.
fn fed() -> (System, Story) {
    let system = System::start();
    let folder = hoiam_tests::programs::root().join("tests/data/reports");
    let files: Vec<String> = (1..=8)
        .map(|i| folder.join(format!("dev-0{i}.jsonl")).display().to_string())
        .collect();
    let mut arguments = vec!["feed", "--json"];
    arguments.extend(files.iter().map(String::as_str));
    let summary = system.hoiam(&arguments).ok().json();
    assert_eq!(summary["sent"], 480, "{summary}");
    assert_eq!(
        summary["receipted"], 480,
        "as many receipts as reports: {summary}"
    );
    let story = system.settled();
    (system, story)
}

#[test]
fn every_report_fed_through_nats_reaches_exactly_the_destination_of_its_level_and_kind_and_units_answer_with_nats_alone()
 {
    let (system, story) = fed();
    story.assert_dense();
    assert_eq!(story.count("report.report_received"), 480);

    // Each report rests in one place, the one its finding asks for; what waits for a person has not been routed.
    let mut rests: BTreeMap<&str, u64> = BTreeMap::new();
    for (case, events) in story
        .by_case()
        .into_iter()
        .filter(|(_, e)| e[0].kind.starts_with("report."))
    {
        let of = |kind: &str| {
            events
                .iter()
                .filter(|e| e.kind.starts_with(kind))
                .collect::<Vec<_>>()
        };
        let (classified, reviews, routed) = (
            of("classification.report_classified"),
            of("classification.review_requested"),
            of("routing.case_routed"),
        );
        assert_eq!(
            classified.len() + reviews.len(),
            1,
            "case {case} is either decided or put before a person"
        );
        let dispatched = of("routing.case_dispatched");
        let rest = if let Some(event) = classified.first() {
            assert_eq!(routed.len(), 1, "case {case} is routed once");
            let expected = destination_of(&event.data["finding"]);
            assert_eq!(
                routed[0].data["destination"], expected,
                "case {case}: {}",
                event.data
            );
            let at_once = matches!(expected, "unit" | "police");
            assert_eq!(
                dispatched.len(),
                usize::from(at_once),
                "case {case} rests at {expected}"
            );
            expected
        } else {
            assert!(
                routed.is_empty() && dispatched.is_empty(),
                "nothing leaves the house before a person has looked: {case}"
            );
            "review"
        };
        *rests.entry(rest).or_default() += 1;
    }
    assert_eq!(
        rests.values().sum::<u64>(),
        480,
        "the totals reconcile: {rests:?}"
    );
    let totals = system.totals();
    for (name, count) in &rests {
        assert_eq!(
            totals[*name], *count,
            "hoiam totals says the same of {name}: {totals}"
        );
    }
    assert_eq!(totals["reports"], 480, "{totals}");

    // Anything its labeller called a denunciation waits for a person.
    let labels: HashMap<String, Value> = Record::all().into_iter().map(|r| (r.id, r.json)).collect();
    assert_eq!(labels.len(), 480);

    // Every unit's system takes its own cases and answers them.
    let mut waiting: BTreeMap<String, u64> = BTreeMap::new();
    for event in story.of("routing.case_dispatched") {
        *waiting
            .entry(event.data["unit"].as_str().expect("a unit").to_owned())
            .or_default() += 1;
    }
    let (busiest, expected) = waiting
        .iter()
        .filter(|(unit, _)| *unit != "cong_an") // the police's cases have left the hotline's clock
        .max_by_key(|(_, n)| **n)
        .map(|(u, n)| (u.clone(), *n))
        .expect("some unit got a case");
    let _ = system.hoiam(&["unit", "add", &busiest]).ok();
    let credential = system.credential(&format!("unit-{busiest}"));
    let arguments = [
        "--credential",
        credential.to_str().expect("UTF-8"),
        "--unit",
        &busiest,
        "--return-every",
        "5",
    ];
    let done = system.outsider("unit.py", &arguments, "");
    assert_eq!(done["refused"], json!([]), "{done}");
    assert_eq!(
        done["fetched"], expected,
        "every case put before {busiest}, each once: {done}"
    );
    assert_eq!(done["returned"], expected / 5, "{done}");
    assert_eq!(done["answered"], expected - expected / 5, "{done}");

    // The answers come back to the citizens, and the cases close.
    let story = system.settled();
    let answered: Vec<_> = story
        .of("routing.result_reported")
        .map(|e| e.case.clone().expect("a case"))
        .collect();
    assert_eq!(answered.len() as u64, expected - expected / 5);
    wait_for("the answered cases to close", || {
        let story = system.replay();
        let cases = story.by_case();
        answered
            .iter()
            .all(|case| {
                let events = &cases[case.as_str()];
                let told = events
                    .iter()
                    .any(|e| e.kind.starts_with("feedback.citizen_told") && e.data["what"] == "result");
                let closed = events.iter().any(|e| e.kind.starts_with("feedback.case_closed"));
                // A police case has left the hotline's clock before the result.
                closed
                    && (told
                        || events.iter().any(|e| {
                            e.kind.starts_with("routing.case_routed") && e.data["destination"] == "police"
                        }))
            })
            .then_some(())
    });
    // Each opening by the unit is on record.
    assert_eq!(
        system.replay().count("access.content_opened"),
        usize::try_from(expected).expect("small")
    );
    let doctor = system.hoiam(&["doctor"]);
    assert_eq!(doctor.code, 0, "{doctor:?}");
}

/// Submits one report and waits until it rests; gives its code.
fn submitted(system: &System, text: &str) -> String {
    let answer = system
        .hoiam(&[
            "submit",
            text,
            "--channel",
            "sms",
            "--phone",
            "0900000099",
            "--json",
        ])
        .ok()
        .json();
    answer["code"].as_str().expect("a tracking code").to_owned()
}

fn wait_in_story(system: &System, code: &str, kind: &str) -> Vec<hoiam_tests::Event> {
    wait_for(&format!("{kind} in the story of {code}"), || {
        let story = Story::parse(&system.hoiam(&["replay", "--case", code, "--json"]).ok().stdout);
        (story.count(kind) > 0).then_some(story.0)
    })
}

#[test]
fn each_level_runs_its_own_procedure_from_report_to_closing_and_can_be_reopened() {
    let system = System::start();

    // Level 1: guidance at the desk.
    let question = submitted(
        &system,
        "Cho tôi hỏi làm lại căn cước công dân thì đến đâu, cần mang giấy tờ gì?",
    );
    wait_in_story(&system, &question, "routing.case_routed");
    let _ = system
        .hoiam(&[
            "desk",
            "answer",
            &question,
            "Mời ông bà đến công an phường nơi ở, mang giấy khai sinh.",
        ])
        .ok();
    let events = wait_in_story(&system, &question, "feedback.case_closed");
    assert!(
        events
            .iter()
            .any(|e| e.kind.starts_with("feedback.guidance_given"))
    );
    assert!(
        !events
            .iter()
            .any(|e| e.kind.starts_with("routing.case_dispatched")),
        "level 1 never goes to a unit"
    );

    // Level 2: to the unit at once, told where it went, told the result, closed; then reopened, and the unit gets it again.
    let hole = submitted(
        &system,
        "Đường Lê Văn Lương, xã Nhà Bè có ổ gà lớn trước số nhà 100, xe máy té nhiều lần, đề nghị sửa.",
    );
    let events = wait_in_story(&system, &hole, "routing.case_dispatched");
    let unit = events
        .iter()
        .find(|e| e.kind.starts_with("routing.case_dispatched"))
        .expect("dispatched")
        .data["unit"]
        .as_str()
        .expect("a unit")
        .to_owned();
    let _ = system.hoiam(&["unit", "add", &unit]).ok();
    let _ = system.hoiam(&["unit", "reply", &unit, &hole, "accept"]).ok();
    let _ = system
        .hoiam(&[
            "unit",
            "reply",
            &unit,
            &hole,
            "result",
            "--text",
            "Đã vá xong ổ gà.",
        ])
        .ok();
    let events = wait_in_story(&system, &hole, "feedback.case_closed");
    let told: Vec<_> = events
        .iter()
        .filter(|e| e.kind.starts_with("feedback.citizen_told"))
        .map(|e| e.data["what"].as_str().expect("what").to_owned())
        .collect();
    assert_eq!(
        told,
        ["received", "forwarded", "result"],
        "an answer now, and again with the result"
    );
    let refused = system.hoiam(&["unit", "reply", &unit, &hole, "result", "--text", "Lần nữa."]);
    assert_ne!(refused.code, 0, "an answer after closing is refused: {refused:?}");
    let _ = system.hoiam(&["desk", "reopen", &hole, "not_fixed"]).ok();
    wait_for("the second dispatch", || {
        let story = Story::parse(&system.hoiam(&["replay", "--case", &hole, "--json"]).ok().stdout);
        story
            .of("routing.case_dispatched")
            .any(|e| e.data["revision"] == 2)
            .then_some(())
    });
    let _ = system.hoiam(&["unit", "reply", &unit, &hole, "accept"]).ok();
    let _ = system
        .hoiam(&["unit", "reply", &unit, &hole, "result", "--text", "Đã vá lại."])
        .ok();
    wait_for("the second closing", || {
        let story = Story::parse(&system.hoiam(&["replay", "--case", &hole, "--json"]).ok().stdout);
        (story.count("feedback.case_closed") == 2).then_some(())
    });

    // A denunciation waits for a person, whatever the rules think; the person's word sends it on.
    let denounced = submitted(
        &system,
        "Tôi tố cáo ông Nguyễn Văn A, chủ tịch UBND phường, nhận tiền của nhà thầu.",
    );
    let events = wait_in_story(&system, &denounced, "classification.review_requested");
    assert!(
        !events.iter().any(|e| e.kind.starts_with("routing.")),
        "nothing leaves the house before"
    );
    let decide = [
        "desk",
        "review",
        "decide",
        &denounced,
        "--topic",
        "corruption",
        "--kind",
        "denunciation",
        "--level",
        "4",
    ];
    let _ = system.hoiam(&decide).ok();
    let events = wait_in_story(&system, &denounced, "routing.case_routed");
    assert!(
        !events
            .iter()
            .any(|e| e.kind.starts_with("routing.case_dispatched")),
        "level 4 waits for the office's order"
    );
    let routed = events
        .iter()
        .find(|e| e.kind.starts_with("routing.case_routed"))
        .expect("routed");
    assert_eq!(
        (&routed.data["destination"], &routed.data["office"]),
        (&json!("office"), &json!("vp_tu")),
        "{routed:?}"
    );

    // Level 3: the leaders' opinion first.
    let disputed = submitted(
        &system,
        "Đèn đường Lê Văn Lương hỏng 6 tháng, tôi đã phản ánh bốn lần, phường nói của Sở, Sở nói của phường, không ai làm.",
    );
    wait_for("a decision about the level 3 report", || {
        let story = Story::parse(
            &system
                .hoiam(&["replay", "--case", &disputed, "--json"])
                .ok()
                .stdout,
        );
        (story.count("classification.report_classified") + story.count("classification.review_requested") > 0)
            .then_some(())
    });
    let story = Story::parse(
        &system
            .hoiam(&["replay", "--case", &disputed, "--json"])
            .ok()
            .stdout,
    );
    if story.count("classification.review_requested") > 0 {
        let decide = [
            "desk",
            "review",
            "decide",
            &disputed,
            "--topic",
            "electricity_lighting",
            "--kind",
            "reflection",
            "--level",
            "3",
        ];
        let _ = system.hoiam(&decide).ok();
    }
    let events = wait_in_story(&system, &disputed, "routing.case_routed");
    let routed = events
        .iter()
        .find(|e| e.kind.starts_with("routing.case_routed"))
        .expect("routed");
    assert_eq!(
        routed.data["destination"], "office",
        "level 3 is held for the leaders' opinion: {events:?}"
    );
    wait_in_story(&system, &disputed, "feedback.submission_drafted");
    let _ = system.hoiam(&["desk", "opinion", &disputed, "agree"]).ok();
    wait_in_story(&system, &disputed, "routing.case_dispatched");

    // Its story in plain words names who, when and why.
    let words = system.hoiam(&["case", &hole]).ok().stdout;
    for part in [hole.as_str(), unit.as_str()] {
        assert!(words.contains(part), "{part} is in the story: {words}");
    }
}
