//! The classification rules on record.

use chassis::ledger::LedgerClient;
use classification_domain::Policy;
use contracts::events::policy::ClassificationPolicyPublished;

/// All versions on record.
pub(crate) type Policies = chassis::policy::Policies<ClassificationPolicyPublished, Policy>;
/// The version in force.
pub(crate) type InForce = chassis::policy::InForce<Policy>;

/// The rules of this installation.
pub(crate) fn of(ledger: LedgerClient) -> Policies {
    Policies::new(ledger, "classification", |_, text| {
        Policy::parse(text).map_err(|error| error.to_string())
    })
}
