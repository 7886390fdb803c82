//! Measures the built-in policy on the project's labelled reports. The words were chosen on these very records, so these are
//! training figures: they show that nothing broke, not how well it does on what it has not seen.
#![expect(clippy::print_stdout, reason = "the figures are what one runs it for")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use classification_domain::{Policy, classify};
use kernel::taxonomy::Kind;
use serde_json::Value;
use unicode_normalization::UnicodeNormalization as _;

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
    let mut places = <[Tally; 3]>::default();
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
        let text = words(record, "text");
        for (tally, (rule, key)) in places.iter_mut().zip([
            ("place.street", "street"),
            ("place.ward", "ward"),
            ("place.district", "district"),
        ]) {
            let span = f.place.iter().find(|e| e.rule == rule);
            let named: String = span.map_or(String::new(), |e| {
                text.chars()
                    .skip(e.start as usize)
                    .take((e.end - e.start) as usize)
                    .collect()
            });
            let fold = |t: &str| vietnam::Folded::new(t).as_str().replace(['.', ','], " ");
            tally.count(&fold(record["place"][key].as_str().unwrap_or("")), &fold(&named));
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
    for (tally, name) in places.iter().zip(["street", "ward", "district"]) {
        tally.print(&format!("{name} named exactly as labelled"), false);
    }
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

/// How topics of the second data set, labelled by others in their own scheme, read in ours.
fn ours(topic: &str) -> &'static [&'static str] {
    match topic {
        "tieng_on" | "moi_truong_rac" => &["pollution"],
        "thoat_nuoc" => &["flooding", "roads"],
        "giao_thong" | "an_toan_giao_thong" => &["traffic", "roads"],
        "dien_luc" | "chieu_sang" => &["electricity_lighting"],
        "an_ninh_trat_tu" | "ma_tuy_te_nan" => &["security"],
        "cap_nuoc" => &["water_supply"],
        "trat_tu_long_le_duong" => &["urban_order"],
        "cay_xanh" => &["trees_parks"],
        "giao_duc" => &["education"],
        "dong_vat" => &["pollution", "urban_order"],
        "xay_dung_nha_dat" => &["construction", "land_housing", "urban_order"],
        "vien_thong" => &["telecom"],
        "pccc" => &["fire_safety"],
        "an_toan_thuc_pham" => &["food_safety"],
        "y_te" => &["health"],
        "giao_thong_cong_cong" => &["public_transport"],
        "hanh_chinh_cong" => &["procedures"],
        "thuong_mai_tieu_dung" => &["market"],
        "lao_dong_bhxh" => &["social_welfare"],
        "tham_nhung_dang" => &["corruption"],
        "can_bo_cong_chuc" => &["official_conduct", "corruption", "education"],
        _ => &[],
    }
}

#[test]
fn reports_the_words_were_not_chosen_on_mostly_find_their_topic_and_no_accusation_passes() {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folder =
        std::env::var_os("HOIAM_SHARED").map_or_else(|| here.join("../../../../shared/data"), PathBuf::from);
    let Ok(text) = std::fs::read_to_string(folder.join("gold/gold_dev.jsonl")) else {
        println!("skipped: no second data set; set HOIAM_SHARED to the folder that holds gold/");
        return;
    };
    let policy = policy();
    let (mut right, mut of, mut reviews) = (0u32, 0u32, 0u32);
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).expect("one JSON object a line");
        let found = classify(&policy, words(&record, "text"));
        reviews += u32::from(found.needs_review());
        if matches!(words(&record, "kind"), "to_cao" | "bao_mat") {
            assert!(
                found.needs_review(),
                "{} accuses somebody and passed",
                words(&record, "id")
            );
        }
        let expected = ours(words(&record, "topic"));
        if expected.is_empty() {
            continue;
        }
        of += 1;
        let topic = found.finding.topic.map_or("-", |t| t.code());
        if expected.contains(&topic) {
            right += 1;
        } else {
            println!(
                "{} expected {expected:?}, found {topic}, review {}",
                words(&record, "id"),
                found.needs_review()
            );
        }
    }
    println!(
        "second data set: topic {right}/{of} = {:.3}, to review {reviews}",
        f64::from(right) / f64::from(of)
    );
    assert!(right * 10 >= of * 6, "topic fell to {right}/{of}");
}

#[test]
fn losing_every_tone_costs_little_and_lets_nothing_sensitive_through() {
    let Some(records) = reports() else {
        println!("skipped: no labelled reports");
        return;
    };
    let policy = policy();
    let (mut right, mut emergencies, mut reviews) = (0u32, 0u32, 0u32);
    let mut leaks = Vec::new();
    for record in &records {
        let bare: String = words(record, "text")
            .nfd()
            .filter(|c| !unicode_normalization::char::is_combining_mark(*c))
            .map(|c| match c {
                'đ' => 'd',
                'Đ' => 'D',
                c => c,
            })
            .collect();
        let found = classify(&policy, &bare);
        right += u32::from(found.finding.topic.map_or("-", |t| t.code()) == words(record, "topic"));
        emergencies +=
            u32::from(words(record, "kind") == "emergency" && found.finding.kind == Kind::Emergency);
        reviews += u32::from(found.needs_review());
        let sensitive = words(record, "kind") == "denunciation"
            || (words(record, "kind") != "thanks"
                && matches!(words(record, "topic"), "corruption" | "cadre_conduct"));
        if sensitive && !found.needs_review() {
            leaks.push(words(record, "id").to_owned());
        }
    }
    println!(
        "without any tones: topic {right}/{}, emergencies {emergencies}/20, to review {reviews}",
        records.len()
    );
    assert_eq!(leaks, Vec::<String>::new());
    assert_eq!(emergencies, 20);
    assert!(
        right as usize * 100 >= records.len() * 80,
        "topic fell to {right}"
    );
}
