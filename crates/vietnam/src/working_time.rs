//! Deadlines on the legal calendar: working hours in two shifts, working days, calendar days, each with its arithmetic.

use jiff::civil::{Date, Time, time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::calendar::{Calendar, Day};

/// The city's offset; Vietnam has no summer time.
pub const OFFSET: Offset = Offset::constant(7);

/// The two shifts of an office day: 4 + 4 hours.
const SHIFTS: [(Time, Time); 2] = [
    (time(7, 30, 0, 0), time(11, 30, 0, 0)),
    (time(13, 0, 0, 0), time(17, 0, 0, 0)),
];
/// Whether it is office time, on a day on which offices work.
#[must_use]
pub fn in_a_shift(at: Time) -> bool {
    SHIFTS.iter().any(|(opens, closes)| *opens <= at && at < *closes)
}

/// Minutes of work in a working day.
pub const MINUTES_A_DAY: i64 = 8 * 60;
/// How far ahead a deadline is looked for: ten years of days, so that no input makes the search endless.
const HORIZON: usize = 3_660;

/// A deadline and how it was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// The instant at which it is missed.
    pub at: Timestamp,
    /// The arithmetic, in order; enough to recompute it by hand.
    pub steps: Vec<Step>,
}

/// One line of the arithmetic. Dates are the city's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Minutes counted within a shift of a day.
    Counted {
        /// The day.
        date: Date,
        /// From this minute…
        from: Time,
        /// …to this one.
        to: Time,
        /// How many.
        minutes: i64,
    },
    /// A whole day counted, the n-th.
    DayCounted {
        /// The day.
        date: Date,
        /// Which one, from 1.
        number: u32,
    },
    /// A day that does not count.
    Skipped {
        /// The day.
        date: Date,
        /// What it is.
        day: Day,
    },
    /// Received on a day off: as if received on the next working day.
    ReceivedAsOf {
        /// That working day.
        date: Date,
    },
    /// The last day is a day off: the period ends with the next working day (Civil Code 2015, art. 148(5)).
    EndsWith {
        /// That working day.
        date: Date,
    },
}

/// No deadline: the amount is negative or runs beyond the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a deadline takes a positive amount that ends within ten years")]
pub struct BadAmount;

/// `start` plus so many minutes of the wall clock, day and night: emergencies, and rules that say "within 5 minutes".
///
/// # Errors
/// `BadAmount` for a negative amount or one beyond the calendar.
pub fn add_minutes(start: Timestamp, minutes: i64) -> Result<Due, BadAmount> {
    if minutes < 0 {
        return Err(BadAmount);
    }
    let span = Span::new().try_minutes(minutes).map_err(|_| BadAmount)?;
    Ok(Due {
        at: start.checked_add(span).map_err(|_| BadAmount)?,
        steps: Vec::new(),
    })
}

/// `start` plus so many minutes of office time (8 working hours are 480). A start outside the shifts counts from the next one.
///
/// # Errors
/// `BadAmount` for a negative amount or one beyond ten years.
pub fn add_working_minutes(calendar: &Calendar, start: Timestamp, minutes: i64) -> Result<Due, BadAmount> {
    if minutes < 0 {
        return Err(BadAmount);
    }
    let local = OFFSET.to_datetime(start);
    let (mut date, mut now) = (local.date(), local.time());
    let mut left = minutes;
    let mut steps = Vec::new();
    for _ in 0..HORIZON {
        let day = calendar.day(date);
        if day.is_working() {
            for (opens, closes) in SHIFTS {
                let from = opens.max(now);
                if from >= closes {
                    continue;
                }
                // Seconds are kept: a start of 08:00:30 is due at …:30.
                let room = seconds_between(from, closes);
                let counted = room.min(left * 60);
                let to = from.wrapping_add(Span::new().seconds(counted));
                if counted > 0 {
                    steps.push(Step::Counted {
                        date,
                        from,
                        to,
                        minutes: counted / 60,
                    });
                }
                // A shift cut within a minute leaves the started minute to the next one.
                left -= counted / 60;
                if left == 0 {
                    return Ok(Due {
                        at: instant(date, to)?,
                        steps,
                    });
                }
            }
        } else {
            steps.push(Step::Skipped { date, day });
        }
        date = date.tomorrow().map_err(|_| BadAmount)?;
        now = Time::MIN;
    }
    Err(BadAmount)
}

/// The end of the `days`-th working day (17:00) after the day of receipt; the day of receipt does not count, and what is
/// received on a day off counts as received on the next working day.
///
/// # Errors
/// `BadAmount` beyond ten years.
pub fn add_working_days(calendar: &Calendar, start: Timestamp, days: u32) -> Result<Due, BadAmount> {
    let mut date = OFFSET.to_datetime(start).date();
    let mut steps = Vec::new();
    if !calendar.is_working(date) {
        date = next_working(calendar, date, &mut steps)?;
        steps.push(Step::ReceivedAsOf { date });
    }
    for number in 1..=days {
        if number as usize > HORIZON {
            return Err(BadAmount);
        }
        date = next_working(calendar, date, &mut steps)?;
        steps.push(Step::DayCounted { date, number });
    }
    Ok(Due {
        at: instant(date, SHIFTS[1].1)?,
        steps,
    })
}

/// The end (24:00) of the `days`-th calendar day after the day of receipt; if that is a day off, of the next working day.
///
/// # Errors
/// `BadAmount` beyond ten years.
pub fn add_calendar_days(calendar: &Calendar, start: Timestamp, days: u32) -> Result<Due, BadAmount> {
    if days as usize > HORIZON {
        return Err(BadAmount);
    }
    let first = OFFSET.to_datetime(start).date();
    let mut date = first.checked_add(Span::new().days(days)).map_err(|_| BadAmount)?;
    let mut steps = vec![Step::DayCounted { date, number: days }];
    let day = calendar.day(date);
    if !day.is_working() {
        steps.push(Step::Skipped { date, day });
        date = next_working(calendar, date, &mut steps)?;
        steps.push(Step::EndsWith { date });
    }
    let midnight = date.tomorrow().map_err(|_| BadAmount)?;
    Ok(Due {
        at: instant(midnight, Time::MIN)?,
        steps,
    })
}

/// The first working day after `date`, with the days passed over.
fn next_working(calendar: &Calendar, date: Date, steps: &mut Vec<Step>) -> Result<Date, BadAmount> {
    let mut at = date;
    for _ in 0..HORIZON {
        at = at.tomorrow().map_err(|_| BadAmount)?;
        let day = calendar.day(at);
        if day.is_working() {
            return Ok(at);
        }
        steps.push(Step::Skipped { date: at, day });
    }
    Err(BadAmount)
}

fn seconds_between(from: Time, to: Time) -> i64 {
    let seconds = |t: Time| i64::from(t.hour()) * 3600 + i64::from(t.minute()) * 60 + i64::from(t.second());
    seconds(to) - seconds(from)
}

fn instant(date: Date, at: Time) -> Result<Timestamp, BadAmount> {
    TimeZone::fixed(OFFSET)
        .to_timestamp(date.to_datetime(at))
        .map_err(|_| BadAmount)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("{text}+07:00").parse().unwrap()
    }

    #[test]
    fn working_hours_skip_lunch_the_night_and_the_weekend() {
        let calendar = Calendar::vietnam();
        let due = |start: &str, minutes| add_working_minutes(&calendar, at(start), minutes).unwrap().at;
        assert_eq!(due("2026-03-03T10:00:00", 120), at("2026-03-03T13:30:00"));
        assert_eq!(due("2026-03-03T10:00:00", 480), at("2026-03-04T10:00:00"));
        assert_eq!(due("2026-03-06T16:30:00", 60), at("2026-03-09T08:00:00"));
        assert_eq!(due("2026-03-03T22:00:00", 60), at("2026-03-04T08:30:00"));
        assert_eq!(due("2026-03-03T07:30:00", 240), at("2026-03-03T11:30:00"));
        assert_eq!(due("2026-03-03T10:00:30", 60), at("2026-03-03T11:00:30"));
    }

    #[test]
    fn a_swapped_saturday_counts_and_the_day_it_stands_for_does_not() {
        let due = add_working_days(&Calendar::vietnam(), at("2026-08-21T09:00:00"), 1).unwrap();
        assert_eq!(due.at, at("2026-08-22T17:00:00"));
        let due = add_working_days(&Calendar::vietnam(), at("2026-08-28T09:00:00"), 1).unwrap();
        assert_eq!(due.at, at("2026-09-03T17:00:00"));
        assert_eq!(due.steps.len(), 6, "{:?}", due.steps);
        assert!(due.steps.contains(&Step::Skipped {
            date: date(2026, 8, 31),
            day: Day::SwappedOut
        }));
    }

    #[test]
    fn seven_working_days_across_tet_name_every_day_passed_over() {
        let due = add_working_days(&Calendar::vietnam(), at("2026-02-14T08:00:00"), 2).unwrap();
        assert_eq!(
            due.steps[..]
                .iter()
                .filter(|s| matches!(s, Step::Skipped { .. }))
                .count(),
            8
        );
        assert!(due.steps.contains(&Step::ReceivedAsOf {
            date: date(2026, 2, 23)
        }));
        assert_eq!(due.at, at("2026-02-25T17:00:00"));
    }

    #[test]
    fn calendar_days_end_at_midnight_and_a_day_off_moves_them_to_the_next_working_day() {
        let due = add_calendar_days(&Calendar::vietnam(), at("2026-03-02T08:00:00"), 10).unwrap();
        assert_eq!(due.at, at("2026-03-13T00:00:00"));
        let due = add_calendar_days(&Calendar::vietnam(), at("2026-03-04T08:00:00"), 10).unwrap();
        assert_eq!(due.at, at("2026-03-17T00:00:00"));
    }

    #[test]
    fn absurd_amounts_are_refused_and_end() {
        assert_eq!(
            add_working_minutes(&Calendar::vietnam(), at("2026-03-02T08:00:00"), -1),
            Err(BadAmount)
        );
        assert_eq!(
            add_working_days(&Calendar::vietnam(), at("2026-03-02T08:00:00"), u32::MAX),
            Err(BadAmount)
        );
        assert_eq!(
            add_working_minutes(&Calendar::vietnam(), at("2026-03-02T08:00:00"), i64::MAX / 120),
            Err(BadAmount)
        );
    }
}
