//! One proof file, offline: what it shows, and who says that it is on record.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use kernel::Instant;
use ledger::log::policy::Policy;
use ledger::log::proof::{NotProven, ProofFile, Proven};
use serde_json::json;

use crate::output;

pub(super) fn verify(path: &Path, policy: &Policy, json: bool) -> anyhow::Result<ExitCode> {
    let text = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let proven = std::str::from_utf8(&text)
        .map_err(|_| NotProven::Malformed("it is no text"))
        .and_then(str::parse::<ProofFile>)
        .and_then(|proof| proof.verify(policy));
    match proven {
        Ok(proven) => tell(&proven, json).map(|()| ExitCode::SUCCESS),
        Err(why) => {
            if json {
                output::json(&json!({ "ok": false, "says": why.to_string() }))?;
            } else {
                output::note(format!("hoiam: {} proves nothing: {why}", path.display()));
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

fn tell(proven: &Proven, json: bool) -> anyhow::Result<()> {
    let Proven { facts, accepted } = proven;
    let case = facts.case_id.map(|id| id.to_string());
    let recorded = Instant(facts.recorded_at).to_string();
    if json {
        return output::json(&json!({
            "ok": true,
            "position": facts.position,
            "type": facts.type_,
            "case": case,
            "actor": facts.actor,
            "recorded_at": recorded,
            "checkpoint": super::told(&accepted.checkpoint),
            "witnesses": accepted.cosigners.iter().map(|(name, at)| json!({ "name": name, "at": at })).collect::<Vec<_>>(),
        }));
    }
    output::line(format!(
        "On record: position {}, {}, recorded at {recorded}{}.",
        facts.position,
        facts.type_,
        case.map_or_else(String::new, |case| format!(", case {case}"))
    ))?;
    output::line(format!(
        "Signed by {} over {} events.",
        accepted.checkpoint.origin, accepted.checkpoint.size
    ))?;
    for (name, seconds) in &accepted.cosigners {
        let at = Instant(
            i64::try_from(*seconds)
                .unwrap_or(i64::MAX)
                .saturating_mul(Instant::SECOND),
        );
        output::line(format!("Cosigned by {name} at {at}."))?;
    }
    Ok(())
}
