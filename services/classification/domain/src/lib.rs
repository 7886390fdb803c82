//! The rules of classification: what a text is found to be and why, and when a person must confirm it. No IO, no clock.

pub mod built_in;
pub mod classify;
pub mod compare;
pub mod cross;
pub mod decider;
pub mod duplicate;
pub mod explain;
pub mod finding;
pub mod likeness;
pub mod measure;
pub mod model;
pub mod policy;
mod reading;
pub mod record;
mod rules;
mod voices;

pub use classify::{Given, classify, classify_at};
pub use decider::{ClassificationCase, Command, Event, Rejection, State};
pub use duplicate::{Duplicates, Parting};
pub use finding::{Classification, Evidence, Finding, Reason};
pub use policy::{Policy, PolicyError};
