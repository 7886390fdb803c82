//! Routing of one case, as given, when, then.

use jiff::civil::{Date, date};
use kernel::Decider;
use kernel::given::given;
use kernel::taxonomy::{Destination, Kind, Level, Topic, Urgency};
use proptest::prelude::*;
use routing_domain::policy::BUILT_IN;
use routing_domain::{
    Basis, Case, Command, Event, Facts, Heard, Notice, Outcome, Policy, Rejection, ReturnReason, Routed,
    Routing, Standing, UnitCode,
};

const DAY: Date = date(2026, 11, 24);

fn unit(code: &str) -> UnitCode {
    UnitCode::parse(code).unwrap()
}

fn routed(topic: Topic, kind: Kind, level: u8) -> Routed {
    let level = Level::try_from(level).unwrap();
    let urgency = if kind == Kind::Emergency {
        Urgency::Emergency
    } else {
        Urgency::Normal
    };
    let facts = Facts {
        field: Some(topic.field()),
        topic: Some(topic),
        kind,
        urgency,
        level,
        line: None,
    };
    Policy::parse(BUILT_IN).unwrap().route(&facts, DAY)
}

fn road(level: u8) -> Routed {
    routed(Topic::Roads, Kind::Reflection, level)
}

fn to_office(of: &Routed, clause: &str) -> Event {
    Event::CaseRouted(Routed {
        destination: Destination::Office,
        clause: clause.into(),
        ..of.clone()
    })
}

fn dispatched(of: &Routed, to: &str, revision: u32, basis: Basis) -> Event {
    Event::CaseDispatched {
        unit: unit(to),
        office: of.office,
        revision,
        basis,
    }
}

fn at(code: &str, revision: u32) -> Notice {
    Notice {
        unit: unit(code),
        revision,
    }
}

fn order(code: &str) -> Command {
    let unit = unit(code);
    let standing = Policy::parse(BUILT_IN).unwrap().standing(&unit, &[DAY]);
    Command::DispatchOnOrder { unit, standing }
}

fn give_back(on: Notice, better: Option<&str>) -> Command {
    let better = better.map(|code| {
        (
            unit(code),
            Policy::parse(BUILT_IN).unwrap().standing(&unit(code), &[DAY]),
        )
    });
    Command::Return {
        on,
        reason: ReturnReason::NotOurs,
        in_words: true,
        better,
    }
}

fn returned(on: Notice, better: Option<&str>) -> Event {
    Event::CaseReturned {
        on,
        reason: ReturnReason::NotOurs,
        better_unit: better.map(unit),
    }
}

fn result(on: Notice) -> Command {
    Command::ReportResult {
        on,
        outcome: Outcome::Done,
        in_words: true,
    }
}

/// A hole in the road, before so_xd.
fn before_so_xd() -> Vec<Event> {
    let r = road(2);
    vec![
        Event::CaseRouted(r.clone()),
        dispatched(&r, "so_xd", 1, Basis::Level2),
    ]
}

#[test]
fn level_2_is_put_before_the_lead_unit_in_the_same_breath() {
    given::<Routing>(&[])
        .when(Command::Route(road(2)))
        .then(&before_so_xd());
}

#[test]
fn levels_1_3_4_and_5_are_put_before_no_unit_yet() {
    for level in [1, 3, 4, 5] {
        given::<Routing>(&[])
            .when(Command::Route(road(level)))
            .then(&[Event::CaseRouted(road(level))]);
    }
}

#[test]
fn an_emergency_is_dispatched_at_once_and_a_crime_report_to_the_police() {
    let fire = routed(Topic::FireSafety, Kind::Emergency, 2);
    given::<Routing>(&[]).when(Command::Route(fire.clone())).then(&[
        Event::CaseRouted(fire.clone()),
        dispatched(&fire, "cong_an", 1, Basis::Emergency),
    ]);
    let theft = routed(Topic::Security, Kind::CrimeReport, 2);
    given::<Routing>(&[]).when(Command::Route(theft.clone())).then(&[
        Event::CaseRouted(theft.clone()),
        dispatched(&theft, "cong_an", 1, Basis::CrimeReport),
    ]);
}

#[test]
fn what_is_no_report_goes_nowhere() {
    let advert = routed(Topic::Market, Kind::NotAReport, 1);
    given::<Routing>(&[])
        .when(Command::Route(advert.clone()))
        .then(&[Event::CaseRouted(advert.clone())]);
    given::<Routing>(&[Event::CaseRouted(advert)])
        .when(order("so_ct"))
        .rejected(&Rejection::NotForDispatch);
}

#[test]
fn a_case_is_routed_once() {
    given::<Routing>(&before_so_xd())
        .when(Command::Route(road(2)))
        .then_nothing();
}

#[test]
fn level_3_waits_for_the_leaders_and_their_agreement_dispatches_it() {
    let r = road(3);
    let held = [Event::CaseRouted(r.clone())];
    given::<Routing>(&held)
        .when(order("so_xd"))
        .rejected(&Rejection::AwaitsOpinion);
    given::<Routing>(&held)
        .when(Command::HearOpinion { agree: false })
        .then_nothing();
    given::<Routing>(&held)
        .when(Command::HearOpinion { agree: true })
        .then(&[dispatched(&r, "so_xd", 1, Basis::OpinionAgreed)]);
    let agreed = [
        Event::CaseRouted(r.clone()),
        Event::Heard(Heard::OpinionGiven { agree: true }),
    ];
    given::<Routing>(&agreed)
        .when(order("udc"))
        .then(&[dispatched(&r, "udc", 1, Basis::OfficeOrder)]);
}

#[test]
fn an_opinion_changes_nothing_at_other_levels_or_once_a_unit_has_the_case() {
    given::<Routing>(&[Event::CaseRouted(road(4))])
        .when(Command::HearOpinion { agree: true })
        .then_nothing();
    let r = road(3);
    let with_unit = [
        Event::CaseRouted(r.clone()),
        dispatched(&r, "so_xd", 1, Basis::OpinionAgreed),
    ];
    given::<Routing>(&with_unit)
        .when(Command::HearOpinion { agree: true })
        .then_nothing();
}

#[test]
fn levels_4_and_5_go_to_a_unit_on_the_offices_order() {
    for level in [4, 5] {
        let r = road(level);
        given::<Routing>(&[Event::CaseRouted(r.clone())])
            .when(order("so_xd"))
            .then(&[dispatched(&r, "so_xd", 1, Basis::OfficeOrder)]);
    }
}

#[test]
fn an_order_says_what_blocks_it() {
    let held = [Event::CaseRouted(road(4))];
    given::<Routing>(&[])
        .when(order("so_xd"))
        .rejected(&Rejection::NotRoutedYet);
    given::<Routing>(&[Event::CaseRouted(road(1))])
        .when(order("so_xd"))
        .rejected(&Rejection::NotForDispatch);
    given::<Routing>(&held)
        .when(order("so_khong_co"))
        .rejected(&Rejection::UnknownUnit(unit("so_khong_co")));
    let ended = Rejection::UnitNotValid {
        unit: unit("so_gtvt"),
        successor: Some(unit("so_xd")),
    };
    given::<Routing>(&held).when(order("so_gtvt")).rejected(&ended);
    assert!(ended.to_string().contains("so_xd"), "{ended}");
    let closed = [Event::CaseRouted(road(4)), Event::Heard(Heard::CaseClosed)];
    given::<Routing>(&closed)
        .when(order("so_xd"))
        .rejected(&Rejection::CaseClosed);
}

#[test]
fn the_same_order_twice_is_one_dispatch_and_another_unit_takes_the_firsts_place() {
    let r = road(2);
    given::<Routing>(&before_so_xd())
        .when(order("so_xd"))
        .then_nothing();
    given::<Routing>(&before_so_xd())
        .when(order("udc"))
        .then(&[dispatched(&r, "udc", 2, Basis::OfficeOrder)]);
    let mut moved = before_so_xd();
    moved.push(dispatched(&r, "udc", 2, Basis::OfficeOrder));
    given::<Routing>(&moved)
        .when(Command::Accept(at("so_xd", 1)))
        .rejected(&Rejection::OldRevision { given: 1, current: 2 });
    given::<Routing>(&moved)
        .when(Command::Accept(at("udc", 2)))
        .then(&[Event::CaseAccepted(at("udc", 2))]);
}

#[test]
fn an_accusation_is_never_ordered_to_a_unit_it_may_be_about() {
    let accusation = routed(Topic::Construction, Kind::Denunciation, 4);
    let held = [Event::CaseRouted(accusation.clone())];
    given::<Routing>(&held)
        .when(order("so_xd"))
        .rejected(&Rejection::OversightOnly);
    given::<Routing>(&held)
        .when(order("thanh_tra"))
        .then(&[dispatched(&accusation, "thanh_tra", 1, Basis::OfficeOrder)]);
    let complaint = routed(Topic::LandHousing, Kind::Complaint, 4);
    given::<Routing>(&[Event::CaseRouted(complaint.clone())])
        .when(order("so_nnmt"))
        .then(&[dispatched(&complaint, "so_nnmt", 1, Basis::OfficeOrder)]);
}

#[test]
fn a_unit_accepts_reports_progress_and_answers() {
    let mut history = before_so_xd();
    given::<Routing>(&history)
        .when(Command::Accept(at("so_xd", 1)))
        .then(&[Event::CaseAccepted(at("so_xd", 1))]);
    history.push(Event::CaseAccepted(at("so_xd", 1)));
    given::<Routing>(&history)
        .when(Command::Accept(at("so_xd", 1)))
        .then_nothing();
    let promise = Some(date(2026, 12, 1));
    let progress = |in_words, committed| Command::ReportProgress {
        on: at("so_xd", 1),
        in_words,
        committed,
    };
    given::<Routing>(&history)
        .when(progress(false, promise))
        .then(&[Event::ProgressReported {
            on: at("so_xd", 1),
            committed: promise,
        }]);
    given::<Routing>(&history)
        .when(progress(false, None))
        .rejected(&Rejection::AnswerRequired);
    let answered = Event::ResultReported {
        on: at("so_xd", 1),
        outcome: Outcome::Done,
    };
    given::<Routing>(&history)
        .when(result(at("so_xd", 1)))
        .then(std::slice::from_ref(&answered));
    given::<Routing>(&history)
        .when(Command::ReportResult {
            on: at("so_xd", 1),
            outcome: Outcome::Done,
            in_words: false,
        })
        .rejected(&Rejection::AnswerRequired);
    history.push(answered);
    given::<Routing>(&history)
        .when(result(at("so_xd", 1)))
        .rejected(&Rejection::AlreadyAnswered);
    given::<Routing>(&history)
        .when(give_back(at("so_xd", 1), None))
        .rejected(&Rejection::AlreadyAnswered);
    given::<Routing>(&history)
        .when(order("udc"))
        .rejected(&Rejection::AlreadyAnswered);
    given::<Routing>(&history)
        .when(Command::Accept(at("so_xd", 1)))
        .then_nothing();
}

#[test]
fn a_unit_that_answers_at_once_has_taken_the_case_on() {
    given::<Routing>(&before_so_xd())
        .when(result(at("so_xd", 1)))
        .then(&[
            Event::CaseAccepted(at("so_xd", 1)),
            Event::ResultReported {
                on: at("so_xd", 1),
                outcome: Outcome::Done,
            },
        ]);
}

#[test]
fn another_unit_learns_nothing_and_changes_nothing() {
    let not_yours = Rejection::NotYourCase;
    for command in [
        Command::Accept(at("sawaco", 1)),
        result(at("sawaco", 1)),
        give_back(at("sawaco", 1), None),
        Command::Accept(at("sawaco", 7)),
    ] {
        given::<Routing>(&before_so_xd())
            .when(command)
            .rejected(&not_yours);
    }
    given::<Routing>(&before_so_xd())
        .when(Command::Accept(at("so_xd", 0)))
        .rejected(&Rejection::OldRevision { given: 0, current: 1 });
    given::<Routing>(&[])
        .when(Command::Accept(at("so_xd", 1)))
        .rejected(&Rejection::NotRoutedYet);
    given::<Routing>(&[Event::CaseRouted(road(4))])
        .when(Command::Accept(at("so_xd", 1)))
        .rejected(&Rejection::NotYourCase);
}

#[test]
fn a_case_given_back_goes_to_the_better_unit_at_once() {
    let r = road(2);
    given::<Routing>(&before_so_xd())
        .when(give_back(at("so_xd", 1), Some("udc")))
        .then(&[
            returned(at("so_xd", 1), Some("udc")),
            dispatched(&r, "udc", 2, Basis::BetterUnit),
        ]);
}

#[test]
fn a_case_given_back_without_a_better_unit_or_a_second_time_waits_for_the_office() {
    let r = road(2);
    given::<Routing>(&before_so_xd())
        .when(give_back(at("so_xd", 1), None))
        .then(&[returned(at("so_xd", 1), None), to_office(&r, "returned")]);
    let mut bounced = before_so_xd();
    bounced.extend([
        returned(at("so_xd", 1), Some("udc")),
        dispatched(&r, "udc", 2, Basis::BetterUnit),
    ]);
    given::<Routing>(&bounced)
        .when(give_back(at("udc", 2), Some("cscc")))
        .then(&[returned(at("udc", 2), Some("cscc")), to_office(&r, "returned")]);
    given::<Routing>(&bounced)
        .when(give_back(at("so_xd", 1), None))
        .rejected(&Rejection::AlreadyReturned);
    bounced.extend([returned(at("udc", 2), Some("cscc")), to_office(&r, "returned")]);
    given::<Routing>(&bounced)
        .when(order("cscc"))
        .then(&[dispatched(&r, "cscc", 3, Basis::OfficeOrder)]);
    given::<Routing>(&bounced)
        .when(Command::Accept(at("udc", 2)))
        .rejected(&Rejection::AlreadyReturned);
}

#[test]
fn a_return_needs_words_and_a_better_unit_that_exists_and_is_another() {
    let history = before_so_xd();
    let wordless = Command::Return {
        on: at("so_xd", 1),
        reason: ReturnReason::Other,
        in_words: false,
        better: None,
    };
    given::<Routing>(&history)
        .when(wordless)
        .rejected(&Rejection::ReasonRequired);
    given::<Routing>(&history)
        .when(give_back(at("so_xd", 1), Some("so_xd")))
        .rejected(&Rejection::BetterUnitIsYours);
    given::<Routing>(&history)
        .when(give_back(at("so_xd", 1), Some("x")))
        .rejected(&Rejection::UnknownUnit(unit("x")));
    let ended = Rejection::UnitNotValid {
        unit: unit("so_tnmt_old"),
        successor: Some(unit("so_nnmt")),
    };
    given::<Routing>(&history)
        .when(give_back(at("so_xd", 1), Some("so_tnmt_old")))
        .rejected(&ended);
}

#[test]
fn who_is_given_an_accusation_does_not_choose_whom_it_goes_to_next() {
    let accusation = routed(Topic::OfficialConduct, Kind::Reflection, 2);
    let history = [
        Event::CaseRouted(accusation.clone()),
        dispatched(&accusation, "thanh_tra", 1, Basis::Level2),
    ];
    given::<Routing>(&history)
        .when(give_back(at("thanh_tra", 1), Some("so_xd")))
        .then(&[
            returned(at("thanh_tra", 1), Some("so_xd")),
            to_office(&accusation, "returned"),
        ]);
}

#[test]
fn a_reopened_case_goes_again_to_the_unit_that_answered_or_its_successor() {
    let r = road(2);
    let mut history = before_so_xd();
    history.extend([
        Event::ResultReported {
            on: at("so_xd", 1),
            outcome: Outcome::Done,
        },
        Event::Heard(Heard::CaseClosed),
    ]);
    let again = |wrong_unit| Command::TakeUpAgain {
        wrong_unit,
        again: Some(unit("so_xd")),
    };
    given::<Routing>(&history).when(again(false)).then_nothing();
    history.push(Event::Heard(Heard::CaseReopened));
    given::<Routing>(&history)
        .when(again(false))
        .then(&[dispatched(&r, "so_xd", 2, Basis::Reopened)]);
    given::<Routing>(&history)
        .when(again(true))
        .then(&[to_office(&r, "reopened")]);
    history.push(dispatched(&r, "so_xd", 2, Basis::Reopened));
    given::<Routing>(&history).when(again(false)).then_nothing();
    given::<Routing>(&history)
        .when(result(at("so_xd", 1)))
        .rejected(&Rejection::OldRevision { given: 1, current: 2 });
}

#[test]
fn a_reopened_case_that_no_unit_had_goes_to_the_office_which_may_then_dispatch_it() {
    let r = road(1);
    let mut history = vec![
        Event::CaseRouted(r.clone()),
        Event::Heard(Heard::CaseClosed),
        Event::Heard(Heard::CaseReopened),
    ];
    given::<Routing>(&history)
        .when(Command::TakeUpAgain {
            wrong_unit: false,
            again: None,
        })
        .then(&[to_office(&r, "reopened")]);
    history.push(to_office(&r, "reopened"));
    given::<Routing>(&history)
        .when(order("so_xd"))
        .then(&[dispatched(&r, "so_xd", 1, Basis::OfficeOrder)]);
}

#[test]
fn a_closed_case_takes_no_answer_except_from_the_police() {
    let mut history = before_so_xd();
    history.push(Event::Heard(Heard::CaseClosed));
    given::<Routing>(&history)
        .when(result(at("so_xd", 1)))
        .rejected(&Rejection::CaseClosed);
    let theft = routed(Topic::Security, Kind::CrimeReport, 2);
    let left = [
        Event::CaseRouted(theft.clone()),
        dispatched(&theft, "cong_an", 1, Basis::CrimeReport),
        Event::Heard(Heard::CaseClosed),
    ];
    given::<Routing>(&left)
        .when(Command::Accept(at("cong_an", 1)))
        .then(&[Event::CaseAccepted(at("cong_an", 1))]);
    given::<Routing>(&left)
        .when(give_back(at("cong_an", 1), None))
        .rejected(&Rejection::CaseClosed);
}

#[test]
fn every_rejection_says_what_to_do() {
    let all = [
        Rejection::NotRoutedYet,
        Rejection::NotYourCase,
        Rejection::AlreadyReturned,
        Rejection::AlreadyAnswered,
        Rejection::NotForDispatch,
        Rejection::AwaitsOpinion,
        Rejection::OversightOnly,
        Rejection::CaseClosed,
    ];
    for rejection in all {
        let text = rejection.to_string();
        assert!(text.contains([':', ';']), "{text}");
    }
}

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
        on().prop_map(Command::Accept),
        (on(), proptest::option::of(code())).prop_map(|(on, better)| give_back(on, better)),
        on().prop_map(|on| Command::ReportProgress {
            on,
            in_words: true,
            committed: None
        }),
        on().prop_map(result),
    ]
}

/// Which units have the case to act on, told from the events alone.
fn before_whom(history: &[Event]) -> Vec<String> {
    let mut holders: Vec<(String, u32)> = Vec::new();
    for event in history {
        match event {
            Event::CaseDispatched { unit, revision, .. } => holders = vec![(unit.to_string(), *revision)],
            Event::CaseReturned { on, .. } => holders.retain(|(_, revision)| *revision != on.revision),
            _ => {}
        }
    }
    holders.into_iter().map(|(unit, _)| unit).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn revisions_are_dense_one_unit_at_a_time_and_no_repeated_command_does_it_twice(
        steps in proptest::collection::vec((any_command(), 0u8..6), 1..24)
    ) {
        let mut history: Vec<Event> = Vec::new();
        for (command, other) in steps {
            // Between commands, feedback may state its facts.
            match other {
                0 => history.push(Event::Heard(Heard::CaseClosed)),
                1 => history.push(Event::Heard(Heard::CaseReopened)),
                2 => history.push(Event::Heard(Heard::OpinionGiven { agree: true })),
                _ => {}
            }
            let repeatable = !matches!(command, Command::ReportProgress { .. });
            if let Ok(events) = Routing::decide(&Routing::fold(&history), command.clone()) {
                let changed = !events.is_empty();
                history.extend(events);
                if changed && repeatable {
                    let twice = Routing::decide(&Routing::fold(&history), command);
                    prop_assert!(twice.is_err() || twice == Ok(vec![]), "{twice:?}");
                }
            }
            let revisions: Vec<u32> = history.iter().filter_map(|e| if let Event::CaseDispatched { revision, .. } = e { Some(*revision) } else { None }).collect();
            prop_assert_eq!(revisions.clone(), (1..=u32::try_from(revisions.len()).unwrap()).collect::<Vec<_>>());
            // Every answer came from the unit of the dispatch that stood.
            let mut standing: Option<(UnitCode, u32)> = None;
            for event in &history {
                match event {
                    Event::CaseDispatched { unit, revision, .. } => standing = Some((unit.clone(), *revision)),
                    Event::CaseAccepted(on) | Event::ProgressReported { on, .. } | Event::ResultReported { on, .. } | Event::CaseReturned { on, .. } => {
                        prop_assert_eq!(standing.as_ref(), Some(&(on.unit.clone(), on.revision)));
                    }
                    _ => {}
                }
            }
            let case: Case = Routing::fold(&history);
            let holders = before_whom(&history);
            prop_assert!(holders.len() <= 1);
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

#[test]
fn the_standing_of_an_unknown_unit_is_said_before_anything_about_the_case() {
    let held = [Event::CaseRouted(road(3))];
    let command = Command::DispatchOnOrder {
        unit: unit("x"),
        standing: Standing::Unknown,
    };
    given::<Routing>(&held)
        .when(command)
        .rejected(&Rejection::UnknownUnit(unit("x")));
}
