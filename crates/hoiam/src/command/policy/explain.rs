//! `hoiam policy explain`: which version and clause decided about a case, by which inputs, and why not the clauses before it.

use std::path::Path;

use anyhow::{Context, bail};
use contracts::events::routing::{CaseDispatched, CaseRouted};
use contracts::{Code, Recorded};
use routing::domain::{Inputs, Policy};
use serde_json::json;

use super::source::Versions;
use crate::command::replay::local;
use crate::connect::System;
use crate::output;

/// Clauses of routings that follow from no clause of a policy.
const OF_NO_POLICY: [(&str, &str); 4] = [
    ("returned", "the unit gave the case back, so the office decides"),
    (
        "reopened",
        "the case was reopened and no unit has it, so the office decides",
    ),
    (
        "dispute",
        "the offices disputed whose the case is, and it became the other's; the units are those of the policy for the other field",
    ),
    (
        "conflict-of-interest",
        "the unit said that the report is about itself, so the level above it gets the case, or the office where there is none",
    ),
];

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam policy explain HA-7K3MX-9QP4T-5\n  hoiam policy explain HA-7K3MX-9QP4T-5 --json"
)]
pub(crate) struct Arguments {
    /// The case: its tracking code or id.
    case: String,
    /// One JSON object for each decision.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let system = System::of(data)?;
    let ledger = system.ledger().await?;
    let case = system.case(&ledger, &arguments.case).await?;
    let events = ledger.read_case(case).await?;
    let mut decisions = Vec::new();
    for event in &events {
        if let Some(routed) = event.decode::<CaseRouted>()? {
            decisions.push((event, routed));
        }
    }
    if decisions.is_empty() {
        bail!(
            "the case {} is not routed yet: it waits for its classification or for a person's review; see `hoiam case {}`",
            arguments.case,
            arguments.case
        );
    }
    let mut versions = Versions::of(data).await?;
    for (event, routed) in &decisions {
        tell(&mut versions, event, routed, &events, arguments.json).await?;
    }
    Ok(())
}

async fn tell(
    versions: &mut Versions,
    event: &Recorded,
    routed: &CaseRouted,
    events: &[Recorded],
    as_json: bool,
) -> anyhow::Result<()> {
    let version = versions.named(routed.policy.as_str())?;
    let text = versions.text(&version).await?;
    // What once decided is read as it is: a later program may ask more of a policy than was asked then.
    let policy = Policy::parse(&text).with_context(|| {
        format!(
            "the version {} can no longer be read by this program",
            version.version
        )
    })?;
    let inputs = Inputs::read(routed.inputs.iter().map(Code::as_str)).with_context(|| {
        format!(
            "the inputs of the event at {} cannot be read by this program",
            event.position
        )
    })?;
    let explained = policy.explain(&inputs.facts, inputs.date);
    let of_no_policy = OF_NO_POLICY
        .iter()
        .find(|(clause, _)| *clause == routed.clause.as_str());
    let passed = if of_no_policy.is_some() {
        &[][..]
    } else {
        &explained.passed[..]
    };
    let replayed = of_no_policy.is_some() || explained.routed.clause == routed.clause.as_str();
    let dispatched = events
        .iter()
        .filter(|later| later.request == event.request)
        .find_map(|later| later.decode::<CaseDispatched>().ok().flatten());
    let codes: Vec<&str> = routed.inputs.iter().map(Code::as_str).collect();
    let units: Vec<&str> = routed.units.iter().map(Code::as_str).collect();
    if as_json {
        return output::json(&json!({
            "position": event.position,
            "at": event.recorded_at.to_string(),
            "policy": version.version,
            "policy_position": version.position,
            "policy_by": version.actor,
            "clause": routed.clause,
            "office": routed.office,
            "destination": routed.destination,
            "units": units,
            "dispatched_to": dispatched.map(|it| it.unit),
            "inputs": codes,
            "conflict": inputs.conflict.as_ref().map(|it| json!({
                "rule": it.rule,
                "about": it.about.iter().map(|unit| unit.as_str()).collect::<Vec<_>>(),
                "passed_over": explained.concerned.iter().map(|unit| unit.as_str()).collect::<Vec<_>>(),
            })),
            "passed": passed.iter().map(|it| json!({ "clause": it.clause, "because": it.because })).collect::<Vec<_>>(),
            "replayed": replayed,
        }));
    }
    output::line(output::bold(&format!(
        "{}  position {}: clause {} of version {}",
        local(event.recorded_at),
        event.position,
        routed.clause,
        version.version
    )))?;
    output::line(format!(
        "  the version: on record at position {}, by {}, in force from {}",
        version.position,
        version.actor,
        local(kernel::Instant(version.from))
    ))?;
    output::line(format!("  what was looked at: {}", codes.join(" ")))?;
    output::line(format!(
        "  so: office {}, units {}, rests with {}",
        routed.office,
        if units.is_empty() {
            "none".to_owned()
        } else {
            units.join(", ")
        },
        routed.destination
    ))?;
    if let Some(to) = dispatched {
        output::line(format!("  put before {} at once ({})", to.unit, to.basis))?;
    }
    if let Some((_, why)) = of_no_policy {
        output::line(format!("  by no clause of the policy: {why}"))?;
    }
    if let Some(conflict) = &inputs.conflict {
        output::line(format!(
            "  conflict of interest: by the rule {} the report is about {}; these and who is under them never get it{}",
            conflict.rule,
            super::listed(&conflict.about),
            if explained.concerned.is_empty() || of_no_policy.is_some() {
                String::new()
            } else {
                format!(
                    "; the clause names {}, in whose place the level above stands",
                    super::listed(&explained.concerned)
                )
            }
        ))?;
    }
    if !passed.is_empty() {
        output::line("  not by the clauses before it:")?;
        for it in passed {
            output::line(format!("    {:28} {}", it.clause, it.because.join("; ")))?;
        }
    }
    if !replayed {
        output::line(format!(
            "  WARNING: replayed today, the version decides by the clause {}: tell the operators of the system",
            explained.routed.clause
        ))?;
    }
    Ok(())
}
