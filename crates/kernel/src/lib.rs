//! What it means to decide: ids, time, actors, the Decider, and given/when/then for tests. Pure: no IO, no clock.

pub mod actor;
pub mod decider;
pub mod given;
pub mod ids;
pub mod taxonomy;
pub mod time;
pub mod words;

pub use actor::Actor;
pub use decider::Decider;
pub use ids::{CaseId, EventId, IdentityKey, Position, Reached, RequestId, StreamId, TrackingCode};
pub use time::{Clock, Instant};
pub use words::UnknownWord;
