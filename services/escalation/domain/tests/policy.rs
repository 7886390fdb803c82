//! What the SLA policy accepts, and how it tells a duty officer what is wrong with it.

use escalation_domain::{BUILT_IN, CaseFacts, Deadline, Policy, PolicyError, What};
use jiff::civil::date;
use kernel::Instant;
use kernel::taxonomy::{Kind, Level, Urgency};
use vietnam::Calendar;

fn with(extra: &str) -> Result<Policy, PolicyError> {
    Policy::parse(&format!("{extra}\n{BUILT_IN}"))
}

const FACTS: CaseFacts = CaseFacts {
    kind: Kind::Reflection,
    urgency: Urgency::Normal,
    level: Level::TWO,
};

#[test]
fn the_built_in_policy_has_a_deadline_for_every_case_or_says_that_the_law_has_another_clock() {
    let policy = Policy::parse(BUILT_IN).unwrap();
    for what in What::ALL {
        for kind in Kind::ALL {
            for urgency in Urgency::ALL {
                for level in 1..=5 {
                    let facts = CaseFacts {
                        kind: *kind,
                        urgency: *urgency,
                        level: Level::try_from(level).unwrap(),
                    };
                    let rule = policy.rule(what, &facts, date(2026, 8, 21)).unwrap();
                    assert!(!rule.document.is_empty());
                    let expected = *kind == Kind::CrimeReport
                        && matches!(
                            what,
                            What::Acceptance | What::Result | What::Dialogue | What::Letter
                        );
                    assert_eq!(rule.amount.is_none(), expected, "{what} {facts:?}");
                }
            }
        }
    }
}

#[test]
fn a_rule_holds_on_the_days_of_its_validity_only() {
    let policy = with(
        "[[rule]]\nid = \"old\"\nwhat = \"result\"\namount = 10\nunit = \"calendar_days\"\nfrom = \"2020-01-01\"\nto = \"2023-10-25\"\ndocument = \"QĐ\"",
    )
    .unwrap();
    let rule = |day| policy.rule(What::Result, &FACTS, day).unwrap().id.clone();
    assert_eq!(rule(date(2023, 10, 25)), "old");
    assert_eq!(rule(date(2023, 10, 26)), "result");
}

#[test]
fn what_is_wrong_is_named() {
    let rule = |id: &str, amount: u32| {
        format!(
            "[[rule]]\nid = \"{id}\"\nwhat = \"review\"\nurgency = [\"urgent\"]\namount = {amount}\nunit = \"minutes\"\ndocument = \"d\""
        )
    };
    assert_eq!(
        with(&rule("result", 1)),
        Err(PolicyError::DuplicateId("result".to_owned()))
    );
    assert_eq!(with(&rule("Tổ 1", 1)), Err(PolicyError::BadId("Tổ 1".to_owned())));
    assert_eq!(
        with(&rule("never", 0)),
        Err(PolicyError::BadAmount("never".to_owned()))
    );
    let after = format!("{BUILT_IN}\n{}", rule("too_late", 1));
    assert_eq!(
        Policy::parse(&after),
        Err(PolicyError::Unreachable("too_late".to_owned()))
    );
    assert_eq!(
        Policy::parse(&rule("only", 1)),
        Err(PolicyError::NoCatchAll(What::Review))
    );
    assert!(matches!(Policy::parse("rule = 1"), Err(PolicyError::Syntax(_))));
    let Err(PolicyError::Syntax(why)) = with(&rule("odd", 1).replace("minutes", "fortnights")) else {
        panic!()
    };
    assert!(
        why.contains("working_hours"),
        "the message lists the units: {why}"
    );
}

#[test]
fn a_deadline_too_far_to_count_is_refused_and_a_long_one_still_fits_an_event() {
    let calendar = Calendar::vietnam();
    let from = Instant::parse("2026-08-21T09:00:00+07:00").unwrap();
    assert!(Deadline::of(escalation_domain::Amount::WorkingDays(10_000), from, &calendar).is_err());
    let long = Deadline::of(escalation_domain::Amount::WorkingDays(90), from, &calendar).unwrap();
    assert_eq!(long.arithmetic.len(), 64);
    assert!(long.arithmetic.iter().any(|step| step.starts_with("and=")));
    assert!(long.arithmetic.last().unwrap().starts_with("day=90/"));
}
