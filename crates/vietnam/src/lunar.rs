//! The Vietnamese lunar calendar, computed from the sun and the moon at UTC+7 (Meeus, *Astronomical Algorithms*, 25 and 49).
//!
//! Vietnam reckons at UTC+7 and China at UTC+8, so in some years the new year differs: 2007 and 2030 by a day, 1985 by a month.

use jiff::civil::Date;

/// The city's zone in days: UTC+7.
const ZONE: f64 = 7.0 / 24.0;
/// The mean lunar month, in days.
const MONTH: f64 = 29.530_588_861;
/// Julian day number of 1970-01-01 counted from its midnight: noon-based day numbers name civil days.
const UNIX_EPOCH_JDN: i64 = 2_440_588;

/// Lunar years this module answers for; the time correction ΔT is a fit for these.
pub const YEARS: std::ops::RangeInclusive<i16> = 1900..=2100;

/// The Gregorian day of day `day` of lunar month `month` in lunar year `year` (the year whose Tết falls in Gregorian
/// `year`); the ordinary month where one is doubled. `None` outside `YEARS` or for a day the month has not got.
#[must_use]
pub fn to_gregorian(year: i16, month: u8, day: u8) -> Option<Date> {
    if !YEARS.contains(&year) || !(1..=12).contains(&month) || day == 0 {
        return None;
    }
    // Month 11 holds the winter solstice. Months 11 and 12 of lunar year Y begin the run that ends in the solstice of Y;
    // months 1 to 10 of year Y belong to the run that began with month 11 of Y - 1.
    let run = if month >= 11 { year } else { year - 1 };
    let first = eleventh_month(run);
    let next = eleventh_month(run + 1);
    let ordinal = i64::from((month + 1) % 12); // month 11 is 0, 12 is 1, month 1 is 2 …
    let leap = leap_ordinal(first, next);
    let shifted = if leap.is_some_and(|leap| ordinal >= leap) {
        ordinal + 1
    } else {
        ordinal
    };
    let start = new_moon_day(first + shifted);
    let length = new_moon_day(first + shifted + 1) - start;
    (i64::from(day) <= length)
        .then(|| date_of(start + i64::from(day) - 1))
        .flatten()
}

/// The first day of lunar year `year`.
#[must_use]
pub fn new_year(year: i16) -> Option<Date> {
    to_gregorian(year, 1, 1)
}

/// The index of the new moon that opens the month of the winter solstice of Gregorian `year`.
fn eleventh_month(year: i16) -> i64 {
    let end_of_year = jdn(year, 12, 31);
    let mut k = ((end_of_year as f64 - 2_415_021.0) / MONTH).floor() as i64 + 1;
    while new_moon_day(k) > end_of_year {
        k -= 1;
    }
    // The solstice (longitude 270°, sector 9) must not lie before the month's first day.
    if sector(new_moon_day(k)) >= 9 { k - 1 } else { k }
}

/// Which month after month 11 (counted 0) is the doubled one: the first that meets no principal term, in a run of 13 months.
fn leap_ordinal(first: i64, next: i64) -> Option<i64> {
    if next - first != 13 {
        return None;
    }
    (1..13).find(|i| sector(new_moon_day(first + i)) == sector(new_moon_day(first + i + 1)))
}

/// In which twelfth of its circle (0 to 11) the sun stands when `day` begins at UTC+7.
fn sector(day: i64) -> i64 {
    let ut = day as f64 - 0.5 - ZONE;
    (sun_longitude(ut + delta_t(ut)) / 30.0).floor() as i64 % 12
}

/// The day (Julian day number, at UTC+7) on which new moon `k` falls; `k` 0 is the one of 1900-01-01.
fn new_moon_day(k: i64) -> i64 {
    let tt = new_moon(k);
    (tt - delta_t(tt) + 0.5 + ZONE).floor() as i64
}

/// Terrestrial time minus universal time, in days; polynomials of Espenak and Meeus, rounded to a minute's worth of need.
fn delta_t(jd: f64) -> f64 {
    let year = 2000.0 + (jd - 2_451_545.0) / 365.25;
    let t = year - 2000.0;
    let seconds = if year < 1950.0 {
        let u = year - 1900.0;
        -2.8 + u * 1.02 - u * u * 0.009
    } else if year < 2005.0 {
        63.86 + 0.345 * t - 0.003 * t * t
    } else {
        62.92 + 0.322_17 * t + 0.005_589 * t * t
    };
    seconds / 86_400.0
}

/// The instant of new moon `k` (0 is 1900-01-01), in terrestrial time: mean moon and the periodic terms above a minute.
fn new_moon(k: i64) -> f64 {
    let k = (k - 1237) as f64; // Meeus counts from the new moon of 2000-01-06, the 1237th after 1900-01-01
    let t = k / 1236.85;
    let mean = 2_451_550.097_66 + 29.530_588_861 * k + t * t * (0.000_154_37 - t * 0.000_000_15);
    let e = 1.0 - t * (0.002_516 + t * 0.000_007_4);
    let sun = (2.5534 + 29.105_356_70 * k - 0.000_001_4 * t * t).to_radians();
    let moon = (201.5643 + 385.816_935_28 * k + 0.010_758_2 * t * t).to_radians();
    let node = (160.7108 + 390.670_502_84 * k - 0.001_611_8 * t * t).to_radians();
    let omega = (124.7746 - 1.563_755_88 * k + 0.002_067_2 * t * t).to_radians();
    mean - 0.407_20 * moon.sin()
        + 0.172_41 * e * sun.sin()
        + 0.016_08 * (2.0 * moon).sin()
        + 0.010_39 * (2.0 * node).sin()
        + 0.007_39 * e * (moon - sun).sin()
        - 0.005_14 * e * (moon + sun).sin()
        + 0.002_08 * e * e * (2.0 * sun).sin()
        - 0.001_11 * (moon - 2.0 * node).sin()
        - 0.000_57 * (moon + 2.0 * node).sin()
        + 0.000_56 * e * (2.0 * moon + sun).sin()
        - 0.000_42 * (3.0 * moon).sin()
        + 0.000_42 * e * (sun + 2.0 * node).sin()
        + 0.000_38 * e * (sun - 2.0 * node).sin()
        - 0.000_24 * e * (2.0 * moon - sun).sin()
        - 0.000_17 * omega.sin()
        + 0.000_325 * (299.77 + 0.107_408 * k).to_radians().sin()
}

/// The sun's apparent longitude in degrees, 0 to 360.
fn sun_longitude(jd: f64) -> f64 {
    let t = (jd - 2_451_545.0) / 36_525.0;
    let mean = 280.466_46 + t * (36_000.769_83 + t * 0.000_303_2);
    let anomaly = (357.529_11 + t * (35_999.050_29 - t * 0.000_153_7)).to_radians();
    let centre = (1.914_602 - t * (0.004_817 + t * 0.000_014)) * anomaly.sin()
        + (0.019_993 - t * 0.000_101) * (2.0 * anomaly).sin()
        + 0.000_289 * (3.0 * anomaly).sin();
    let omega = (125.04 - 1934.136 * t).to_radians();
    (mean + centre - 0.005_69 - 0.004_78 * omega.sin()).rem_euclid(360.0)
}

fn jdn(year: i16, month: i8, day: i8) -> i64 {
    let date = jiff::civil::date(year, month, day);
    UNIX_EPOCH_JDN + i64::from((date - jiff::civil::date(1970, 1, 1)).get_days())
}

fn date_of(jdn: i64) -> Option<Date> {
    let days = jiff::Span::new().try_days(jdn - UNIX_EPOCH_JDN).ok()?;
    jiff::civil::date(1970, 1, 1).checked_add(days).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn tet_falls_on_the_days_it_was_kept_and_before_the_chinese_one_where_they_differ() {
        for (y, m, d) in [
            (1968, 1, 29), // China: 30 January
            (1985, 1, 21), // China: 20 February
            (2007, 2, 17), // China: 18 February
            (2019, 2, 5),
            (2020, 1, 25),
            (2021, 2, 12),
            (2022, 2, 1),
            (2023, 1, 22),
            (2024, 2, 10),
            (2025, 1, 29),
            (2026, 2, 17),
            (2027, 2, 6),
            (2028, 1, 26),
            (2029, 2, 13),
            (2030, 2, 2), // China: 3 February
        ] {
            assert_eq!(new_year(y), Some(date(y, m, d)), "Tết {y}");
        }
    }

    #[test]
    fn the_hung_kings_day_is_right_in_years_with_a_doubled_second_month_too() {
        for (y, m, d) in [
            (2023, 4, 29),
            (2024, 4, 18),
            (2025, 4, 7),
            (2026, 4, 26),
            (2027, 4, 16),
            (2030, 4, 12),
        ] {
            assert_eq!(to_gregorian(y, 3, 10), Some(date(y, m, d)), "10/3 of {y}");
        }
    }

    #[test]
    fn a_day_the_month_has_not_got_is_none() {
        assert_eq!(to_gregorian(2025, 1, 31), None);
        assert_eq!(to_gregorian(2025, 13, 1), None);
        assert_eq!(to_gregorian(1800, 1, 1), None);
    }
}
