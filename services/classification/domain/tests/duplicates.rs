//! Which reports are found alike, measured on pairs written for it and on all labelled reports; and what merging and parting lead to.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests; clippy.toml allows it in the tests themselves"
)]

use std::sync::LazyLock;

use classification_domain::duplicate::{Basis, Command, Duplicates, Event, Parting, Rejection, Standing};
use classification_domain::likeness::{
    Comparable, Likeness, Sketch, compare, is_mergeable, without_a_person,
};
use classification_domain::policy::{BUILT_IN, DuplicateSettings};
use classification_domain::record::Record;
use classification_domain::{Finding, Policy, classify};
use kernel::given::given;
use kernel::taxonomy::{Kind, Level, Topic, Urgency};
use kernel::{CaseId, Decider, Instant};
use vietnam::{Folded, places};

/// Both voices, which take a while to learn.
static POLICY: LazyLock<Policy> = LazyLock::new(Policy::built_in);
static SETTINGS: LazyLock<DuplicateSettings> =
    LazyLock::new(|| Policy::parse(BUILT_IN).unwrap().duplicates().unwrap().clone());

/// FNV-1a with a last mix: the key of the tests.
fn hash(what: &str) -> u64 {
    let fnv = what.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    fnv ^ (fnv >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// As the classification finds it.
fn found(text: &str, hours: i64) -> Option<Comparable> {
    let Finding {
        topic,
        kind,
        urgency,
        level,
        wards,
        ..
    } = Some(classify(&POLICY, text).finding).filter(is_mergeable)?;
    Some(Comparable {
        kind,
        urgency,
        level,
        wards,
        ..about(topic?, text, hours)
    })
}

/// A common reflection of that matter.
fn about(topic: Topic, text: &str, hours: i64) -> Comparable {
    Comparable {
        topic,
        kind: Kind::Reflection,
        urgency: Urgency::Normal,
        level: Level::TWO,
        wards: places::find(&Folded::new(text)).wards,
        at: Instant(hours * 3_600 * Instant::SECOND),
        source: String::new(),
        sketch: Sketch::of(text, None, None, hash),
    }
}

fn flooding(text: &str, hours: i64) -> Comparable {
    about(Topic::Flooding, text, hours)
}

#[derive(serde::Deserialize)]
struct Pair {
    a: String,
    b: String,
    hours: i64,
    same: bool,
}

#[test]
fn of_pairs_written_for_it_the_suggested_are_mostly_one_and_the_one_are_mostly_suggested() {
    let settings = &*SETTINGS;
    let (mut right, mut wrong, mut missed, mut merged_wrong) = (0, 0, 0, 0);
    for line in include_str!("../data/duplicates.jsonl").lines() {
        let pair: Pair = serde_json::from_str(line).unwrap();
        let both = found(&pair.a, 0).zip(found(&pair.b, pair.hours));
        let likeness = both
            .and_then(|(a, b)| compare(&a, &b, settings))
            .unwrap_or_default();
        let suggested = likeness.score >= settings.suggest;
        match (suggested, pair.same) {
            (true, true) => right += 1,
            (true, false) => wrong += 1,
            (false, true) => missed += 1,
            (false, false) => {}
        }
        merged_wrong += u32::from(!pair.same && likeness.score >= settings.merge);
        if suggested != pair.same {
            println!("{likeness:?}: {} | {}", pair.a, pair.b);
        }
    }
    let share = |of: u32, all: u32| f64::from(of) / f64::from(all.max(1));
    let (precision, recall) = (share(right, right + wrong), share(right, right + missed));
    println!("precision {precision:.2}, recall {recall:.2} ({right} right, {wrong} wrong, {missed} missed)");
    assert!(
        precision >= 0.8 && recall >= 0.8,
        "precision {precision}, recall {recall}"
    );
    assert_eq!(
        merged_wrong, 0,
        "what is not one is never alike enough to be merged"
    );
}

#[test]
fn of_all_pairs_of_labelled_reports_in_one_hour_next_to_none_is_suggested() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/data/reports");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    let records = files.iter().flat_map(|file| {
        let text = std::fs::read_to_string(file).unwrap();
        Record::read_all(&text).unwrap()
    });
    // By what their labels say they are, so that only place and words are measured.
    let reports: Vec<_> = records
        .filter(|r| !r.is_sensitive())
        .filter_map(|r| {
            Some(Comparable {
                kind: r.kind,
                urgency: r.urgency,
                level: r.level,
                ..about(r.topic?, &r.text, 0)
            })
        })
        .collect();
    let settings = &*SETTINGS;
    let (mut pairs, mut suggested) = (0_u32, 0_u32);
    for (i, a) in reports.iter().enumerate() {
        for b in &reports[..i] {
            pairs += 1;
            let likeness = compare(a, b, settings).unwrap_or_default();
            suggested += u32::from(likeness.score >= settings.suggest);
        }
    }
    println!("{suggested} of {pairs} pairs suggested");
    assert!(
        pairs > 30_000 && suggested * 2_000 < pairs,
        "{suggested} of {pairs}"
    );
}

#[test]
fn another_street_ward_day_or_matter_and_a_complaint_of_another_person_are_never_alike() {
    let flooded = "Đường Nguyễn Hữu Cảnh ngập sâu tới bánh xe";
    let alike = |text: &str, hours| compare(&flooding(flooded, 0), &flooding(text, hours), &SETTINGS);
    assert!(alike("Nguyễn Hữu Cảnh ngập nước, xe chết máy", 1).unwrap().score >= SETTINGS.suggest);
    assert_eq!(alike("Đường Tô Ngọc Vân ngập sâu tới bánh xe", 1), None);
    assert_eq!(alike(flooded, 13), None);
    let market = about(Topic::UrbanOrder, flooded, 1);
    assert_eq!(compare(&flooding(flooded, 0), &market, &SETTINGS), None);
    let complaint = |source: &str| Comparable {
        kind: Kind::Complaint,
        source: source.to_owned(),
        ..flooding(flooded, 0)
    };
    let settings = &*SETTINGS;
    assert_eq!(compare(&complaint("a"), &complaint("b"), settings), None);
    assert_eq!(compare(&complaint(""), &complaint(""), settings), None);
    assert!(compare(&complaint("a"), &complaint("a"), settings).is_some());
}

#[test]
fn pins_some_200_metres_apart_are_one_place_and_farther_ones_are_not() {
    let pinned = |latitude: f64| Comparable {
        sketch: Sketch::of("ngập nước quá", None, Some((latitude, 106.7)), hash),
        ..flooding("Đường Nguyễn Hữu Cảnh ngập nước", 0)
    };
    let settings = &*SETTINGS;
    let near = compare(&pinned(10.7800), &pinned(10.7815), settings).unwrap();
    assert!(near.parts.contains(&("place.pin", 300)), "{near:?}");
    assert_eq!(compare(&pinned(10.7800), &pinned(10.7860), settings), None);
}

#[test]
fn the_policy_merges_common_reflections_of_topics_it_names_and_by_itself_none() {
    let text = "Đường Nguyễn Hữu Cảnh, phường Thạnh Mỹ Tây ngập sâu tới bánh xe";
    let (a, b) = (flooding(text, 0), flooding(text, 1));
    let mut settings = SETTINGS.clone();
    let likeness = compare(&a, &b, &settings).unwrap();
    assert!(likeness.score >= settings.merge, "{likeness:?}");
    assert!(!without_a_person(&a, &b, &likeness, &settings));
    settings.merged_by_policy = vec![Topic::Flooding];
    assert!(without_a_person(&a, &b, &likeness, &settings));
    let complaint = Comparable {
        kind: Kind::Complaint,
        ..a
    };
    assert!(!without_a_person(&complaint, &b, &likeness, &settings));
}

fn case(n: u128) -> CaseId {
    CaseId(uuid::Uuid::from_u128(n))
}

fn known() -> Event {
    Event::Found(Some(Finding {
        topic: Some(Topic::Flooding),
        ..Finding::nothing(Kind::Reflection, true)
    }))
}

fn merge(into: u128, other: &[Event]) -> Command {
    Command::Merge {
        case: case(1),
        into: case(into),
        other: Duplicates::fold(other),
        basis: Basis::Person,
        likeness: Likeness::default(),
    }
}

fn merged(into: u128, basis: Basis) -> Event {
    Event::CaseMerged {
        into: case(into),
        basis,
        likeness: Likeness::default(),
    }
}

#[test]
fn a_case_is_merged_once_into_an_open_one_that_is_merged_into_none() {
    let one = [known()];
    given::<Duplicates>(&one)
        .when(merge(2, &[known()]))
        .then(&[merged(2, Basis::Person)]);
    let done = [known(), merged(2, Basis::Person)];
    given::<Duplicates>(&done)
        .when(merge(2, &[known()]))
        .then_nothing();
    given::<Duplicates>(&done)
        .when(merge(3, &[known()]))
        .rejected(&Rejection::AlreadyMerged);
    given::<Duplicates>(&one)
        .when(merge(1, &[known()]))
        .rejected(&Rejection::Itself);
    given::<Duplicates>(&one)
        .when(merge(2, &[known(), merged(1, Basis::Person)]))
        .rejected(&Rejection::Itself);
    given::<Duplicates>(&[known(), Event::DuplicateJoined(case(9))])
        .when(merge(2, &[known()]))
        .rejected(&Rejection::StandsForOthers);
}

#[test]
fn what_waits_for_a_person_is_closed_or_accuses_somebody_is_not_merged() {
    for (own, other, why) in [
        (vec![], vec![known()], Rejection::NotClassified),
        (vec![Event::Found(None)], vec![known()], Rejection::NotClassified),
        (vec![known()], vec![Event::Found(None)], Rejection::NotClassified),
        (
            vec![known(), Event::Closed(true)],
            vec![known()],
            Rejection::Closed,
        ),
        (
            vec![known()],
            vec![known(), Event::Closed(true)],
            Rejection::Closed,
        ),
    ] {
        given::<Duplicates>(&own).when(merge(2, &other)).rejected(&why);
    }
    let Event::Found(Some(finding)) = known() else {
        unreachable!("known says so")
    };
    for kind in [Kind::Denunciation, Kind::CrimeReport] {
        let accusing = Event::Found(Some(Finding {
            kind,
            ..finding.clone()
        }));
        given::<Duplicates>(&[known()])
            .when(merge(2, &[accusing]))
            .rejected(&Rejection::ByItself);
    }
}

#[test]
fn what_is_parted_is_its_own_again_and_what_was_merged_into_a_merged_case_follows_it() {
    let done = [known(), merged(2, Basis::Person)];
    given::<Duplicates>(&done)
        .when(Command::Part(Parting::OtherPlace))
        .then(&[Event::CaseParted {
            from: case(2),
            reason: Parting::OtherPlace,
        }]);
    given::<Duplicates>(&[known()])
        .when(Command::Part(Parting::Other))
        .rejected(&Rejection::NotMerged);
    let follow = |from, into| Command::Follow {
        from: case(from),
        into: case(into),
    };
    given::<Duplicates>(&done)
        .when(follow(2, 3))
        .then(&[merged(3, Basis::RootMerged)]);
    given::<Duplicates>(&done).when(follow(4, 3)).then_nothing();
    let root: Standing = Duplicates::fold(&[known(), Event::DuplicateJoined(case(1))]);
    assert_eq!(
        Duplicates::decide(&root, Command::Leave(case(1))),
        Ok(vec![Event::DuplicateLeft(case(1))])
    );
    assert_eq!(Duplicates::decide(&root, Command::Join(case(1))), Ok(vec![]));
    assert_eq!(Duplicates::decide(&root, Command::Leave(case(5))), Ok(vec![]));
}

#[test]
fn a_suspicion_is_stated_once_and_not_of_a_case_that_is_merged() {
    let suspect = || Command::Suspect {
        of: case(2),
        likeness: Likeness::default(),
    };
    let suspected = Event::DuplicateSuspected {
        of: case(2),
        likeness: Likeness::default(),
    };
    given::<Duplicates>(&[known()])
        .when(suspect())
        .then(std::slice::from_ref(&suspected));
    given::<Duplicates>(&[known(), suspected])
        .when(suspect())
        .then_nothing();
    given::<Duplicates>(&[known(), merged(3, Basis::Policy)])
        .when(suspect())
        .then_nothing();
}
