//! The routing policy on record.

use chassis::ledger::LedgerClient;
use contracts::events::policy::RoutingPolicyPublished;
use routing_domain::Policy;

/// All versions on record.
pub(crate) type Policies = chassis::policy::Policies<RoutingPolicyPublished, Policy>;
/// The version in force.
pub(crate) type InForce = chassis::policy::InForce<Policy>;

/// The policies of this installation.
pub(crate) fn of(ledger: LedgerClient) -> Policies {
    Policies::new(ledger, "routing", |_, text| {
        Policy::parse(text).map_err(|error| error.to_string())
    })
}
