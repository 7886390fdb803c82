//! A case that is merged into another owes nothing by itself; parted, each clock goes on with what remained.

use escalation_domain::MERGED;

use super::*;

fn merged(n: u128, when: &str) -> Command {
    let Command::Follow(note) = follow(n, when, NORMAL, Fact::CaseMerged) else {
        unreachable!("follow gives that")
    };
    Command::Follow(Note {
        kind: MERGED.to_owned(),
        ..note
    })
}

fn again(revision: u32, stopped: &str) -> Fact {
    Fact::CaseDispatched {
        unit: "so_xd".to_owned(),
        revision,
        stopped: Some(at(stopped)),
    }
}

fn arithmetic(events: &[Event], of: What) -> Vec<String> {
    let one = |e: &Event| match e {
        Event::Opened { what, arithmetic, .. } if *what == of => Some(arithmetic.clone()),
        _ => None,
    };
    events.iter().find_map(one).unwrap()
}

/// Two hours of the eight to accept it are gone when the case is merged; the recall that follows changes nothing.
const MERGED_AT: &str = "2026-08-21T11:00:00+07:00";

fn merged_case() -> Vec<Event> {
    after([
        follow(1, FRIDAY, NORMAL, dispatched(1)),
        merged(2, MERGED_AT),
        follow(3, MERGED_AT, NORMAL, Fact::CaseRecalled { dispatch: 1 }),
    ])
}

#[test]
fn merging_ends_what_is_owed_and_nothing_is_missed_meanwhile() {
    let overtaken: Vec<_> = merged_case()
        .into_iter()
        .filter_map(|e| match e {
            Event::Overtaken { by, .. } => Some(by),
            _ => None,
        })
        .collect();
    assert_eq!(overtaken, [MERGED, MERGED]);
    given::<Obligations>(&merged_case())
        .when(miss(1, What::Result, "2027-08-21T11:00:00+07:00", vec![]))
        .then_nothing();
}

#[test]
fn parted_the_clocks_of_the_unit_go_on_with_what_remained_when_it_has_the_case_again() {
    let merged = merged_case();
    let of = |events: &[Event], wanted| {
        opened(events)
            .into_iter()
            .find(|(what, _, _)| *what == wanted)
            .unwrap()
            .2
    };
    let first = of(&merged, What::Acceptance);
    // A Monday a week later, from the first minute of work.
    let monday = "2026-08-31T07:30:00+07:00";
    given::<Obligations>(&merged)
        .when(follow(
            4,
            monday,
            NORMAL,
            Fact::CaseParted {
                stopped: at(MERGED_AT),
            },
        ))
        .then_nothing();
    let events = Obligations::decide(
        &Obligations::fold(&merged),
        follow(5, monday, NORMAL, again(3, MERGED_AT)),
    )
    .unwrap();
    assert_eq!(opened(&events).len(), 2);
    let steps = arithmetic(&events, What::Acceptance);
    assert_eq!(
        steps[..3],
        [
            "from=2026-08-31T07:30:00+07:00",
            "stopped=2026-08-21T11:00:00+07:00",
            &format!(
                "was_due={}+07:00",
                vietnam::working_time::OFFSET.to_datetime(first.timestamp())
            ),
        ]
    );
    let minutes = vietnam::working_time::working_minutes_between(
        &Calendar::vietnam(),
        at(MERGED_AT).timestamp(),
        first.timestamp(),
    );
    assert_eq!(steps[3], format!("{minutes}_working_minutes"));
    let left =
        vietnam::working_time::add_working_minutes(&Calendar::vietnam(), at(monday).timestamp(), minutes);
    assert_eq!(of(&events, What::Acceptance), left.unwrap().at.into());
    // The time is given once: a later dispatch is a new one.
    let history = [merged, events].concat();
    let later = Obligations::decide(
        &Obligations::fold(&history),
        follow(6, monday, NORMAL, again(4, MERGED_AT)),
    )
    .unwrap();
    assert!(
        !arithmetic(&later, What::Acceptance)
            .iter()
            .any(|s| s.starts_with("stopped="))
    );
}

#[test]
fn what_the_office_owed_goes_on_at_once_when_the_case_is_parted_and_what_was_late_is_due_at_once() {
    let three = CaseFacts {
        level: Level::THREE,
        ..NORMAL
    };
    let late = "2027-01-04T09:00:00+07:00";
    let history = after([
        follow(1, FRIDAY, three, routed(Destination::Office)),
        merged(2, late),
    ]);
    let parted = "2027-01-05T10:00:00+07:00";
    let fact = Fact::CaseParted { stopped: at(late) };
    let events = Obligations::decide(
        &Obligations::fold(&history),
        follow(3, parted, three, fact.clone()),
    )
    .unwrap();
    assert_eq!(
        opened(&events),
        [(What::Opinion, "office:vp_ubnd".to_owned(), at(parted))]
    );
    // Told twice, it is done once.
    given::<Obligations>(&[history, events].concat())
        .when(follow(3, parted, three, fact))
        .then_nothing();
}

proptest! {
    #[test]
    fn what_remains_before_and_after_is_the_same_whenever_it_stops_and_goes_on(stop in 0i64..10_000, pause in 0i64..100_000) {
        let minute = |n: i64| Instant(at(FRIDAY).0 + n * 60 * Instant::SECOND);
        let sla = sla();
        for amount in [escalation_domain::Amount::WorkingHours(40), escalation_domain::Amount::ClockHours(200), escalation_domain::Amount::WorkingDays(15)] {
            let first = escalation_domain::Deadline::of(amount, minute(0), &sla.calendar).unwrap();
            let in_office_hours = !matches!(amount, escalation_domain::Amount::ClockHours(_));
            let rest = escalation_domain::Deadline::of_the_rest(first.due, minute(stop), minute(stop + pause), in_office_hours, &sla.calendar).unwrap();
            let left = |from: Instant, due: Instant| if in_office_hours {
                vietnam::working_time::working_minutes_between(&sla.calendar, from.timestamp(), due.timestamp())
            } else {
                (due.0 - from.0).max(0) / (60 * Instant::SECOND)
            };
            prop_assert_eq!(left(minute(stop), first.due), left(minute(stop + pause), rest.due));
        }
    }
}
