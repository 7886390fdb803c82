//! Measures the built-in policy on the project's labelled reports. The words were chosen on these very records, so these are
//! training figures: they show that nothing broke, not how well it does on what it has not seen.

use std::collections::BTreeMap;
use std::path::PathBuf;

use classification_domain::{Policy, classify};
use kernel::taxonomy::Kind;
use serde_json::Value;

/// The labelled reports: `HOIAM_SHARED`, else those the checkout carries, else beside it; `None` where there are none.
fn reports() -> Option<Vec<Value>> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let places = std::env::var_os("HOIAM_SHARED")
        .map(PathBuf::from)
        .into_iter()
        .chain([
            here.join("../../../tests/data"),
            here.join("../../../../shared/data"),
        ]);
    let folder = places
        .map(|p| p.join("reports"))
        .find(|p| p.join("dev-01.jsonl").exists())?;
    let mut records = Vec::new();
    for n in 1..=8 {
        let text = std::fs::read_to_string(folder.join(format!("dev-{n:02}.jsonl"))).ok()?;
        records.extend(
            text.lines()
                .map(|l| serde_json::from_str::<Value>(l).expect("one JSON object a line")),
        );
    }
    Some(records)
}

/// The policy as it lies in the folder, so that a word can be tried without building anything.
fn policy() -> Policy {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("policy");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|f| f.expect("a file").path())
        .collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "toml"));
    files.sort();
    let text: String = files
        .iter()
        .map(|f| std::fs::read_to_string(f).expect("text"))
        .collect();
    Policy::parse(&text).unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

#[derive(Default)]
struct Tally {
    right: u32,
    of: u32,
    classes: BTreeMap<String, (u32, u32, u32)>,
}

impl Tally {
    fn count(&mut self, expected: &str, found: &str) {
        self.of += 1;
        self.right += u32::from(expected == found);
        let class = self.classes.entry(expected.to_owned()).or_default();
        class.0 += 1;
        class.1 += u32::from(expected == found);
        self.classes.entry(found.to_owned()).or_default().2 += 1;
    }

    fn share(&self) -> f64 {
        f64::from(self.right) / f64::from(self.of)
    }

    fn print(&self, name: &str, classes: bool) {
        println!("{name}: {}/{} = {:.3}", self.right, self.of, self.share());
        for (class, (of, right, found)) in self.classes.iter().filter(|_| classes) {
            println!("    {class:22} {right}/{of} recalled, {found} said");
        }
    }
}

fn words<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("-")
}

#[test]
fn the_policy_keeps_its_floors_on_the_labelled_reports() {
    let Some(records) = reports() else {
        println!("skipped: no labelled reports; set HOIAM_SHARED to the folder that holds reports/");
        return;
    };
    let policy = policy();
    let verbose = std::env::var_os("HOIAM_EVAL").is_some();
    let (mut field, mut topic, mut kind, mut level, mut urgency) =
        <(Tally, Tally, Tally, Tally, Tally)>::default();
    let (mut complete, mut through_topic, mut through_kind, mut through_level) =
        <(Tally, Tally, Tally, Tally)>::default();
    let (mut emergencies, mut reviews, mut warded, mut has_ward) = (0u32, 0u32, 0u32, 0u32);
    let (mut also_found, mut also_right, mut also_of) = (0u32, 0u32, 0u32);
    let mut reasons: BTreeMap<&str, u32> = BTreeMap::new();
    let mut leaks = Vec::new();
    for record in &records {
        let found = classify(&policy, words(record, "text"));
        let f = &found.finding;
        let field_found = f.field.map_or("-", |x| x.code());
        let topic_found = f.topic.map_or("-", |x| x.code());
        let level_found = f.level.to_string();
        let level_expected = record["level"].to_string();
        field.count(words(record, "field"), field_found);
        topic.count(words(record, "topic"), topic_found);
        kind.count(words(record, "kind"), f.kind.code());
        level.count(&level_expected, &level_found);
        urgency.count(words(record, "urgency"), f.urgency.code());
        complete.count(&record["complete"].to_string(), &f.complete.to_string());
        emergencies += u32::from(words(record, "kind") == "emergency" && f.kind == Kind::Emergency);
        if let Some(also) = record["also"].as_array() {
            also_of += also.len() as u32;
            also_found += f.also.len() as u32;
            also_right += f
                .also
                .iter()
                .filter(|t| also.iter().any(|a| a == t.code()))
                .count() as u32;
        }
        if !record["place"]["ward"].is_null() {
            has_ward += 1;
            warded += u32::from(!f.wards.is_empty());
        }
        if found.needs_review() {
            reviews += 1;
            for reason in &found.reasons {
                *reasons.entry(reason.code()).or_default() += 1;
            }
        } else {
            through_topic.count(words(record, "topic"), topic_found);
            through_kind.count(words(record, "kind"), f.kind.code());
            through_level.count(&level_expected, &level_found);
            let sensitive = words(record, "kind") == "denunciation"
                || matches!(words(record, "topic"), "corruption" | "cadre_conduct");
            // Praise of a member is no accusation.
            if sensitive && words(record, "kind") != "thanks" {
                leaks.push(words(record, "id").to_owned());
            }
        }
        let wrong = topic_found != words(record, "topic")
            || f.kind.code() != words(record, "kind")
            || level_found != level_expected
            || f.urgency.code() != words(record, "urgency");
        if verbose && wrong {
            println!(
                "{} {}{}{}{} | {} {} {} {} -> {} {} {} {} {:?} {:?}\n    {}\n    {}",
                words(record, "id"),
                if topic_found == words(record, "topic") {
                    ""
                } else {
                    "T"
                },
                if f.kind.code() == words(record, "kind") {
                    ""
                } else {
                    "K"
                },
                if level_found == level_expected { "" } else { "L" },
                if f.urgency.code() == words(record, "urgency") {
                    ""
                } else {
                    "U"
                },
                words(record, "topic"),
                words(record, "kind"),
                level_expected,
                words(record, "urgency"),
                topic_found,
                f.kind,
                level_found,
                f.urgency,
                found.confidence,
                found.reasons,
                words(record, "text").replace('\n', " "),
                found
                    .evidence
                    .iter()
                    .map(|e| e.rule.as_str())
                    .collect::<Vec<_>>()
                    .join(" "),
            );
        }
    }
    println!(
        "training figures, {} phrases, {} records",
        policy.phrase_count(),
        records.len()
    );
    field.print("field", true);
    topic.print("topic", true);
    kind.print("kind", true);
    level.print("level", true);
    urgency.print("urgency", true);
    complete.print("complete", true);
    let share = f64::from(reviews) / records.len() as f64;
    println!("to review: {reviews} = {share:.3}, by reason {reasons:?}");
    through_topic.print("of what passes without review, topic", false);
    through_kind.print("of what passes without review, kind", false);
    through_level.print("of what passes without review, level", false);
    println!("emergencies recalled: {emergencies}/20; wards with a code: {warded}/{has_ward}");
    println!("further topics: {also_right} of {also_of} found, {also_found} said");
    println!("leaks (denunciation, corruption, cadre conduct without review): {leaks:?}");

    assert_eq!(
        leaks,
        Vec::<String>::new(),
        "sensitive reports got through without a person"
    );
    assert_eq!(emergencies, 20, "an emergency was missed");
    assert!(share <= 0.30, "too many reports wait for a person: {share:.3}");
    for (tally, floor, name) in [
        (&field, 0.9, "field"),
        (&topic, 0.8, "topic"),
        (&kind, 0.8, "kind"),
        (&level, 0.8, "level"),
    ] {
        assert!(tally.share() >= floor, "{name} fell to {:.3}", tally.share());
    }
}
