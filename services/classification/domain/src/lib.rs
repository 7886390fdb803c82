//! The rules of classification: what a text is found to be and why, and when a person must confirm it. No IO, no clock.

pub mod classify;
pub mod decider;
pub mod finding;
pub mod policy;
mod reading;

pub use classify::{Given, classify, classify_at};
pub use decider::{ClassificationCase, Command, Event, Rejection, State};
pub use finding::{Classification, Evidence, Finding, Reason};
pub use policy::{Policy, PolicyError};
