//! `report/<case>`: a report goes on record once, with the danger it speaks of beside it; what cannot be one is recorded as refused.

use kernel::taxonomy::Channel;
use kernel::{Decider, Instant, TrackingCode};

use crate::refusal::Reason;
use crate::submission::Accepted;

/// The rules.
pub struct Report;

/// What is on record of this stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    #[default]
    Nothing,
    /// A report.
    Received,
    /// Something that could not be one.
    Refused,
}

/// What intake does with what came.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Put a report on record.
    Receive(Box<Receive>),
    /// Put on record that something could not be a report.
    Refuse(Refusal),
}

/// A report to be put on record.
#[derive(Clone, Debug, PartialEq)]
pub struct Receive {
    /// What was accepted.
    pub accepted: Accepted,
    /// Who handed it in.
    pub gateway: String,
    /// Tracking code of its case.
    pub code: TrackingCode,
    /// Keyed token of where it came from; empty when no address was given.
    pub source: String,
    /// Words that mean danger, if any were found.
    pub danger: Option<Danger>,
    /// Whether it came by the express lane.
    pub express: bool,
}

/// What triage found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Danger {
    /// `113`, `114` or `115`.
    pub number: String,
    /// Rule, first character, one past the last.
    pub evidence: Vec<(String, u32, u32)>,
}

/// Something that could not be a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Token of the subject it came by.
    pub channel: String,
    /// Who handed it in.
    pub gateway: String,
    /// Why.
    pub reason: Reason,
    /// Size in bytes.
    pub size: u32,
    /// Whether the bytes are kept.
    pub kept: bool,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A report is on record.
    ReportReceived(Box<Received>),
    /// It speaks of danger.
    EmergencySuspected(Danger),
    /// Something could not be a report.
    ReportRefused(Refusal),
}

/// The facts of a report, without anything personal.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// By which channel.
    pub channel: Channel,
    /// Who handed it in.
    pub gateway: String,
    /// Which line was called, or empty.
    pub line: &'static str,
    /// Tracking code.
    pub code: TrackingCode,
    /// Keyed token of where it came from, or empty.
    pub source: String,
    /// When it was said.
    pub occurred_at: Instant,
    /// Whether there is a way to answer.
    pub answerable: bool,
    /// False when the call dropped.
    pub complete: bool,
    /// Characters of the text.
    pub text_length: u32,
    /// `vi`, `en` or `other`.
    pub language: &'static str,
    /// Whether a place came with it.
    pub located: bool,
    /// Whether it overtakes the bulk: it came so, or it speaks of danger.
    pub express: bool,
}

/// Nothing blocks intake: a stream holds one request, and the ledger answers a second attempt with the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The stream holds a refusal, and a report has a stream of its own.
    #[error("what came here was refused; a report opens a case of its own")]
    AlreadyRefused,
    /// The stream holds a report, which cannot be refused any more.
    #[error("this report is on record already and cannot be refused any more")]
    AlreadyReceived,
}

impl Decider for Report {
    type State = State;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(state: &State, command: Command) -> Result<Vec<Event>, Rejection> {
        match (state, command) {
            (State::Nothing, Command::Receive(receive)) => Ok(received(*receive)),
            (State::Nothing, Command::Refuse(refusal)) => Ok(vec![Event::ReportRefused(refusal)]),
            (State::Received, Command::Receive(_)) | (State::Refused, Command::Refuse(_)) => Ok(vec![]),
            (State::Received, Command::Refuse(_)) => Err(Rejection::AlreadyReceived),
            (State::Refused, Command::Receive(_)) => Err(Rejection::AlreadyRefused),
        }
    }

    fn evolve(state: State, event: &Event) -> State {
        match event {
            Event::ReportReceived(_) => State::Received,
            Event::EmergencySuspected(_) => state,
            Event::ReportRefused(_) => State::Refused,
        }
    }
}

fn received(receive: Receive) -> Vec<Event> {
    let Receive {
        accepted,
        gateway,
        code,
        source,
        danger,
        express,
    } = receive;
    let received = Event::ReportReceived(Box::new(Received {
        channel: accepted.channel,
        gateway,
        line: accepted.line,
        code,
        source,
        occurred_at: accepted.occurred_at,
        answerable: accepted.address.is_some(),
        complete: !accepted.submission.incomplete,
        text_length: accepted.text_length,
        language: accepted.language,
        located: accepted.located,
        express: express || danger.is_some(),
    }));
    std::iter::once(received)
        .chain(danger.map(Event::EmergencySuspected))
        .collect()
}
