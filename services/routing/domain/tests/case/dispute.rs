//! The two offices dispute whose a case is.

use kernel::given::{Given, given};
use kernel::taxonomy::{Destination, Field, Kind, Office, Topic};
use routing_domain::*;

use crate::said::*;

const STATE: Office = Office::PeoplesCommittee;
const PARTY: Office = Office::PartyCommittee;

fn opens(by: Office, reason: DisputeReason) -> Command {
    Command::Dispute(Dispute::Open {
        by,
        reason,
        in_words: true,
    })
}

fn opened(number: u32, from: Office, before: Before) -> Event {
    let reason = if number == 1 {
        DisputeReason::Matter
    } else {
        DisputeReason::NewFacts
    };
    Event::Dispute(DisputeEvent::Opened {
        number,
        from,
        reason,
        before,
    })
}

/// What the policy says of the same case as one of that office.
fn of(office: Office, was: &Routed) -> Routed {
    let inputs = &was.inputs;
    CITY.route_knowing(
        &inputs.facts.of_field(office.field()),
        inputs.date,
        inputs.conflict.as_ref(),
    )
}

fn agrees(by: Office, was: &Routed) -> Command {
    let routed = of(by, was);
    Command::Dispute(Dispute::Agree { by, routed })
}

fn refuses(by: Office) -> Command {
    Command::Dispute(Dispute::Refuse { by, in_words: true })
}

fn leaders_say(office: Office, was: &Routed) -> Command {
    let routed = of(office, was);
    Command::Dispute(Dispute::Decide {
        office,
        reason: DisputeReason::Person,
        routed,
    })
}

fn decided(number: u32, office: Office, moved: bool, ruling: Ruling) -> Event {
    Event::Dispute(DisputeEvent::Decided {
        number,
        office,
        moved,
        ruling,
    })
}

fn moved(office: Office, was: &Routed) -> Routed {
    Routed {
        office,
        clause: "dispute".into(),
        ..of(office, was)
    }
}

const LEADERS: Ruling = Ruling::Leaders(DisputeReason::Person);

/// A hole in the road, before so_xd, which the State's office says is the Party's.
fn disputed() -> Vec<Event> {
    [before_so_xd(), vec![opened(1, STATE, Before::OtherOffice)]].concat()
}

fn after(history: &[Event]) -> Given<Routing> {
    given(history)
}

#[test]
fn the_office_that_has_the_case_opens_and_the_other_one_answers_in_words() {
    after(&before_so_xd())
        .when(opens(STATE, DisputeReason::Matter))
        .then(&[opened(1, STATE, Before::OtherOffice)]);
    after(&before_so_xd())
        .when(opens(PARTY, DisputeReason::Matter))
        .rejected(&Rejection::OtherOffice(STATE));
    after(&before_so_xd())
        .when(Command::Dispute(Dispute::Open {
            by: STATE,
            reason: DisputeReason::Matter,
            in_words: false,
        }))
        .rejected(&Rejection::ReasonRequired);
    after(&disputed())
        .when(refuses(STATE))
        .rejected(&Rejection::OtherOffice(PARTY));
    after(&disputed())
        .when(Command::Dispute(Dispute::Refuse {
            by: PARTY,
            in_words: false,
        }))
        .rejected(&Rejection::ReasonRequired);
    after(&disputed())
        .when(refuses(PARTY))
        .then(&[Event::Dispute(DisputeEvent::Refused { number: 1, by: PARTY })]);
}

#[test]
fn where_the_other_office_agrees_the_case_leaves_its_unit_for_the_policys_of_the_other_field() {
    let (was, is) = (road(2), moved(PARTY, &road(2)));
    assert_eq!(is.inputs.facts.field, Some(Field::PartyBuilding));
    after(&disputed()).when(agrees(PARTY, &was)).then(&[
        decided(1, PARTY, true, Ruling::Agreed),
        recalled(&was, at("so_xd", 1), RecallReason::Elsewhere),
        Event::CaseRouted(is.clone()),
        dispatched(&is, "vp_tu", 3, Basis::Dispute),
    ]);
}

#[test]
fn the_leaders_decide_what_is_refused_or_not_answered_and_what_stays_is_not_routed_anew() {
    let refused = [
        disputed(),
        vec![Event::Dispute(DisputeEvent::Refused { number: 1, by: PARTY })],
    ]
    .concat();
    after(&refused)
        .when(agrees(PARTY, &road(2)))
        .rejected(&Rejection::BeforeLeaders);
    for history in [disputed(), refused] {
        after(&history)
            .when(leaders_say(STATE, &road(2)))
            .then(&[decided(1, STATE, false, LEADERS)]);
        let events = after(&history).when(leaders_say(PARTY, &road(2)));
        let is = moved(PARTY, &road(2));
        events.then(&[
            decided(1, PARTY, true, LEADERS),
            recalled(&road(2), at("so_xd", 1), RecallReason::Elsewhere),
            Event::CaseRouted(is.clone()),
            dispatched(&is, "vp_tu", 3, Basis::Dispute),
        ]);
    }
}

#[test]
fn one_dispute_at_a_time_and_the_next_one_needs_new_facts_and_goes_to_the_leaders() {
    after(&disputed())
        .when(opens(STATE, DisputeReason::NewFacts))
        .rejected(&Rejection::AlreadyDisputed);
    let over = [disputed(), vec![decided(1, STATE, false, LEADERS)]].concat();
    after(&over)
        .when(opens(STATE, DisputeReason::Matter))
        .rejected(&Rejection::DisputedBefore);
    after(&over)
        .when(opens(STATE, DisputeReason::NewFacts))
        .then(&[opened(2, STATE, Before::Leaders)]);
    let second = [over, vec![opened(2, STATE, Before::Leaders)]].concat();
    after(&second)
        .when(refuses(PARTY))
        .rejected(&Rejection::BeforeLeaders);
    // The office that got the case cannot throw it back either.
    let is = moved(PARTY, &road(2));
    let thrown = [
        disputed(),
        vec![decided(1, PARTY, true, Ruling::Agreed), Event::CaseRouted(is)],
    ]
    .concat();
    after(&thrown)
        .when(opens(PARTY, DisputeReason::Matter))
        .rejected(&Rejection::DisputedBefore);
}

#[test]
fn what_is_not_routed_with_no_office_answered_or_closed_is_not_disputed() {
    let open = || opens(STATE, DisputeReason::Matter);
    after(&[]).when(open()).rejected(&Rejection::NotRoutedYet);
    after(&[])
        .when(leaders_say(PARTY, &road(2)))
        .rejected(&Rejection::NotRoutedYet);
    for (kind, level) in [(Kind::Question, 1), (Kind::CrimeReport, 2), (Kind::NotAReport, 2)] {
        after(&[Event::CaseRouted(routed(Topic::Security, kind, level))])
            .when(open())
            .rejected(&Rejection::NothingToDispute);
    }
    let answered = Event::ResultReported {
        on: at("so_xd", 1),
        outcome: Outcome::Done,
    };
    after(&[before_so_xd(), vec![answered]].concat())
        .when(open())
        .rejected(&Rejection::AlreadyAnswered);
    let closed = Event::Heard(Heard::CaseClosed);
    after(&[before_so_xd(), vec![closed.clone()]].concat())
        .when(open())
        .rejected(&Rejection::CaseClosed);
    let closed = [disputed(), vec![closed]].concat();
    for late in [
        refuses(PARTY),
        agrees(PARTY, &road(2)),
        leaders_say(PARTY, &road(2)),
    ] {
        after(&closed).when(late).rejected(&Rejection::CaseClosed);
    }
    let reopened = [closed, vec![Event::Heard(Heard::CaseReopened)]].concat();
    after(&reopened)
        .when(leaders_say(PARTY, &road(2)))
        .rejected(&Rejection::NoDispute);
    after(&before_so_xd())
        .when(refuses(PARTY))
        .rejected(&Rejection::NoDispute);
    after(&before_so_xd())
        .when(leaders_say(PARTY, &road(2)))
        .rejected(&Rejection::NoDispute);
}

#[test]
fn meanwhile_nothing_goes_to_a_unit_and_what_the_leaders_agreed_to_goes_when_it_is_decided() {
    let was = road(3);
    let history = vec![
        Event::CaseRouted(was.clone()),
        opened(1, STATE, Before::OtherOffice),
    ];
    after(&history)
        .when(order("so_xd"))
        .rejected(&Rejection::Disputed);
    after(&history)
        .when(Command::HearOpinion { agree: true })
        .then_nothing();
    let agreed = [history, vec![Event::Heard(Heard::OpinionGiven { agree: true })]].concat();
    after(&agreed).when(leaders_say(STATE, &was)).then(&[
        decided(1, STATE, false, LEADERS),
        dispatched(&was, "so_xd", 1, Basis::OpinionAgreed),
    ]);
    let is = moved(PARTY, &was);
    after(&agreed).when(leaders_say(PARTY, &was)).then(&[
        decided(1, PARTY, true, LEADERS),
        Event::CaseRouted(is.clone()),
        dispatched(&is, "vp_tu", 1, Basis::Dispute),
    ]);
    after(&disputed())
        .when(give_back(at("so_xd", 1), Some("udc")))
        .then(&[
            returned(at("so_xd", 1), Some("udc")),
            to_office(&road(2), "returned"),
        ]);
}

#[test]
fn an_emergency_is_dispatched_regardless_and_whoever_helps_goes_on() {
    let fire = routed(Topic::FireSafety, Kind::Emergency, 2);
    let history = vec![
        Event::CaseRouted(fire.clone()),
        dispatched(&fire, "cong_an", 1, Basis::Emergency),
        opened(1, STATE, Before::OtherOffice),
    ];
    let doctors = [
        recalled(&fire, at("cong_an", 1), RecallReason::Elsewhere),
        dispatched(&fire, "so_yt", 3, Basis::OfficeOrder),
    ];
    after(&history).when(order("so_yt")).then(&doctors);
    let is = Routed {
        units: fire.units.clone(),
        destination: Destination::Unit,
        ..moved(PARTY, &fire)
    };
    after(&history)
        .when(agrees(PARTY, &fire))
        .then(&[decided(1, PARTY, true, Ruling::Agreed), Event::CaseRouted(is)]);
}

#[test]
fn levels_4_and_5_wait_for_the_order_of_the_office_that_has_the_case_now() {
    let was = road(4);
    let history = vec![
        Event::CaseRouted(was.clone()),
        dispatched(&was, "so_xd", 1, Basis::OfficeOrder),
        opened(1, STATE, Before::OtherOffice),
    ];
    after(&history).when(agrees(PARTY, &was)).then(&[
        decided(1, PARTY, true, Ruling::Agreed),
        recalled(&was, at("so_xd", 1), RecallReason::Elsewhere),
        Event::CaseRouted(moved(PARTY, &was)),
    ]);
}

#[test]
fn a_dispute_makes_no_accusation_a_plain_report_and_forgets_nobody_it_is_about() {
    for topic in [Topic::OfficialConduct, Topic::CadreConduct, Topic::Corruption] {
        for kind in [Kind::Reflection, Kind::Denunciation, Kind::Complaint] {
            let was = routed(topic, kind, 2);
            for office in [STATE, PARTY] {
                let is = of(office, &was);
                assert!(is.inputs.facts.guarded(), "{topic} {kind}");
                assert_eq!(is.inputs.facts.field, Some(office.field()));
                for code in &is.units {
                    assert!(
                        CITY.unit(code).is_some_and(|unit| unit.oversight),
                        "{topic} {kind}: {code}"
                    );
                }
            }
        }
    }
    let accused = routed(Topic::Roads, Kind::Complaint, 2);
    let about = accused.inputs.conflict.clone().unwrap().about;
    let kept = of(PARTY, &accused).inputs.conflict.unwrap().about;
    assert!(about.iter().all(|unit| kept.contains(unit)), "{about:?} {kept:?}");
}
