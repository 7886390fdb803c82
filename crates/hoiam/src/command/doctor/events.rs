//! What the doctor reads: refused reports on record, and what was parked.

use std::collections::BTreeMap;

use chassis::ledger::{Filter, LedgerClient, Range};
use chassis::nats::Nats;
use contracts::events::report::ReportRefused;
use futures::StreamExt;

use super::report::Report;

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
    let waiting = crate::command::parked::waiting(nats).await?;
    let mut by_reason: BTreeMap<String, u64> = BTreeMap::new();
    let mut lines = Vec::new();
    for (number, parked) in &waiting {
        let Some(parked) = parked else {
            *by_reason.entry("unreadable".to_owned()).or_default() += 1;
            continue;
        };
        let (consumer, reason) = (&parked.consumer, &parked.reason);
        *by_reason.entry(format!("{consumer}: {reason}")).or_default() += 1;
        lines.push(format!(
            "number {number}, {consumer}: {reason}, position {}, {}, case {}",
            parked.position,
            parked.kind,
            parked.case.map_or_else(|| "–".to_owned(), |c| c.to_string())
        ));
    }
    if by_reason.is_empty() {
        report.well("parked", "nothing");
    } else {
        let mut says = format!("{} could not be handled: {}", waiting.len(), listed(&by_reason));
        if verbose {
            for line in lines {
                says.push_str("\n    ");
                says.push_str(&line);
            }
        }
        report.wrong("parked", says, "look at each (`hoiam parked`, `hoiam replay --from N --to N`), do what it would have done, and say so: `hoiam parked settle NUMBER --reason CODE`; the events themselves are on record");
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
