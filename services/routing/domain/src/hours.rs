//! When a report came, by the legal calendar: in office time or outside it.

use std::sync::LazyLock;

use jiff::civil::Date;
use kernel::{Instant, words};
use vietnam::Calendar;
use vietnam::calendar::Day;
use vietnam::working_time::{OFFSET, in_a_shift};

static CALENDAR: LazyLock<Calendar> = LazyLock::new(Calendar::vietnam);

words!(
    /// When a report came.
    Hours, "hours" {
        /// In a shift of a working day; a Saturday that is worked counts.
        Working = "working";
        /// On a working day, before, between or after the shifts.
        AfterHours = "after_hours";
        /// On a Saturday or Sunday.
        Weekend = "weekend";
        /// On a holiday, or on a day off in its place.
        Holiday = "holiday";
    }
);

impl Hours {
    /// Of an instant. What counts is when the ledger recorded the report: the first moment at which anybody could act on it, and one
    /// that whoever reports cannot choose.
    #[must_use]
    pub fn of(at: Instant) -> Self {
        let local = OFFSET.to_datetime(at.timestamp());
        match CALENDAR.day(local.date()) {
            day if day.is_working() && in_a_shift(local.time()) => Self::Working,
            day if day.is_working() => Self::AfterHours,
            Day::Weekend => Self::Weekend,
            _ => Self::Holiday,
        }
    }

    /// Whether a report can come so on that day.
    pub(crate) fn comes_on(self, day: Date) -> bool {
        match (self, CALENDAR.day(day)) {
            (Self::Working | Self::AfterHours, day) => day.is_working(),
            (Self::Weekend, day) => day == Day::Weekend,
            (Self::Holiday, day) => !day.is_working() && day != Day::Weekend,
        }
    }
}
