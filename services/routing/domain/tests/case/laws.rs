//! What holds whatever happens.

use kernel::Decider;
use kernel::taxonomy::{Kind, Topic};
use proptest::prelude::*;
use routing_domain::*;

use crate::said::*;

fn any_command() -> impl Strategy<Value = Command> {
    let units = ["so_xd", "udc", "thanh_tra", "cong_an", "so_gtvt", "x"];
    let code = move || (0..units.len()).prop_map(move |i| units[i]);
    let on = move || (code(), 0u32..5).prop_map(|(code, revision)| at(code, revision));
    let heard = || prop_oneof![Just(false), Just(true)];
    prop_oneof![
        (1u8..=5, 0..Kind::ALL.len()).prop_map(|(level, kind)| Command::Route(routed(
            Topic::Roads,
            Kind::ALL[kind],
            level
        ))),
        heard().prop_map(|agree| Command::HearOpinion { agree }),
        (heard(), proptest::option::of(code())).prop_map(|(wrong_unit, again)| Command::TakeUpAgain {
            wrong_unit,
            again: again.map(unit)
        }),
        code().prop_map(order),
        Just(Command::TakeBack(RecallReason::Erased)),
        Just(Command::TakeBack(RecallReason::Merged)),
        proptest::option::of(code()).prop_map(|again| Command::GoOn {
            route: Some(road(2)),
            again: again.map(unit)
        }),
        on().prop_map(Command::Accept),
        (on(), proptest::option::of(code())).prop_map(|(on, better)| give_back(on, better)),
        on().prop_map(|on| Command::ReportProgress {
            on,
            in_words: true,
            committed: None
        }),
        on().prop_map(result),
        on().prop_map(|on| Command::Ask { on, in_words: true }),
        (0u32..3).prop_map(|question| Command::Answer {
            question,
            in_words: true
        }),
        (on(), code()).prop_map(|(on, code)| join(on, code)),
    ]
}

/// Which units have the case to act on or take part in it, told from the events alone.
fn before_whom(history: &[Event]) -> Vec<String> {
    let mut holders: Vec<(String, u32)> = Vec::new();
    let mut lead = 0;
    for event in history {
        match event {
            Event::CaseDispatched { unit, revision, .. } => {
                holders.retain(|(_, revision)| *revision != lead);
                holders.push((unit.to_string(), *revision));
                lead = *revision;
            }
            Event::UnitJoined { on, .. } => holders.push((on.unit.to_string(), on.revision)),
            Event::CaseReturned { on, .. } | Event::CaseRecalled { on, .. } => {
                holders.retain(|(_, revision)| *revision != on.revision);
            }
            _ => {}
        }
    }
    holders.into_iter().map(|(unit, _)| unit).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn revisions_are_dense_one_unit_leads_at_a_time_and_no_repeated_command_does_it_twice(
        steps in proptest::collection::vec((any_command(), 0u8..8), 1..24)
    ) {
        let mut history: Vec<Event> = Vec::new();
        for (command, other) in steps {
            // Between commands, feedback and classification may state their facts.
            match other {
                0 => history.push(Event::Heard(Heard::CaseClosed)),
                1 => history.push(Event::Heard(Heard::CaseReopened)),
                2 => history.push(Event::Heard(Heard::OpinionGiven { agree: true })),
                3 => history.push(Event::Heard(Heard::CaseMerged)),
                4 => history.push(Event::Heard(Heard::CaseParted)),
                _ => {}
            }
            let repeatable = !matches!(command, Command::ReportProgress { .. } | Command::Ask { .. });
            if let Ok(events) = Routing::decide(&Routing::fold(&history), command.clone()) {
                let changed = !events.is_empty();
                history.extend(events);
                if changed && repeatable {
                    let twice = Routing::decide(&Routing::fold(&history), command);
                    prop_assert!(twice.is_err() || twice == Ok(vec![]), "{twice:?}");
                }
            }
            let revisions: Vec<u32> = history.iter().filter_map(|e| match e {
                Event::CaseDispatched { revision, .. } | Event::CaseRecalled { revision, .. } | Event::QuestionAnswered { revision, .. } => Some(*revision),
                Event::UnitJoined { on, .. } => Some(on.revision),
                _ => None,
            }).collect();
            prop_assert_eq!(revisions.clone(), (1..=u32::try_from(revisions.len()).unwrap()).collect::<Vec<_>>());
            // Every answer came from the unit of the dispatch that stood.
            let mut standing: Option<(UnitCode, u32)> = None;
            // The unit that has it and has not answered.
            let mut holding: Option<UnitCode> = None;
            let mut joined: Vec<Notice> = Vec::new();
            for event in &history {
                match event {
                    // Nobody is displaced without being told.
                    Event::CaseDispatched { unit, revision, .. } => {
                        if let Some(before) = holding.replace(unit.clone()) {
                            prop_assert_eq!(&before, unit);
                        }
                        prop_assert!(joined.is_empty() || standing.as_ref().is_some_and(|(before, _)| before == unit));
                        prop_assert!(joined.iter().all(|on| on.unit != *unit));
                        standing = Some((unit.clone(), *revision));
                    }
                    Event::UnitJoined { on, .. } => {
                        prop_assert!(standing.as_ref().is_some_and(|(lead, _)| *lead != on.unit));
                        prop_assert!(joined.iter().all(|it| it.unit != on.unit));
                        joined.push(on.clone());
                    }
                    Event::CaseRecalled { on, .. } if joined.contains(on) => joined.retain(|it| it != on),
                    Event::ProgressReported { on, .. } if joined.contains(on) => {}
                    Event::CaseRecalled { on, .. } => {
                        prop_assert_eq!(holding.take(), Some(on.unit.clone()));
                        prop_assert_eq!(standing.take(), Some((on.unit.clone(), on.revision)));
                    }
                    Event::CaseAccepted(on) | Event::QuestionAsked { on, .. } | Event::QuestionAnswered { on, .. } | Event::ProgressReported { on, .. } | Event::ResultReported { on, .. } | Event::CaseReturned { on, .. } => {
                        prop_assert_eq!(standing.as_ref(), Some(&(on.unit.clone(), on.revision)));
                        let over = match event {
                            Event::CaseReturned { .. } => true,
                            Event::ResultReported { outcome, .. } => *outcome != Outcome::PartlyDone,
                            _ => false,
                        };
                        if over {
                            holding = None;
                        }
                    }
                    _ => {}
                }
            }
            let case: Case = Routing::fold(&history);
            let holders = before_whom(&history);
            for code in ["so_xd", "udc", "thanh_tra", "cong_an"] {
                let holds = (0..=case.revision()).any(|revision| case.is_before(&at(code, revision)).is_ok());
                prop_assert_eq!(holds, holders.contains(&code.to_owned()));
            }
        }
    }

    #[test]
    fn nothing_of_level_1_and_no_accusation_is_ever_before_a_common_unit(kind in 0..Kind::ALL.len(), level in 1u8..=5, orders in proptest::collection::vec(0..3usize, 0..4)) {
        let first = routed(Topic::OfficialConduct, Kind::ALL[kind], level);
        let facts = first.inputs.facts.clone();
        let mut history = Routing::decide(&Case::default(), Command::Route(first)).unwrap();
        for i in orders {
            let command = order(["so_xd", "udc", "ubnd_xa"][i]);
            history.extend(Routing::decide(&Routing::fold(&history), command).unwrap_or_default());
        }
        let case: Case = Routing::fold(&history);
        if facts.accusation() {
            prop_assert!(case.last_unit().is_none_or(|unit| *unit == self::unit("thanh_tra")), "{facts:?}");
        }
        if level == 1 && !facts.emergency() && facts.kind != Kind::CrimeReport {
            prop_assert_eq!(case.last_unit(), None);
        }
    }
}
