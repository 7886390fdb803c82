//! The names of the ledger's metrics and spans.

/// Events appended.
pub(crate) const APPENDED: &str = "hoiam_ledger_appended_events_total";
/// Requests refused, by `reason`.
pub(crate) const REFUSED: &str = "hoiam_ledger_refused_requests_total";
/// Requests of one transaction.
pub(crate) const BATCH: &str = "hoiam_ledger_batch_requests";
/// Seconds from the begin of a transaction to its committed end.
pub(crate) const COMMIT_SECONDS: &str = "hoiam_ledger_commit_seconds";
/// The committed head.
pub(crate) const HEAD: &str = "hoiam_ledger_head";
/// Whether this instance writes (1) or stands by (0).
pub(crate) const LEADING: &str = "hoiam_ledger_leading";
/// Whether the wall clock is in doubt (1), so that time is counted on without it, or nothing is written.
pub(crate) const CLOCK_DOUBTED: &str = "hoiam_ledger_clock_doubted";
/// Leaves under the last checkpoint signed.
pub(crate) const LOG_SIGNED: &str = "hoiam_ledger_log_signed_leaves";
/// Leaves under the last checkpoint that met the policy's quorum.
pub(crate) const LOG_COSIGNED: &str = "hoiam_ledger_log_cosigned_leaves";
/// Seconds since the last checkpoint met the policy's quorum, while there is something newer; 0 when all is covered.
pub(crate) const LOG_AGE: &str = "hoiam_ledger_log_uncovered_seconds";
/// How far the patrol has compared the stream with the record in this round.
pub(crate) const PATROLLED: &str = "hoiam_ledger_stream_compared_position";
/// Positions at which the stream is not what is on record.
pub(crate) const STREAM_DIFFERS: &str = "hoiam_ledger_stream_differences";
/// Contents opened, by `purpose`.
pub(crate) const OPENED: &str = "hoiam_ledger_opened_contents_total";
/// Span of one request, from its arrival until it is committed or refused.
pub(crate) const SPAN_STORE: &str = "ledger.store";
