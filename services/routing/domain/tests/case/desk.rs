//! What units answer.

use jiff::civil::date;
use kernel::Decider;
use kernel::given::given;
use kernel::taxonomy::{Destination, Kind, Topic};
use routing_domain::*;

use crate::said::*;

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
fn a_part_done_is_no_answer_and_the_unit_may_report_again() {
    let part = |on| Command::ReportResult {
        on,
        outcome: Outcome::PartlyDone,
        in_words: true,
    };
    let reported = |outcome| Event::ResultReported {
        on: at("so_xd", 1),
        outcome,
    };
    let mut history = before_so_xd();
    history.extend([Event::CaseAccepted(at("so_xd", 1)), reported(Outcome::PartlyDone)]);
    given::<Routing>(&history)
        .when(part(at("so_xd", 1)))
        .then(&[reported(Outcome::PartlyDone)]);
    given::<Routing>(&history)
        .when(result(at("so_xd", 1)))
        .then(&[reported(Outcome::Done)]);
    // The rest may be another's, and the office may give it to another.
    let r = road(2);
    given::<Routing>(&history)
        .when(give_back(at("so_xd", 1), Some("udc")))
        .then(&[
            returned(at("so_xd", 1), Some("udc")),
            dispatched(&r, "udc", 2, Basis::BetterUnit),
        ]);
    given::<Routing>(&history).when(order("udc")).then(&[
        recalled(&r, at("so_xd", 1), RecallReason::Elsewhere),
        dispatched(&r, "udc", 3, Basis::OfficeOrder),
    ]);
    for last in [Outcome::NotPossible, Outcome::NoGrounds, Outcome::Done] {
        let mut answered = history.clone();
        answered.push(reported(last));
        given::<Routing>(&answered)
            .when(part(at("so_xd", 1)))
            .rejected(&Rejection::AlreadyAnswered);
    }
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
        above: None,
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

#[test]
fn a_unit_that_says_the_report_is_about_itself_is_passed_over_for_the_level_above() {
    let mut history = before_so_xd();
    let conflict = |on: Notice, above: Option<&str>| Command::Return {
        on,
        reason: ReturnReason::Conflict,
        in_words: true,
        better: None,
        above: above.map(unit),
    };
    let given_back = |on| Event::CaseReturned {
        on,
        reason: ReturnReason::Conflict,
        better_unit: None,
    };
    let again = |about: &[&str], units: Option<&str>| {
        let mut routed = road(2);
        routed.clause = "conflict-of-interest".into();
        routed.inputs.conflict = Some(Conflict {
            rule: "returned".into(),
            about: about.iter().map(|code| unit(code)).collect(),
        });
        match units {
            Some(above) => routed.units = vec![unit(above)],
            None => routed.destination = Destination::Office,
        }
        routed
    };
    let above = again(&["so_xd"], Some("vp_ubnd"));
    let events = [
        given_back(at("so_xd", 1)),
        Event::CaseRouted(above.clone()),
        dispatched(&above, "vp_ubnd", 2, Basis::LevelAbove),
    ];
    given::<Routing>(&history)
        .when(conflict(at("so_xd", 1), Some("vp_ubnd")))
        .then(&events);
    history.extend(events);
    let case = Routing::fold(&history);
    assert_eq!(case.about(), [unit("so_xd")]);
    // So it stands as one that the report is about, and so does who is under it.
    for (code, concerned) in [("so_xd", true), ("sawaco", true), ("so_yt", false)] {
        let facts = &road(2).inputs.facts;
        let standing = CITY.standing_for(&unit(code), &[DAY], case.about(), facts);
        let refused = Rejection::AboutTheUnit {
            unit: unit(code),
            superior: Some(unit("vp_ubnd")),
        };
        let order = Command::DispatchOnOrder {
            unit: unit(code),
            standing,
        };
        let decided = Routing::decide(&case, order);
        assert_eq!(decided == Err(refused), concerned, "{code}: {decided:?}");
    }
    // A second time the office decides, and both are passed over.
    let mut office = again(&["so_xd", "vp_ubnd"], None);
    office.units = vec![unit("vp_ubnd")];
    given::<Routing>(&history)
        .when(conflict(at("vp_ubnd", 2), Some("vp_tu")))
        .then(&[given_back(at("vp_ubnd", 2)), Event::CaseRouted(office)]);
}
