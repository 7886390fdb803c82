//! What may be a report and what may not: one line a case.
#![allow(clippy::unwrap_used, reason = "a test may")]

use intake_domain::submission::{AHEAD, EARLIEST, MAX_ID, MAX_TEXT};
use intake_domain::{Address, Reason, Submission};
use kernel::Instant;
use kernel::taxonomy::Channel;
use proptest::prelude::*;

const NOW: Instant = Instant(1_774_314_000_000_000); // 2026-03-24T01:00:00Z

fn good() -> Submission {
    Submission {
        channel: "sms".into(),
        id: "42".into(),
        text: "Ngập nước ở đường Nguyễn Hữu Cảnh".into(),
        ..Submission::default()
    }
}

fn refused(change: impl FnOnce(&mut Submission)) -> Option<Reason> {
    let mut submission = good();
    change(&mut submission);
    submission.accept(NOW).err().map(|r| r.reason)
}

#[test]
fn what_cannot_be_a_report_is_refused_with_its_reason() {
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(refused(|_| ()), None);
    assert_eq!(refused(|s| s.id = String::new()), Some(Reason::NoId));
    assert_eq!(refused(|s| s.id = " \t".into()), Some(Reason::NoId));
    assert_eq!(refused(|s| s.id = "x".repeat(MAX_ID)), None);
    assert_eq!(refused(|s| s.id = "x".repeat(MAX_ID + 1)), Some(Reason::BadId));
    assert_eq!(refused(|s| s.id = "a\nb".into()), Some(Reason::BadId));
    assert_eq!(refused(|s| s.id = "a\0b".into()), Some(Reason::Nul));
    assert_eq!(refused(|s| s.text = String::new()), Some(Reason::NoText));
    assert_eq!(
        refused(|s| s.text = " \n\u{a0}\u{200b}\u{feff}".into()),
        Some(Reason::NoText)
    );
    assert_eq!(refused(|s| s.text = "?".into()), None);
    assert_eq!(refused(|s| s.text = "cháy\0nhà".into()), Some(Reason::Nul));
    assert_eq!(refused(|s| s.text = "ộ".repeat(MAX_TEXT)), None);
    assert_eq!(
        refused(|s| s.text = "ộ".repeat(MAX_TEXT + 1)),
        Some(Reason::TooLarge)
    );
    assert_eq!(
        refused(|s| s.channel = "fax".into()),
        Some(Reason::UnknownChannel)
    );
    assert_eq!(
        refused(|s| s.channel = "express".into()),
        Some(Reason::UnknownChannel)
    );
    assert_eq!(refused(|s| s.line = some("911")), Some(Reason::UnknownLine));
    assert_eq!(refused(|s| s.line = some("0888.247.247")), None);
    assert_eq!(refused(|s| s.line = some("")), None);
    assert_eq!(
        refused(|s| s.occurred_at = some("hôm qua")),
        Some(Reason::BadTime)
    );
    assert_eq!(
        refused(|s| s.occurred_at = some("2026-03-24T08:00:00")),
        Some(Reason::BadTime),
        "a time without a zone is no instant"
    );
    assert_eq!(
        refused(|s| s.occurred_at = some(&NOW.plus_micros(AHEAD).to_string())),
        None
    );
    assert_eq!(
        refused(|s| s.occurred_at = some(&NOW.plus_micros(AHEAD + 1).to_string())),
        Some(Reason::Future)
    );
    assert_eq!(
        refused(|s| s.occurred_at = some("9999-12-01T00:00:00Z")),
        Some(Reason::Future)
    );
    assert_eq!(
        refused(|s| s.occurred_at = some(&EARLIEST.plus_micros(-1).to_string())),
        Some(Reason::TooOld)
    );
    assert_eq!(refused(|s| s.latitude = Some(10.7)), Some(Reason::BadCoordinates));
    assert_eq!(
        refused(|s| (s.latitude, s.longitude) = (Some(10.7), Some(106.7))),
        None
    );
    assert_eq!(
        refused(|s| (s.latitude, s.longitude) = (Some(106.7), Some(10.7))),
        Some(Reason::BadCoordinates)
    );
    assert_eq!(
        refused(|s| (s.latitude, s.longitude) = (Some(f64::NAN), Some(10.7))),
        Some(Reason::BadCoordinates)
    );
    assert_eq!(
        refused(|s| s.name = Some("a".repeat(257))),
        Some(Reason::FieldTooLong)
    );
    assert_eq!(refused(|s| s.address = some("12 Lê Lợi\0")), Some(Reason::Nul));
}

#[test]
fn a_text_is_kept_as_it_came_even_in_nfd() {
    let nfd = "Nga\u{323}\u{302}p nu\u{31b}\u{301}c";
    let accepted = Submission {
        text: nfd.into(),
        ..good()
    }
    .accept(NOW)
    .unwrap();
    assert_eq!(accepted.submission.text, nfd);
    assert_eq!(accepted.text_length as usize, nfd.chars().count());
}

#[test]
fn a_report_without_a_time_was_said_now_and_one_with_a_zone_when_it_says() {
    assert_eq!(good().accept(NOW).unwrap().occurred_at, NOW);
    let told = Submission {
        occurred_at: Some("2016-03-24T08:00:00+07:00".into()),
        ..good()
    };
    assert_eq!(
        told.accept(NOW).unwrap().occurred_at.to_string(),
        "2016-03-24T01:00:00Z"
    );
}

#[test]
fn the_answer_goes_back_the_way_the_report_came_and_never_to_what_is_no_address() {
    let address = |channel: &str, phone: &str, email: &str| {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let s = Submission {
            channel: channel.into(),
            phone: given(phone),
            email: given(email),
            ..good()
        };
        s.accept(NOW).unwrap().address
    };
    let phone = Some(Address::Phone("+84900000011".into()));
    let email = Some(Address::Email("lan@example.vn".into()));
    assert_eq!(address("sms", "0900 000 011", "lan@example.vn"), phone);
    assert_eq!(address("phone", "0900 000 011", ""), phone);
    assert_eq!(address("email", "0900 000 011", "lan@Example.VN"), email);
    assert_eq!(address("web", "0900 000 011", "lan@example.vn"), email);
    assert_eq!(address("web", "0900 000 011", ""), phone);
    assert_eq!(address("sms", "09xx xxx 431", ""), None);
    assert_eq!(address("sms", "1022", ""), None);
    for bad in [
        "lan",
        "lan@",
        "@example.vn",
        "lan@example",
        "la n@example.vn",
        "lan@-example.vn",
        "lan@example.vn\r\nBcc: x@y.z",
        "a..b@c.vn",
    ] {
        assert_eq!(address("email", "", bad), None, "{bad}");
    }
}

#[test]
fn the_channel_is_read_from_its_code() {
    assert_eq!(good().accept(NOW).unwrap().channel, Channel::Sms);
}

proptest! {
    #[test]
    fn whatever_comes_is_accepted_or_refused_and_its_canonical_form_tells_it_from_any_other(
        id in ".{0,140}", text in ".{0,200}", phone in proptest::option::of(".{0,20}"), name in proptest::option::of(".{0,20}"),
        latitude in proptest::option::of(any::<f64>()),
    ) {
        let one = Submission { id, text, phone, name, latitude, ..good() };
        let _ = one.clone().accept(NOW);
        let moved = Submission { name: one.phone.clone(), phone: one.name.clone(), ..one.clone() };
        let blank = |p: &Option<String>| p.as_deref().is_none_or(|t| t.trim().is_empty());
        let same = one.phone == one.name || (blank(&one.phone) && blank(&one.name));
        prop_assert_eq!(one.canonical().unwrap() == moved.canonical().unwrap(), same);
    }
}

#[test]
fn the_canonical_form_ignores_how_a_time_is_written_and_whether_an_empty_part_is_sent() {
    let at = |text: &str| {
        Submission {
            occurred_at: Some(text.into()),
            ..good()
        }
        .canonical()
        .unwrap()
    };
    assert_eq!(at("2026-03-24T08:00:00+07:00"), at("2026-03-24T01:00:00Z"));
    assert_eq!(
        Submission {
            name: Some(" ".into()),
            ..good()
        }
        .canonical(),
        good().canonical()
    );
    assert_ne!(
        Submission {
            incomplete: true,
            ..good()
        }
        .canonical(),
        good().canonical()
    );
    assert_ne!(at("2026-03-24T01:00:00Z"), good().canonical().unwrap());
}
