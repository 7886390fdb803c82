//! P7, every decision can be explained and replayed: it names the policy in force at its cause, and the policy is on record.

use std::collections::HashMap;

use hoiam_tests::{Feed, System};

#[test]
fn every_decision_names_a_policy_version_that_was_published_before_it_and_the_clause_or_rules_that_matched() {
    let system = System::start();
    let file = Feed::write(system.scratch(), "feed", 120);
    let _ = system.hoiam(&["feed", file.to_str().expect("UTF-8")]).ok();
    let story = system.settled();

    let mut published: HashMap<(&str, String), u64> = HashMap::new();
    for (kind, service) in [
        ("classification-policy", "classification"),
        ("routing-policy", "routing"),
        ("sla-policy", "obligation"),
    ] {
        for event in story.of(&format!("{kind}.policy_published")) {
            published.insert(
                (
                    service,
                    event.data["version"].as_str().expect("a version").to_owned(),
                ),
                event.position,
            );
        }
    }
    assert_eq!(
        published.len(),
        3,
        "each service published its policy once: {published:?}"
    );

    let mut decisions = 0;
    for event in &story.0 {
        let category = event.kind.split('.').next().expect("a category");
        let Some(version) = event.data["policy"].as_str() else {
            assert!(
                !matches!(category, "classification"),
                "a decision without a policy: {event:?}"
            );
            continue;
        };
        let (service, _) = published
            .keys()
            .find(|(s, _)| *s == category)
            .expect("a known category");
        let at = published
            .get(&(*service, version.to_owned()))
            .unwrap_or_else(|| panic!("{event:?} names a policy nobody published"));
        assert!(*at < event.position, "published before it was used: {event:?}");
        decisions += 1;
    }
    assert!(
        decisions > 240,
        "classified, routed and given deadlines: {decisions}"
    );
    for event in story.of("routing.case_routed") {
        assert!(
            event.data["clause"].as_str().is_some_and(|c| !c.is_empty()),
            "{event:?}"
        );
        assert!(
            event.data["inputs"].as_array().is_some_and(|i| !i.is_empty()),
            "{event:?}"
        );
    }
    for event in story.of("obligation.obligation_opened") {
        assert!(
            event.data["arithmetic"].as_array().is_some_and(|a| !a.is_empty()),
            "{event:?}"
        );
        assert!(
            event.data["rule"].as_str().is_some_and(|r| !r.is_empty()),
            "{event:?}"
        );
    }
}
