//! The rules of routing: state, command, event, decide and evolve, with no IO.

pub mod case;
pub mod date;
pub mod facts;
pub mod hours;
pub mod policy;
pub mod rejection;
pub mod unit;
pub mod words;

pub use case::{Before, Case, Command, Dispute, DisputeEvent, Event, Heard, Notice, Routing, Ruling};
pub use date::city_date;
pub use facts::{Conflict, Facts, Inputs};
pub use hours::Hours;
pub use policy::{Examined, Policy, PolicyError, Problems, Routed};
pub use rejection::Rejection;
pub use unit::{Standing, Unit, UnitCode};
pub use words::{Basis, DisputeReason, Outcome, RecallReason, ReturnReason};
