//! A case that is handled with another, and one that is its own again.

use kernel::given::given;
use routing_domain::*;

use crate::said::*;

const MERGED: Event = Event::Heard(Heard::CaseMerged);
const PARTED: Event = Event::Heard(Heard::CaseParted);

fn go_on(again: Option<&str>) -> Command {
    Command::GoOn {
        route: Some(road(2)),
        again: again.map(unit),
    }
}

/// A hole in the road that so_xd had when it was merged.
fn taken_out() -> Vec<Event> {
    let r = road(2);
    [
        before_so_xd(),
        vec![MERGED, recalled(&r, at("so_xd", 1), RecallReason::Merged)],
    ]
    .concat()
}

#[test]
fn what_is_merged_is_taken_back_from_its_unit_and_dispatched_by_nobody() {
    let r = road(2);
    let merged = [before_so_xd(), vec![MERGED]].concat();
    given::<Routing>(&merged)
        .when(Command::TakeBack(RecallReason::Merged))
        .then(&[recalled(&r, at("so_xd", 1), RecallReason::Merged)]);
    given::<Routing>(&taken_out())
        .when(Command::TakeBack(RecallReason::Merged))
        .then_nothing();
    given::<Routing>(&taken_out())
        .when(order("so_gtvt"))
        .rejected(&Rejection::Merged);
    given::<Routing>(&taken_out())
        .when(Command::Accept(at("so_xd", 1)))
        .rejected(&Rejection::Recalled);
    given::<Routing>(&[MERGED]).when(Command::Route(r)).then_nothing();
}

#[test]
fn what_was_parted_before_it_was_taken_back_stays_where_it_is() {
    given::<Routing>(&[before_so_xd(), vec![MERGED, PARTED]].concat())
        .when(Command::TakeBack(RecallReason::Merged))
        .then_nothing();
    given::<Routing>(&[before_so_xd(), vec![MERGED, PARTED]].concat())
        .when(go_on(Some("so_xd")))
        .then_nothing();
}

#[test]
fn what_is_parted_goes_to_the_unit_it_was_taken_from_or_to_the_office_if_that_is_no_more() {
    let r = road(2);
    let parted = [taken_out(), vec![PARTED]].concat();
    given::<Routing>(&parted)
        .when(go_on(Some("so_xd")))
        .then(&[dispatched(&r, "so_xd", 3, Basis::Parted)]);
    given::<Routing>(&parted)
        .when(go_on(None))
        .then(&[to_office(&r, "parted")]);
    let merged_again = [parted, vec![MERGED]].concat();
    given::<Routing>(&merged_again)
        .when(go_on(Some("so_xd")))
        .then_nothing();
}

#[test]
fn what_was_merged_before_it_was_routed_is_routed_when_it_is_parted() {
    given::<Routing>(&[MERGED, PARTED])
        .when(go_on(None))
        .then(&before_so_xd());
}

#[test]
fn an_agreement_heard_while_merged_counts_when_it_is_parted() {
    let r = road(3);
    let agreed = Event::Heard(Heard::OpinionGiven { agree: true });
    let merged = [Event::CaseRouted(r.clone()), MERGED, agreed];
    given::<Routing>(&merged)
        .when(Command::HearOpinion { agree: true })
        .then_nothing();
    given::<Routing>(&[&merged[..], &[PARTED]].concat())
        .when(go_on(None))
        .then(&[dispatched(&r, "so_xd", 1, Basis::OpinionAgreed)]);
}

#[test]
fn a_closed_case_that_is_parted_goes_on_only_when_it_is_reopened() {
    let r = road(2);
    let closed = [taken_out(), vec![Event::Heard(Heard::CaseClosed), PARTED]].concat();
    given::<Routing>(&closed)
        .when(go_on(Some("so_xd")))
        .then_nothing();
    let reopened = [closed, vec![Event::Heard(Heard::CaseReopened)]].concat();
    let again = Command::TakeUpAgain {
        wrong_unit: false,
        again: Some(unit("so_xd")),
    };
    given::<Routing>(&reopened)
        .when(again)
        .then(&[dispatched(&r, "so_xd", 3, Basis::Reopened)]);
}

#[test]
fn who_takes_part_is_told_too_and_a_case_that_its_lead_answered_comes_back_to_nobody() {
    let r = road(2);
    let joined = Event::UnitJoined {
        on: at("udc", 2),
        office: r.office,
        dispatch: 1,
        basis: JoinBasis::LeadAsked,
    };
    let with_udc = [before_so_xd(), vec![joined]].concat();
    let recalled_as = |on, revision| Event::CaseRecalled {
        on,
        office: r.office,
        revision,
        reason: RecallReason::Merged,
    };
    let both = [recalled_as(at("so_xd", 1), 3), recalled_as(at("udc", 2), 4)];
    given::<Routing>(&[&with_udc[..], &[MERGED]].concat())
        .when(Command::TakeBack(RecallReason::Merged))
        .then(&both);
    given::<Routing>(&[&with_udc[..], &[MERGED], &both, &[PARTED]].concat())
        .when(go_on(Some("so_xd")))
        .then(&[dispatched(&r, "so_xd", 5, Basis::Parted)]);
    let answered = Event::ResultReported {
        on: at("so_xd", 1),
        outcome: Outcome::Done,
    };
    let one = [answered, MERGED, recalled_as(at("udc", 2), 3), PARTED];
    given::<Routing>(&[&with_udc[..], &one].concat())
        .when(go_on(Some("so_xd")))
        .then_nothing();
}
