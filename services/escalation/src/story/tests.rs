//! What a case's events amount to, as of the event that is asked about.

use contracts::{Code, Payload};
use kernel::taxonomy::Destination;
use kernel::{Actor, CaseId, EventId, RequestId, StreamId};

use super::*;

/// Event number `position` of the case, appended by request `request`.
fn event<P: Payload>(position: u64, request: u128, payload: &P) -> Recorded {
    let case = CaseId(Uuid::from_u128(1));
    Recorded {
        position: Position(position),
        id: EventId(Uuid::from_u128(u128::from(position))),
        stream: StreamId::new(P::CATEGORY, case.0),
        version: 1,
        case: Some(case),
        kind: P::TYPE.to_owned(),
        occurred_at: Instant(0),
        recorded_at: Instant(1_000 * i64::try_from(position).unwrap()),
        actor: Actor::service("test"),
        correlation: String::new(),
        causation: None,
        traceparent: String::new(),
        data: serde_json::to_vec(payload).unwrap(),
        has_sealed: false,
        request: RequestId(Uuid::from_u128(request)),
    }
}

fn found(kind: Kind, level: Level) -> Finding {
    Finding {
        field: None,
        topic: None,
        also: Vec::new(),
        kind,
        urgency: Urgency::Normal,
        level,
        complete: true,
        wards: Vec::new(),
        place: Vec::new(),
    }
}

fn classified(level: Level) -> ReportClassified {
    let finding = found(Kind::Reflection, level);
    ReportClassified {
        finding,
        confidence: 900,
        evidence: Vec::new(),
        policy: Code::default(),
        model: Code::default(),
    }
}

fn review() -> ReviewRequested {
    let suggestion = found(Kind::Unclear, Level::ONE);
    ReviewRequested {
        reasons: Vec::new(),
        suggestion,
        confidence: 100,
        evidence: Vec::new(),
        policy: Code::default(),
        model: Code::default(),
    }
}

fn routed(destination: Destination) -> CaseRouted {
    CaseRouted {
        join: false,
        office: Office::PartyCommittee,
        units: Vec::new(),
        destination,
        policy: Code::default(),
        clause: Code::default(),
        inputs: Vec::new(),
    }
}

fn dispatched(revision: u32) -> CaseDispatched {
    let unit = Code::lossy("so_xd");
    CaseDispatched {
        unit,
        office: Office::PartyCommittee,
        revision,
        basis: Code::default(),
    }
}

fn returned() -> CaseReturned {
    let unit = Code::lossy("so_xd");
    CaseReturned {
        unit,
        revision: 1,
        reason: Code::lossy("not_ours"),
        better_unit: None,
    }
}

/// What the event at `position` says in the story of all.
fn said(events: &[Recorded], position: u64) -> Fact {
    let asked = events.iter().find(|e| e.position == Position(position)).unwrap();
    Story::of(events.to_vec()).fact(asked).unwrap().unwrap()
}

#[test]
fn a_return_counts_as_placed_only_if_the_same_request_put_the_case_elsewhere() {
    let placed = |events: &[Recorded]| match said(events, 3) {
        Fact::CaseReturned { placed, office, .. } => {
            assert_eq!(office, Office::PartyCommittee);
            placed
        }
        other => panic!("{other:?}"),
    };
    let before = [
        event(1, 1, &routed(Destination::Unit)),
        event(2, 1, &dispatched(1)),
        event(3, 2, &returned()),
    ];
    let with = |last: Recorded| [&before[..], &[last]].concat();
    assert!(!placed(&before));
    assert!(placed(&with(event(4, 2, &dispatched(2)))));
    assert!(placed(&with(event(4, 2, &routed(Destination::Office)))));
    assert!(
        !placed(&with(event(4, 3, &dispatched(2)))),
        "a later order is another fact, seen already or not"
    );
}

#[test]
fn the_leaders_are_asked_until_they_agreed_or_a_unit_had_the_case() {
    let asked = |earlier: Recorded| match said(&[earlier, event(9, 9, &routed(Destination::Office))], 9) {
        Fact::CaseRouted { past_opinion, .. } => !past_opinion,
        other => panic!("{other:?}"),
    };
    let opinion = |opinion| OpinionGiven {
        opinion: Code::lossy(opinion),
    };
    assert!(asked(event(1, 1, &classified(Level::THREE))));
    assert!(asked(event(1, 1, &opinion("decline"))));
    assert!(!asked(event(1, 1, &opinion("agree"))));
    assert!(!asked(event(1, 1, &dispatched(1))));
    assert!(
        asked(event(10, 1, &opinion("agree"))),
        "what came later was not known then"
    );
}

#[test]
fn a_deadline_goes_by_what_was_known_when_it_began() {
    let decided = ReviewDecided {
        finding: found(Kind::Complaint, Level::FOUR),
        changed: true,
        review: 1,
    };
    let events = [
        event(1, 1, &review()),
        event(2, 2, &decided),
        event(3, 3, &classified(Level::FIVE)),
    ];
    let story = Story::of(events.to_vec());
    let level = |at: usize| story.facts(&events[at]).unwrap().level;
    assert_eq!(
        [level(0), level(1), level(2)],
        [Level::ONE, Level::FOUR, Level::FIVE]
    );
}

#[test]
fn what_words_of_danger_were_found_in_is_reviewed_as_an_emergency() {
    let suspected = EmergencySuspected {
        number: Code::lossy("114"),
        evidence: Vec::new(),
    };
    let decided = ReviewDecided {
        finding: found(Kind::Reflection, Level::TWO),
        changed: true,
        review: 2,
    };
    let events = [
        event(1, 1, &suspected),
        event(2, 2, &review()),
        event(3, 3, &decided),
    ];
    let story = Story::of(events.to_vec());
    assert_eq!(story.facts(&events[1]).unwrap().urgency, Urgency::Emergency);
    assert_eq!(
        story.facts(&events[2]).unwrap().urgency,
        Urgency::Normal,
        "a person has said what it is"
    );
}

#[test]
fn erased_data_and_unknown_events_say_nothing_and_stop_nothing() {
    let mut erased = event(1, 1, &dispatched(1));
    erased.data.clear();
    let mut unknown = event(2, 2, &dispatched(1));
    unknown.kind = "routing.something_new.v1".to_owned();
    let story = Story::of(vec![erased.clone(), unknown.clone()]);
    assert_eq!(story.fact(&erased).unwrap(), None);
    assert_eq!(story.fact(&unknown).unwrap(), None);
    assert_eq!(story.facts(&unknown).unwrap().kind, Kind::Unclear);
    assert_eq!(story.obligations().unwrap().1, 0);
}

#[test]
fn only_what_came_after_the_cause_of_an_opening_can_have_ended_it() {
    let accepted = |position, revision| {
        event(
            position,
            9,
            &CaseAccepted {
                unit: Code::lossy("so_xd"),
                revision,
            },
        )
    };
    let mut opening = event(7, 7, &dispatched(2));
    opening.causation = Some(EventId(Uuid::from_u128(5)));
    let events = vec![
        accepted(3, 1),
        event(5, 5, &dispatched(2)),
        accepted(6, 2),
        opening.clone(),
        accepted(8, 2),
    ];
    let since = Story::of(events).since(&opening).unwrap();
    let times: Vec<i64> = since.iter().map(|(at, _)| at.0).collect();
    assert_eq!(times, [6_000, 7_000, 8_000]);
}
