//! The rules of intake: what may be a report and what may not, with no IO.

pub mod refusal;
pub mod report;
pub mod submission;

pub use refusal::{Reason, Refused};
pub use report::{Command, Event, Received, Report, State};
pub use submission::{Accepted, Address, Submission};
