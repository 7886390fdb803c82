//! What the doctor found, for people and as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::output;

/// One thing that was looked at.
#[derive(Serialize)]
struct Check {
    check: String,
    ok: bool,
    says: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// All of it.
#[derive(Default, Serialize)]
pub(super) struct Report {
    well: bool,
    head: u64,
    checks: Vec<Check>,
    /// Messages that are no reports, by reason.
    refused: BTreeMap<String, u64>,
    /// What could not be handled, by consumer and reason.
    parked: BTreeMap<String, u64>,
}

impl Report {
    pub(super) fn well(&mut self, check: impl Into<String>, says: impl Into<String>) {
        self.checks.push(Check {
            check: check.into(),
            ok: true,
            says: says.into(),
            advice: None,
        });
    }

    pub(super) fn wrong(
        &mut self,
        check: impl Into<String>,
        says: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.checks.push(Check {
            check: check.into(),
            ok: false,
            says: says.into(),
            advice: Some(advice.into()),
        });
    }

    pub(super) fn head(&mut self, position: u64) {
        self.head = position;
    }

    pub(super) fn refused(&mut self, by_reason: BTreeMap<String, u64>) {
        self.refused = by_reason;
    }

    pub(super) fn parked(&mut self, by_reason: BTreeMap<String, u64>) {
        self.parked = by_reason;
    }

    pub(super) fn is_well(&self) -> bool {
        self.checks.iter().all(|c| c.ok)
    }

    pub(super) fn print(&self) -> anyhow::Result<()> {
        for Check {
            check,
            ok,
            says,
            advice,
        } in &self.checks
        {
            output::line(format!("{} {check}: {says}", if *ok { "✓" } else { "✗" }))?;
            if let Some(advice) = advice {
                output::line(format!("  → {advice}"))?;
            }
        }
        let wrong = self.checks.iter().filter(|c| !c.ok).count();
        output::line(if wrong == 0 {
            "All is well.".to_owned()
        } else {
            format!("{wrong} of {} need attention.", self.checks.len())
        })
    }

    pub(super) fn print_json(&mut self) -> anyhow::Result<()> {
        self.well = self.is_well();
        output::json(self)
    }
}
