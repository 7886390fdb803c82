//! What other services have put on record about the case, as far as a procedure needs it.

use kernel::taxonomy::{Destination, Level};

/// One fact that another service stated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Classification found, or a person decided, the level.
    LevelFound(Level),
    /// Routing named where the case rests.
    Routed {
        /// Position of the event.
        position: u64,
        /// Where.
        destination: Destination,
    },
    /// Put before a unit.
    Dispatched {
        /// Which dispatch, from 1.
        revision: u32,
    },
    /// Merged into another case, or parted from it.
    Merged(bool),
}

/// The facts together; a later one takes the place of an earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Level of the answer, once it is known.
    pub level: Option<Level>,
    /// Where it rests, once it is routed.
    pub destination: Option<Destination>,
    /// Position of the latest routing; 0 before any.
    pub routing: u64,
    /// The latest dispatch; 0 before any.
    pub dispatched: u32,
    /// Whether it is handled with another case.
    pub merged: bool,
}

impl Facts {
    /// With one more fact.
    #[must_use]
    pub fn heard(self, fact: &Fact) -> Self {
        match *fact {
            Fact::LevelFound(level) => Self {
                level: Some(level),
                ..self
            },
            Fact::Routed {
                position,
                destination,
            } => Self {
                routing: position,
                destination: Some(destination),
                ..self
            },
            Fact::Dispatched { revision } => Self {
                dispatched: self.dispatched.max(revision),
                ..self
            },
            Fact::Merged(merged) => Self { merged, ..self },
        }
    }

    /// All of a history.
    #[must_use]
    pub fn of<'a>(history: impl IntoIterator<Item = &'a Fact>) -> Self {
        history.into_iter().fold(Self::default(), Self::heard)
    }
}
