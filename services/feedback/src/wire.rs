//! Events of the domain as the contract states them.

use chassis::ledger::NewEvent;
use contracts::Code;
use contracts::events::feedback as ours;
use feedback_domain::{Event, Way, What};
use kernel::{Actor, Instant, RequestId};
use uuid::Uuid;

/// The id of the message by which a request tells something: the same at every attempt.
pub(crate) fn message_id(request: RequestId, what: What) -> Uuid {
    Uuid::new_v5(&request.0, format!("message:{what}").as_bytes())
}

/// An event to be appended. `note` goes into the sealed part of those that carry a person's words.
pub(crate) fn new_event(
    event: Event,
    request: RequestId,
    actor: Actor,
    at: Instant,
    note: Option<&[u8]>,
) -> NewEvent {
    let with_note = |new: NewEvent| match note {
        Some(note) => new.sealed(note.to_vec()),
        None => new,
    };
    match event {
        Event::CitizenTold { what, way, revision } => {
            let message = (way != Way::TrackingPage).then(|| message_id(request, what));
            let told = ours::CitizenTold {
                what: code(what.code()),
                channel: code(way.code()),
                message,
                revision,
            };
            NewEvent::of(&told, actor, at)
        }
        Event::GuidanceGiven => with_note(NewEvent::of(&ours::GuidanceGiven {}, actor, at)),
        Event::SubmissionDrafted { routing } => NewEvent::of(&ours::SubmissionDrafted { routing }, actor, at),
        Event::OpinionGiven(opinion) => with_note(NewEvent::of(
            &ours::OpinionGiven {
                opinion: code(opinion.code()),
            },
            actor,
            at,
        )),
        Event::DialogueHeld => with_note(NewEvent::of(&ours::DialogueHeld {}, actor, at)),
        Event::LetterSent => with_note(NewEvent::of(&ours::LetterSent {}, actor, at)),
        Event::CaseClosed(reason) => NewEvent::of(
            &ours::CaseClosed {
                reason: code(reason.code()),
            },
            actor,
            at,
        ),
        Event::CaseReopened(reason) => with_note(NewEvent::of(
            &ours::CaseReopened {
                reason: code(reason.code()),
            },
            actor,
            at,
        )),
    }
}

/// Our own words are all codes.
pub(crate) fn code(word: &str) -> Code {
    Code::lossy(word)
}
