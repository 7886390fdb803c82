//! The rules of feedback: how an answer comes back at each of the five levels, and when a case is done. No IO.

pub mod facts;
pub mod procedure;
pub mod reach;
pub mod words;

pub use facts::{Fact, Facts};
pub use procedure::{Act, Command, Event, Procedure, Rejection, State};
pub use reach::Reach;
pub use words::{Closing, Opinion, Reopening, Way, What};
