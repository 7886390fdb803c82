//! Given a case's obligations, when a fact comes or a deadline passes, then these obligations open, end or are missed.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests; clippy.toml allows it in the tests themselves"
)]

mod disputes;
mod ends;
mod misses;
mod opens;

use std::sync::Arc;

use escalation_domain::obligation::obligation_id;
use escalation_domain::{
    BUILT_IN, CaseFacts, Command, Event, Fact, Note, Obligations, Policy, Rejection, Sla, What,
};
use kernel::given::{Given, given};
use kernel::taxonomy::{Destination, Kind, Level, Office, Urgency};
use kernel::{Decider, EventId, Instant};
use proptest::prelude::*;
use uuid::Uuid;
use vietnam::Calendar;

const NORMAL: CaseFacts = CaseFacts {
    kind: Kind::Reflection,
    urgency: Urgency::Normal,
    level: Level::TWO,
};
/// A Friday before a swapped Saturday, which is worked.
const FRIDAY: &str = "2026-08-21T09:00:00+07:00";

fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

fn sla() -> Arc<Sla> {
    Arc::new(Sla {
        policy: Policy::parse(BUILT_IN).unwrap(),
        version: "v1".to_owned(),
        calendar: Calendar::vietnam(),
    })
}

fn cause(n: u128) -> EventId {
    EventId(Uuid::from_u128(n))
}

/// The n-th event of the case said this.
fn follow(n: u128, when: &str, facts: CaseFacts, fact: Fact) -> Command {
    Command::Follow(Note {
        cause: cause(n),
        kind: "routing.some_fact.v1".to_owned(),
        at: at(when),
        fact,
        facts,
        sla: sla(),
    })
}

fn dispatched(revision: u32) -> Fact {
    Fact::CaseDispatched {
        unit: "so_xd".to_owned(),
        revision,
    }
}

fn result(revision: u32) -> Fact {
    Fact::ResultReported {
        revision,
        partial: false,
    }
}

fn routed(destination: Destination) -> Fact {
    Fact::CaseRouted {
        office: Office::PeoplesCommittee,
        destination,
        past_opinion: false,
    }
}

/// What such commands come to, one after the other.
fn after(commands: impl IntoIterator<Item = Command>) -> Vec<Event> {
    let mut history = Vec::new();
    for command in commands {
        history.extend(Obligations::decide(&Obligations::fold(&history), command).unwrap());
    }
    history
}

fn opened(events: &[Event]) -> Vec<(What, String, Instant)> {
    let one = |e: &Event| match e {
        Event::Opened { what, owner, due, .. } => Some((*what, owner.clone(), *due)),
        _ => None,
    };
    events.iter().filter_map(one).collect()
}

fn the_case(commands: impl IntoIterator<Item = Command>) -> Given<Obligations> {
    given(&after(commands))
}

fn id(n: u128, what: What) -> Uuid {
    obligation_id(cause(n), what)
}

fn miss(n: u128, what: What, now: &str, since: Vec<(Instant, Fact)>) -> Command {
    Command::RecordMiss {
        obligation: id(n, what),
        due_revision: 1,
        now: at(now),
        since,
    }
}
