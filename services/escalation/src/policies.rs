//! The deadlines on record, with the calendar they are counted by.

use chassis::ledger::LedgerClient;
use contracts::events::policy::SlaPolicyPublished;
use escalation_domain::{Policy, Sla};
use vietnam::Calendar;

/// All versions on record.
pub(crate) type Policies = chassis::policy::Policies<SlaPolicyPublished, Sla>;

/// The deadlines of this installation.
pub(crate) fn of(ledger: LedgerClient) -> Policies {
    Policies::new(ledger, "escalation", |version, text| {
        let policy = Policy::on_record(text).map_err(|error| error.to_string())?;
        Ok(Sla {
            policy,
            version: version.to_string(),
            calendar: Calendar::vietnam(),
        })
    })
}
