//! The obligations of one case: how facts open and end them, and when one is missed.

use std::collections::BTreeMap;

use kernel::{Decider, EventId, Instant};
use uuid::Uuid;

use crate::deadline::{Deadline, OutOfCalendar, city_day, in_office_hours};
use crate::policy::What;
use crate::table::{self, End, Fact, MERGED, Note};

/// Where an obligation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Owed.
    Open,
    /// Owed, and its deadline has passed on record.
    Missed,
    /// Done, or pointless.
    Ended,
}

/// One obligation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obligation {
    /// What is owed.
    pub what: What,
    /// Who owes it.
    pub owner: String,
    /// Which dispatch it is about; 0 for none.
    pub revision: u32,
    /// By when.
    pub due: Instant,
    /// Revision of the due time, from 1.
    pub due_revision: u32,
    /// The rule that gave the time.
    pub rule: String,
    /// Version of the policy the rule is in.
    pub policy: String,
    /// Whether its clock runs in office hours only.
    pub in_office_hours: bool,
    /// Where it stands.
    pub standing: Standing,
    /// It ended because the case was merged into another, and has not gone on since.
    pub stopped: bool,
}

/// All obligations a case ever had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Obligations(BTreeMap<Uuid, Obligation>);

impl Obligations {
    /// One of them.
    #[must_use]
    pub fn get(&self, obligation: Uuid) -> Option<&Obligation> {
        self.0.get(&obligation)
    }

    fn end(&mut self, obligation: Uuid, stopped: bool) {
        if let Some(found) = self.0.get_mut(&obligation) {
            found.standing = Standing::Ended;
            found.stopped = stopped;
        }
    }

    /// Clocks that stand still because the case was merged.
    fn stopped(&self) -> impl Iterator<Item = (What, &Obligation)> {
        self.0.values().filter(|o| o.stopped).map(|o| (o.what, o))
    }

    /// A clock that stood still goes on with what remained, by the rule that gave it its time.
    fn go_on(
        &self,
        note: &Note,
        (what, owner, revision): table::Debt,
        clock: &Obligation,
        stopped: Instant,
    ) -> Result<Option<Event>, OutOfCalendar> {
        let obligation = obligation_id(note.cause, what);
        if self.0.contains_key(&obligation) {
            return Ok(None);
        }
        let Deadline { due, arithmetic } = Deadline::of_the_rest(
            clock.due,
            stopped,
            note.at,
            clock.in_office_hours,
            &note.sla.calendar,
        )?;
        Ok(Some(Event::Opened {
            obligation,
            what,
            owner,
            from: note.at,
            due,
            due_revision: 1,
            rule: clock.rule.clone(),
            policy: clock.policy.clone(),
            arithmetic,
            revision,
        }))
    }
}

/// What may be asked.
#[derive(Clone, Debug)]
pub enum Command {
    /// Draw the consequences of a fact.
    Follow(Note),
    /// A deadline has passed: put it on record.
    RecordMiss {
        /// Which obligation.
        obligation: Uuid,
        /// The revision of the due time that passed.
        due_revision: u32,
        /// The present.
        now: Instant,
        /// Facts of the case since the obligation was opened, with the time each was recorded. Some may not have been
        /// followed yet, after a stop of this service; what was done in time must not be called missed for that.
        since: Vec<(Instant, Fact)>,
    },
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody owes something by a time.
    Opened {
        /// Derived from the cause and from `what`.
        obligation: Uuid,
        /// What.
        what: What,
        /// `unit:<code>`, `office:<code>`, `desk`, `review`.
        owner: String,
        /// When the clock started.
        from: Instant,
        /// By when.
        due: Instant,
        /// Revision of the due time, from 1.
        due_revision: u32,
        /// The rule that gave the time.
        rule: String,
        /// Version of the policy.
        policy: String,
        /// How the deadline was computed.
        arithmetic: Vec<String>,
        /// Which dispatch it is about; 0 for none.
        revision: u32,
    },
    /// It was done.
    Met {
        /// Which.
        obligation: Uuid,
        /// When.
        at: Instant,
        /// Whether after the deadline.
        late: bool,
    },
    /// The deadline passed without it.
    Missed {
        /// Which.
        obligation: Uuid,
        /// The deadline.
        due: Instant,
        /// Its revision.
        due_revision: u32,
    },
    /// Something else made it pointless.
    Overtaken {
        /// Which.
        obligation: Uuid,
        /// Type of the event that did.
        by: String,
    },
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Nothing of this id was opened in the case.
    #[error("the case has no such obligation")]
    UnknownObligation,
    /// The deadline lies ahead.
    #[error("the obligation is due at {due}, which has not passed")]
    NotDue {
        /// The deadline.
        due: Instant,
    },
    /// No deadline can be computed.
    #[error(transparent)]
    OutOfCalendar(#[from] OutOfCalendar),
}

/// The id of what `cause` opens: the same whenever it is derived.
#[must_use]
pub fn obligation_id(cause: EventId, what: What) -> Uuid {
    Uuid::new_v5(&cause.0, what.code().as_bytes())
}

impl Decider for Obligations {
    type State = Self;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(state: &Self, command: Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Follow(note) => {
                let mut events = state.ended_by(&note);
                let stopped = match note.fact {
                    Fact::CaseParted { stopped } => {
                        // A unit's clocks go on when the unit has the case again.
                        for (what, clock) in state.stopped().filter(|(_, clock)| clock.revision == 0) {
                            let debt = (what, clock.owner.clone(), 0);
                            events.extend(state.go_on(&note, debt, clock, stopped)?);
                        }
                        None
                    }
                    Fact::CaseDispatched { stopped, .. } => stopped,
                    _ => None,
                };
                for debt in table::opens(&note.fact, note.facts.level) {
                    // A dialogue or letter that is owed stays owed by the same time, however often the case comes back to the office.
                    let once = matches!(debt.0, What::Dialogue | What::Letter);
                    let clock = state.stopped().find(|(what, _)| *what == debt.0);
                    if let Some(((_, clock), stopped)) = clock.zip(stopped) {
                        events.extend(state.go_on(&note, debt, clock, stopped)?);
                    } else if !once || !state.owes(debt.0) {
                        events.extend(state.open(&note, debt)?);
                    }
                }
                Ok(events)
            }
            Command::RecordMiss {
                obligation,
                due_revision,
                now,
                since,
            } => {
                let found = state.get(obligation).ok_or(Rejection::UnknownObligation)?;
                let (what, revision, due) = (found.what, found.revision, found.due);
                // Exactly at the deadline is still in time.
                if now <= due {
                    return Err(Rejection::NotDue { due });
                }
                let in_time = since
                    .iter()
                    .any(|(at, fact)| *at <= due && table::end(what, revision, fact).is_some());
                if found.standing != Standing::Open || found.due_revision != due_revision || in_time {
                    return Ok(Vec::new());
                }
                Ok(vec![Event::Missed {
                    obligation,
                    due,
                    due_revision,
                }])
            }
        }
    }

    fn evolve(mut state: Self, event: &Event) -> Self {
        match event {
            Event::Opened {
                obligation,
                what,
                owner,
                due,
                due_revision,
                rule,
                policy,
                arithmetic,
                revision,
                ..
            } => {
                // Whatever of the kind stood still goes on as this one, or is over.
                for earlier in state.0.values_mut().filter(|earlier| earlier.what == *what) {
                    earlier.stopped = false;
                }
                let opened = Obligation {
                    what: *what,
                    owner: owner.clone(),
                    revision: *revision,
                    due: *due,
                    due_revision: *due_revision,
                    rule: rule.clone(),
                    policy: policy.clone(),
                    in_office_hours: in_office_hours(arithmetic),
                    standing: Standing::Open,
                    stopped: false,
                };
                state.0.insert(*obligation, opened);
            }
            Event::Missed { obligation, .. } => {
                if let Some(found) = state.0.get_mut(obligation)
                    && found.standing == Standing::Open
                {
                    found.standing = Standing::Missed;
                }
            }
            Event::Met { obligation, .. } => state.end(*obligation, false),
            Event::Overtaken { obligation, by } => state.end(*obligation, by == MERGED),
        }
        state
    }
}

impl Obligations {
    fn owes(&self, what: What) -> bool {
        self.0
            .values()
            .any(|o| o.what == what && o.standing != Standing::Ended)
    }

    /// What the fact ends, in the order of what was due first.
    fn ended_by(&self, note: &Note) -> Vec<Event> {
        let mut owed: Vec<(&Uuid, &Obligation)> = self
            .0
            .iter()
            .filter(|(_, o)| o.standing != Standing::Ended)
            .collect();
        owed.sort_by_key(|(id, o)| (o.due, **id));
        let end = |(id, o): (&Uuid, &Obligation)| {
            // A fact that is followed twice must not end what it opened itself.
            if *id == obligation_id(note.cause, o.what) {
                return None;
            }
            table::end(o.what, o.revision, &note.fact).map(|end| match end {
                End::Met => Event::Met {
                    obligation: *id,
                    at: note.at,
                    late: note.at > o.due,
                },
                End::Overtaken => Event::Overtaken {
                    obligation: *id,
                    by: note.kind.clone(),
                },
            })
        };
        owed.into_iter().filter_map(end).collect()
    }

    fn open(
        &self,
        note: &Note,
        (what, owner, revision): table::Debt,
    ) -> Result<Option<Event>, OutOfCalendar> {
        let obligation = obligation_id(note.cause, what);
        if self.0.contains_key(&obligation) {
            return Ok(None);
        }
        let Some(rule) = note.sla.policy.rule(what, &note.facts, city_day(note.at)) else {
            return Ok(None);
        };
        let Some(amount) = rule.amount else {
            return Ok(None); // the hotline keeps no clock here
        };
        let Deadline { due, arithmetic } = Deadline::of(amount, note.at, &note.sla.calendar)?;
        Ok(Some(Event::Opened {
            obligation,
            what,
            owner,
            from: note.at,
            due,
            due_revision: 1,
            rule: rule.id.clone(),
            policy: note.sla.version.clone(),
            arithmetic,
            revision,
        }))
    }
}
