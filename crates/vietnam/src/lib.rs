//! Vietnamese calendar and working time, phone numbers, text folding and administrative units. Pure: no IO, no clock.

pub mod calendar;
pub mod email;
pub mod lunar;
pub mod phone;
pub mod phrases;
pub mod places;
pub mod text;
pub mod working_time;

pub use calendar::Calendar;
pub use phrases::Phrases;
pub use text::Folded;
