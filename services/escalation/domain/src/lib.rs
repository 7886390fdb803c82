//! The rules of escalation: which answer is owed by when, what ends an obligation, and when silence has become an event.

pub mod deadline;
pub mod obligation;
pub mod policy;
pub mod table;

pub use deadline::{Deadline, OutOfCalendar};
pub use obligation::{Command, Event, Obligation, Obligations, Rejection, Standing};
pub use policy::{Amount, CaseFacts, Policy, PolicyError, Rule, What};
pub use table::{End, Fact, MERGED, Note, Sla, end};

/// The deadlines a new city starts with.
pub const BUILT_IN: &str = include_str!("../policy/sla.toml");
