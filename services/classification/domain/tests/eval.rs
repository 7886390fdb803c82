//! Measures the built-in policy and model on labelled reports: training figures show that nothing broke, cross-validated ones how well it may
//! do, and the second data set, labelled by others and learnt from by nobody, how well it does.

use std::path::PathBuf;
use std::sync::LazyLock;

use classification_domain::cross::cross_validated;
use classification_domain::measure::{Measured, measure};
use classification_domain::model::Learning;
use classification_domain::record::Record;
use classification_domain::{Classification, Policy, built_in, classify};
use kernel::taxonomy::Kind;
use serde_json::Value;
use unicode_normalization::UnicodeNormalization as _;

static POLICY: LazyLock<Policy> = LazyLock::new(Policy::built_in);

fn records() -> Vec<Record> {
    Record::read_all(built_in::newest()).expect("the product's own records")
}

fn words<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("-")
}

fn of_all(records: &[Record]) -> Measured {
    let found: Vec<Classification> = records
        .iter()
        .map(|record| classify(&POLICY, &record.text))
        .collect();
    measure(records, &found)
}

#[test]
fn of_the_reports_it_learnt_from_no_emergency_is_missed_and_no_accusation_passes() {
    let figures = of_all(&records()).figures;
    println!("training figures: {figures:#?}");
    assert!((figures.emergency_recall - 1.0).abs() < f64::EPSILON);
    assert!(figures.emergency_precision > 0.9);
    assert_eq!(figures.accusations_decided, Vec::<String>::new());
    assert!(figures.topic_accuracy > 0.95 && figures.kind_macro_f1 > 0.9 && figures.place_found > 0.8);
}

#[test]
fn cross_validated_it_keeps_its_floors() {
    // The development reports are nearest to what people send; the others are there to be learnt from.
    let (records, also): (Vec<_>, Vec<_>) = records()
        .into_iter()
        .partition(|record| record.id.starts_with("dev-"));
    let mut policy = Policy::built_in();
    let found = cross_validated(&mut policy, &records, &also, 8, &Learning::default());
    let measured = measure(&records, &found);
    let figures = &measured.figures;
    println!("cross-validated: {figures:#?} {:?}", measured.bins);
    assert_eq!(figures.denunciations_missed, Vec::<String>::new());
    for (name, figure, floor) in [
        ("field", figures.field_accuracy, 0.97),
        ("topic", figures.topic_accuracy, 0.86),
        ("topic, best three", figures.topic_top3, 0.95),
        ("topic F1", figures.topic_macro_f1, 0.85),
        ("topic of the decided", figures.topic_accuracy_decided, 0.88),
        ("decided", figures.decided_share, 0.7),
        ("kind F1", figures.kind_macro_f1, 0.85),
        ("emergency recall", figures.emergency_recall, 0.9),
        ("emergency precision", figures.emergency_precision, 0.8),
        ("level within one", figures.level_within_one, 0.95),
        ("place", figures.place_found, 0.9),
    ] {
        assert!(figure >= floor, "{name} fell to {figure:.3}");
    }
    assert!(
        figures.expected_calibration_error <= 0.08,
        "calibration: {:.3}",
        figures.expected_calibration_error
    );
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
    let (mut right, mut of, mut reviews) = (0u32, 0u32, 0u32);
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).expect("one JSON object a line");
        let found = classify(&POLICY, words(&record, "text"));
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
    assert!(right * 100 >= of * 75, "topic fell to {right}/{of}");
    assert!(
        reviews * 4 <= text.lines().count() as u32,
        "{reviews} wait for a person"
    );
}

#[test]
fn losing_every_tone_costs_little_and_lets_nothing_sensitive_through() {
    let mut records = records();
    for record in &mut records {
        let bare = record
            .text
            .nfd()
            .filter(|c| !unicode_normalization::char::is_combining_mark(*c));
        record.text = bare
            .map(|c| match c {
                'đ' => 'd',
                'Đ' => 'D',
                c => c,
            })
            .collect();
    }
    let found: Vec<Classification> = records
        .iter()
        .map(|record| classify(&POLICY, &record.text))
        .collect();
    let figures = measure(&records, &found).figures;
    println!("without any tones: {figures:#?}");
    let denunciations = records
        .iter()
        .zip(&found)
        .filter(|(r, _)| r.kind == Kind::Denunciation);
    assert!(denunciations.clone().count() > 30);
    assert!(denunciations.clone().all(|(_, c)| c.needs_review()));
    assert!(
        figures.emergency_recall >= 0.95,
        "emergencies fell to {:.3}",
        figures.emergency_recall
    );
    assert!(
        figures.topic_accuracy >= 0.85,
        "topic fell to {:.3}",
        figures.topic_accuracy
    );
}
