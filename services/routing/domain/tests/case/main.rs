//! Routing of one case, as given, when, then.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod desk;
mod dispute;
mod laws;
mod said;
mod ways;
