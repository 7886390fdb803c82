//! What is told about a policy before it decides: every problem at once, each with an example, and what two policies say differently.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

use jiff::civil::date;
use kernel::taxonomy::{Kind, Level, Topic, Urgency};
use routing_domain::policy::BUILT_IN;
use routing_domain::{Facts, Hours, Policy, PolicyError, UnitCode};

const SMALL: &str = r#"
begins = "2016-01-01"

[[unit]]
code = "inspectorate"
vi = "Thanh tra"
en = "Inspectorate"
kind = "city"
oversight = true
valid_from = "2016-01-01"

[[unit]]
code = "committee"
vi = "UBND"
en = "Committee"
kind = "city"
valid_from = "2016-01-01"
superior = "inspectorate"

[[unit]]
code = "roads"
vi = "Giao thông"
en = "Roads"
kind = "city"
valid_from = "2016-01-01"
valid_to = "2020-12-31"
succeeded_by = "works"
superior = "committee"

[[unit]]
code = "works"
vi = "Xây dựng"
en = "Works"
kind = "city"
valid_from = "2021-01-01"
superior = "committee"

[[conflict]]
id = "competent"
when = { kind = ["complaint"] }
competent = true

[[clause]]
id = "accusations"
when = { kind = ["denunciation", "complaint"] }
lead = "inspectorate"

[[clause]]
id = "conduct"
when = { topic = ["official_conduct", "corruption", "cadre_conduct"] }
lead = "inspectorate"

[[clause]]
id = "catch-all"
lead = "roads"
"#;

fn with(clause: &str) -> String {
    SMALL.replacen(
        "[[clause]]\nid = \"accusations\"",
        &format!("{clause}\n[[clause]]\nid = \"accusations\""),
        1,
    )
}

fn before_catch_all(clause: &str) -> String {
    SMALL.replacen(
        "[[clause]]\nid = \"catch-all\"",
        &format!("{clause}\n[[clause]]\nid = \"catch-all\""),
        1,
    )
}

fn report(topic: Topic, kind: Kind) -> Facts {
    Facts {
        field: Some(topic.field()),
        topic: Some(topic),
        kind,
        urgency: Urgency::Normal,
        level: Level::TWO,
        line: None,
        number: None,
        hours: None,
        wards: Vec::new(),
    }
}

fn unit(code: &str) -> UnitCode {
    UnitCode::parse(code).unwrap()
}

#[test]
fn the_citys_policy_has_no_problem_and_its_overlaps_are_told() {
    let examined = Policy::examine(BUILT_IN);
    assert_eq!(examined.errors, []);
    assert!(examined.policy.is_some());
    let emergency = examined
        .notes
        .iter()
        .find(|note| note.clause == "emergency-ambulance")
        .unwrap();
    assert!(emergency.before.contains(&"traffic".to_owned()), "{emergency:?}");
    assert!(emergency.example.contains("number=115"), "{emergency:?}");
    assert!(
        examined
            .notes
            .iter()
            .all(|note| !note.before.contains(&"catch-all".to_owned()))
    );
}

#[test]
fn parts_that_cannot_be_read_are_all_told_by_line_and_name() {
    let text = SMALL
        .replace("\"official_conduct\"", "\"conduct\"")
        .replace("kind = [\"denunciation\"", "kind = [\"denounced\"");
    let errors = Policy::parse(&text).unwrap_err().0;
    let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 2, "{told:?}");
    assert!(
        told[0].contains("line 43, clause accusations: ") && told[0].contains("denounced"),
        "{told:?}"
    );
    assert!(told[1].contains("clause conduct: "), "{told:?}");
}

#[test]
fn every_problem_is_told_at_once() {
    let text = SMALL
        .replace("superior = \"inspectorate\"", "superior = \"inspectors\"")
        .replace("lead = \"roads\"", "lead = \"rods\"");
    let errors = Policy::parse(&text).unwrap_err().0;
    assert!(errors.contains(&PolicyError::UnknownSuperior {
        unit: unit("committee"),
        superior: unit("inspectors")
    }));
    assert!(errors.contains(&PolicyError::UnknownUnit {
        clause: "catch-all".into(),
        unit: unit("rods")
    }));
}

#[test]
fn a_clause_that_never_decides_is_told_with_the_one_that_takes_its_reports() {
    let shadowed =
        "[[clause]]\nid = \"bribes\"\nwhen = { topic = [\"corruption\"] }\nlead = \"inspectorate\"";
    let errors = Policy::parse(&before_catch_all(shadowed)).unwrap_err().0;
    let [
        PolicyError::Unreachable {
            clause,
            taken: Some((by, example)),
        },
    ] = &errors[..]
    else {
        panic!("{errors:?}");
    };
    assert_eq!((clause.as_str(), by.as_str()), ("bribes", "conduct"));
    assert!(example.contains("topic=corruption"), "{example}");
    let nothing = "[[clause]]\nid = \"never\"\nwhen = { field = [\"party_building\"], topic = [\"roads\"] }\nlead = \"roads\"";
    let errors = Policy::parse(&before_catch_all(nothing)).unwrap_err().0;
    assert_eq!(
        errors,
        [PolicyError::Unreachable {
            clause: "never".into(),
            taken: None
        }]
    );
}

#[test]
fn a_report_without_a_clause_is_shown() {
    let text = SMALL.replace(
        "id = \"catch-all\"",
        "id = \"some\"\nwhen = { level = [1, 2, 3] }",
    );
    let errors = Policy::parse(&text).unwrap_err().0;
    assert!(errors.contains(&PolicyError::NoCatchAll));
    let gap = errors.iter().find_map(|error| match error {
        PolicyError::Gap { example } => Some(example),
        _ => None,
    });
    assert!(gap.unwrap().contains("level=4"), "{errors:?}");
}

#[test]
fn levels_above_must_be_there_and_end() {
    let circle = SMALL.replace(
        "oversight = true\nvalid_from = \"2016-01-01\"",
        "oversight = true\nvalid_from = \"2016-01-01\"\nsuperior = \"works\"",
    );
    let errors = Policy::parse(&circle).unwrap_err().0;
    assert!(
        errors
            .iter()
            .any(|e| matches!(e, PolicyError::NoSuperiorOn { .. })),
        "works begins in 2021: {errors:?}"
    );
    let told = errors.iter().map(ToString::to_string).collect::<String>();
    assert!(
        told.contains("inspectorate → works → committee → inspectorate"),
        "{told}"
    );
}

#[test]
fn units_that_become_each_other_are_shown_as_the_circle_they_are() {
    let mut errors = Vec::new();
    for (first, last) in [("2020-12-31", "2024-12-31"), ("2020-12-31", "2020-12-31")] {
        let text = SMALL.replace("2020-12-31", first).replace(
            "valid_from = \"2021-01-01\"",
            &format!("valid_from = \"2016-01-01\"\nvalid_to = \"{last}\"\nsucceeded_by = \"roads\""),
        );
        errors.extend(Policy::parse(&text).unwrap_err().0);
    }
    let circle = PolicyError::SuccessionLoop(vec![unit("roads"), unit("works"), unit("roads")]);
    assert_eq!(errors, [circle.clone(), circle.clone()]);
    assert!(circle.to_string().contains("roads → works → roads"), "{circle}");
    // Only from the day on which works has the tasks of roads does the level above it lead back to it.
    let later = SMALL.replace(
        "code = \"committee\"\nvi = \"UBND\"\nen = \"Committee\"\nkind = \"city\"\nvalid_from = \"2016-01-01\"\nsuperior = \"inspectorate\"",
        "code = \"committee\"\nvi = \"UBND\"\nen = \"Committee\"\nkind = \"city\"\nvalid_from = \"2016-01-01\"\nsuperior = \"roads\"",
    );
    let later = later.replacen(
        "succeeded_by = \"works\"\nsuperior = \"committee\"",
        "succeeded_by = \"works\"",
        1,
    );
    let errors = Policy::parse(&later).unwrap_err().0;
    assert_eq!(
        errors,
        [PolicyError::SuperiorLoop {
            circle: vec![unit("committee"), unit("works"), unit("committee")],
            date: date(2021, 1, 1),
        }]
    );
}

fn came(at: &str) -> Facts {
    Facts {
        hours: Some(Hours::of(kernel::Instant::parse(at).unwrap())),
        ..report(Topic::Roads, Kind::Reflection)
    }
}

const AT_NIGHT: &str = "[[clause]]\nid = \"night\"\nwhen = { line = [\"1022\"], hours = [\"outside_working\"] }\nlead = \"committee\"";

#[test]
fn a_clause_may_look_at_the_time_by_the_legal_calendar_together_with_the_line() {
    for (at, hours) in [
        ("2026-11-25T11:29:59+07:00", Hours::Working),
        ("2026-11-25T11:30:00+07:00", Hours::AfterHours),
        ("2026-11-25T07:30:00+07:00", Hours::Working),
        ("2026-11-25T17:00:00+07:00", Hours::AfterHours),
        ("2026-11-28T09:00:00+07:00", Hours::Weekend),
        // The day of Vietnamese culture, a Tuesday.
        ("2026-11-24T09:00:00+07:00", Hours::Holiday),
        ("2026-08-22T09:00:00+07:00", Hours::Working),
        ("2026-08-31T09:00:00+07:00", Hours::Holiday),
        ("2026-02-17T09:00:00+07:00", Hours::Holiday),
        ("2026-11-24T22:00:00Z", Hours::AfterHours),
    ] {
        assert_eq!(Hours::of(kernel::Instant::parse(at).unwrap()), hours, "{at}");
    }
    let policy = Policy::parse(&before_catch_all(AT_NIGHT)).unwrap();
    let day = date(2026, 11, 25);
    let (mut night, mut morning) = (
        came("2026-11-25T21:00:00+07:00"),
        came("2026-11-25T09:00:00+07:00"),
    );
    assert_eq!(policy.route(&night, day).clause, "catch-all", "another line");
    night.line = Some("1022".into());
    morning.line = Some("1022".into());
    assert_eq!(policy.route(&night, day).clause, "night");
    assert_eq!(policy.route(&morning, day).clause, "catch-all");
    let unknown = Facts {
        hours: None,
        ..night.clone()
    };
    assert_eq!(
        policy.route(&unknown, day).clause,
        "catch-all",
        "nothing is guessed"
    );
    let why = policy.explain(&morning, day).passed.pop().unwrap().because;
    assert_eq!(
        why,
        ["hours is working, not one of after_hours, weekend, holiday"]
    );
    let inputs = policy.route(&night, day).inputs.codes();
    assert!(inputs.contains(&"hours=after_hours".to_owned()), "{inputs:?}");
    let difference = Policy::parse(SMALL).unwrap().difference(&policy);
    assert_eq!(difference.moves[0].to.0, "night");
    let example = &difference.moves[0].example.facts;
    assert_eq!(example.line.as_deref(), Some("1022"));
    assert!(example.hours.is_some_and(|hours| hours != Hours::Working));
}

#[test]
fn times_that_leave_a_gap_or_no_report_are_shown_with_a_report_of_that_time() {
    let office = SMALL.replace(
        "id = \"catch-all\"",
        "id = \"day\"\nwhen = { hours = [\"working\", \"weekend\"] }",
    );
    let errors = Policy::parse(&office).unwrap_err().0;
    let gap = errors.iter().find_map(|error| match error {
        PolicyError::Gap { example } => Some(example),
        _ => None,
    });
    assert!(gap.unwrap().contains("hours=after_hours"), "{errors:?}");
    let shadowed = format!(
        "{AT_NIGHT}\n{}",
        AT_NIGHT
            .replace("night", "sunday")
            .replace("outside_working", "weekend")
    );
    let errors = Policy::parse(&before_catch_all(&shadowed)).unwrap_err().0;
    let [
        PolicyError::Unreachable {
            clause,
            taken: Some((by, example)),
        },
    ] = &errors[..]
    else {
        panic!("{errors:?}");
    };
    assert_eq!((clause.as_str(), by.as_str()), ("sunday", "night"));
    // 1 January 2016, when the policy begins, is a holiday: the example is of the first Saturday after it.
    assert!(example.contains("date=2016-01-02 hours=weekend"), "{example}");
    let never = "[[clause]]\nid = \"tet\"\nwhen = { hours = [\"holiday\"], from = \"2026-10-01\", until = \"2026-10-31\" }\nlead = \"committee\"";
    assert_eq!(
        Policy::parse(&before_catch_all(never)).unwrap_err().0,
        [PolicyError::Unreachable {
            clause: "tet".into(),
            taken: None
        }]
    );
    let odd = before_catch_all(AT_NIGHT).replace("outside_working", "at_night");
    let errors = Policy::parse(&odd).unwrap_err().to_string();
    assert!(
        errors.contains("after_hours") && errors.contains("outside_working"),
        "{errors}"
    );
}

#[test]
fn clauses_for_times_that_meet_are_told_with_a_report_at_such_a_time() {
    let weekend = "[[clause]]\nid = \"weekend\"\nwhen = { hours = [\"weekend\"] }\nlead = \"roads\"";
    let examined = Policy::examine(&before_catch_all(&format!("{AT_NIGHT}\n{weekend}")));
    assert!(examined.errors.is_empty(), "{:?}", examined.errors);
    let note = examined.notes.iter().find(|note| note.clause == "night").unwrap();
    assert_eq!(note.before, ["weekend"]);
    assert!(
        note.example.contains("hours=weekend") && note.example.contains("line=1022"),
        "{note:?}"
    );
}

#[test]
fn a_place_is_a_ward_of_today_or_what_was_there_before_and_counts_where_it_is_certain() {
    let local = |place: &str| {
        with(&format!(
            "[[clause]]\nid = \"local\"\nwhen = {{ topic = [\"roads\"], place = [{place}], kind = [\"reflection\"] }}\nlead = \"committee\""
        ))
    };
    let clause = |policy: &Policy, wards: &[u32]| {
        let facts = Facts {
            wards: wards.to_vec(),
            ..report(Topic::Roads, Kind::Reflection)
        };
        policy.route(&facts, date(2026, 11, 25)).clause
    };
    let of_before = vietnam::places::wards_within(769, Some("Bình Trưng Tây"));
    let policy = Policy::parse(&local("\"769/Bình Trưng Tây\"")).unwrap();
    assert_eq!(clause(&policy, &of_before), "local");
    assert_eq!(clause(&policy, &[26662]), "catch-all");
    assert_eq!(
        clause(&policy, &[of_before[0], 26662]),
        "catch-all",
        "it may be elsewhere"
    );
    assert_eq!(clause(&policy, &[]), "catch-all");
    assert_eq!(
        clause(&Policy::parse(&local("\"26662\"")).unwrap(), &[26662]),
        "local"
    );
    assert_eq!(
        clause(&Policy::parse(&local("\"any\"")).unwrap(), &[26662, 26848]),
        "local"
    );
    assert!(matches!(
        Policy::parse(&local("\"99999\"")).unwrap_err().0[..],
        [PolicyError::Syntax(_)]
    ));
}

#[test]
fn a_report_about_a_unit_goes_to_the_level_above_and_says_by_which_rule() {
    let text = SMALL.replace(
        "[[conflict]]",
        "[[conflict]]\nid = \"road-works\"\nwhen = { topic = [\"roads\"], kind = [\"suggestion\"] }\nabout = [\"roads\"]\n[[conflict]]",
    );
    let policy = Policy::parse(&text).unwrap();
    for (day, roads) in [(date(2020, 12, 31), "roads"), (date(2021, 1, 1), "works")] {
        let routed = policy.route(&report(Topic::Roads, Kind::Suggestion), day);
        assert_eq!(routed.units, [unit("committee")]);
        let codes = routed.inputs.codes();
        assert!(codes.contains(&"conflict=road-works".to_owned()), "{codes:?}");
        assert!(codes.contains(&format!("about={roads}")), "{codes:?}");
        let explained = policy.explain(&report(Topic::Roads, Kind::Suggestion), day);
        assert_eq!(explained.concerned, [unit(roads)]);
        assert_eq!(
            explained.passed[0].because,
            ["kind is suggestion, not one of denunciation, complaint"]
        );
    }
    // A complaint about the roads: whoever has them is who it is about, and only oversight gets it.
    let complaint = policy.route(&report(Topic::Roads, Kind::Complaint), date(2026, 1, 1));
    assert_eq!(complaint.units, [unit("inspectorate")]);
    assert_eq!(complaint.inputs.conflict.unwrap().about, [unit("works")]);
    // Who is under the unit is its people.
    assert!(policy.concerned(&unit("works"), &[unit("committee")], &[date(2026, 1, 1)]));
    assert!(!policy.concerned(&unit("committee"), &[unit("works")], &[date(2026, 1, 1)]));
    // Life first.
    let danger = Facts {
        urgency: Urgency::Emergency,
        ..report(Topic::Roads, Kind::Suggestion)
    };
    assert_eq!(policy.route(&danger, date(2026, 1, 1)).units, [unit("works")]);
}

#[test]
fn a_report_about_a_unit_that_nobody_is_above_is_refused() {
    let text = SMALL.replace("superior = \"committee\"", "").replace(
        "[[conflict]]",
        "[[conflict]]\nid = \"road-works\"\nwhen = { topic = [\"roads\"], kind = [\"suggestion\"] }\nabout = [\"roads\"]\n[[conflict]]",
    );
    let errors = Policy::parse(&text).unwrap_err().0;
    assert!(errors.iter().any(|e| matches!(e, PolicyError::NobodyAbove { clause, unit: named, .. } if clause == "catch-all" && *named == unit("roads"))), "{errors:?}");
}

#[test]
fn two_policies_differ_in_parts_and_in_where_reports_go() {
    let old = Policy::parse(SMALL).unwrap();
    let new = Policy::parse(&with("[[clause]]\nid = \"ideas\"\nwhen = { kind = [\"suggestion\"], topic = [\"traffic\"] }\nlead = \"committee\"")).unwrap();
    let difference = old.difference(&new);
    assert_eq!(difference.edits.len(), 1, "{:?}", difference.edits);
    assert_eq!(
        (
            difference.edits[0].sort,
            difference.edits[0].name.as_str(),
            difference.edits[0].change
        ),
        ("clause", "ideas", "added")
    );
    assert!(!difference.reordered);
    let ways: Vec<_> = difference
        .moves
        .iter()
        .map(|it| (&it.from.1[0], &it.to.1[0]))
        .collect();
    assert_eq!(ways.len(), 2, "{ways:?}");
    assert!(
        difference
            .moves
            .iter()
            .all(|it| it.example.facts.topic == Some(Topic::Traffic))
    );
    assert!(old.difference(&old).moves.is_empty());
}
