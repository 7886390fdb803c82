//! Given a case's obligations, when a fact comes or a deadline passes, then these obligations open, end or are missed.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests; clippy.toml allows it in the tests themselves"
)]

use std::sync::Arc;

use escalation_domain::obligation::obligation_id;
use escalation_domain::{
    BUILT_IN, CaseFacts, Command, Event, Fact, Note, Obligations, Policy, Rejection, Sla, What,
};
use kernel::given::{Given, given};
use kernel::taxonomy::{Destination, Kind, Level, Office, Urgency};
use kernel::{Decider, EventId, Instant};
use proptest::prelude::*;
use uuid::Uuid;
use vietnam::Calendar;

const NORMAL: CaseFacts = CaseFacts {
    kind: Kind::Reflection,
    urgency: Urgency::Normal,
    level: Level::TWO,
};
/// A Friday before a swapped Saturday, which is worked.
const FRIDAY: &str = "2026-08-21T09:00:00+07:00";

fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

fn sla() -> Arc<Sla> {
    Arc::new(Sla {
        policy: Policy::parse(BUILT_IN).unwrap(),
        version: "v1".to_owned(),
        calendar: Calendar::vietnam(),
    })
}

fn cause(n: u128) -> EventId {
    EventId(Uuid::from_u128(n))
}

/// The n-th event of the case said this.
fn follow(n: u128, when: &str, facts: CaseFacts, fact: Fact) -> Command {
    Command::Follow(Note {
        cause: cause(n),
        kind: "routing.some_fact.v1".to_owned(),
        at: at(when),
        fact,
        facts,
        sla: sla(),
    })
}

fn dispatched(revision: u32) -> Fact {
    Fact::CaseDispatched {
        unit: "so_xd".to_owned(),
        revision,
    }
}

fn result(revision: u32) -> Fact {
    Fact::ResultReported {
        revision,
        partial: false,
    }
}

fn routed(destination: Destination) -> Fact {
    Fact::CaseRouted {
        office: Office::PeoplesCommittee,
        destination,
        past_opinion: false,
    }
}

/// What such commands come to, one after the other.
fn after(commands: impl IntoIterator<Item = Command>) -> Vec<Event> {
    let mut history = Vec::new();
    for command in commands {
        history.extend(Obligations::decide(&Obligations::fold(&history), command).unwrap());
    }
    history
}

fn opened(events: &[Event]) -> Vec<(What, String, Instant)> {
    let one = |e: &Event| match e {
        Event::Opened { what, owner, due, .. } => Some((*what, owner.clone(), *due)),
        _ => None,
    };
    events.iter().filter_map(one).collect()
}

fn the_case(commands: impl IntoIterator<Item = Command>) -> Given<Obligations> {
    given(&after(commands))
}

fn id(n: u128, what: What) -> Uuid {
    obligation_id(cause(n), what)
}

#[test]
fn a_dispatch_opens_acceptance_and_result_with_their_arithmetic_written_down() {
    let opened = |what: What, due: &str, rule: &str, arithmetic: &[&str]| Event::Opened {
        obligation: id(1, what),
        what,
        owner: "unit:so_xd".to_owned(),
        from: at(FRIDAY),
        due: at(due),
        due_revision: 1,
        rule: rule.to_owned(),
        policy: "v1".to_owned(),
        arithmetic: arithmetic.iter().map(|s| (*s).to_owned()).collect(),
        revision: 1,
    };
    the_case([])
        .when(follow(1, FRIDAY, NORMAL, dispatched(1)))
        .then(&[
            opened(
                What::Acceptance,
                "2026-08-22T09:00:00+07:00",
                "acceptance",
                &[
                    "from=2026-08-21T09:00:00+07:00",
                    "8_working_hours",
                    "count=2026-08-21/09:00-11:30/150",
                    "count=2026-08-21/13:00-17:00/240",
                    "count=2026-08-22/07:30-09:00/90/swapped_in",
                ],
            ),
            opened(
                What::Result,
                "2026-08-27T17:00:00+07:00",
                "result",
                &[
                    "from=2026-08-21T09:00:00+07:00",
                    "5_working_days",
                    "day=1/2026-08-22/swapped_in",
                    "skip=2026-08-23/weekend",
                    "day=2/2026-08-24",
                    "day=3/2026-08-25",
                    "day=4/2026-08-26",
                    "day=5/2026-08-27",
                ],
            ),
        ]);
}

#[test]
fn an_emergency_runs_on_the_wall_clock_through_the_night_of_tet() {
    let facts = CaseFacts {
        urgency: Urgency::Emergency,
        ..NORMAL
    };
    let events = after([follow(1, "2026-02-16T23:50:00+07:00", facts, dispatched(1))]);
    assert_eq!(
        opened(&events),
        [
            (
                What::Acceptance,
                "unit:so_xd".to_owned(),
                at("2026-02-17T00:05:00+07:00")
            ),
            (
                What::Result,
                "unit:so_xd".to_owned(),
                at("2026-02-17T03:50:00+07:00")
            ),
        ]
    );
}

#[test]
fn a_crime_report_leaves_the_clock_for_the_police() {
    let facts = CaseFacts {
        kind: Kind::CrimeReport,
        ..NORMAL
    };
    the_case([])
        .when(follow(1, FRIDAY, facts, dispatched(1)))
        .then_nothing();
}

#[test]
fn each_resting_place_owes_what_its_level_asks() {
    let at_level = |level, destination, past_opinion| {
        let fact = Fact::CaseRouted {
            office: Office::PartyCommittee,
            destination,
            past_opinion,
        };
        let events = after([follow(1, FRIDAY, CaseFacts { level, ..NORMAL }, fact)]);
        opened(&events)
            .into_iter()
            .map(|(what, owner, _)| (what, owner))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        at_level(Level::ONE, Destination::Desk, false),
        [(What::DeskAnswer, "desk".to_owned())]
    );
    assert_eq!(
        at_level(Level::THREE, Destination::Office, false),
        [(What::Opinion, "office:vp_tu".to_owned())]
    );
    assert_eq!(
        at_level(Level::THREE, Destination::Office, true),
        [(What::DispatchOrder, "office:vp_tu".to_owned())]
    );
    assert_eq!(
        at_level(Level::FOUR, Destination::Office, false),
        [
            (What::DispatchOrder, "office:vp_tu".to_owned()),
            (What::Dialogue, "office:vp_tu".to_owned())
        ]
    );
    assert_eq!(
        at_level(Level::FIVE, Destination::Office, false),
        [
            (What::DispatchOrder, "office:vp_tu".to_owned()),
            (What::Letter, "office:vp_tu".to_owned())
        ]
    );
    for destination in [
        Destination::Unit,
        Destination::Review,
        Destination::Police,
        Destination::None,
    ] {
        assert_eq!(at_level(Level::TWO, destination, false), []);
    }
}

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

fn miss(n: u128, what: What, now: &str, since: Vec<(Instant, Fact)>) -> Command {
    Command::RecordMiss {
        obligation: id(n, what),
        due_revision: 1,
        now: at(now),
        since,
    }
}

#[test]
fn silence_past_the_deadline_is_missed_once_and_an_answer_is_then_late() {
    let due = at("2026-08-22T09:00:00+07:00");
    let missed = Event::Missed {
        obligation: id(1, What::Acceptance),
        due,
        due_revision: 1,
    };
    let history = after([follow(1, FRIDAY, NORMAL, dispatched(1))]);
    given::<Obligations>(&history)
        .when(miss(1, What::Acceptance, "2026-08-22T09:00:00+07:00", Vec::new()))
        .rejected(&Rejection::NotDue { due });
    let late = "2026-08-22T09:00:00.000001+07:00";
    given::<Obligations>(&history)
        .when(miss(1, What::Acceptance, late, Vec::new()))
        .then(std::slice::from_ref(&missed));
    let history: Vec<Event> = history.into_iter().chain([missed]).collect();
    given::<Obligations>(&history)
        .when(miss(1, What::Acceptance, late, Vec::new()))
        .then_nothing();
    given::<Obligations>(&history)
        .when(follow(2, late, NORMAL, Fact::CaseAccepted { revision: 1 }))
        .then(&[Event::Met {
            obligation: id(1, What::Acceptance),
            at: at(late),
            late: true,
        }]);
}

#[test]
fn what_was_done_in_time_is_not_called_missed_because_we_had_not_followed_it_yet() {
    let one = || the_case([follow(1, FRIDAY, NORMAL, dispatched(1))]);
    let now = "2026-08-25T00:00:00+07:00";
    let accepted = |when: &str| vec![(at(when), Fact::CaseAccepted { revision: 1 })];
    one()
        .when(miss(
            1,
            What::Acceptance,
            now,
            accepted("2026-08-22T09:00:00+07:00"),
        ))
        .then_nothing();
    one()
        .when(miss(
            1,
            What::Acceptance,
            now,
            accepted("2026-08-22T09:00:01+07:00"),
        ))
        .then(&[Event::Missed {
            obligation: id(1, What::Acceptance),
            due: at("2026-08-22T09:00:00+07:00"),
            due_revision: 1,
        }]);
}

#[test]
fn an_obligation_nobody_opened_cannot_be_missed() {
    the_case([])
        .when(miss(9, What::Result, FRIDAY, Vec::new()))
        .rejected(&Rejection::UnknownObligation);
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let revision = 1..4_u32;
    prop_oneof![
        Just(Fact::ReviewRequested),
        Just(Fact::ReviewDecided),
        Just(Fact::GuidanceGiven),
        Just(Fact::OpinionGiven),
        Just(Fact::DialogueHeld),
        Just(Fact::LetterSent),
        Just(Fact::CaseReopened {
            office: Office::PeoplesCommittee
        }),
        Just(Fact::CaseClosed),
        prop::sample::select(Destination::ALL).prop_map(routed),
        revision.clone().prop_map(dispatched),
        revision
            .clone()
            .prop_map(|revision| Fact::CaseAccepted { revision }),
        revision.clone().prop_flat_map(
            |revision| any::<bool>().prop_map(move |partial| Fact::ResultReported { revision, partial })
        ),
        (revision, any::<bool>()).prop_map(|(revision, placed)| Fact::CaseReturned {
            revision,
            office: Office::PeoplesCommittee,
            placed
        }),
    ]
}

proptest! {
    #[test]
    fn an_obligation_opens_once_ends_once_and_following_a_fact_again_changes_nothing(
        facts in prop::collection::vec(any_fact(), 0..24),
        level in 1..=5_u8,
    ) {
        let known = CaseFacts { level: Level::try_from(level).unwrap(), ..NORMAL };
        let mut history: Vec<Event> = Vec::new();
        for (n, fact) in (1..).zip(facts) {
            let command = follow(n, FRIDAY, known, fact);
            let events = Obligations::decide(&Obligations::fold(&history), command.clone()).unwrap();
            history.extend(events);
            prop_assert_eq!(Obligations::decide(&Obligations::fold(&history), command).unwrap(), vec![]);
        }
        let mut owed = std::collections::BTreeSet::new();
        let mut ever = std::collections::BTreeSet::new();
        for event in &history {
            match event {
                Event::Opened { obligation, from, due, arithmetic, .. } => {
                    prop_assert!(due > from && arithmetic.len() <= 64);
                    prop_assert!(owed.insert(*obligation) && ever.insert(*obligation));
                }
                Event::Met { obligation, .. } | Event::Overtaken { obligation, .. } => prop_assert!(owed.remove(obligation)),
                Event::Missed { .. } => prop_assert!(false, "only a timer records a miss"),
            }
        }
    }
}
