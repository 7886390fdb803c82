//! What the doctor reads: refused reports on record, and what was parked.

use std::collections::BTreeMap;

use anyhow::Context;
use chassis::ledger::{Filter, LedgerClient, Range};
use chassis::nats::Nats;
use contracts::events::report::ReportRefused;
use contracts::subjects;
use futures::StreamExt;
use serde_json::Value;

use super::report::Report;

/// So many parked messages are looked at.
const MOST: u64 = 1_000;

/// Refusals are no fault of ours, but somebody's gateway may be broken.
pub(super) async fn refused(ledger: &LedgerClient, report: &mut Report) -> anyhow::Result<()> {
    let filter = Filter {
        types: vec!["report.report_refused".to_owned()],
        ..Filter::default()
    };
    let mut events = std::pin::pin!(ledger.read_all(Range::default(), filter));
    let mut by_reason: BTreeMap<String, u64> = BTreeMap::new();
    while let Some(event) = events.next().await {
        if let Some(refused) = event?.decode::<ReportRefused>()? {
            *by_reason.entry(refused.reason.to_string()).or_default() += 1;
        }
    }
    let says = if by_reason.is_empty() {
        "no message was refused".to_owned()
    } else {
        format!("messages that are no reports: {}", listed(&by_reason))
    };
    report.well("refused", says);
    report.refused(by_reason);
    Ok(())
}

/// What a consumer could not handle waits for a person.
pub(super) async fn parked(nats: &Nats, verbose: bool, report: &mut Report) -> anyhow::Result<()> {
    let Some(state) = nats.stream_state(subjects::PARK).await? else {
        report.wrong(
            "parked",
            "there is no stream PARK",
            "the relay makes it as soon as the broker is well",
        );
        return Ok(());
    };
    let mut by_reason: BTreeMap<String, u64> = BTreeMap::new();
    let mut lines = Vec::new();
    if state.messages > 0 {
        let stream = nats
            .jetstream()
            .get_stream(subjects::PARK)
            .await
            .context("the stream cannot be read")?;
        for sequence in (state.first..=state.last)
            .rev()
            .take(usize::try_from(MOST).unwrap_or(usize::MAX))
        {
            // Settled in the meantime.
            let Ok(message) = stream.get_raw_message(sequence).await else {
                continue;
            };
            let facts: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
            let consumer = message
                .subject
                .split_once('.')
                .map_or("?", |(_, consumer)| consumer)
                .to_owned();
            let reason = facts["reason"].as_str().unwrap_or("unreadable");
            *by_reason.entry(format!("{consumer}: {reason}")).or_default() += 1;
            lines.push(format!(
                "{consumer}: {reason}, position {}, {}, case {}",
                facts["position"], facts["kind"], facts["case"]
            ));
        }
    }
    if by_reason.is_empty() {
        report.well("parked", "nothing");
    } else {
        let mut says = format!("{} could not be handled: {}", state.messages, listed(&by_reason));
        if verbose {
            for line in lines {
                says.push_str("\n    ");
                says.push_str(&line);
            }
        }
        report.wrong("parked", says, "find out why with the positions (`hoiam doctor --verbose`, `hoiam replay --from N --to N`); the events themselves are on record");
    }
    report.parked(by_reason);
    Ok(())
}

fn listed(by_reason: &BTreeMap<String, u64>) -> String {
    by_reason
        .iter()
        .map(|(reason, n)| format!("{n} × {reason}"))
        .collect::<Vec<_>>()
        .join(", ")
}
