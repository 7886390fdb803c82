//! Names of escalation's metrics, spelt once.

use escalation_domain::Event;

/// What became of obligations, by `outcome` (`opened`, `met`, `met_late`, `missed`, `overtaken`): counted as it goes on record.
pub(crate) const OBLIGATIONS: &str = "hoiam_escalation_obligations_total";
/// Obligations that nobody has met yet, by `standing` (`open`, `missed`): of the table, looked at every few seconds.
pub(crate) const OWED: &str = "hoiam_escalation_owed";

/// Counts what went on record.
pub(crate) fn count(outcomes: &[&'static str]) {
    for outcome in outcomes {
        metrics::counter!(OBLIGATIONS, "outcome" => *outcome).increment(1);
    }
}

/// The label of each event.
pub(crate) fn outcomes(events: &[Event]) -> Vec<&'static str> {
    let label = |event: &Event| match event {
        Event::Opened { .. } => "opened",
        Event::Met { late: false, .. } => "met",
        Event::Met { late: true, .. } => "met_late",
        Event::Missed { .. } => "missed",
        Event::Overtaken { .. } => "overtaken",
    };
    events.iter().map(label).collect()
}
