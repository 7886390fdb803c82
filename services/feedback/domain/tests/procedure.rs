//! Each of the five levels, the police, what is no report, and the way back: given, when, then.
#![allow(clippy::unwrap_used, reason = "a test may")]

use feedback_domain::{
    Act, Closing, Command, Event, Fact, Facts, Opinion, Procedure, Rejection, Reopening, State, Way, What,
};
use kernel::Decider;
use kernel::given::given;
use kernel::taxonomy::{Destination, Level};
use proptest::prelude::*;

const RECEIVED: Event = told(What::Received, 0);
const ROUTING: u64 = 3;

const fn told(what: What, revision: u32) -> Event {
    Event::CitizenTold {
        what,
        way: Way::Sms,
        revision,
    }
}

fn at(level: Level, destination: Destination) -> Facts {
    Facts::of(&[
        Fact::LevelFound(level),
        Fact::Routed {
            position: ROUTING,
            destination,
        },
    ])
}

fn dispatched(level: Level, destination: Destination, revision: u32) -> Facts {
    at(level, destination).heard(&Fact::Dispatched { revision })
}

fn with(facts: Facts, act: Act) -> Command {
    Command {
        act,
        facts,
        way: Way::Sms,
    }
}

const fn result(revision: u32) -> Act {
    Act::TellResult {
        revision,
        partial: false,
    }
}

const fn part(revision: u32) -> Act {
    Act::TellResult {
        revision,
        partial: true,
    }
}

fn routed(level: Level, destination: Destination) -> Command {
    with(
        at(level, destination),
        Act::FollowRouting {
            routing: ROUTING,
            destination,
        },
    )
}

#[test]
fn a_report_is_acknowledged_at_once_and_once() {
    given::<Procedure>(&[])
        .when(with(Facts::default(), Act::Acknowledge))
        .then(&[RECEIVED]);
    given::<Procedure>(&[RECEIVED])
        .when(with(Facts::default(), Act::Acknowledge))
        .then_nothing();
}

#[test]
fn without_an_address_it_stands_on_the_tracking_page() {
    let command = Command {
        way: Way::TrackingPage,
        ..with(Facts::default(), Act::Acknowledge)
    };
    given::<Procedure>(&[]).when(command).then(&[Event::CitizenTold {
        what: What::Received,
        way: Way::TrackingPage,
        revision: 0,
    }]);
}

#[test]
fn what_is_no_report_is_closed_and_the_citizen_hears_nothing_more() {
    given::<Procedure>(&[RECEIVED])
        .when(routed(Level::ONE, Destination::None))
        .then(&[Event::CaseClosed(Closing::NotAReport)]);
}

#[test]
fn level_1_waits_for_the_operator_and_is_done_with_the_guidance() {
    given::<Procedure>(&[RECEIVED])
        .when(routed(Level::ONE, Destination::Desk))
        .then_nothing();
    given::<Procedure>(&[RECEIVED])
        .when(with(at(Level::ONE, Destination::Desk), Act::AnswerAtDesk))
        .then(&[
            Event::GuidanceGiven,
            told(What::Guidance, 0),
            Event::CaseClosed(Closing::Guided),
        ]);
}

#[test]
fn only_level_1_is_answered_at_the_desk() {
    let answer = |facts| with(facts, Act::AnswerAtDesk);
    given::<Procedure>(&[RECEIVED])
        .when(answer(Facts::default()))
        .rejected(&Rejection::NotClassifiedYet);
    given::<Procedure>(&[RECEIVED])
        .when(answer(at(Level::TWO, Destination::Unit)))
        .rejected(&Rejection::OtherLevel(Level::TWO, Level::ONE));
    given::<Procedure>(&[RECEIVED])
        .when(answer(at(Level::ONE, Destination::Police)))
        .rejected(&Rejection::NotAtDesk(Destination::Police));
    given::<Procedure>(&[
        RECEIVED,
        Event::GuidanceGiven,
        told(What::Guidance, 0),
        Event::CaseClosed(Closing::Guided),
    ])
    .when(answer(at(Level::ONE, Destination::Desk)))
    .rejected(&Rejection::AlreadyClosed(Closing::Guided));
}

#[test]
fn level_2_tells_where_it_went_and_again_with_the_result() {
    let facts = dispatched(Level::TWO, Destination::Unit, 1);
    given::<Procedure>(&[RECEIVED])
        .when(with(facts, Act::TellForwarded { revision: 1 }))
        .then(&[told(What::Forwarded, 1)]);
    given::<Procedure>(&[RECEIVED, told(What::Forwarded, 1)])
        .when(with(facts, result(1)))
        .then(&[told(What::Result, 1), Event::CaseClosed(Closing::ResultTold)]);
}

#[test]
fn a_part_done_is_told_each_time_and_closes_nothing() {
    let facts = dispatched(Level::TWO, Destination::Unit, 1);
    let so_far = [RECEIVED, told(What::Forwarded, 1), told(What::PartialResult, 1)];
    given::<Procedure>(&so_far[..2])
        .when(with(facts, part(1)))
        .then(&[told(What::PartialResult, 1)]);
    given::<Procedure>(&so_far)
        .when(with(facts, part(1)))
        .then(&[told(What::PartialResult, 1)]);
    given::<Procedure>(&so_far)
        .when(with(facts, result(1)))
        .then(&[told(What::Result, 1), Event::CaseClosed(Closing::ResultTold)]);
    // Level 4 does not take a part for the result either.
    let dialogue = [RECEIVED, told(What::PartialResult, 1)];
    given::<Procedure>(&dialogue)
        .when(with(
            dispatched(Level::FOUR, Destination::Office, 1),
            Act::RecordDialogue,
        ))
        .then(&[Event::DialogueHeld, told(What::Dialogue, 0)]);
}

#[test]
fn each_progress_is_told() {
    let facts = dispatched(Level::TWO, Destination::Unit, 1);
    let progress = with(facts, Act::TellProgress { revision: 1 });
    given::<Procedure>(&[RECEIVED, told(What::Progress, 1)])
        .when(progress)
        .then(&[told(What::Progress, 1)]);
}

#[test]
fn what_the_police_gave_back_goes_before_no_leader_whatever_its_level() {
    let facts = dispatched(Level::THREE, Destination::Office, 1);
    given::<Procedure>(&[RECEIVED, told(What::Forwarded, 1)])
        .when(with(
            facts,
            Act::FollowRouting {
                routing: 9,
                destination: Destination::Office,
            },
        ))
        .then_nothing();
}

#[test]
fn the_office_may_guide_a_citizen_who_had_a_level_1_case_reopened() {
    let history = [
        RECEIVED,
        Event::GuidanceGiven,
        told(What::Guidance, 0),
        Event::CaseClosed(Closing::Guided),
        Event::CaseReopened(Reopening::CitizenDisagrees),
    ];
    given::<Procedure>(&history)
        .when(with(at(Level::ONE, Destination::Office), Act::AnswerAtDesk))
        .then(&[
            Event::GuidanceGiven,
            told(What::Guidance, 0),
            Event::CaseClosed(Closing::Guided),
        ]);
}

#[test]
fn a_case_that_went_to_another_unit_is_told_again_and_closes_only_with_the_latest_result() {
    let facts = dispatched(Level::TWO, Destination::Unit, 2);
    let history = [RECEIVED, told(What::Forwarded, 1)];
    given::<Procedure>(&history)
        .when(with(facts, Act::TellForwarded { revision: 2 }))
        .then(&[told(What::Forwarded, 2)]);
    given::<Procedure>(&history)
        .when(with(facts, result(1)))
        .then(&[told(What::Result, 1)]);
}

#[test]
fn level_3_waits_for_the_leaders() {
    let facts = at(Level::THREE, Destination::Office);
    let drafted = Event::SubmissionDrafted { routing: ROUTING };
    given::<Procedure>(&[RECEIVED])
        .when(routed(Level::THREE, Destination::Office))
        .then(&[drafted]);
    given::<Procedure>(&[RECEIVED, drafted])
        .when(routed(Level::THREE, Destination::Office))
        .then_nothing();
    given::<Procedure>(&[RECEIVED])
        .when(with(facts, Act::GiveOpinion(Opinion::Agree)))
        .rejected(&Rejection::NoSubmission);

    let agreed = Event::OpinionGiven(Opinion::Agree);
    given::<Procedure>(&[RECEIVED, drafted])
        .when(with(facts, Act::GiveOpinion(Opinion::Agree)))
        .then(&[agreed]);
    given::<Procedure>(&[RECEIVED, drafted, agreed])
        .when(with(facts, Act::GiveOpinion(Opinion::Decline)))
        .rejected(&Rejection::OpinionAlreadyGiven(Opinion::Agree));
    given::<Procedure>(&[RECEIVED, drafted, agreed, told(What::Forwarded, 1)])
        .when(with(dispatched(Level::THREE, Destination::Office, 1), result(1)))
        .then(&[told(What::Result, 1), Event::CaseClosed(Closing::ResultTold)]);
}

#[test]
fn a_declined_submission_is_told_and_closes_and_reopening_puts_it_before_the_leaders_again() {
    let facts = at(Level::THREE, Destination::Office);
    let drafted = Event::SubmissionDrafted { routing: ROUTING };
    let declined = [
        Event::OpinionGiven(Opinion::Decline),
        told(What::Opinion, 0),
        Event::CaseClosed(Closing::OpinionDeclined),
    ];
    given::<Procedure>(&[RECEIVED, drafted])
        .when(with(facts, Act::GiveOpinion(Opinion::Decline)))
        .then(&declined);

    let history: Vec<Event> = [RECEIVED, drafted].into_iter().chain(declined).collect();
    let reopened = [Event::CaseReopened(Reopening::CitizenDisagrees), drafted];
    given::<Procedure>(&history)
        .when(with(facts, Act::Reopen(Reopening::CitizenDisagrees)))
        .then(&reopened);
    let history: Vec<Event> = history.into_iter().chain(reopened).collect();
    given::<Procedure>(&history)
        .when(with(facts, Act::GiveOpinion(Opinion::Agree)))
        .then(&[Event::OpinionGiven(Opinion::Agree)]);
}

#[test]
fn level_4_needs_the_dialogue_and_the_result_in_either_order() {
    let facts = dispatched(Level::FOUR, Destination::Office, 1);
    let result_first = [RECEIVED, told(What::Forwarded, 1), told(What::Result, 1)];
    given::<Procedure>(&[RECEIVED, told(What::Forwarded, 1)])
        .when(with(facts, result(1)))
        .then(&[told(What::Result, 1)]);
    given::<Procedure>(&result_first)
        .when(with(facts, Act::RecordDialogue))
        .then(&[
            Event::DialogueHeld,
            told(What::Dialogue, 0),
            Event::CaseClosed(Closing::DialogueHeld),
        ]);

    let dialogue_first = [
        RECEIVED,
        Event::DialogueHeld,
        told(What::Dialogue, 0),
        told(What::Forwarded, 1),
    ];
    given::<Procedure>(&[RECEIVED])
        .when(with(at(Level::FOUR, Destination::Office), Act::RecordDialogue))
        .then(&dialogue_first[1..3]);
    given::<Procedure>(&dialogue_first)
        .when(with(facts, result(1)))
        .then(&[told(What::Result, 1), Event::CaseClosed(Closing::DialogueHeld)]);
    given::<Procedure>(&dialogue_first)
        .when(with(facts, Act::RecordDialogue))
        .rejected(&Rejection::DialogueAlreadyHeld);
    given::<Procedure>(&[RECEIVED])
        .when(with(at(Level::TWO, Destination::Unit), Act::RecordDialogue))
        .rejected(&Rejection::OtherLevel(Level::TWO, Level::FOUR));
}

#[test]
fn level_5_is_done_only_with_the_letter_of_thanks() {
    let facts = dispatched(Level::FIVE, Destination::Office, 1);
    given::<Procedure>(&[RECEIVED])
        .when(with(facts, result(1)))
        .then(&[told(What::Result, 1)]);
    given::<Procedure>(&[RECEIVED])
        .when(with(at(Level::FIVE, Destination::Office), Act::SendLetter))
        .then(&[
            Event::LetterSent,
            told(What::Thanks, 0),
            Event::CaseClosed(Closing::Thanked),
        ]);
    given::<Procedure>(&[RECEIVED])
        .when(with(at(Level::FOUR, Destination::Office), Act::SendLetter))
        .rejected(&Rejection::OtherLevel(Level::FOUR, Level::FIVE));
}

#[test]
fn what_goes_to_the_police_leaves_the_hotlines_clock_at_once() {
    let facts = dispatched(Level::FOUR, Destination::Police, 1);
    let done = [told(What::Forwarded, 1), Event::CaseClosed(Closing::WithPolice)];
    given::<Procedure>(&[RECEIVED])
        .when(with(facts, Act::TellForwarded { revision: 1 }))
        .then(&done);
    // Their result, should one come, is told all the same.
    given::<Procedure>(&[RECEIVED, done[0], done[1]])
        .when(with(facts, result(1)))
        .then(&[told(What::Result, 1)]);
}

#[test]
fn a_reopened_case_runs_again_and_is_told_about_the_new_dispatch() {
    let once = dispatched(Level::TWO, Destination::Unit, 1);
    let closed = [
        RECEIVED,
        told(What::Forwarded, 1),
        told(What::Result, 1),
        Event::CaseClosed(Closing::ResultTold),
    ];
    let reopen = with(once, Act::Reopen(Reopening::NotFixed));
    given::<Procedure>(&closed[..3])
        .when(reopen)
        .rejected(&Rejection::NotClosed);
    given::<Procedure>(&closed)
        .when(reopen)
        .then(&[Event::CaseReopened(Reopening::NotFixed)]);

    let again: Vec<Event> = closed
        .into_iter()
        .chain([Event::CaseReopened(Reopening::NotFixed)])
        .collect();
    let twice = dispatched(Level::TWO, Destination::Unit, 2);
    given::<Procedure>(&again)
        .when(with(once, result(1)))
        .then_nothing();
    given::<Procedure>(&again)
        .when(with(twice, Act::TellForwarded { revision: 2 }))
        .then(&[told(What::Forwarded, 2)]);
    given::<Procedure>(&again)
        .when(with(twice, result(2)))
        .then(&[told(What::Result, 2), Event::CaseClosed(Closing::ResultTold)]);
}

#[test]
fn a_reopened_level_4_case_needs_a_new_dialogue_and_a_new_result() {
    let closed = [
        RECEIVED,
        told(What::Result, 1),
        Event::DialogueHeld,
        told(What::Dialogue, 0),
        Event::CaseClosed(Closing::DialogueHeld),
        Event::CaseReopened(Reopening::NotFixed),
    ];
    given::<Procedure>(&closed)
        .when(with(dispatched(Level::FOUR, Destination::Office, 2), result(2)))
        .then(&[told(What::Result, 2)]);
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        Just(Act::Acknowledge),
        prop::sample::select(Destination::ALL).prop_map(|destination| Act::FollowRouting {
            routing: ROUTING,
            destination
        }),
        (1u32..4).prop_map(|revision| Act::TellForwarded { revision }),
        (1u32..4).prop_map(|revision| Act::TellProgress { revision }),
        (1u32..4, prop::bool::ANY).prop_map(|(revision, partial)| Act::TellResult { revision, partial }),
        Just(Act::AnswerAtDesk),
        prop::sample::select(Opinion::ALL).prop_map(Act::GiveOpinion),
        Just(Act::RecordDialogue),
        Just(Act::SendLetter),
        prop::sample::select(Reopening::ALL).prop_map(Act::Reopen),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_no_answer_about_a_dispatch_comes_twice_and_a_case_closes_only_when_open(
        level in 1u8..=5,
        destination in prop::sample::select(Destination::ALL),
        acts in proptest::collection::vec(acts(), 0..30),
    ) {
        let mut facts = at(Level::try_from(level).unwrap(), destination);
        let (mut state, mut history) = (State::default(), Vec::new());
        for act in acts {
            if let Act::TellForwarded { revision } = act {
                facts = facts.heard(&Fact::Dispatched { revision });
            }
            let Ok(events) = Procedure::decide(&state, with(facts, act)) else { continue };
            for event in events {
                if matches!(event, Event::CaseClosed(_)) {
                    prop_assert!(state.closed().is_none());
                    let goes_on = matches!(act, Act::TellProgress { .. } | Act::TellResult { partial: true, .. });
                    prop_assert!(!goes_on, "closed by {:?}", act);
                }
                state = Procedure::evolve(state, &event);
                history.push(event);
            }
        }
        for what in [What::Received, What::Forwarded, What::Result] {
            for revision in 0..4 {
                let times = history.iter().filter(|e| matches!(e, Event::CitizenTold { what: w, revision: r, .. } if *w == what && *r == revision)).count();
                prop_assert!(times <= 1);
            }
        }
    }
}
