//! Given a case's history, when a command comes, then these events follow.

use classification_domain::{
    Classification, ClassificationCase, Command, Event, Evidence, Finding, Reason, Rejection,
};
use kernel::Actor;
use kernel::given::given;
use kernel::taxonomy::{Field, Kind, Level, Topic, Urgency};

fn finding(topic: Topic, kind: Kind) -> Finding {
    Finding {
        field: Some(topic.field()),
        topic: Some(topic),
        level: Level::TWO,
        ..Finding::nothing(kind, true)
    }
}

fn found(finding: Finding, reasons: &[Reason]) -> Classification {
    let evidence = vec![Evidence {
        rule: "flooding.water".to_owned(),
        start: 0,
        end: 4,
    }];
    Classification {
        finding,
        confidence: 900,
        evidence,
        reasons: reasons.to_vec(),
        suggested: Vec::new(),
    }
}

fn classify(finding: Finding, reasons: &[Reason]) -> Command {
    Command::Classify {
        found: found(finding, reasons),
        policy: "v1".to_owned(),
    }
}

fn decide(by: &str, finding: Finding) -> Command {
    Command::DecideReview {
        by: Actor::parse(by).expect("an actor"),
        finding,
    }
}

fn classified(finding: Finding) -> Event {
    let c = found(finding, &[]);
    Event::ReportClassified {
        finding: c.finding,
        confidence: c.confidence,
        evidence: c.evidence,
        policy: "v1".to_owned(),
    }
}

fn requested(suggestion: Finding, reason: Reason) -> Event {
    let c = found(suggestion, &[reason]);
    Event::ReviewRequested {
        reasons: c.reasons,
        suggestion: c.finding,
        confidence: c.confidence,
        evidence: c.evidence,
        policy: "v1".to_owned(),
    }
}

fn decided(by: &str, finding: Finding, changed: bool) -> Event {
    Event::ReviewDecided {
        by: Actor::parse(by).expect("an actor"),
        finding,
        changed,
    }
}

#[test]
fn what_the_rules_are_sure_of_is_classified_at_once() {
    let flood = finding(Topic::Flooding, Kind::Reflection);
    given::<ClassificationCase>(&[])
        .when(classify(flood.clone(), &[]))
        .then(&[classified(flood)]);
}

#[test]
fn what_may_be_a_denunciation_waits_for_a_person() {
    let it = finding(Topic::Corruption, Kind::Denunciation);
    given::<ClassificationCase>(&[])
        .when(classify(it.clone(), &[Reason::MayBeDenunciation]))
        .then(&[requested(it, Reason::MayBeDenunciation)]);
}

#[test]
fn classifying_again_with_the_same_result_changes_nothing_and_with_another_is_refused() {
    let flood = finding(Topic::Flooding, Kind::Reflection);
    let history = [classified(flood.clone())];
    given::<ClassificationCase>(&history)
        .when(classify(flood, &[]))
        .then_nothing();
    given::<ClassificationCase>(&history)
        .when(classify(finding(Topic::Roads, Kind::Reflection), &[]))
        .rejected(&Rejection::AlreadyClassified);
}

#[test]
fn rules_never_decide_again_what_a_person_is_asked_or_has_decided() {
    let it = finding(Topic::Corruption, Kind::Denunciation);
    let asked = [requested(it.clone(), Reason::MayBeCorruption)];
    given::<ClassificationCase>(&asked)
        .when(classify(finding(Topic::Roads, Kind::Reflection), &[]))
        .then_nothing();
    let settled = [asked[0].clone(), decided("operator:lan", it.clone(), false)];
    given::<ClassificationCase>(&settled)
        .when(classify(it, &[]))
        .then_nothing();
}

#[test]
fn a_person_confirms_or_changes_the_suggestion() {
    let it = finding(Topic::Corruption, Kind::Denunciation);
    let asked = [requested(it.clone(), Reason::MayBeCorruption)];
    given::<ClassificationCase>(&asked)
        .when(decide("operator:lan", it.clone()))
        .then(&[decided("operator:lan", it, false)]);
    let other = finding(Topic::OfficialConduct, Kind::Reflection);
    given::<ClassificationCase>(&asked)
        .when(decide("office:vp_tu", other.clone()))
        .then(&[decided("office:vp_tu", other, true)]);
}

#[test]
fn deciding_again_with_the_same_content_gives_no_events_and_otherwise_is_refused() {
    let it = finding(Topic::Corruption, Kind::Denunciation);
    let history = [
        requested(it.clone(), Reason::MayBeCorruption),
        decided("operator:lan", it.clone(), false),
    ];
    given::<ClassificationCase>(&history)
        .when(decide("operator:lan", it))
        .then_nothing();
    given::<ClassificationCase>(&history)
        .when(decide("operator:lan", finding(Topic::Roads, Kind::Reflection)))
        .rejected(&Rejection::AlreadyDecided);
}

#[test]
fn there_is_nothing_to_review_before_it_was_asked_for() {
    let it = finding(Topic::Roads, Kind::Reflection);
    given::<ClassificationCase>(&[])
        .when(decide("operator:lan", it.clone()))
        .rejected(&Rejection::NothingToReview);
    given::<ClassificationCase>(&[classified(it.clone())])
        .when(decide("operator:lan", it))
        .rejected(&Rejection::NothingToReview);
}

#[test]
fn no_service_unit_or_citizen_decides_a_review() {
    let it = finding(Topic::Roads, Kind::Reflection);
    let asked = [requested(it.clone(), Reason::LowConfidence)];
    for by in [
        "service:classification",
        "unit:ubnd_p26740",
        "citizen",
        "gateway:sms1",
    ] {
        given::<ClassificationCase>(&asked)
            .when(decide(by, it.clone()))
            .rejected(&Rejection::NotAPerson(by.to_owned()));
    }
}

#[test]
fn a_decision_that_contradicts_itself_is_refused() {
    let it = finding(Topic::Roads, Kind::Reflection);
    let asked = [requested(it.clone(), Reason::LowConfidence)];
    let wrong_field = Finding {
        field: Some(Field::PartyBuilding),
        ..it.clone()
    };
    given::<ClassificationCase>(&asked)
        .when(decide("operator:lan", wrong_field))
        .rejected(&Rejection::FieldIsNotTheTopics);
    let slow = Finding {
        kind: Kind::Emergency,
        urgency: Urgency::Normal,
        ..it
    };
    given::<ClassificationCase>(&asked)
        .when(decide("operator:lan", slow))
        .rejected(&Rejection::EmergencyIsLevelTwo);
}
