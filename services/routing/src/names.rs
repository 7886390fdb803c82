//! Names of routing's spans and metrics, spelt once.

/// Span of one request of a unit.
pub(crate) const SPAN_DESK: &str = "routing.desk";
/// Requests of units, by `verb` and `outcome` (`done`, `already`, `opened`, or the reason of the refusal).
pub(crate) const DESK: &str = "hoiam_routing_desk_total";
/// Notices put on CASES, by `outcome` (`stored`, `there_already`); those put there again after a loss among them.
pub(crate) const NOTICES: &str = "hoiam_routing_notices_total";
/// Attempts to tell units by their outlets, by `carrier` and `outcome` (`delivered`, `failed`, `gone`, `dead`).
pub(crate) const DELIVERIES: &str = "hoiam_routing_deliveries_total";
