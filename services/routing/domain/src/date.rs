//! The date in the city: a fixed seven hours east of UTC, without summer time.

use jiff::civil::Date;
use jiff::tz::Offset;
use kernel::Instant;

/// The city's offset from UTC.
const CITY: Offset = Offset::constant(7);

/// The civil date in the city at an instant.
#[must_use]
pub fn city_date(at: Instant) -> Date {
    CITY.to_datetime(at.timestamp()).date()
}

/// The day after; the last day of the range stands for what lies beyond it.
pub(crate) fn day_after(date: Date) -> Date {
    date.tomorrow().unwrap_or(Date::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_citys_day_begins_seven_hours_before_utcs() {
        let date = |text| city_date(Instant::parse(text).unwrap()).to_string();
        assert_eq!(date("2025-02-28T16:59:59Z"), "2025-02-28");
        assert_eq!(date("2025-02-28T17:00:00Z"), "2025-03-01");
    }
}
