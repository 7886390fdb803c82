//! What meets or overtakes an obligation.

use super::*;

#[test]
fn a_review_is_met_by_the_decision_and_late_when_that_came_after_the_hour() {
    let asked = || the_case([follow(1, FRIDAY, NORMAL, Fact::ReviewRequested)]);
    let met = |when: &str, late| {
        [Event::Met {
            obligation: id(1, What::Review),
            at: at(when),
            late,
        }]
    };
    let exactly = "2026-08-21T10:00:00+07:00";
    asked()
        .when(follow(2, exactly, NORMAL, Fact::ReviewDecided))
        .then(&met(exactly, false));
    let after = "2026-08-21T10:00:00.000001+07:00";
    asked()
        .when(follow(2, after, NORMAL, Fact::ReviewDecided))
        .then(&met(after, true));
}

#[test]
fn an_order_or_an_opinion_is_met_by_the_dispatch_that_follows_and_guidance_meets_the_desk() {
    let level = |level| CaseFacts { level, ..NORMAL };
    let four = the_case([follow(1, FRIDAY, level(Level::FOUR), routed(Destination::Office))]);
    let Ok(events) = Obligations::decide(
        &Obligations::fold(&after([follow(
            1,
            FRIDAY,
            level(Level::FOUR),
            routed(Destination::Office),
        )])),
        follow(2, FRIDAY, level(Level::FOUR), dispatched(1)),
    ) else {
        panic!("a dispatch is never rejected")
    };
    assert_eq!(
        events[0],
        Event::Met {
            obligation: id(1, What::DispatchOrder),
            at: at(FRIDAY),
            late: false
        }
    );
    assert_eq!(opened(&events).len(), 2);
    four.when(follow(2, FRIDAY, level(Level::FOUR), Fact::OpinionGiven))
        .then_nothing();

    the_case([follow(
        1,
        FRIDAY,
        level(Level::THREE),
        routed(Destination::Office),
    )])
    .when(follow(2, FRIDAY, level(Level::THREE), Fact::OpinionGiven))
    .then(&[Event::Met {
        obligation: id(1, What::Opinion),
        at: at(FRIDAY),
        late: false,
    }]);
    the_case([follow(1, FRIDAY, level(Level::ONE), routed(Destination::Desk))])
        .when(follow(2, FRIDAY, level(Level::ONE), Fact::GuidanceGiven))
        .then(&[Event::Met {
            obligation: id(1, What::DeskAnswer),
            at: at(FRIDAY),
            late: false,
        }]);
}

#[test]
fn a_part_done_shows_that_the_unit_took_the_case_on_and_the_rest_is_owed_by_the_same_time() {
    let part = Fact::ResultReported {
        revision: 1,
        partial: true,
    };
    let accepted = Event::Met {
        obligation: id(1, What::Acceptance),
        at: at(FRIDAY),
        late: false,
    };
    the_case([follow(1, FRIDAY, NORMAL, dispatched(1))])
        .when(follow(2, FRIDAY, NORMAL, part.clone()))
        .then(&[accepted]);
    let late = "2026-09-30T09:00:00+07:00";
    the_case([
        follow(1, FRIDAY, NORMAL, dispatched(1)),
        follow(2, FRIDAY, NORMAL, part.clone()),
    ])
    .when(follow(3, late, NORMAL, result(1)))
    .then(&[Event::Met {
        obligation: id(1, What::Result),
        at: at(late),
        late: true,
    }]);
    // Nor does a part done in time keep the deadline from being missed.
    let history = after([follow(1, FRIDAY, NORMAL, dispatched(1))]);
    let missed = Obligations::decide(
        &Obligations::fold(&history),
        Command::RecordMiss {
            obligation: id(1, What::Result),
            due_revision: 1,
            now: at(late),
            since: vec![(at(FRIDAY), part)],
        },
    );
    assert!(
        matches!(missed.as_deref(), Ok([Event::Missed { .. }])),
        "{missed:?}"
    );
}

#[test]
fn level_4_owes_its_dialogue_and_level_5_its_letter_until_they_come_and_anew_when_reopened() {
    let level = |level| CaseFacts { level, ..NORMAL };
    for (n, what, done) in [
        (Level::FOUR, What::Dialogue, Fact::DialogueHeld),
        (Level::FIVE, What::Letter, Fact::LetterSent),
    ] {
        let first = after([follow(1, FRIDAY, level(n), routed(Destination::Office))]);
        let whats: Vec<What> = opened(&first).into_iter().map(|(what, ..)| what).collect();
        assert_eq!(whats, [What::DispatchOrder, what]);
        // The unit's result does not end it, and coming back to the office does not start it anew.
        let on_the_way = [
            follow(1, FRIDAY, level(n), routed(Destination::Office)),
            follow(2, FRIDAY, level(n), dispatched(1)),
            follow(3, FRIDAY, level(n), result(1)),
        ];
        the_case(on_the_way.clone())
            .when(follow(4, FRIDAY, level(n), done))
            .then(&[Event::Met {
                obligation: id(1, what),
                at: at(FRIDAY),
                late: false,
            }]);
        let back = after(on_the_way.clone().into_iter().chain([follow(
            4,
            FRIDAY,
            level(n),
            routed(Destination::Office),
        )]));
        assert_eq!(opened(&back).iter().filter(|(w, ..)| *w == what).count(), 1);
        let again = after(on_the_way.into_iter().chain([
            follow(4, FRIDAY, level(n), Fact::CaseClosed),
            follow(
                5,
                FRIDAY,
                level(n),
                Fact::CaseReopened {
                    office: Office::PartyCommittee,
                },
            ),
        ]));
        let (last, owner, _) = opened(&again).pop().unwrap();
        assert_eq!((last, owner.as_str()), (what, "office:vp_tu"));
    }
}

#[test]
fn a_result_without_acceptance_meets_both() {
    the_case([follow(1, FRIDAY, NORMAL, dispatched(1))])
        .when(follow(2, FRIDAY, NORMAL, result(1)))
        .then(&[
            Event::Met {
                obligation: id(1, What::Acceptance),
                at: at(FRIDAY),
                late: false,
            },
            Event::Met {
                obligation: id(1, What::Result),
                at: at(FRIDAY),
                late: false,
            },
        ]);
}

#[test]
fn what_is_said_of_an_old_dispatch_does_not_touch_the_clock_of_the_new_one() {
    let redispatched = || {
        the_case([
            follow(1, FRIDAY, NORMAL, dispatched(1)),
            follow(2, FRIDAY, NORMAL, dispatched(2)),
        ])
    };
    redispatched()
        .when(follow(3, FRIDAY, NORMAL, Fact::CaseAccepted { revision: 1 }))
        .then_nothing();
    redispatched()
        .when(follow(3, FRIDAY, NORMAL, Fact::CaseAccepted { revision: 2 }))
        .then(&[Event::Met {
            obligation: id(2, What::Acceptance),
            at: at(FRIDAY),
            late: false,
        }]);
}

#[test]
fn a_returned_case_is_owed_by_the_office_unless_it_was_placed_at_once() {
    let returned = |placed| Fact::CaseReturned {
        revision: 1,
        office: Office::PeoplesCommittee,
        placed,
    };
    let overtaken = |what| Event::Overtaken {
        obligation: id(1, what),
        by: "routing.some_fact.v1".to_owned(),
    };
    let one = || [follow(1, FRIDAY, NORMAL, dispatched(1))];
    the_case(one())
        .when(follow(2, FRIDAY, NORMAL, returned(true)))
        .then(&[overtaken(What::Acceptance), overtaken(What::Result)]);
    let events = after(
        one()
            .into_iter()
            .chain([follow(2, FRIDAY, NORMAL, returned(false))]),
    );
    assert_eq!(
        opened(&events)[2],
        (
            What::DispatchOrder,
            "office:vp_ubnd".to_owned(),
            at("2026-08-24T17:00:00+07:00"),
        )
    );
}

#[test]
fn closing_overtakes_whatever_is_owed_and_nothing_stays_to_be_missed() {
    let closed = the_case([
        follow(1, FRIDAY, NORMAL, dispatched(1)),
        follow(2, FRIDAY, NORMAL, Fact::CaseAccepted { revision: 1 }),
        follow(3, FRIDAY, NORMAL, Fact::CaseClosed),
    ]);
    closed
        .when(miss(1, What::Result, "2027-01-01T00:00:00+07:00", Vec::new()))
        .then_nothing();
}
