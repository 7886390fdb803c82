//! Laws of ids, actors and codes, over any input.

use kernel::ids::BadCode;
use kernel::taxonomy::{Destination, Kind, Level, Topic, Urgency};
use kernel::{Actor, IdentityKey, Instant, RequestId, StreamId, TrackingCode};
use proptest::prelude::*;
use uuid::Uuid;

fn code(request: &str) -> TrackingCode {
    let key = IdentityKey::new([7; 32]);
    key.code_of(key.case_of(RequestId::client("sms/gw1", request)))
}

proptest! {
    #[test]
    fn a_code_reads_back_however_it_is_typed(request in ".{0,20}", lower in any::<bool>(), dashes in any::<bool>()) {
        let code = code(&request);
        let mut typed = if lower { code.as_str().to_lowercase() } else { code.as_str().to_owned() };
        if !dashes {
            typed = typed.replace('-', "");
        }
        let typed = typed.replace('0', "O").replace('1', "l");
        prop_assert_eq!(TrackingCode::parse(&typed), Ok(code));
    }

    #[test]
    fn one_wrong_character_of_a_code_is_always_found(request in "[0-9]{1,9}", place in 0..10_usize, other in "[0-9A-HJKMNP-TV-Z]") {
        let code = code(&request);
        let mut typed: Vec<char> = code.as_str().chars().filter(|c| *c != '-').collect();
        let (at, other) = (place + 2, other.chars().next().unwrap());
        prop_assume!(typed[at] != other);
        // 31 is the modulus: 0 and Z (31) are the one pair that looks the same to it.
        prop_assume!(!matches!((typed[at], other), ('0', 'Z') | ('Z', '0')));
        typed[at] = other;
        prop_assert_eq!(TrackingCode::parse(&typed.iter().collect::<String>()), Err(BadCode::Check));
    }

    #[test]
    fn nothing_a_person_types_makes_the_parsers_panic(text in ".{0,64}") {
        let _ = TrackingCode::parse(&text);
        let _ = Instant::parse(&text);
        if let Ok(actor) = Actor::parse(&text) {
            prop_assert_eq!(actor.as_str(), text);
        }
    }

    #[test]
    fn two_senders_never_share_a_request(a in "[a-z:/]{0,8}", b in "[a-z:/]{0,8}", c in "[a-z:/]{0,8}", d in "[a-z:/]{0,8}") {
        prop_assert_eq!((&a, &b) == (&c, &d), RequestId::client(&a, &b) == RequestId::client(&c, &d));
    }

    #[test]
    fn a_code_of_any_list_reads_back(index in any::<prop::sample::Index>()) {
        let topic = *index.get(Topic::ALL);
        prop_assert_eq!(topic.code().parse::<Topic>(), Ok(topic));
        let json = serde_json::to_value(topic).unwrap();
        prop_assert_eq!(json.as_str(), Some(topic.code()));
    }
}

#[test]
fn an_actor_is_a_role_and_an_id_and_never_a_name() {
    for good in [
        "citizen",
        "service:routing",
        "unit:so_xd",
        "operator:17",
        "leader:a.b-c",
    ] {
        let actor = Actor::parse(good).unwrap();
        assert_eq!(actor.role(), good.split(':').next().unwrap());
        assert_eq!(actor.id(), good.split(':').nth(1).unwrap_or_default());
    }
    for bad in [
        "",
        "unit",
        "unit:",
        "citizen:1",
        "mayor:1",
        "operator:Nguyễn Văn A",
        "operator:a b",
        "unit:a:b",
        "operator:a@b.vn",
    ] {
        assert!(Actor::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_level_is_one_to_five_on_the_wire_too() {
    for level in 0..=255_u8 {
        let read = serde_json::from_value::<Level>(serde_json::json!(level));
        assert_eq!(read.is_ok(), (1..=5).contains(&level), "{level}");
    }
}

#[test]
fn an_unknown_code_is_answered_with_the_known_ones() {
    let error = "fire".parse::<Urgency>().unwrap_err().to_string();
    assert_eq!(error, "unknown urgency: the codes are emergency, urgent, normal");
    assert!("".parse::<Kind>().is_err() && "Desk".parse::<Destination>().is_err());
}

#[test]
fn ids_follow_from_their_cause_alone() {
    let cause = kernel::EventId(Uuid::from_u128(1));
    let request = RequestId::reaction(cause, "routing");
    assert_eq!(request, RequestId::reaction(cause, "routing"));
    assert_ne!(request, RequestId::reaction(cause, "feedback"));
    assert_ne!(request.event_id(0), request.event_id(1));
    let obligation = Uuid::from_u128(2);
    assert_ne!(
        RequestId::timer(obligation, 1, "missed"),
        RequestId::timer(obligation, 2, "missed")
    );
    assert_ne!(
        RequestId::timer(obligation, 1, "missed"),
        RequestId::timer(obligation, 1, "reminded")
    );
    assert_eq!(
        StreamId::named("sla-policy", "city"),
        StreamId::named("sla-policy", "city")
    );
}

#[test]
fn an_instant_beyond_the_calendar_is_shown_at_its_end_and_does_not_panic() {
    for far in [i64::MIN, -1, 0, 1, i64::MAX] {
        assert!(!Instant(far).to_string().is_empty());
        let _ = Instant(far).plus_micros(far);
    }
    assert_eq!(
        Instant::parse("2016-03-24T08:00:00+07:00").unwrap().to_string(),
        "2016-03-24T01:00:00Z"
    );
}
