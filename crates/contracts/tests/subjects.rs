//! Subjects: what a consumer filters for is what the relay publishes, and no name can widen what a user may see.

use contracts::subjects;
use kernel::taxonomy::Office;
use kernel::{CaseId, StreamId};
use uuid::Uuid;

/// NATS' own rule: `*` stands for one token, `>` for one or more at the end.
fn matches(filter: &str, subject: &str) -> bool {
    let mut subject = subject.split('.');
    for token in filter.split('.') {
        match (token, subject.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (token, Some(found)) if token == found => {}
            _ => return false,
        }
    }
    subject.next().is_none()
}

#[test]
fn a_consumer_hears_what_the_relay_publishes_of_its_type_and_shard_only() {
    let case = CaseId(Uuid::from_u128(0xabc5));
    let stream = StreamId::new("routing", case.0);
    let subject = subjects::event(4, &stream, "routing.case_routed.v1", Some(case));
    assert_eq!(
        subject,
        "evt.1.routing.case_routed.00000000-0000-0000-0000-00000000abc5"
    );
    assert!(matches(
        &subjects::event_filter(1, "routing.case_routed"),
        &subject
    ));
    assert!(matches(
        &subjects::event_filter(1, "routing.case_routed.v1"),
        &subject
    ));
    assert!(!matches(
        &subjects::event_filter(2, "routing.case_routed"),
        &subject
    ));
    assert!(!matches(
        &subjects::event_filter(1, "routing.case_dispatched"),
        &subject
    ));
    assert!(matches(subjects::EVENTS_SUBJECTS, &subject));
    assert!(matches(&subjects::shard_filter(1), &subject));
    assert!(!matches(&subjects::shard_filter(2), &subject));
}

#[test]
fn all_streams_of_a_case_fall_into_one_shard() {
    let case = CaseId(Uuid::from_u128(0x77));
    let shard = |stream: StreamId| {
        let subject = subjects::event(16, &stream, "x.y.v1", Some(case));
        subject.split('.').nth(1).map(str::to_owned)
    };
    let own = shard(StreamId::new("report", case.0));
    assert_eq!(own, shard(StreamId::new("message", Uuid::from_u128(0x1234))));
    assert_eq!(own.as_deref(), Some("7"));
    assert_eq!(subjects::shard_of(&case.0, 0), 0, "no shards means one");
}

#[test]
fn a_unit_sees_its_own_cases_and_nobody_elses() {
    let case = CaseId(Uuid::from_u128(1));
    let own = subjects::case_notice(Office::PartyCommittee, "so_xd", case, 3);
    let other = subjects::case_notice(Office::PartyCommittee, "so_yt", case, 3);
    assert!(matches(&subjects::unit_cases("so_xd"), &own));
    assert!(!matches(&subjects::unit_cases("so_xd"), &other));
    assert!(matches(subjects::CASES_SUBJECTS, &own));
    assert!(matches(subjects::DESK_ALL, &subjects::desk("so_xd", "open")));
}

#[test]
fn a_gateway_may_publish_by_every_channel_under_its_own_name_only() {
    let own = subjects::inbox_of("gw1");
    assert!(matches(&own, &subjects::inbox_express("gw1")));
    for channel in kernel::taxonomy::Channel::ALL {
        assert!(matches(&own, &subjects::inbox(*channel, "gw1")));
        assert!(!matches(&own, &subjects::inbox(*channel, "gw2")));
    }
    assert!(matches(subjects::SUBMIT_ALL, &subjects::submit("sms", "gw1")));
    assert!(matches(
        subjects::RECEIPTS_SUBJECTS,
        &subjects::receipts("express", "gw1")
    ));
    assert!(matches(subjects::INBOX_SUBJECTS, &own));
}

#[test]
fn a_name_that_would_change_the_meaning_of_a_subject_is_no_token() {
    for good in ["so_xd", "gw-1", "a"] {
        assert!(subjects::is_token(good), "{good}");
    }
    for bad in ["", "*", ">", "a.b", "a b", "Sở", "SO_XD", "a\n", &"x".repeat(65)] {
        assert!(!subjects::is_token(bad), "{bad:?}");
    }
}
