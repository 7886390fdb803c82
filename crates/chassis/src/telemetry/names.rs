//! The names of metrics and spans, spelt once.

/// Upper bounds of duration histograms, seconds.
pub const DURATION_BUCKETS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];

/// Upper bounds of histograms of counts.
pub const COUNT_BUCKETS: [f64; 7] = [1.0, 2.0, 5.0, 20.0, 100.0, 500.0, 1_000.0];

/// Events handled, by `consumer` and `outcome` (`done`, `parked`).
pub const HANDLED: &str = "hoiam_consumer_handled_total";
/// Attempts that failed and will be repeated, by `consumer`.
pub const RETRIED: &str = "hoiam_consumer_retried_total";
/// Events not handled yet: those under way and those for the consumer still in the stream; by `consumer` and `shard`.
pub const LAG: &str = "hoiam_consumer_lag";
/// The cursor, by `consumer` and `shard`.
pub const CURSOR: &str = "hoiam_consumer_cursor";
/// Seconds a handler took, by `consumer`.
pub const HANDLE_SECONDS: &str = "hoiam_consumer_handle_seconds";
/// How often a consumer had to start its session anew, by `consumer` and `why`.
pub const SESSIONS: &str = "hoiam_consumer_sessions_total";
/// Seconds from asking the ledger to append until its answer.
pub const APPEND_SECONDS: &str = "hoiam_ledger_append_seconds";
/// Whether the broker is connected (1) or not (0).
pub const NATS_CONNECTED: &str = "hoiam_nats_connected";
/// Last position the relay put in the stream.
pub const RELAYED: &str = "hoiam_relay_position";
/// Messages of one published batch.
pub const RELAY_BATCH: &str = "hoiam_relay_batch_events";

/// Span of one handled event.
pub const SPAN_HANDLE: &str = "consumer.handle";
/// Span of one append.
pub const SPAN_APPEND: &str = "ledger.append";
