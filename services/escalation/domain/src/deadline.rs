//! From an amount of time to an instant on the legal calendar, with the arithmetic that a reader can repeat by hand.

use jiff::civil::Date;
use kernel::Instant;
use vietnam::Calendar;
use vietnam::calendar::{Day, Holiday};
use vietnam::working_time::{self, BadAmount, OFFSET, Step};

use crate::policy::Amount;

/// A deadline and how it came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// By when; exactly then is still in time.
    pub due: Instant,
    /// `from=2026-08-21T09:00:00+07:00`, `1_working_days`, `day=1/2026-08-22/swapped_in`: at most 64 codes.
    pub arithmetic: Vec<String>,
}

/// No calendar reaches that far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the deadline would lie more than ten years ahead: give the rule a smaller amount")]
pub struct OutOfCalendar;

impl From<BadAmount> for OutOfCalendar {
    fn from(_: BadAmount) -> Self {
        Self
    }
}

/// The day of the city's calendar (UTC+7) on which an instant falls.
#[must_use]
pub fn city_day(at: Instant) -> Date {
    OFFSET.to_datetime(at.timestamp()).date()
}

impl Deadline {
    /// `amount` after `from`.
    ///
    /// # Errors
    /// `OutOfCalendar` when it lies more than ten years ahead.
    pub fn of(amount: Amount, from: Instant, calendar: &Calendar) -> Result<Self, OutOfCalendar> {
        let start = from.timestamp();
        let due = match amount {
            Amount::Minutes(n) => working_time::add_minutes(start, i64::from(n))?,
            Amount::ClockHours(n) => working_time::add_minutes(start, i64::from(n) * 60)?,
            Amount::WorkingHours(n) => working_time::add_working_minutes(calendar, start, i64::from(n) * 60)?,
            Amount::CalendarDays(n) => working_time::add_calendar_days(calendar, start, n)?,
            Amount::WorkingDays(n) => working_time::add_working_days(calendar, start, n)?,
        };
        let mut arithmetic = vec![
            format!("from={}+07:00", OFFSET.to_datetime(start)),
            amount.to_string(),
        ];
        arithmetic.extend(due.steps.iter().map(|step| code(step, calendar)));
        Ok(Self {
            due: due.at.into(),
            arithmetic: bounded(arithmetic),
        })
    }
}

/// Whether the clock of a deadline with this arithmetic runs in office hours only.
pub(crate) fn in_office_hours(arithmetic: &[String]) -> bool {
    arithmetic.iter().any(|step| step.contains("_working_"))
}

impl Deadline {
    /// What remained of a term that was due at `due` when its clock stopped, counted from `from`: in minutes of office time where
    /// `in_office_hours`, else on the wall clock. Nothing remained of what was late.
    ///
    /// # Errors
    /// `OutOfCalendar` when it lies more than ten years ahead.
    pub fn of_the_rest(
        due: Instant,
        stopped: Instant,
        from: Instant,
        in_office_hours: bool,
        calendar: &Calendar,
    ) -> Result<Self, OutOfCalendar> {
        let (start, stop) = (from.timestamp(), stopped.timestamp());
        let (rest, minutes, unit) = if in_office_hours {
            let minutes = working_time::working_minutes_between(calendar, stop, due.timestamp());
            let rest = working_time::add_working_minutes(calendar, start, minutes)?;
            (rest, minutes, "working_minutes")
        } else {
            let micros = due.0.saturating_sub(stopped.0).max(0);
            let minutes =
                micros.div_euclid(60 * Instant::SECOND) + i64::from(micros % (60 * Instant::SECOND) > 0);
            (working_time::add_minutes(start, minutes)?, minutes, "minutes")
        };
        let mut arithmetic = vec![
            format!("from={}+07:00", OFFSET.to_datetime(start)),
            format!("stopped={}+07:00", OFFSET.to_datetime(stop)),
            format!("was_due={}+07:00", OFFSET.to_datetime(due.timestamp())),
            format!("{minutes}_{unit}"),
        ];
        arithmetic.extend(rest.steps.iter().map(|step| code(step, calendar)));
        Ok(Self {
            due: rest.at.into(),
            arithmetic: bounded(arithmetic),
        })
    }
}

/// As many codes as an event holds: of a longer list the middle is counted, not named.
fn bounded(mut steps: Vec<String>) -> Vec<String> {
    const MOST: usize = 64;
    if steps.len() > MOST {
        let tail = steps.split_off(steps.len() - MOST / 2);
        let dropped = steps.len() - (MOST / 2 - 1);
        steps.truncate(MOST / 2 - 1);
        steps.push(format!("and={dropped}"));
        steps.extend(tail);
    }
    steps
}

fn code(step: &Step, calendar: &Calendar) -> String {
    match step {
        Step::Counted {
            date,
            from,
            to,
            minutes,
        } => {
            let minute = |t: &jiff::civil::Time| format!("{:02}:{:02}", t.hour(), t.minute());
            format!(
                "count={date}/{}-{}/{minutes}{}",
                minute(from),
                minute(to),
                worked(*date, calendar)
            )
        }
        Step::DayCounted { date, number } => format!("day={number}/{date}{}", worked(*date, calendar)),
        Step::Skipped { date, day } => format!("skip={date}/{}", name(*day)),
        Step::ReceivedAsOf { date } => format!("received={date}"),
        Step::EndsWith { date } => format!("ends={date}"),
    }
}

/// Says so when a Saturday counts.
fn worked(date: Date, calendar: &Calendar) -> &'static str {
    if calendar.day(date) == Day::SwappedIn {
        "/swapped_in"
    } else {
        ""
    }
}

const fn name(day: Day) -> &'static str {
    match day {
        Day::Working => "working",
        Day::SwappedIn => "swapped_in",
        Day::Weekend => "weekend",
        Day::SwappedOut => "swapped_out",
        Day::MadeUp(_) => "made_up",
        Day::Holiday(Holiday::NewYear) => "new_year",
        Day::Holiday(Holiday::Tet) => "tet",
        Day::Holiday(Holiday::HungKings) => "hung_kings",
        Day::Holiday(Holiday::Reunification) => "reunification",
        Day::Holiday(Holiday::Labour) => "labour",
        Day::Holiday(Holiday::National) => "national",
        Day::Holiday(Holiday::Culture) => "culture",
    }
}
