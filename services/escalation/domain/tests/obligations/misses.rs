//! Silence past a deadline, and what holds for every history.

use super::*;

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
