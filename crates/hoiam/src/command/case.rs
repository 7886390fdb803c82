//! `hoiam case`: the story of a case in plain words.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use chassis::clock::SystemClock;
use chassis::ledger::{Filter, LedgerClient, Range};
use console::lang::Lang;
use console::timeline;
use contracts::Recorded;
use contracts::events::classification::ReviewRequested;
use contracts::events::report::{ReportReceived, ReportRefused};
use contracts::events::routing::CaseRouted;
use contracts::grpc::routing::ListUnitsRequest;
use contracts::grpc::routing::routing_client::RoutingClient;
use futures::TryStreamExt;
use kernel::{CaseId, Clock, Instant};
use serde_json::json;

use super::moment::Moment;
use crate::connect::System;
use crate::output;

/// A story that grew in this time is still growing.
const QUIET: i64 = Instant::SECOND / 2;
/// How long to wait for it to come to rest.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  hoiam case HA-7K3MX-9QP4T-5\n  hoiam case HA-7K3MX-9QP4T-5 --lang en\n  hoiam case HA-7K3MX-9QP4T-5 --as-of 2026-11-24T17:00"
)]
pub(crate) struct Arguments {
    /// Its tracking code or id.
    case: String,
    #[command(flatten)]
    moment: Moment,
    /// vi or en.
    #[arg(long, default_value = "vi")]
    lang: String,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let lang = Lang::parse(&arguments.lang).context("--lang is vi or en")?;
    let system = System::of(data)?;
    let ledger = system.ledger().await?;
    let case = system.case(&ledger, &arguments.case).await?;
    let events = if arguments.moment.is_now() {
        at_rest(&ledger, case).await?
    } else {
        by_then(&ledger, case, &arguments.moment).await?
    };
    if events.is_empty() {
        let when = if arguments.moment.is_now() { "" } else { " by then" };
        bail!(
            "nothing is on record about {}{when}: check what was typed",
            arguments.case
        );
    }
    let units = units(&system).await;
    let story = timeline::story(&events, lang, &units);
    if arguments.json {
        for line in story {
            output::json(&json!({
                "position": line.position, "type": line.kind, "at": line.instant, "who": line.who, "what": line.what, "why": line.why,
            }))?;
        }
        return Ok(());
    }
    let heading = lang.t("Vụ việc", "Case");
    output::line(output::bold(&format!("{heading} {}  ({case})", code_of(&events))))?;
    for line in story {
        output::line(format!("{}  {}: {}", line.when, line.who, line.what))?;
        if !line.why.is_empty() {
            let before = if line.says_why() {
                lang.t("vì", "because")
            } else {
                "·"
            };
            output::line(format!("{:21}{before} {}", "", line.why))?;
        }
    }
    Ok(())
}

/// The case's events, once it has come to rest for the moment: a report just handed in is still on its way through the house.
async fn at_rest(ledger: &LedgerClient, case: CaseId) -> anyhow::Result<Vec<Recorded>> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut events = ledger.read_case(case).await?;
    loop {
        let last = events.iter().map(|e| e.recorded_at).max().unwrap_or_default();
        let decided = events
            .iter()
            .any(|e| e.is::<CaseRouted>() || e.is::<ReviewRequested>() || e.is::<ReportRefused>());
        if (decided && SystemClock.now() > last.plus_micros(QUIET)) || tokio::time::Instant::now() > deadline
        {
            return Ok(events);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        events = ledger.read_case(case).await?;
    }
}

/// The case's events as they were known, or held, at a moment: the past grows no more.
async fn by_then(ledger: &LedgerClient, case: CaseId, moment: &Moment) -> anyhow::Result<Vec<Recorded>> {
    let filter = Filter {
        case_id: Some(case.to_vec().into()),
        ..moment.filter()
    };
    Ok(ledger.read_all(Range::default(), filter).try_collect().await?)
}

/// Names of units with their codes; without routing the codes alone tell the story.
async fn units(system: &System) -> BTreeMap<String, String> {
    let named = async {
        let mut routing = RoutingClient::new(system.service("routing").await?);
        let reply = routing.list_units(ListUnitsRequest {}).await?.into_inner();
        anyhow::Ok(
            reply
                .units
                .into_iter()
                .map(|u| (u.code.clone(), format!("{} ({})", u.name, u.code)))
                .collect(),
        )
    };
    named.await.unwrap_or_default()
}

fn code_of(events: &[Recorded]) -> String {
    let code = events
        .iter()
        .find_map(|e| e.decode::<ReportReceived>().ok().flatten())
        .map(|r| r.code.to_string());
    code.unwrap_or_default()
}
