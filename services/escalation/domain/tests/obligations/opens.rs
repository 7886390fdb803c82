//! What a fact makes owed, by when, with the arithmetic.

use super::*;

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
