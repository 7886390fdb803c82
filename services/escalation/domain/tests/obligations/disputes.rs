//! A dispute between the offices has clocks of its own: the other office's, then the leaders'.

use super::*;

const OPENED: Fact = Fact::DisputeOpened {
    answers: Some(Office::PartyCommittee),
};
/// Eight working hours after nine on that Friday, the Saturday being worked.
const NEXT: &str = "2026-08-22T09:00:00+07:00";

fn owed(what: What, owner: &str, due: &str) -> Vec<(What, String, Instant)> {
    vec![(what, owner.to_owned(), at(due))]
}

#[test]
fn the_other_office_owes_an_answer_and_after_its_refusal_the_leaders_a_decision() {
    let first = after([follow(1, FRIDAY, NORMAL, OPENED)]);
    assert_eq!(opened(&first), owed(What::DisputeAnswer, "office:vp_tu", NEXT));
    let refusal = follow(2, "2026-08-21T10:00:00+07:00", NORMAL, Fact::DisputeRefused);
    let both = after([follow(1, FRIDAY, NORMAL, OPENED), refusal]);
    assert!(both.contains(&Event::Met {
        obligation: id(1, What::DisputeAnswer),
        at: at("2026-08-21T10:00:00+07:00"),
        late: false,
    }));
    assert_eq!(
        opened(&both)[1..],
        owed(What::DisputeDecision, "leaders", "2026-08-22T10:00:00+07:00")
    );
}

#[test]
fn silence_of_the_other_office_starts_the_leaders_clock_and_its_late_refusal_does_not_start_it_again() {
    let commands = || {
        [
            follow(1, FRIDAY, NORMAL, OPENED),
            miss(1, What::DisputeAnswer, "2026-08-22T09:00:01+07:00", vec![]),
            follow(2, "2026-08-22T09:00:01+07:00", NORMAL, Fact::DisputeUnanswered),
        ]
    };
    let leaders = opened(&after(commands()))[1..].to_vec();
    assert_eq!((leaders.len(), leaders[0].0), (1, What::DisputeDecision));
    let late = follow(3, "2026-08-24T09:00:00+07:00", NORMAL, Fact::DisputeRefused);
    let all = after(commands().into_iter().chain([late]));
    assert_eq!(opened(&all)[1..], leaders);
    assert!(all.contains(&Event::Met {
        obligation: id(1, What::DisputeAnswer),
        at: at("2026-08-24T09:00:00+07:00"),
        late: true,
    }));
}

#[test]
fn the_leaders_may_decide_before_the_answer_and_then_it_is_owed_no_more() {
    let decided = |by_leaders| {
        follow(
            2,
            "2026-08-21T10:00:00+07:00",
            NORMAL,
            Fact::DisputeDecided { by_leaders },
        )
    };
    the_case([follow(1, FRIDAY, NORMAL, OPENED)])
        .when(decided(true))
        .then(&[Event::Overtaken {
            obligation: id(1, What::DisputeAnswer),
            by: "routing.some_fact.v1".to_owned(),
        }]);
    the_case([follow(1, FRIDAY, NORMAL, OPENED)])
        .when(decided(false))
        .then(&[Event::Met {
            obligation: id(1, What::DisputeAnswer),
            at: at("2026-08-21T10:00:00+07:00"),
            late: false,
        }]);
    let second = after([follow(1, FRIDAY, NORMAL, Fact::DisputeOpened { answers: None })]);
    assert_eq!(opened(&second), owed(What::DisputeDecision, "leaders", NEXT));
}

#[test]
fn the_citizens_deadlines_go_on_and_an_urgent_case_is_not_disputed_for_a_day() {
    the_case([
        follow(1, FRIDAY, NORMAL, dispatched(1)),
        follow(2, FRIDAY, NORMAL, OPENED),
    ])
    .when(miss(1, What::Acceptance, "2026-08-22T09:00:01+07:00", vec![]))
    .then(&[Event::Missed {
        obligation: id(1, What::Acceptance),
        due: at(NEXT),
        due_revision: 1,
    }]);
    let urgent = CaseFacts {
        urgency: Urgency::Urgent,
        ..NORMAL
    };
    let events = after([follow(1, FRIDAY, urgent, OPENED)]);
    assert_eq!(
        opened(&events),
        owed(What::DisputeAnswer, "office:vp_tu", "2026-08-21T11:00:00+07:00")
    );
}

#[test]
fn what_an_office_owed_the_citizen_the_other_one_owes_by_the_same_time() {
    let four = CaseFacts {
        level: Level::FOUR,
        ..NORMAL
    };
    let to = |office| Fact::CaseRouted {
        office,
        destination: Destination::Office,
        past_opinion: false,
    };
    let events = after([
        follow(1, FRIDAY, four, to(Office::PeoplesCommittee)),
        follow(2, "2026-08-25T09:00:00+07:00", four, to(Office::PartyCommittee)),
    ]);
    let dialogues: Vec<_> = opened(&events)
        .into_iter()
        .filter(|it| it.0 == What::Dialogue)
        .collect();
    let [(_, first, due), (_, second, still)] = &dialogues[..] else {
        panic!("{dialogues:?}");
    };
    assert_eq!(
        (first.as_str(), second.as_str()),
        ("office:vp_ubnd", "office:vp_tu")
    );
    assert_eq!(due, still, "a dispute gives nobody more time with the citizen");
    assert!(events.contains(&Event::Overtaken {
        obligation: id(1, What::Dialogue),
        by: "routing.some_fact.v1".to_owned(),
    }));
}
