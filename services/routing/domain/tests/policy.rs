//! The policy as data: what is refused, and where the city's policy sends reports on a given day.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::sync::LazyLock;

use jiff::civil::{Date, date};
use kernel::taxonomy::{Destination, Field, Kind, Level, Office, Topic, Urgency};
use proptest::prelude::*;
use routing_domain::policy::BUILT_IN;
use routing_domain::{Facts, Hours, Inputs, Policy, PolicyError, Standing, UnitCode};

/// Read once: reading tries every report there can be.
static CITY: LazyLock<Policy> = LazyLock::new(|| Policy::parse(BUILT_IN).unwrap());

fn city() -> &'static Policy {
    &CITY
}

fn unit(code: &str) -> UnitCode {
    UnitCode::parse(code).unwrap()
}

fn reflection(topic: Topic, level: Level) -> Facts {
    Facts {
        field: Some(topic.field()),
        topic: Some(topic),
        kind: Kind::Reflection,
        urgency: Urgency::Normal,
        level,
        line: None,
        number: None,
        hours: None,
        wards: Vec::new(),
    }
}

fn units(facts: &Facts, date: Date) -> Vec<String> {
    city()
        .route(facts, date)
        .units
        .iter()
        .map(ToString::to_string)
        .collect()
}

const TODAY: Date = date(2026, 11, 24);

#[test]
fn a_hole_in_the_road_goes_to_whoever_has_the_roads_on_that_day() {
    let roads = reflection(Topic::Roads, Level::TWO);
    assert_eq!(units(&roads, date(2016, 3, 24)), ["so_gtvt", "ubnd_quan"]);
    assert_eq!(units(&roads, date(2025, 2, 28)), ["so_gtvt", "ubnd_quan"]);
    assert_eq!(units(&roads, date(2025, 3, 1)), ["so_gtcc", "ubnd_quan"]);
    assert_eq!(units(&roads, date(2025, 5, 1)), ["so_xd", "ubnd_quan"]);
    assert_eq!(units(&roads, date(2025, 7, 1)), ["so_xd", "ubnd_xa"]);
    assert_eq!(
        units(&roads, date(1999, 1, 1)),
        ["so_gtvt", "ubnd_quan"],
        "before the policy begins: as on its first day"
    );
}

#[test]
fn an_emergency_goes_to_whoever_answers_the_number_to_call() {
    let danger = |topic, number: Option<&str>| Facts {
        kind: Kind::Emergency,
        urgency: Urgency::Emergency,
        number: number.map(str::to_owned),
        ..reflection(topic, Level::TWO)
    };
    let lead = |topic, number| units(&danger(topic, number), TODAY).swap_remove(0);
    assert_eq!(lead(Topic::Roads, Some("115")), "so_yt");
    assert_eq!(lead(Topic::Roads, Some("114")), "cong_an");
    assert_eq!(lead(Topic::Health, Some("113")), "cong_an");
    assert_eq!(
        units(&danger(Topic::ElectricityLighting, Some("114")), TODAY),
        ["cong_an", "evnhcmc", "so_yt"]
    );
    // A person who found the danger without the words for it.
    assert_eq!(lead(Topic::Health, None), "so_yt");
    assert_eq!(lead(Topic::ElectricityLighting, None), "evnhcmc");
    // A suspicion that a person dismissed changes nothing.
    let calm = Facts {
        number: Some("115".to_owned()),
        ..reflection(Topic::Roads, Level::TWO)
    };
    assert_eq!(units(&calm, TODAY), ["so_xd", "ubnd_xa"]);
}

#[test]
fn food_had_no_board_of_its_own_before_2017() {
    let food = reflection(Topic::FoodSafety, Level::TWO);
    assert_eq!(units(&food, date(2016, 12, 31)), ["so_yt"]);
    assert_eq!(units(&food, date(2017, 1, 1)), ["bql_attp", "so_yt"]);
    assert_eq!(units(&food, date(2024, 1, 1)), ["so_attp", "so_yt"]);
}

#[test]
fn coordinating_units_that_merged_into_the_lead_are_named_once() {
    assert_eq!(
        units(&reflection(Topic::LandHousing, Level::TWO), date(2025, 6, 1)),
        ["so_nnmt", "so_xd", "ubnd_quan"]
    );
    assert_eq!(
        units(&reflection(Topic::Flooding, Level::TWO), TODAY),
        ["udc", "so_xd"]
    );
}

#[test]
fn the_resting_place_follows_from_kind_and_level() {
    let of = |kind, urgency, level| {
        let facts = Facts {
            kind,
            urgency,
            level,
            ..reflection(Topic::Security, Level::TWO)
        };
        city().route(&facts, TODAY).destination
    };
    use Urgency::{Emergency as Now, Normal};
    assert_eq!(of(Kind::Reflection, Normal, Level::ONE), Destination::Desk);
    assert_eq!(of(Kind::Reflection, Normal, Level::TWO), Destination::Unit);
    assert_eq!(of(Kind::Reflection, Normal, Level::THREE), Destination::Office);
    assert_eq!(of(Kind::Denunciation, Normal, Level::FOUR), Destination::Office);
    assert_eq!(of(Kind::Suggestion, Normal, Level::FIVE), Destination::Office);
    assert_eq!(of(Kind::Emergency, Now, Level::TWO), Destination::Unit);
    assert_eq!(
        of(Kind::Reflection, Now, Level::THREE),
        Destination::Unit,
        "an emergency never waits for an opinion"
    );
    assert_eq!(of(Kind::CrimeReport, Normal, Level::TWO), Destination::Police);
    assert_eq!(of(Kind::CrimeReport, Now, Level::TWO), Destination::Police);
    assert_eq!(of(Kind::NotAReport, Normal, Level::ONE), Destination::None);
}

#[test]
fn party_building_is_the_party_committees_office_and_the_rest_the_peoples_committees() {
    assert_eq!(
        city()
            .route(&reflection(Topic::Personnel, Level::TWO), TODAY)
            .office,
        Office::PartyCommittee
    );
    assert_eq!(
        city()
            .route(&reflection(Topic::Traffic, Level::TWO), TODAY)
            .office,
        Office::PeoplesCommittee
    );
    let silence = Facts {
        field: None,
        topic: None,
        kind: Kind::NotAReport,
        ..reflection(Topic::Traffic, Level::ONE)
    };
    let routed = city().route(&silence, TODAY);
    assert_eq!(
        (routed.office, routed.units.len(), routed.clause.as_str()),
        (Office::PeoplesCommittee, 0, "not-a-report")
    );
}

#[test]
fn every_topic_has_a_unit_that_exists_today() {
    let policy = city();
    for topic in Topic::ALL {
        let routed = policy.route(&reflection(*topic, Level::TWO), TODAY);
        let lead = policy.unit(routed.units.first().unwrap()).unwrap();
        assert!(lead.valid_on(TODAY), "{topic} goes to {}", lead.code);
        assert_ne!(routed.clause, "catch-all", "{topic} has a clause of its own");
    }
}

#[test]
fn a_standing_names_the_successor() {
    let policy = city();
    assert_eq!(
        policy.standing(&unit("so_xd"), &[TODAY]),
        Standing::Valid { oversight: false }
    );
    assert_eq!(
        policy.standing(&unit("thanh_tra"), &[TODAY]),
        Standing::Valid { oversight: true }
    );
    assert_eq!(
        policy.standing(&unit("so_gtvt"), &[TODAY]),
        Standing::NotValid {
            successor: Some(unit("so_xd"))
        }
    );
    assert_eq!(
        policy.standing(&unit("so_gtvt"), &[date(2025, 1, 2), TODAY]),
        Standing::Valid { oversight: false }
    );
    assert_eq!(
        policy.standing(&unit("so_xd"), &[date(2020, 1, 1)]),
        Standing::NotValid { successor: None },
        "not yet"
    );
    assert_eq!(policy.standing(&unit("so_khong_co"), &[TODAY]), Standing::Unknown);
}

/// Two units, one clause and the catch-all; each test spoils one thing.
const SMALL: &str = r#"
begins = "2016-01-01"
[[unit]]
code = "roads"
vi = "Đường"
en = "Roads"
kind = "city"
valid_from = "2016-01-01"
valid_to = "2020-12-31"
succeeded_by = "works"
[[unit]]
code = "works"
vi = "Công chánh"
en = "Works"
kind = "city"
valid_from = "2021-01-01"
[[unit]]
code = "inspectorate"
vi = "Thanh tra"
en = "Inspectorate"
kind = "city"
oversight = true
valid_from = "2016-01-01"
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

fn spoilt(from: &str, to: &str) -> PolicyError {
    assert!(SMALL.contains(from), "{from}");
    // A denunciation with emergency urgency is no longer guarded, and goes to the inspectorate all the same.
    Policy::parse(&SMALL.replacen(from, to, 1))
        .unwrap_err()
        .0
        .swap_remove(0)
}

#[test]
fn a_policy_that_could_not_decide_is_refused_by_the_name_of_what_is_wrong() {
    Policy::parse(SMALL).unwrap();
    let clause = |s: &str| s.to_owned();
    assert_eq!(
        spoilt("lead = \"roads\"", "lead = \"rods\""),
        PolicyError::UnknownUnit {
            clause: clause("catch-all"),
            unit: unit("rods")
        }
    );
    assert_eq!(
        spoilt("lead = \"roads\"", "lead = \"roads\"\nwith = [\"x\"]"),
        PolicyError::UnknownUnit {
            clause: clause("catch-all"),
            unit: unit("x")
        }
    );
    assert_eq!(
        spoilt("id = \"conduct\"", "id = \"accusations\""),
        PolicyError::DuplicateClause(clause("accusations"))
    );
    assert_eq!(
        spoilt("id = \"conduct\"", "id = \"of conduct\""),
        PolicyError::BadClauseId(clause("of conduct"))
    );
    assert_eq!(
        spoilt("id = \"catch-all\"", "id = \"catch-all\"\nwhen = { level = [2] }"),
        PolicyError::NoCatchAll
    );
    assert_eq!(
        spoilt("id = \"catch-all\"\nlead = \"roads\"", "id = \"catch-all\""),
        PolicyError::NoCatchAll
    );
    let twice = "id = \"all\"\nlead = \"roads\"\n[[clause]]\nid = \"catch-all\"";
    assert_eq!(
        spoilt("id = \"catch-all\"", twice),
        PolicyError::AfterCatchAll(clause("catch-all"))
    );
    assert_eq!(
        spoilt("code = \"works\"", "code = \"roads\""),
        PolicyError::DuplicateUnit(unit("roads"))
    );
    let (roads, works) = (unit("roads"), unit("works"));
    assert_eq!(
        spoilt("by = \"works\"", "by = \"work\""),
        PolicyError::UnknownSuccessor {
            unit: roads.clone(),
            successor: unit("work")
        }
    );
    assert_eq!(
        spoilt("2021-01-01", "2021-01-02"),
        PolicyError::SuccessionGap {
            unit: roads.clone(),
            successor: works
        }
    );
    assert_eq!(
        spoilt(
            "valid_from = \"2021-01-01\"",
            "valid_from = \"2016-01-01\"\nvalid_to = \"2020-12-31\"\nsucceeded_by = \"roads\""
        ),
        PolicyError::SuccessionLoop(vec![roads.clone(), unit("works"), roads.clone()])
    );
    assert_eq!(
        spoilt("succeeded_by = \"works\"", ""),
        PolicyError::NobodyOn {
            clause: clause("catch-all"),
            unit: roads.clone(),
            date: date(2021, 1, 1)
        }
    );
    assert_eq!(
        spoilt("lead = \"roads\"", "lead = \"works\""),
        PolicyError::NobodyOn {
            clause: clause("catch-all"),
            unit: unit("works"),
            date: date(2016, 1, 1)
        }
    );
    assert_eq!(
        spoilt("2020-12-31", "2015-12-31"),
        PolicyError::EndsBeforeItBegins(roads)
    );
    assert!(
        matches!(
            spoilt("id = \"conduct\"", "id = \"conduct\"\nleads = 1"),
            PolicyError::Syntax(_)
        ),
        "an unknown key"
    );
    assert!(
        matches!(
            spoilt("official_conduct", "oficial_conduct"),
            PolicyError::Syntax(_)
        ),
        "an unknown topic"
    );
}

#[test]
fn a_policy_that_would_show_an_accusation_to_a_unit_is_refused() {
    let conduct = "when = { topic = [\"official_conduct\", \"corruption\", \"cadre_conduct\"] }\nlead = \"inspectorate\"";
    let error = spoilt(
        conduct,
        "when = { topic = [\"official_conduct\"] }\nlead = \"inspectorate\"",
    );
    assert!(
        matches!(&error, PolicyError::NotOversight { clause, .. } if clause == "catch-all"),
        "{error}"
    );
    let error = spoilt(
        "kind = [\"denunciation\", \"complaint\"]",
        "kind = [\"denunciation\"]",
    );
    assert!(
        matches!(&error, PolicyError::NotOversight { clause, .. } if clause == "catch-all"),
        "{error}"
    );
}

#[test]
fn a_clause_that_names_nobody_may_only_decide_about_what_goes_nowhere() {
    let error = spoilt(
        "[[clause]]\nid = \"catch-all\"",
        "[[clause]]\nid = \"nobody\"\nwhen = { topic = [\"roads\"] }\n[[clause]]\nid = \"catch-all\"",
    );
    assert!(
        matches!(&error, PolicyError::NoLead { clause, .. } if clause == "nobody"),
        "{error}"
    );
    let silent =
        "[[clause]]\nid = \"nobody\"\nwhen = { kind = [\"not_a_report\"] }\n[[clause]]\nid = \"catch-all\"";
    Policy::parse(&SMALL.replacen("[[clause]]\nid = \"catch-all\"", silent, 1)).unwrap();
}

#[test]
fn a_clause_may_look_at_the_line_that_was_called() {
    let line = "[[clause]]\nid = \"party-line\"\nwhen = { line = [\"0888247247\"], topic = [\"roads\"] }\noffice = \"vp_tu\"\nlead = \"roads\"\n[[clause]]\nid = \"catch-all\"";
    let policy = Policy::parse(&SMALL.replacen("[[clause]]\nid = \"catch-all\"", line, 1)).unwrap();
    let roads = reflection(Topic::Roads, Level::TWO);
    assert_eq!(policy.route(&roads, TODAY).office, Office::PeoplesCommittee);
    assert_eq!(
        policy
            .route(
                &Facts {
                    line: Some("0888247247".into()),
                    ..roads
                },
                TODAY
            )
            .office,
        Office::PartyCommittee
    );
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let pick = |n: usize| 0..n;
    (
        proptest::option::of(pick(Topic::ALL.len())),
        pick(Kind::ALL.len()),
        pick(Urgency::ALL.len()),
        1u8..=5,
        proptest::option::of("[0-9]{4,10}"),
        proptest::option::of("11[2-6]"),
        proptest::option::of(pick(Hours::ALL.len())),
        proptest::collection::vec(25_000u32..28_000, 0..=16),
    )
        .prop_map(|(topic, kind, urgency, level, line, number, hours, wards)| {
            let topic = topic.map(|i| Topic::ALL[i]);
            Facts {
                field: topic.map(Topic::field),
                topic,
                kind: Kind::ALL[kind],
                urgency: Urgency::ALL[urgency],
                level: Level::try_from(level).unwrap(),
                line,
                number,
                hours: hours.map(|i| Hours::ALL[i]),
                wards,
            }
        })
}

proptest! {
    #[test]
    fn every_report_of_every_day_finds_an_office_and_only_units_that_exist(facts in any_facts(), days in 0i32..6000) {
        let policy = city();
        let day = date(2016, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap();
        let routed = policy.route(&facts, day);
        for code in &routed.units {
            prop_assert!(policy.unit(code).unwrap().valid_on(day));
        }
        let goes = matches!(routed.destination, Destination::Unit | Destination::Police | Destination::Office);
        prop_assert!(!goes || !routed.units.is_empty());
        if facts.guarded() {
            for code in &routed.units {
                prop_assert!(policy.unit(code).unwrap().oversight, "{facts:?} goes to {code}");
            }
        }
        prop_assert_eq!(routed.office == Office::PartyCommittee, facts.field == Some(Field::PartyBuilding));
    }

    #[test]
    fn what_a_clause_looked_at_reads_back(facts in any_facts(), days in 0i32..6000) {
        let day = date(2016, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap();
        let inputs = city().route(&facts, day).inputs;
        let codes = inputs.codes();
        prop_assert!(codes.len() <= 16 && codes.iter().all(|code| code.len() <= 64));
        prop_assert_eq!(Inputs::read(codes.iter().map(String::as_str)), Some(inputs));
    }
}
