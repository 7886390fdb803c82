//! Where a case goes.

use kernel::given::given;
use kernel::taxonomy::{Kind, Topic};
use routing_domain::*;

use crate::said::*;

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
    given::<Routing>(&before_so_xd()).when(order("udc")).then(&[
        recalled(&r, at("so_xd", 1), RecallReason::Elsewhere),
        dispatched(&r, "udc", 3, Basis::OfficeOrder),
    ]);
    let mut moved = before_so_xd();
    moved.extend([
        recalled(&r, at("so_xd", 1), RecallReason::Elsewhere),
        dispatched(&r, "udc", 3, Basis::OfficeOrder),
    ]);
    for revision in [1, 2] {
        given::<Routing>(&moved)
            .when(Command::Accept(at("so_xd", revision)))
            .rejected(&Rejection::Recalled);
    }
    given::<Routing>(&moved)
        .when(Command::Accept(at("udc", 3)))
        .then(&[Event::CaseAccepted(at("udc", 3))]);
    // As it was written before recalls were.
    let mut unsaid = before_so_xd();
    unsaid.push(dispatched(&r, "udc", 2, Basis::OfficeOrder));
    given::<Routing>(&unsaid)
        .when(Command::Accept(at("so_xd", 1)))
        .rejected(&Rejection::OldRevision { given: 1, current: 2 });
}

#[test]
fn what_was_erased_is_taken_back_once_and_only_from_a_unit_that_has_it() {
    let r = road(2);
    given::<Routing>(&[Event::CaseRouted(road(4))])
        .when(Command::TakeBack(RecallReason::Erased))
        .then_nothing();
    let over = recalled(&r, at("so_xd", 1), RecallReason::Erased);
    given::<Routing>(&before_so_xd())
        .when(Command::TakeBack(RecallReason::Erased))
        .then(std::slice::from_ref(&over));
    let mut taken = before_so_xd();
    taken.push(over);
    given::<Routing>(&taken)
        .when(Command::TakeBack(RecallReason::Erased))
        .then_nothing();
    given::<Routing>(&taken)
        .when(result(at("so_xd", 1)))
        .rejected(&Rejection::Recalled);
    // The office may still have somebody act on what its facts say.
    given::<Routing>(&taken)
        .when(order("udc"))
        .then(&[dispatched(&r, "udc", 3, Basis::OfficeOrder)]);
    let mut answered = before_so_xd();
    answered.push(Event::ResultReported {
        on: at("so_xd", 1),
        outcome: Outcome::Done,
    });
    given::<Routing>(&answered)
        .when(Command::TakeBack(RecallReason::Erased))
        .then_nothing();
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
fn a_reopened_level_3_case_waits_for_the_new_opinion() {
    let r = road(3);
    let again = Command::TakeUpAgain {
        wrong_unit: false,
        again: None,
    };
    let mut history = vec![
        Event::CaseRouted(r.clone()),
        Event::Heard(Heard::OpinionGiven { agree: false }),
        Event::Heard(Heard::CaseClosed),
        Event::Heard(Heard::CaseReopened),
    ];
    given::<Routing>(&history)
        .when(again)
        .then(&[to_office(&r, "reopened")]);
    history.push(to_office(&r, "reopened"));
    given::<Routing>(&history)
        .when(order("so_xd"))
        .rejected(&Rejection::AwaitsOpinion);
    history.push(Event::Heard(Heard::OpinionGiven { agree: true }));
    given::<Routing>(&history)
        .when(Command::HearOpinion { agree: true })
        .then(&[dispatched(&r, "so_xd", 1, Basis::OpinionAgreed)]);
}

#[test]
fn the_office_looks_at_what_was_no_report_and_the_police_get_theirs_again() {
    let advert = routed(Topic::Market, Kind::NotAReport, 1);
    let reopened = [
        Event::CaseRouted(advert.clone()),
        Event::Heard(Heard::CaseClosed),
        Event::Heard(Heard::CaseReopened),
    ];
    given::<Routing>(&reopened)
        .when(Command::TakeUpAgain {
            wrong_unit: false,
            again: None,
        })
        .then(&[to_office(&advert, "reopened")]);
    let theft = routed(Topic::Security, Kind::CrimeReport, 3);
    let reopened = [
        Event::CaseRouted(theft.clone()),
        dispatched(&theft, "cong_an", 1, Basis::CrimeReport),
        Event::Heard(Heard::CaseClosed),
        Event::Heard(Heard::CaseReopened),
    ];
    given::<Routing>(&reopened)
        .when(Command::TakeUpAgain {
            wrong_unit: false,
            again: Some(unit("cong_an")),
        })
        .then(&[dispatched(&theft, "cong_an", 2, Basis::Reopened)]);
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
