//! Measures triage on the project's labelled reports: no emergency may be missed.

use std::path::PathBuf;

/// The labelled reports: `HOIAM_SHARED`, else those the checkout carries, else beside it; `None` where there are none.
fn reports() -> Option<Vec<serde_json::Value>> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let shared = std::env::var_os("HOIAM_SHARED")
        .map(PathBuf::from)
        .into_iter()
        .chain([here.join("../../tests/data"), here.join("../../../shared/data")])
        .find(|folder| folder.join("reports/dev-01.jsonl").exists())?;
    let mut records = Vec::new();
    for n in 1..=8 {
        let text = std::fs::read_to_string(shared.join(format!("reports/dev-{n:02}.jsonl"))).ok()?;
        records.extend(
            text.lines()
                .map(|line| serde_json::from_str(line).expect("one JSON object a line")),
        );
    }
    Some(records)
}

#[test]
fn no_labelled_emergency_is_missed_and_one_report_in_ten_at_most_is_a_false_alarm() {
    let Some(records) = reports() else {
        println!("skipped: no labelled reports; set HOIAM_SHARED to the folder that holds reports/");
        return;
    };
    let (mut hit, mut emergencies, mut alarms) = (0, 0, 0);
    for record in &records {
        let is_one = record["kind"] == "emergency";
        let suspected = triage::look(record["text"].as_str().unwrap());
        emergencies += u32::from(is_one);
        hit += u32::from(is_one && suspected.is_some());
        alarms += u32::from(!is_one && suspected.is_some());
        if is_one != suspected.is_some() {
            let rules: Vec<_> = suspected
                .iter()
                .flat_map(|s| s.rules.iter().map(|h| h.rule.as_str()))
                .collect();
            println!(
                "{} {} {rules:?}",
                if is_one { "MISSED" } else { "false alarm" },
                record["id"]
            );
        }
    }
    println!(
        "emergencies {hit}/{emergencies}, false alarms {alarms} of {}, precision {:.3} (the words were chosen on these records)",
        records.len(),
        f64::from(hit) / f64::from(hit + alarms)
    );
    assert_eq!(hit, emergencies, "an emergency was missed");
    assert!(alarms as usize * 10 <= records.len(), "{alarms} false alarms");
}
