//! The main job: every report that arrives gets to where its level and kind say, and its answer comes back.

use std::collections::BTreeMap;

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

    // Whatever its labeller called a denunciation waits for a person.
    let key = std::fs::read_to_string(system.data().join("keys/identity.key")).expect("the identity key");
    let key: [u8; 32] = hex::decode(key.trim())
        .expect("hex")
        .try_into()
        .expect("32 bytes");
    let key = kernel::IdentityKey::new(key);
    let cases = story.by_case();
    let denunciations: Vec<_> = Record::all()
        .into_iter()
        .filter(|r| r.json["kind"] == "denunciation")
        .collect();
    assert_eq!(denunciations.len(), 30);
    for record in denunciations {
        let channel = record.json["channel"].as_str().expect("a channel");
        let case = key
            .case_of(kernel::RequestId::client(&format!("{channel}/demo"), &record.id))
            .to_string();
        let events = cases
            .get(case.as_str())
            .unwrap_or_else(|| panic!("{} is on record", record.id));
        let reviewed = events
            .iter()
            .any(|e| e.kind.starts_with("classification.review_requested"));
        assert!(reviewed, "{} left without a person's look", record.id);
    }

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
