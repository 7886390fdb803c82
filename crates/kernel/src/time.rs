//! Time as the ledger keeps it: microseconds since the epoch, UTC, handed in by a clock.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An instant in microseconds since 1970-01-01T00:00:00Z. On the wire a number; shown as RFC 3339.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Instant(pub i64);

impl Instant {
    /// Microseconds in a second.
    pub const SECOND: i64 = 1_000_000;

    /// Later (or earlier, if negative) by so many microseconds, held at the ends of the range.
    #[must_use]
    pub fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// As a jiff timestamp; the ends of jiff's range stand for what lies beyond it.
    #[must_use]
    pub fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        })
    }

    /// Reads RFC 3339 (`2016-03-24T08:00:00+07:00`), to the microsecond.
    ///
    /// # Errors
    /// What jiff says of a text that is not an instant.
    pub fn parse(text: &str) -> Result<Self, jiff::Error> {
        text.parse::<jiff::Timestamp>().map(Self::from)
    }
}

impl From<jiff::Timestamp> for Instant {
    fn from(value: jiff::Timestamp) -> Self {
        Self(value.as_microsecond())
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timestamp().fmt(f)
    }
}

/// Where time comes from. Only `chassis::clock` reads the machine's; tests and simulations hand in their own.
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Instant;

    /// Microseconds that only ever count on, whoever sets the wall clock; `None` when the clock is handed in and beyond doubt.
    fn ticks(&self) -> Option<i64> {
        None
    }
}
