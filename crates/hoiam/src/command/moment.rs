//! Times as an auditor types them, and the two questions about the past: what was known then, and what held then.

use chassis::ledger::Filter;
use jiff::civil::{Date, DateTime};
use kernel::Instant;

/// As of when the record is read.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub(super) struct Moment {
    /// Only what was on record by then: what was known. `2026-11-24` (to its end), `2026-11-24T17:00` (UTC+7), or RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = until)]
    as_of: Option<Instant>,
    /// Only what had happened by then: what held, as far as is known now, or was known at --as-of.
    #[arg(long, value_name = "TIME", value_parser = until)]
    held_at: Option<Instant>,
}

impl Moment {
    /// Whether it is the present, with all that is known.
    pub(super) fn is_now(&self) -> bool {
        self.as_of.is_none() && self.held_at.is_none()
    }

    /// What the ledger is asked for.
    pub(super) fn filter(&self) -> Filter {
        Filter {
            recorded_until: self.as_of.map(|at| at.0),
            occurred_until: self.held_at.map(|at| at.0),
            ..Filter::default()
        }
    }
}

pub(super) fn since(text: &str) -> anyhow::Result<Instant> {
    instant(text, false)
}

fn until(text: &str) -> anyhow::Result<Instant> {
    instant(text, true)
}

/// A time as an auditor types it; a day alone is its begin or its end.
fn instant(text: &str, end: bool) -> anyhow::Result<Instant> {
    if let Ok(instant) = Instant::parse(text) {
        return Ok(instant);
    }
    let local = match text.parse::<Date>() {
        Ok(day) if end && !text.contains('T') => day.at(23, 59, 59, 999_999_999),
        _ => text.parse::<DateTime>().map_err(|_| {
            anyhow::anyhow!("a time is written 2026-11-24, 2026-11-24T17:00 (UTC+7) or 2026-11-24T10:00:00Z")
        })?,
    };
    Ok(jiff::tz::offset(7).to_timestamp(local)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_the_city_says_it_or_with_its_zone() {
        let is = |read: anyhow::Result<Instant>, rfc: &str| {
            assert_eq!(read.unwrap(), Instant::parse(rfc).unwrap())
        };
        is(until("2026-11-24T17:00"), "2026-11-24T10:00:00Z");
        is(until("2026-11-24T10:00:00Z"), "2026-11-24T10:00:00Z");
        is(since("2026-11-24"), "2026-11-23T17:00:00Z");
        is(until("2026-11-24"), "2026-11-24T16:59:59.999999Z");
        assert!(until("yesterday").is_err());
    }
}
