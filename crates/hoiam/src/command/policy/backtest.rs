//! `hoiam policy backtest`: what is on record, routed again under another policy. Nothing is written.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Instant as Stopwatch;

use chassis::ledger::{Filter, Range};
use contracts::events::classification::{Finding, ReportClassified, ReviewDecided};
use contracts::events::obligation::ObligationOpened;
use contracts::events::report::ReportReceived;
use contracts::events::routing::CaseRouted;
use contracts::{Code, Recorded};
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use kernel::{CaseId, Instant, Position};
use routing::domain::{Hours, Inputs, Policy, UnitCode};
use serde_json::json;

use super::{listed, source};
use crate::command::moment;
use crate::connect::System;
use crate::output;

/// Findings lie before the decision that follows from them, so the reading begins so much earlier.
const BEFORE: i64 = 24 * 3_600 * Instant::SECOND;
/// Clauses of decisions that follow from no clause of a policy: another policy does not change them.
const OF_NO_POLICY: [&str; 4] = ["returned", "reopened", "conflict-of-interest", "dispute"];

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam policy backtest new.toml\n  hoiam policy backtest new.toml --since 2026-11-01 --cases\n  hoiam policy backtest new.toml --since 2026-11-01 --json"
)]
pub(crate) struct Arguments {
    /// The policy: a file, or a version on record.
    new: String,
    /// Only decisions recorded from then on: `2026-11-01`, `2026-11-01T08:00` (UTC+7).
    #[arg(long, value_name = "TIME", value_parser = moment::since)]
    since: Option<Instant>,
    /// List each case that would move.
    #[arg(long)]
    cases: bool,
    /// One JSON object a line: each case that would move, each unit, then the totals.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let policy = source::read(data, &arguments.new).await?;
    let system = System::of(data)?;
    let ledger = system.ledger().await?;
    let head = ledger.head(Position(0)).await?.position;
    let filter = Filter {
        types: [
            "report.report_received",
            "classification.report_classified",
            "classification.review_decided",
            "routing.case_routed",
            "obligation.obligation_opened",
        ]
        .map(str::to_owned)
        .to_vec(),
        recorded_from: arguments.since.map(|since| since.plus_micros(-BEFORE).0),
        ..Filter::default()
    };
    let bar = ProgressBar::new(head).with_style(ProgressStyle::with_template(
        "{bar:30} position {human_pos} of {human_len}, {eta} left",
    )?);
    let started = Stopwatch::now();
    let mut replay = Replay::new(&policy, arguments.since.unwrap_or_default());
    let range = Range {
        to: Some(Position(head)),
        ..Range::default()
    };
    let mut first = None;
    let mut events = std::pin::pin!(ledger.read_all(range, filter));
    while let Some(event) = events.next().await {
        let event = event?;
        first.get_or_insert(event.position.0);
        replay.take(&event)?;
        if replay.read.is_multiple_of(1_000) {
            bar.set_position(event.position.0);
        }
    }
    bar.finish_and_clear();
    let covered = first.map_or(0, |first| head - first + 1);
    replay.tell(arguments, covered, started.elapsed().as_secs_f64())
}

/// What was decided, and what the policy would have decided.
struct Replay<'a> {
    policy: &'a Policy,
    since: Instant,
    /// Events read.
    read: u64,
    decisions: u64,
    unreadable: u64,
    /// What the first decisions on record did not state.
    wards: HashMap<CaseId, Vec<Code>>,
    came: HashMap<CaseId, Hours>,
    moved: Vec<Moved>,
    /// The lead that each case had and would have.
    leads: HashMap<CaseId, (Option<UnitCode>, Option<UnitCode>)>,
    units: BTreeMap<String, Load>,
}

struct Moved {
    case: CaseId,
    position: Position,
    from: (String, Vec<UnitCode>),
    to: (String, Vec<UnitCode>),
}

/// Of one unit: cases it leads, and deadlines it owes, then and under the policy.
#[derive(Default)]
struct Load {
    cases: (u64, u64),
    deadlines: (u64, u64),
    /// Sum of the time they leave, in microseconds.
    time: (i64, i64),
}

impl<'a> Replay<'a> {
    fn new(policy: &'a Policy, since: Instant) -> Self {
        Self {
            policy,
            since,
            read: 0,
            decisions: 0,
            unreadable: 0,
            wards: HashMap::new(),
            came: HashMap::new(),
            moved: Vec::new(),
            leads: HashMap::new(),
            units: BTreeMap::new(),
        }
    }

    fn take(&mut self, event: &Recorded) -> anyhow::Result<()> {
        self.read += 1;
        let Some(case) = event.case else { return Ok(()) };
        if event.is::<ReportReceived>() {
            self.came.insert(case, Hours::of(event.recorded_at));
        } else if let Some(found) = event.decode::<ReportClassified>()? {
            self.found(case, found.finding);
        } else if let Some(found) = event.decode::<ReviewDecided>()? {
            self.found(case, found.finding);
        } else if let Some(routed) = event.decode::<CaseRouted>()? {
            if event.recorded_at >= self.since {
                self.routed(case, event.position, &routed);
            }
        } else if let Some(opened) = event.decode::<ObligationOpened>()? {
            self.opened(case, &opened);
        }
        Ok(())
    }

    fn found(&mut self, case: CaseId, finding: Finding) {
        if finding.wards.is_empty() {
            self.wards.remove(&case);
        } else {
            self.wards.insert(case, finding.wards);
        }
    }

    fn routed(&mut self, case: CaseId, position: Position, routed: &CaseRouted) {
        let wards = self.wards.remove(&case).unwrap_or_default();
        let came = self.came.remove(&case);
        if OF_NO_POLICY.contains(&routed.clause.as_str()) {
            return;
        }
        let units: Result<Vec<_>, _> = routed
            .units
            .iter()
            .map(|it| UnitCode::parse(it.as_str()))
            .collect();
        let inputs = Inputs::read(routed.inputs.iter().map(Code::as_str));
        let (Some(mut inputs), Ok(units)) = (inputs, units) else {
            self.unreadable += 1;
            return;
        };
        // The first decisions on record did not state the place.
        if inputs.facts.wards.is_empty() {
            inputs.facts.wards = wards.iter().filter_map(|it| it.as_str().parse().ok()).collect();
        }
        inputs.facts.hours = inputs.facts.hours.or(came);
        self.decisions += 1;
        let is = self.policy.route(&inputs.facts, inputs.date);
        let (was, to) = (units.first().cloned(), is.units.first().cloned());
        if let Some(unit) = &was {
            self.units.entry(unit.to_string()).or_default().cases.0 += 1;
        }
        if let Some(unit) = &to {
            self.units.entry(unit.to_string()).or_default().cases.1 += 1;
        }
        self.leads.insert(case, (was, to));
        if units != is.units || routed.office != is.office {
            self.moved.push(Moved {
                case,
                position,
                from: (routed.clause.to_string(), units),
                to: (is.clause, is.units),
            });
        }
    }

    /// A deadline of the unit that led the case would be that of the unit that would lead it: how long it is follows from the case.
    fn opened(&mut self, case: CaseId, opened: &ObligationOpened) {
        let Some((was, to)) = self.leads.get(&case) else {
            return;
        };
        let Some(owner) = opened.owner.as_str().strip_prefix("unit:") else {
            return;
        };
        let time = opened.due.0 - opened.from.0;
        let load = self.units.entry(owner.to_owned()).or_default();
        load.deadlines.0 += 1;
        load.time.0 += time;
        let then = match to {
            Some(to) if was.as_ref().is_some_and(|was| was.as_str() == owner) => to.as_str(),
            _ => owner,
        };
        let load = self.units.entry(then.to_owned()).or_default();
        load.deadlines.1 += 1;
        load.time.1 += time;
    }

    fn tell(self, arguments: &Arguments, covered: u64, seconds: f64) -> anyhow::Result<()> {
        let changed = |load: &Load| load.cases.0 != load.cases.1 || load.deadlines.0 != load.deadlines.1;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a figure to be read"
        )]
        let per_minute = (covered as f64 * 60.0 / seconds.max(0.001)) as u64;
        if arguments.json {
            for it in &self.moved {
                output::json(&json!({
                    "case": it.case, "position": it.position,
                    "from": { "clause": it.from.0, "units": codes(&it.from.1) },
                    "to": { "clause": it.to.0, "units": codes(&it.to.1) },
                }))?;
            }
            for (unit, load) in &self.units {
                output::json(&json!({
                    "unit": unit, "cases": load.cases.0, "cases_then": load.cases.1,
                    "deadlines": load.deadlines.0, "deadlines_then": load.deadlines.1,
                    "hours": hours(load.time.0, load.deadlines.0), "hours_then": hours(load.time.1, load.deadlines.1),
                }))?;
            }
            return output::json(&json!({
                "decisions": self.decisions, "moved": self.moved.len(), "not_replayable": self.unreadable,
                "positions": covered, "read": self.read, "seconds": seconds, "per_minute": per_minute,
            }));
        }
        let mut ways: BTreeMap<(String, String), u64> = BTreeMap::new();
        for it in &self.moved {
            if arguments.cases {
                output::line(format!(
                    "{}  {}: {}  →  {}: {}",
                    it.case,
                    it.from.0,
                    listed(&it.from.1),
                    it.to.0,
                    listed(&it.to.1)
                ))?;
            }
            *ways
                .entry((
                    format!("{}: {}", it.from.0, listed(&it.from.1)),
                    format!("{}: {}", it.to.0, listed(&it.to.1)),
                ))
                .or_default() += 1;
        }
        if !ways.is_empty() {
            let mut ways: Vec<_> = ways.into_iter().collect();
            ways.sort_by_key(|(_, cases)| std::cmp::Reverse(*cases));
            let rows = ways
                .into_iter()
                .map(|((from, to), cases)| vec![cases.to_string(), from, to]);
            output::table(&["cases", "from", "to"], rows)?;
            let rows = self
                .units
                .iter()
                .filter(|(_, load)| changed(load))
                .map(|(unit, load)| {
                    vec![
                        unit.clone(),
                        format!("{} → {}", load.cases.0, load.cases.1),
                        format!("{} → {}", load.deadlines.0, load.deadlines.1),
                        format!(
                            "{} → {}",
                            hours(load.time.0, load.deadlines.0),
                            hours(load.time.1, load.deadlines.1)
                        ),
                    ]
                });
            output::table(
                &["unit", "cases it leads", "deadlines", "hours each, on average"],
                rows,
            )?;
        }
        output::line(format!(
            "Of {} decisions, {} would go elsewhere; {} cannot be replayed. Nothing was written. {covered} positions in {seconds:.1} s ({per_minute} a minute).",
            self.decisions,
            self.moved.len(),
            self.unreadable
        ))
    }
}

/// Hours that a deadline leaves on average.
fn hours(micros: i64, deadlines: u64) -> i64 {
    let each = i64::try_from(deadlines).unwrap_or(i64::MAX).max(1);
    micros / each / (3_600 * Instant::SECOND)
}

fn codes(units: &[UnitCode]) -> Vec<&str> {
    units.iter().map(UnitCode::as_str).collect()
}
