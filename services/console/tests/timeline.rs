//! The story in words: every type of event that a case can have is told in both languages, by the files that keep each type as written.

use std::collections::BTreeMap;
use std::path::Path;

use console::Lang;
use console::timeline::story;
use contracts::Recorded;
use contracts::events::CATALOGUE;
use kernel::{Actor, CaseId, EventId, Instant, Position, RequestId, StreamId};
use uuid::Uuid;

#[expect(clippy::unwrap_used, reason = "a test's own constants")]
fn recorded(position: u64, kind: &str, data: Vec<u8>) -> Recorded {
    let at = Instant::parse("2026-11-24T07:05:09Z").unwrap();
    Recorded {
        position: Position(position),
        id: EventId(Uuid::from_u128(position.into())),
        stream: StreamId::new(kind.split('.').next().unwrap(), Uuid::nil()),
        version: 1,
        case: Some(CaseId(Uuid::nil())),
        kind: kind.to_owned(),
        occurred_at: at,
        recorded_at: at,
        actor: Actor::service("routing"),
        correlation: String::new(),
        causation: None,
        traceparent: String::new(),
        data,
        has_sealed: false,
        request: RequestId(Uuid::nil()),
    }
}

#[expect(clippy::unwrap_used, reason = "the file is checked in")]
fn golden(kind: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/contracts/tests/golden");
    std::fs::read(folder.join(format!("{kind}.json"))).unwrap()
}

#[test]
fn every_event_a_case_can_have_is_told_in_words_in_both_languages() {
    let of_no_case = [
        "directory",
        "routing-policy",
        "classification-policy",
        "sla-policy",
        "ledger",
    ];
    // Of the vault as a whole, though it tells them in the category of its other facts.
    let of_the_vault = [
        "access.content_searched.v1",
        "access.reports_opened.v1",
        "access.key_rotated.v1",
    ];
    // Of a unit; what becomes of each notice is of the case.
    let of_a_unit = [
        "routing-outlet.outlet_set.v1",
        "routing-outlet.outlet_removed.v1",
        "routing-outlet.outlet_disabled.v1",
        "routing-outlet.notices_replayed.v1",
    ];
    let units = BTreeMap::new();
    let kinds = CATALOGUE
        .iter()
        .filter(|e| {
            !of_no_case.contains(&e.category)
                && !of_the_vault.contains(&e.kind)
                && !of_a_unit.contains(&e.kind)
        })
        .map(|e| e.kind);
    for kind in kinds {
        let event = [recorded(7, kind, golden(kind))];
        let (vi, en) = (
            story(&event, Lang::Vi, &units).remove(0),
            story(&event, Lang::En, &units).remove(0),
        );
        assert!(
            !vi.what.contains(kind) && !en.what.contains(kind),
            "{kind} is not told: {}",
            en.what
        );
        assert_ne!(vi.what, en.what, "{kind} has the same words in both languages");
        assert!(
            !vi.why.contains(".v1"),
            "{kind} gives the name of an event as a reason: {}",
            vi.why
        );
    }
}

#[test]
fn a_line_says_who_when_in_the_citys_time_and_why_and_names_the_unit() {
    let units = BTreeMap::from([("so_xd".to_owned(), "Sở Xây dựng".to_owned())]);
    let data = br#"{"unit":"so_xd","office":"vp_ubnd","revision":1,"basis":"level_2"}"#.to_vec();
    let line = story(
        &[recorded(9, "routing.case_dispatched.v1", data)],
        Lang::Vi,
        &units,
    )
    .remove(0);
    assert_eq!(line.what, "Chuyển tới Sở Xây dựng (thông báo số 1)");
    assert_eq!(line.when, "24/11/2026 14:05:09");
    assert_eq!(line.who, "Điều phối (tự động)");
    assert_eq!(
        line.why,
        "mức 2: chuyển ngay cho đơn vị · Văn phòng UBND Thành phố"
    );
}

#[test]
fn a_deadline_missed_is_told_with_what_was_owed() {
    let opened = golden("obligation.obligation_opened.v1");
    let opened_as: serde_json::Value = serde_json::from_slice(&opened).unwrap();
    let mut missed: serde_json::Value =
        serde_json::from_slice(&golden("obligation.obligation_missed.v1")).unwrap();
    missed["obligation"] = opened_as["obligation"].clone();
    let events = [
        recorded(1, "obligation.obligation_opened.v1", opened),
        recorded(
            2,
            "obligation.obligation_missed.v1",
            serde_json::to_vec(&missed).unwrap(),
        ),
    ];
    let lines = story(&events, Lang::En, &BTreeMap::new());
    let owed = lines[0]
        .what
        .strip_prefix("Deadline for ")
        .unwrap()
        .split(':')
        .next()
        .unwrap();
    assert_eq!(lines[1].what, format!("Deadline missed: {owed}"));
}

#[test]
fn an_event_of_tomorrow_is_told_by_its_name_and_one_that_does_not_fit_its_type_too() {
    let units = BTreeMap::new();
    for (kind, data) in [
        ("feedback.letter_praised.v1", "{}"),
        ("routing.case_routed.v1", "{\"office\":1}"),
    ] {
        let line = story(&[recorded(1, kind, data.into())], Lang::Vi, &units).remove(0);
        assert_eq!(line.what, format!("Sự kiện {kind}"));
    }
}
