//! The classification rules on record.

use std::path::{Path, PathBuf};

use chassis::ledger::LedgerClient;
use classification_domain::policy::DuplicateSettings;
use classification_domain::{Policy, PolicyError};
use contracts::events::policy::ClassificationPolicyPublished;

use crate::models;

/// All versions on record, as text: reading one is quick, the learning of the model it names is not ([`models`]).
pub(crate) type Policies = chassis::policy::Policies<ClassificationPolicyPublished, Rules>;
/// The version in force.
pub(crate) type InForce = chassis::policy::InForce<Rules>;

/// What is kept of a version.
pub(crate) struct Rules {
    /// All of it, for whoever speaks by it.
    pub(crate) text: String,
    /// When two reports may tell of the same matter; none: nobody asks.
    pub(crate) duplicates: Option<DuplicateSettings>,
}

/// The rules of this installation; `folder` is that of the models it does not come with.
pub(crate) fn of(ledger: LedgerClient, folder: Option<PathBuf>) -> Policies {
    Policies::new(ledger, "classification", move |_, text| {
        let policy = examine(text, folder.as_deref())
            .map_err(|error| chassis::telemetry::chain(&error).to_string())?;
        Ok(Rules {
            text: text.to_owned(),
            duplicates: policy.duplicates().cloned(),
        })
    })
}

/// Whether a policy may decide here: it reads, and what its model learns from is there.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn examine(text: &str, folder: Option<&Path>) -> Result<Policy, PolicyError> {
    let policy = Policy::parse(text)?;
    if let Some(version) = policy.model_version() {
        models::records(version, folder).ok_or_else(|| PolicyError::UnknownModel(version.to_owned()))?;
    }
    Ok(policy)
}
