//! `hoiam totals`: how many reports rest where, from the ledger itself.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use chassis::ledger::{Filter, LedgerClient, Range};
use contracts::events::{classification, report, routing};
use contracts::{Payload, Recorded};
use futures::StreamExt;
use kernel::CaseId;
use kernel::taxonomy::Destination;
use serde_json::{Map, Value, json};

use crate::connect::System;
use crate::output;

#[derive(clap::Args)]
#[command(after_help = "Example:\n  hoiam totals")]
pub(crate) struct Arguments {
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Where a report rests.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rest {
    /// Nobody has decided yet; it is under way.
    Pending,
    /// With the case it was merged into.
    Merged,
    At(Destination),
}

pub(crate) async fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let system = System::of(data)?;
    let totals = Totals::read(&system.ledger().await?).await?;
    if arguments.json {
        return output::json(&totals.json());
    }
    let row = |vi: &str, en: &str, n: u64| vec![format!("{vi} ({en})"), n.to_string()];
    let mut rows: Vec<_> = Destination::ALL
        .iter()
        .map(|d| row(d.vi(), d.en(), totals.at(Rest::At(*d))))
        .collect();
    rows.push(row(
        "Đã gộp vào vụ việc khác",
        "merged into another case",
        totals.at(Rest::Merged),
    ));
    rows.push(row("Đang xử lý", "under way", totals.at(Rest::Pending)));
    rows.push(row("Tổng số phản ánh", "all reports", totals.reports()));
    output::table(&["Đang ở đâu (rests at)", "reports"], rows)?;
    if totals.refused > 0 {
        output::note(format!(
            "{} messages were refused and are no reports: `hoiam doctor` says why.",
            totals.refused
        ));
    }
    Ok(())
}

/// The count.
#[derive(Default)]
struct Totals {
    cases: HashMap<CaseId, Rest>,
    merged: HashSet<CaseId>,
    refused: u64,
}

impl Totals {
    async fn read(ledger: &LedgerClient) -> anyhow::Result<Self> {
        const TYPES: [&str; 7] = [
            report::ReportReceived::TYPE,
            report::ReportRefused::TYPE,
            classification::ReviewRequested::TYPE,
            classification::ReviewDecided::TYPE,
            classification::CaseMerged::TYPE,
            classification::CaseParted::TYPE,
            routing::CaseRouted::TYPE,
        ];
        let filter = Filter {
            // The filter knows no versions.
            types: TYPES
                .iter()
                .map(|t| t.rsplit_once('.').map_or(*t, |(name, _)| name).to_owned())
                .collect(),
            ..Filter::default()
        };
        let mut events = std::pin::pin!(ledger.read_all(Range::default(), filter));
        let mut totals = Self::default();
        while let Some(event) = events.next().await {
            totals.count(&event?)?;
        }
        Ok(totals)
    }

    fn count(&mut self, event: &Recorded) -> anyhow::Result<()> {
        if event.is::<report::ReportRefused>() {
            self.refused += 1;
            return Ok(());
        }
        let Some(case) = event.case else { return Ok(()) };
        if event.is::<report::ReportReceived>() {
            self.cases.entry(case).or_insert(Rest::Pending);
        } else if event.is::<classification::ReviewRequested>() {
            self.cases.insert(case, Rest::At(Destination::Review));
        } else if event.is::<classification::ReviewDecided>() {
            // A person has decided; routing has not yet.
            self.cases.insert(case, Rest::Pending);
        } else if event.is::<classification::CaseMerged>() {
            self.merged.insert(case);
        } else if event.is::<classification::CaseParted>() {
            self.merged.remove(&case);
        } else if let Some(routed) = event.decode::<routing::CaseRouted>()? {
            self.cases.insert(case, Rest::At(routed.destination));
        }
        Ok(())
    }

    fn reports(&self) -> u64 {
        self.cases.len() as u64
    }

    fn at(&self, rest: Rest) -> u64 {
        self.rests().filter(|r| *r == rest).count() as u64
    }

    fn rests(&self) -> impl Iterator<Item = Rest> + '_ {
        let rest = |(case, rest): (&CaseId, &Rest)| {
            if self.merged.contains(case) {
                Rest::Merged
            } else {
                *rest
            }
        };
        self.cases.iter().map(rest)
    }

    fn json(&self) -> Value {
        let mut counts = BTreeMap::new();
        for rest in self.rests() {
            *counts.entry(rest).or_insert(0_u64) += 1;
        }
        let count = |rest| counts.get(&rest).copied().unwrap_or(0);
        let mut object: Map<String, Value> = Destination::ALL
            .iter()
            .map(|d| (d.code().to_owned(), json!(count(Rest::At(*d)))))
            .collect();
        object.insert("merged".to_owned(), json!(count(Rest::Merged)));
        object.insert("pending".to_owned(), json!(count(Rest::Pending)));
        object.insert("reports".to_owned(), json!(self.reports()));
        object.insert("refused".to_owned(), json!(self.refused));
        Value::Object(object)
    }
}
