//! What a unit asks of others: the citizen, and units that take part.

use kernel::given::given;
use kernel::taxonomy::{Kind, Topic};
use kernel::{Decider, taxonomy::Office};
use routing_domain::*;

use crate::said::*;

fn ask(on: Notice) -> Command {
    Command::Ask { on, in_words: true }
}

fn answer(question: u32) -> Command {
    Command::Answer {
        question,
        in_words: true,
    }
}

fn asked(question: u32) -> Event {
    Event::QuestionAsked {
        on: at("so_xd", 1),
        question,
    }
}

fn answered(question: u32, revision: u32) -> Event {
    Event::QuestionAnswered {
        on: at("so_xd", 1),
        office: Office::PeoplesCommittee,
        revision,
        question,
    }
}

fn accepted() -> Vec<Event> {
    let mut history = before_so_xd();
    history.push(Event::CaseAccepted(at("so_xd", 1)));
    history
}

#[test]
fn the_citizen_is_asked_and_answers_and_the_dispatch_stands_by_either_revision() {
    given::<Routing>(&before_so_xd())
        .when(ask(at("so_xd", 1)))
        .then(&[Event::CaseAccepted(at("so_xd", 1)), asked(1)]);
    let mut history = accepted();
    given::<Routing>(&history)
        .when(Command::Ask {
            on: at("so_xd", 1),
            in_words: false,
        })
        .rejected(&Rejection::AnswerRequired);
    history.push(asked(1));
    given::<Routing>(&history)
        .when(Command::Answer {
            question: 1,
            in_words: false,
        })
        .rejected(&Rejection::AnswerRequired);
    given::<Routing>(&history)
        .when(answer(2))
        .rejected(&Rejection::UnknownQuestion);
    given::<Routing>(&history)
        .when(answer(0))
        .rejected(&Rejection::UnknownQuestion);
    given::<Routing>(&history).when(answer(1)).then(&[answered(1, 2)]);
    history.push(answered(1, 2));
    given::<Routing>(&history)
        .when(answer(1))
        .rejected(&Rejection::QuestionAnswered);
    for revision in [1, 2] {
        given::<Routing>(&history)
            .when(result(at("so_xd", revision)))
            .then(&[Event::ResultReported {
                on: at("so_xd", 1),
                outcome: Outcome::Done,
            }]);
    }
    given::<Routing>(&history)
        .when(result(at("udc", 2)))
        .rejected(&Rejection::NotYourCase);
    given::<Routing>(&history)
        .when(give_back(at("so_xd", 2), Some("udc")))
        .then(&[
            returned(at("so_xd", 1), Some("udc")),
            dispatched(&road(2), "udc", 3, Basis::BetterUnit),
        ]);
}

#[test]
fn questions_have_bounds_and_end_with_what_they_were_asked_for() {
    let mut history = accepted();
    history.extend((1..=3).map(asked));
    given::<Routing>(&history)
        .when(ask(at("so_xd", 1)))
        .rejected(&Rejection::TooManyOpen(3));
    let mut many = accepted();
    for question in 1..=10 {
        many.extend([asked(question), answered(question, question + 1)]);
    }
    given::<Routing>(&many)
        .when(ask(at("so_xd", 1)))
        .rejected(&Rejection::TooManyQuestions(10));
    let ends = [
        vec![returned(at("so_xd", 1), None), to_office(&road(2), "returned")],
        vec![
            recalled(&road(2), at("so_xd", 1), RecallReason::Elsewhere),
            dispatched(&road(2), "udc", 3, Basis::OfficeOrder),
        ],
        vec![Event::ResultReported {
            on: at("so_xd", 1),
            outcome: Outcome::Done,
        }],
        vec![Event::Heard(Heard::CaseClosed)],
    ];
    for end in ends {
        let mut over = history.clone();
        over.extend(end);
        given::<Routing>(&over)
            .when(answer(1))
            .rejected(&Rejection::QuestionOver);
        assert!(Routing::decide(&Routing::fold(&over), ask(at("so_xd", 1))).is_err());
    }
}

#[test]
fn a_unit_that_takes_part_opens_and_reports_progress_and_the_lead_does_the_rest() {
    let r = road(2);
    given::<Routing>(&before_so_xd())
        .when(join(at("so_xd", 1), "udc"))
        .then(&[
            Event::CaseAccepted(at("so_xd", 1)),
            joined(&r, at("udc", 2), 1, JoinBasis::LeadAsked),
        ]);
    let mut history = accepted();
    history.push(joined(&r, at("udc", 2), 1, JoinBasis::LeadAsked));
    given::<Routing>(&history)
        .when(join(at("so_xd", 1), "udc"))
        .then_nothing();
    let case: Case = Routing::fold(&history);
    assert_eq!(case.is_before(&at("udc", 2)), Ok(()));
    assert_eq!(case.is_before(&at("so_xd", 1)), Ok(()), "the lead has it still");
    let progress = Command::ReportProgress {
        on: at("udc", 2),
        in_words: true,
        committed: None,
    };
    given::<Routing>(&history)
        .when(progress.clone())
        .then(&[Event::ProgressReported {
            on: at("udc", 2),
            committed: None,
        }]);
    for command in [
        Command::Accept(at("udc", 2)),
        give_back(at("udc", 2), None),
        ask(at("udc", 2)),
        join(at("udc", 2), "cscc"),
        result(at("udc", 2)),
    ] {
        given::<Routing>(&history)
            .when(command)
            .rejected(&Rejection::LeadOnly(unit("so_xd")));
    }
    history.push(Event::ResultReported {
        on: at("so_xd", 1),
        outcome: Outcome::Done,
    });
    given::<Routing>(&history)
        .when(progress.clone())
        .rejected(&Rejection::AlreadyAnswered);
    // The same lead again: who took part still does.
    let closed = [Heard::CaseClosed, Heard::CaseReopened].map(Event::Heard);
    history.extend(closed);
    history.push(dispatched(&r, "so_xd", 3, Basis::Reopened));
    assert!(Routing::decide(&Routing::fold(&history), progress).is_ok());
}

#[test]
fn nobody_joins_who_may_not_read_the_case_and_none_without_words_or_bounds() {
    let lead = || at("so_xd", 1);
    let history = accepted();
    given::<Routing>(&history)
        .when(join(lead(), "so_xd"))
        .rejected(&Rejection::BetterUnitIsYours);
    given::<Routing>(&history)
        .when(join(lead(), "x"))
        .rejected(&Rejection::UnknownUnit(unit("x")));
    let about = Command::Join {
        on: lead(),
        unit: unit("udc"),
        standing: Standing::Concerned { superior: None },
        in_words: true,
    };
    given::<Routing>(&history)
        .when(about)
        .rejected(&Rejection::AboutTheUnit {
            unit: unit("udc"),
            superior: None,
        });
    let wordless = Command::Join {
        on: lead(),
        unit: unit("udc"),
        standing: Standing::Valid { oversight: false },
        in_words: false,
    };
    given::<Routing>(&history)
        .when(wordless)
        .rejected(&Rejection::ReasonRequired);
    let accusation = routed(Topic::OfficialConduct, Kind::Denunciation, 4);
    let guarded = [
        Event::CaseRouted(accusation.clone()),
        dispatched(&accusation, "thanh_tra", 1, Basis::OfficeOrder),
    ];
    given::<Routing>(&guarded)
        .when(join(at("thanh_tra", 1), "so_xd"))
        .rejected(&Rejection::OversightOnly);
    let mut many = accepted();
    for i in 0..7 {
        let code = format!("u{i}");
        many.push(joined(&road(2), at(&code, i + 2), 1, JoinBasis::LeadAsked));
    }
    given::<Routing>(&many)
        .when(join(lead(), "udc"))
        .rejected(&Rejection::TooManyUnits(7));
}

#[test]
fn whoever_takes_part_is_told_when_the_case_leaves_the_lead() {
    let r = road(2);
    let mut history = accepted();
    history.push(joined(&r, at("udc", 2), 1, JoinBasis::LeadAsked));
    let taken_back = |on, revision, reason| Event::CaseRecalled {
        on,
        office: r.office,
        revision,
        reason,
    };
    let elsewhere = |on, revision| taken_back(on, revision, RecallReason::Elsewhere);
    given::<Routing>(&history).when(order("cscc")).then(&[
        elsewhere(at("so_xd", 1), 3),
        elsewhere(at("udc", 2), 4),
        dispatched(&r, "cscc", 5, Basis::OfficeOrder),
    ]);
    given::<Routing>(&history)
        .when(give_back(at("so_xd", 1), Some("cscc")))
        .then(&[
            returned(at("so_xd", 1), Some("cscc")),
            elsewhere(at("udc", 2), 3),
            dispatched(&r, "cscc", 4, Basis::BetterUnit),
        ]);
    given::<Routing>(&history)
        .when(Command::TakeBack(RecallReason::Erased))
        .then(&[
            taken_back(at("so_xd", 1), 3, RecallReason::Erased),
            taken_back(at("udc", 2), 4, RecallReason::Erased),
        ]);
    history.extend([elsewhere(at("so_xd", 1), 3), elsewhere(at("udc", 2), 4)]);
    let case: Case = Routing::fold(&history);
    assert_eq!(case.is_before(&at("udc", 2)), Err(Rejection::Recalled));
    assert_eq!(case.last_unit(), Some(&unit("so_xd")));
}

#[test]
fn where_the_policy_says_so_units_take_part_from_the_dispatch_on() {
    let r = Routed {
        join: true,
        ..road(2)
    };
    assert_eq!(r.units, [unit("so_xd"), unit("ubnd_xa")]);
    given::<Routing>(&[]).when(Command::Route(r.clone())).then(&[
        Event::CaseRouted(r.clone()),
        dispatched(&r, "so_xd", 1, Basis::Level2),
        joined(&r, at("ubnd_xa", 2), 1, JoinBasis::Policy),
    ]);
    let asks = Routed {
        join: true,
        ..road(3)
    };
    given::<Routing>(&[Event::CaseRouted(asks.clone())])
        .when(Command::HearOpinion { agree: true })
        .then(&[
            dispatched(&asks, "so_xd", 1, Basis::OpinionAgreed),
            joined(&asks, at("ubnd_xa", 2), 1, JoinBasis::Policy),
        ]);
    // Whoever else the office chooses works alone, until it asks for others.
    let office = Routed {
        join: true,
        ..road(4)
    };
    given::<Routing>(&[Event::CaseRouted(office.clone())])
        .when(order("udc"))
        .then(&[dispatched(&office, "udc", 1, Basis::OfficeOrder)]);
}
