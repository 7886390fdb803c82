//! The names of intake's own metrics and spans, spelt once.

use kernel::taxonomy::Channel;

/// What came in, by `channel` (`other` for one that is none) and `outcome` (`accepted`, `repeated`, or the reason of a refusal).
pub(crate) const REPORTS: &str = "hoiam_intake_reports_total";
/// Messages of INBOX that could not be handled and were parked.
pub(crate) const PARKED: &str = "hoiam_intake_parked_total";
/// Requests over HTTP that were sent away because too many came at once.
pub(crate) const SENT_AWAY: &str = "hoiam_intake_http_sent_away_total";
/// Messages of INBOX under way, by `lane`.
pub(crate) const UNDER_WAY: &str = "hoiam_intake_under_way";
/// Span of one thing that came in.
pub(crate) const SPAN_RECEIVE: &str = "intake.receive";

/// A channel as a label: one of a handful, whatever was sent.
pub(crate) fn channel_label(channel: &str) -> &'static str {
    channel.parse::<Channel>().map_or("other", Channel::code)
}
