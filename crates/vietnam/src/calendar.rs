//! Which days offices work: weekends, public holidays by rule, the days that make up for them, and swapped Saturdays.
//!
//! Sources: Labour Code 45/2019/QH14 art. 111(3) and 112 (holidays; a holiday on a day of rest is made up for on the next
//! working day), the government's yearly notices (which days around Tết and 2 September; swapped days), and Resolution
//! 80-NQ/TW of 2026 (24 November a holiday).

use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday, date};
use serde::{Deserialize, Serialize};

use crate::lunar;

/// What a day is to an office.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    /// An ordinary working day.
    Working,
    /// A Saturday worked in exchange for another day.
    SwappedIn,
    /// Saturday or Sunday.
    Weekend,
    /// A public holiday.
    Holiday(Holiday),
    /// A day off because this holiday fell on a day of rest.
    MadeUp(Holiday),
    /// A day off in exchange for a worked Saturday.
    SwappedOut,
}

impl Day {
    /// Whether offices work on it.
    #[must_use]
    pub const fn is_working(self) -> bool {
        matches!(self, Self::Working | Self::SwappedIn)
    }
}

/// The public holidays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holiday {
    /// 1 January.
    NewYear,
    /// Five days around the first day of the lunar year.
    Tet,
    /// The tenth day of the third lunar month.
    HungKings,
    /// 30 April.
    Reunification,
    /// 1 May.
    Labour,
    /// 2 September and the day before or after it.
    National,
    /// 24 November, from 2026.
    Culture,
}

/// The legal calendar: the rules, and the exceptions a government notice makes.
#[derive(Clone, Debug)]
pub struct Calendar {
    /// Days off in exchange for a worked day, and the worked days; `true` is worked.
    swaps: BTreeMap<Date, bool>,
}

impl Default for Calendar {
    fn default() -> Self {
        Self::vietnam()
    }
}

impl Calendar {
    /// The national calendar with the swaps announced so far.
    #[must_use]
    pub fn vietnam() -> Self {
        let mut calendar = Self {
            swaps: BTreeMap::new(),
        };
        for (off, worked) in [
            (date(2024, 4, 29), date(2024, 5, 4)),
            (date(2025, 5, 2), date(2025, 4, 26)),
            (date(2026, 1, 2), date(2026, 1, 10)), // decided on 25 December 2025
            (date(2026, 8, 31), date(2026, 8, 22)),
        ] {
            calendar = calendar.with_swap(off, worked);
        }
        calendar
    }

    /// With one more swap: `off` is free and `worked` is worked instead.
    #[must_use]
    pub fn with_swap(mut self, off: Date, worked: Date) -> Self {
        self.swaps.insert(off, false);
        self.swaps.insert(worked, true);
        self
    }

    /// What `day` is.
    #[must_use]
    pub fn day(&self, day: Date) -> Day {
        match self.swaps.get(&day) {
            Some(true) => return Day::SwappedIn,
            Some(false) => return Day::SwappedOut,
            None => {}
        }
        if let Some(holiday) = holiday(day) {
            return Day::Holiday(holiday);
        }
        if is_rest(day) {
            return Day::Weekend;
        }
        made_up(day).map_or(Day::Working, Day::MadeUp)
    }

    /// Whether offices work on `day`.
    #[must_use]
    pub fn is_working(&self, day: Date) -> bool {
        self.day(day).is_working()
    }
}

fn is_rest(day: Date) -> bool {
    matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// The holiday of a day, by rule.
fn holiday(day: Date) -> Option<Holiday> {
    match (day.month(), day.day()) {
        (1, 1) => return Some(Holiday::NewYear),
        (4, 30) => return Some(Holiday::Reunification),
        (5, 1) => return Some(Holiday::Labour),
        (9, 2) => return Some(Holiday::National),
        (11, 24) if day.year() >= 2026 => return Some(Holiday::Culture),
        _ => {}
    }
    // Two days since the Labour Code of 2019 (in force from 2021): the neighbour that joins a weekend or follows it.
    if day.year() >= 2021 && day.month() == 9 && (day.day() == 1 || day.day() == 3) {
        let after = matches!(
            date(day.year(), 9, 2).weekday(),
            Weekday::Monday | Weekday::Thursday | Weekday::Sunday
        );
        return (after == (day.day() == 3)).then_some(Holiday::National);
    }
    if !(1..=4).contains(&day.month()) {
        return None; // the lunar days below fall between 19 January and 29 April
    }
    if lunar::to_gregorian(day.year(), 3, 10) == Some(day) {
        return Some(Holiday::HungKings);
    }
    // Five days: one before and four from the first when Tết is a Monday or Tuesday, else two before and three from it.
    let tet = lunar::new_year(day.year())?;
    let before = if matches!(tet.weekday(), Weekday::Monday | Weekday::Tuesday) {
        1
    } else {
        2
    };
    let offset = (day - tet).get_days();
    (-before..5 - before).contains(&offset).then_some(Holiday::Tet)
}

/// The holiday `day` makes up for: walking through the fortnight before, each holiday on a day of rest takes the next
/// free weekday.
fn made_up(day: Date) -> Option<Holiday> {
    let mut owed = Vec::new();
    let mut at = day.checked_sub(jiff::Span::new().days(14)).ok()?;
    while at < day {
        match holiday(at) {
            Some(holiday) if is_rest(at) => owed.push(holiday),
            Some(_) => {}
            None if is_rest(at) => {}
            None if !owed.is_empty() => {
                owed.remove(0);
            }
            None => {}
        }
        at = at.tomorrow().ok()?;
    }
    owed.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weekdays off, 2023 to 2030, as the PyPI package `holidays` 0.109 has them (an oracle that is not ours), and 2026-01-02,
    /// which it has not got: the government swapped it for Saturday 2026-01-10.
    const OFF: &str = "2023: 01-02 01-20 01-23 01-24 01-25 01-26 05-01 05-02 05-03 09-01 09-04
        2024: 01-01 02-08 02-09 02-12 02-13 02-14 04-18 04-29 04-30 05-01 09-02 09-03
        2025: 01-01 01-27 01-28 01-29 01-30 01-31 04-07 04-30 05-01 05-02 09-01 09-02
        2026: 01-01 01-02 02-16 02-17 02-18 02-19 02-20 04-27 04-30 05-01 08-31 09-01 09-02 11-24
        2027: 01-01 02-04 02-05 02-08 02-09 02-10 04-16 04-30 05-03 09-02 09-03 11-24
        2028: 01-03 01-24 01-25 01-26 01-27 01-28 04-04 05-01 05-02 09-01 09-04 11-24
        2029: 01-01 02-12 02-13 02-14 02-15 02-16 04-23 04-30 05-01 09-03 09-04 11-26
        2030: 01-01 01-31 02-01 02-04 02-05 02-06 04-12 04-30 05-01 09-02 09-03 11-25";

    #[test]
    fn every_weekday_off_from_2023_to_2030_agrees_with_an_oracle_that_is_not_ours() {
        let calendar = Calendar::vietnam();
        let text: String = (2023..=2030)
            .map(|year| {
                let mut at = date(year, 1, 1);
                let mut line = format!("{year}:");
                while at.year() == year {
                    if !is_rest(at) && !calendar.is_working(at) {
                        line.push_str(&format!(" {:02}-{:02}", at.month(), at.day()));
                    }
                    at = at.tomorrow().unwrap();
                }
                line
            })
            .collect::<Vec<_>>()
            .join("\n        ");
        assert_eq!(text, OFF);
    }

    #[test]
    fn a_swapped_saturday_is_worked_and_its_counterpart_is_not() {
        let calendar = Calendar::vietnam();
        for (off, worked) in [
            (date(2024, 4, 29), date(2024, 5, 4)),
            (date(2025, 5, 2), date(2025, 4, 26)),
            (date(2026, 1, 2), date(2026, 1, 10)),
            (date(2026, 8, 31), date(2026, 8, 22)),
        ] {
            assert_eq!(calendar.day(off), Day::SwappedOut);
            assert_eq!(calendar.day(worked), Day::SwappedIn);
        }
        assert_eq!(calendar.day(date(2026, 8, 15)), Day::Weekend);
    }
}
