//! The obligations of one case: how facts open and end them, and when one is missed.

use std::collections::BTreeMap;

use kernel::{Decider, EventId, Instant};
use uuid::Uuid;

use crate::deadline::{Deadline, OutOfCalendar, city_day};
use crate::policy::What;
use crate::table::{self, End, Fact, Note};

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
    /// By whom.
    pub owner: String,
    /// Since when.
    pub from: Instant,
    /// Which dispatch it is about; 0 for none.
    pub revision: u32,
    /// By when.
    pub due: Instant,
    /// Revision of the due time, from 1.
    pub due_revision: u32,
    /// Where it stands.
    pub standing: Standing,
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

    fn end(&mut self, obligation: Uuid) {
        if let Some(found) = self.0.get_mut(&obligation) {
            found.standing = Standing::Ended;
        }
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
                for debt in table::opens(&note.fact, note.facts.level) {
                    // A dialogue or letter that is owed stays owed by the same time, however often the case comes back to the office; so does
                    // the leaders' decision, if the other office refuses after it was silent.
                    let once = matches!(debt.0, What::Dialogue | What::Letter | What::DisputeDecision);
                    match state.owed(debt.0).filter(|_| once) {
                        None => events.extend(state.open(&note, note.at, debt)?),
                        // The case went to the other office: what is owed there is owed by the time at which it was before. What was missed
                        // stays with the one that missed it.
                        Some((id, owed)) if owed.owner != debt.1 && owed.standing == Standing::Open => {
                            if let Some(opened) = state.open(&note, owed.from, debt)? {
                                let by = note.kind.clone();
                                events.extend([Event::Overtaken { obligation: id, by }, opened]);
                            }
                        }
                        Some(_) => {}
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
                let Obligation {
                    what, revision, due, ..
                } = *found;
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
                from,
                due,
                due_revision,
                revision,
                ..
            } => {
                let opened = Obligation {
                    what: *what,
                    owner: owner.clone(),
                    from: *from,
                    revision: *revision,
                    due: *due,
                    due_revision: *due_revision,
                    standing: Standing::Open,
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
            Event::Met { obligation, .. } | Event::Overtaken { obligation, .. } => state.end(*obligation),
        }
        state
    }
}

impl Obligations {
    fn owed(&self, what: What) -> Option<(Uuid, &Obligation)> {
        let owed = |o: &Obligation| o.what == what && o.standing != Standing::Ended;
        self.0.iter().find(|(_, o)| owed(o)).map(|(id, o)| (*id, o))
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
        from: Instant,
        (what, owner, revision): table::Debt,
    ) -> Result<Option<Event>, OutOfCalendar> {
        let obligation = obligation_id(note.cause, what);
        if self.0.contains_key(&obligation) {
            return Ok(None);
        }
        let Some(rule) = note.sla.policy.rule(what, &note.facts, city_day(from)) else {
            return Ok(None);
        };
        let Some(amount) = rule.amount else {
            return Ok(None); // the hotline keeps no clock here
        };
        let Deadline { due, arithmetic } = Deadline::of(amount, from, &note.sla.calendar)?;
        Ok(Some(Event::Opened {
            obligation,
            what,
            owner,
            from,
            due,
            due_revision: 1,
            rule: rule.id.clone(),
            policy: note.sla.version.clone(),
            arithmetic,
            revision,
        }))
    }
}
