//! A row as people see it: names for codes, times near enough to read at a glance.

use std::collections::BTreeMap;

use kernel::Instant;
use kernel::taxonomy::Urgency;

use crate::case::CaseRow;
use crate::lang::Lang;
use crate::timeline::local;
use crate::words::{List, say};

/// A row of the list, in one language.
pub(super) struct RowView {
    pub(super) code: String,
    pub(super) position: u64,
    pub(super) about: String,
    pub(super) kind: String,
    pub(super) urgency: String,
    pub(super) urgency_name: String,
    /// Whether life may be in danger and the case is open.
    pub(super) danger: bool,
    /// 113, 114 or 115, or empty.
    pub(super) call: String,
    pub(super) level: Option<u8>,
    pub(super) state: &'static str,
    pub(super) state_name: &'static str,
    pub(super) with: String,
    pub(super) office: String,
    pub(super) channel: String,
    pub(super) received: String,
    pub(super) received_iso: String,
    pub(super) incomplete: bool,
    pub(super) due: String,
    pub(super) due_what: String,
    pub(super) due_class: &'static str,
}

impl RowView {
    pub(super) fn new(row: &CaseRow, now: Instant, lang: Lang, units: &BTreeMap<String, String>) -> Self {
        let unit =
            (!row.unit.is_empty()).then(|| units.get(&row.unit).cloned().unwrap_or_else(|| row.unit.clone()));
        let office = row
            .office
            .map(|o| lang.t(o.vi(), o.en()).to_owned())
            .unwrap_or_default();
        let before_unit = row.revision > 0;
        let (with, below) = match (before_unit, unit, row.destination) {
            (true, Some(unit), _) => (unit, office),
            (_, _, Some(d)) if office.is_empty() => (lang.t(d.vi(), d.en()).to_owned(), String::new()),
            (_, _, Some(kernel::taxonomy::Destination::Desk | kernel::taxonomy::Destination::None)) => (
                row.destination
                    .map(|d| lang.t(d.vi(), d.en()).to_owned())
                    .unwrap_or_default(),
                office,
            ),
            _ => (office, String::new()),
        };
        let next = row.next().filter(|_| row.state.is_open());
        let about = match (row.topic, row.kind) {
            (Some(topic), _) => lang.t(topic.vi(), topic.en()),
            (None, Some(kind)) => lang.t(kind.vi(), kind.en()),
            (None, None) => lang.t("Đang phân loại…", "Being sorted…"),
        };
        let kind = match (row.topic, row.kind) {
            (Some(_), Some(kind)) => lang.t(kind.vi(), kind.en()),
            _ => row.field.map_or("", |f| lang.t(f.vi(), f.en())),
        };
        Self {
            code: row.code.clone(),
            position: row.position.0,
            about: about.to_owned(),
            kind: kind.to_owned(),
            urgency: row.urgency.map(|u| u.to_string()).unwrap_or_default(),
            urgency_name: row
                .urgency
                .filter(|u| *u != Urgency::Normal)
                .map(|u| lang.t(u.vi(), u.en()).to_owned())
                .unwrap_or_default(),
            danger: row.state.is_open()
                && (!row.emergency.is_empty() || row.urgency == Some(Urgency::Emergency)),
            call: if row.state.is_open() {
                row.emergency.clone()
            } else {
                String::new()
            },
            level: row.level,
            state: row.state.code(),
            state_name: row.state.name(lang),
            with,
            office: below,
            channel: row
                .channel
                .map(|c| lang.t(c.vi(), c.en()).to_owned())
                .unwrap_or_default(),
            received: short(row.received_at, now),
            received_iso: row.received_at.to_string(),
            incomplete: !row.complete,
            due: next.map(|o| left(o.due, now, lang)).unwrap_or_default(),
            due_what: next
                .map(|o| sentence_case(&say(List::Obligation, &o.what, lang)))
                .unwrap_or_default(),
            due_class: next.map_or("", |o| due_class(o.due, now)),
        }
    }
}

/// `over`, `soon` (within half an hour) or `ok`.
fn due_class(due: Instant, now: Instant) -> &'static str {
    match due.0 - now.0 {
        ..=0 => "over",
        1..=1_800_000_000 => "soon",
        _ => "ok",
    }
}

/// With a capital first letter.
pub(super) fn sentence_case(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |c| c.to_uppercase().chain(letters).collect())
}

/// `14:05` today, `23/11 14:05` this year, `23/11/2025` before; in UTC+7.
pub(super) fn short(at: Instant, now: Instant) -> String {
    let (at, now) = (local(at), local(now));
    if at.date() == now.date() {
        at.strftime("%H:%M").to_string()
    } else if at.year() == now.year() {
        at.strftime("%d/%m %H:%M").to_string()
    } else {
        at.strftime("%d/%m/%Y").to_string()
    }
}

/// How long is left, or how long ago it was due, in the largest unit that says enough.
pub(super) fn left(due: Instant, now: Instant, lang: Lang) -> String {
    let minutes = (due.0 - now.0).abs() / (60 * Instant::SECOND);
    let (n, vi, en) = match minutes {
        0..60 => (minutes.max(1), "phút", "min"),
        60..2_880 => (minutes / 60, "giờ", "h"),
        _ => (minutes / 1_440, "ngày", "days"),
    };
    match (lang, due > now) {
        (Lang::Vi, true) => format!("còn {n} {vi}"),
        (Lang::Vi, false) => format!("quá {n} {vi}"),
        (Lang::En, true) => format!("{n} {en} left"),
        (Lang::En, false) => format!("{n} {en} late"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600 * Instant::SECOND;

    #[test]
    fn a_deadline_is_told_in_the_unit_that_says_enough() {
        let now = Instant::parse("2026-11-24T03:00:00Z").unwrap();
        assert_eq!(left(now.plus_micros(HOUR / 2), now, Lang::Vi), "còn 30 phút");
        assert_eq!(left(now.plus_micros(5 * HOUR), now, Lang::En), "5 h left");
        assert_eq!(left(now.plus_micros(-72 * HOUR), now, Lang::Vi), "quá 3 ngày");
        assert_eq!(due_class(now.plus_micros(HOUR / 2), now), "soon");
        assert_eq!(due_class(now, now), "over");
    }

    #[test]
    fn a_time_is_shown_as_the_city_reads_it() {
        let now = Instant::parse("2026-11-24T03:00:00Z").unwrap();
        // 18:00 UTC is 01:00 of the next day in the city.
        assert_eq!(
            short(Instant::parse("2026-11-23T18:00:00Z").unwrap(), now),
            "01:00"
        );
        assert_eq!(
            short(Instant::parse("2026-11-23T16:00:00Z").unwrap(), now),
            "23/11 23:00"
        );
    }
}
