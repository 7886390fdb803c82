//! One line of results, as a row of the table or as JSON.

use serde::Serialize;

use super::closed_loop::Measured;
use crate::output;

/// What was measured of a store.
#[derive(Clone, Default, Serialize)]
pub(super) struct Row {
    pub(super) bench: &'static str,
    /// `append`, `append stream`, `read all`, `verify`, `relay`, `commit to consumer`, `disk`, `memory`.
    pub(super) what: String,
    /// `postgres`, `sqlite`, `umadb`, `message-db`.
    pub(super) store: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) clients: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) per_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) p50_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) p99_us: Option<u64>,
    /// The figure stands on so many events …
    pub(super) events: usize,
    /// … in so many seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seconds: Option<f64>,
    /// How many times as fast as the same of UmaDB in this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) times_umadb: Option<f64>,
    /// The same of message-db.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) times_message_db: Option<f64>,
    /// A figure that is no rate: bytes an event, MiB, a ratio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) figure: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unit: Option<&'static str>,
}

impl Row {
    /// Of clients that each had one request under way.
    pub(super) fn of_clients(store: &'static str, clients: usize, measured: &Measured) -> Self {
        Self {
            clients: Some(clients),
            p50_us: Some(measured.p50_us),
            p99_us: Some(measured.p99_us),
            ..Self::rate("append", store, measured.count, measured.seconds)
        }
    }

    /// So many events in so many seconds.
    pub(super) fn rate(what: &str, store: &'static str, events: usize, seconds: f64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let per_second = events as f64 / seconds.max(f64::EPSILON);
        Self {
            bench: "ledger",
            what: what.to_owned(),
            store,
            events,
            seconds: Some(round(seconds, 3)),
            per_second: Some(round(per_second, 1)),
            ..Self::default()
        }
    }

    /// A figure in a unit.
    pub(super) fn figure(
        what: &str,
        store: &'static str,
        events: usize,
        figure: f64,
        unit: &'static str,
    ) -> Self {
        Self {
            bench: "ledger",
            what: what.to_owned(),
            store,
            events,
            figure: Some(round(figure, 2)),
            unit: Some(unit),
            ..Self::default()
        }
    }

    fn cells(&self) -> Vec<String> {
        let or_empty = |value: Option<String>| value.unwrap_or_default();
        let millis = |us: Option<u64>| {
            #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
            or_empty(us.map(|us| format!("{:.2}", us as f64 / 1_000.0)))
        };
        let times = |ratio: Option<f64>| or_empty(ratio.map(|ratio| format!("{ratio:.2} ×")));
        let result = match (self.per_second, self.figure) {
            (Some(rate), _) => format!("{rate:.0}/s"),
            (None, Some(figure)) => format!("{figure:.2} {}", self.unit.unwrap_or_default()),
            (None, None) => String::new(),
        };
        vec![
            self.what.clone(),
            self.store.to_owned(),
            or_empty(self.clients.map(|clients| clients.to_string())),
            result,
            millis(self.p50_us),
            millis(self.p99_us),
            times(self.times_umadb),
            times(self.times_message_db),
            self.events.to_string(),
            or_empty(self.seconds.map(|seconds| format!("{seconds:.1}"))),
        ]
    }
}

/// The rows as they come: JSON at once, a table in the end.
pub(super) struct Report {
    json: bool,
    rows: Vec<Row>,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        Self {
            json,
            rows: Vec::new(),
        }
    }

    /// Takes a row, and compares it with what the peers did of the same before.
    pub(super) fn add(&mut self, mut row: Row) -> anyhow::Result<()> {
        row.times_umadb = self.times("umadb", &row);
        row.times_message_db = self.times("message-db", &row);
        if self.json {
            output::json(&row)?;
        } else {
            let shown: Vec<_> = row.cells().into_iter().filter(|cell| !cell.is_empty()).collect();
            output::note(shown.join("  "));
        }
        self.rows.push(row);
        Ok(())
    }

    fn times(&self, peer: &str, row: &Row) -> Option<f64> {
        let same =
            |other: &&Row| other.store == peer && other.what == row.what && other.clients == row.clients;
        let theirs = self.rows.iter().find(same)?.per_second?;
        (row.store != peer && theirs > 0.0).then(|| round(row.per_second.unwrap_or_default() / theirs, 2))
    }

    /// The best rate of a store for so many clients.
    pub(super) fn rate_of(&self, what: &str, store: &str, clients: usize) -> Option<f64> {
        let wanted = |row: &&Row| row.what == what && row.store == store && row.clients == Some(clients);
        self.rows.iter().find(wanted)?.per_second
    }

    pub(super) fn print(&self) -> anyhow::Result<()> {
        if self.json {
            return Ok(());
        }
        output::table(
            &[
                "what",
                "store",
                "clients",
                "result",
                "p50 ms",
                "p99 ms",
                "UmaDB",
                "message-db",
                "events",
                "seconds",
            ],
            self.rows.iter().map(Row::cells),
        )
    }
}

fn round(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_compared_with_the_peer_s_of_as_many_clients() {
        let measured = |count| Measured {
            count,
            seconds: 1.0,
            p50_us: 1,
            p99_us: 2,
        };
        let mut report = Report::new(false);
        for (store, clients, count) in [
            ("umadb", 1, 5),
            ("umadb", 64, 100),
            ("postgres", 64, 150),
            ("postgres", 16, 7),
        ] {
            report
                .add(Row::of_clients(store, clients, &measured(count)))
                .unwrap();
        }
        let times: Vec<_> = report.rows.iter().map(|row| row.times_umadb).collect();
        assert_eq!(times, [None, None, Some(1.5), None]);
        assert_eq!(report.rate_of("append", "postgres", 64), Some(150.0));
    }
}
