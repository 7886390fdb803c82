//! The whole system as a user meets it: `hoiam up` as a process in a temporary folder, and the command `hoiam` beside it.

pub mod disk;
pub mod programs;
pub mod reports;
pub mod story;
pub mod system;

pub use reports::{Feed, Record};
pub use story::{Event, Story};
pub use system::{Output, System};
