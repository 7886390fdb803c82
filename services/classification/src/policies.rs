//! The classification rules on record, each with the model it names.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chassis::ledger::LedgerClient;
use classification_domain::{Policy, PolicyError, built_in};
use contracts::events::policy::ClassificationPolicyPublished;

/// All versions on record.
pub(crate) type Policies = chassis::policy::Policies<ClassificationPolicyPublished, Arc<Policy>>;
/// The version in force.
pub(crate) type InForce = chassis::policy::InForce<Arc<Policy>>;

/// The rules of this installation; `models` is the folder of the models it does not come with.
pub(crate) fn of(ledger: LedgerClient, models: Option<PathBuf>) -> Policies {
    // A model learns when its policy is read: what was published a moment ago need not learn again to be used.
    let last: Mutex<Option<(String, Arc<Policy>)>> = Mutex::new(None);
    Policies::new(ledger, "classification", move |_, text| {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((read, policy)) = last.as_ref()
            && read == text
        {
            return Ok(Arc::clone(policy));
        }
        let policy = Arc::new(speaking(text, models.as_deref()).map_err(|error| error.to_string())?);
        *last = Some((text.to_owned(), Arc::clone(&policy)));
        Ok(policy)
    })
}

/// A policy with both voices.
fn speaking(text: &str, models: Option<&Path>) -> Result<Policy, PolicyError> {
    Policy::speaking(text, |version| records(version, models))
}

/// The labelled reports a model learns from: those the product comes with, else `<version>.jsonl` in the folder. Whether they have the hash
/// that the policy names is checked when it learns.
pub(crate) fn records(version: &str, models: Option<&Path>) -> Option<Cow<'static, str>> {
    if let Some(known) = built_in::records(version) {
        return Some(Cow::Borrowed(known));
    }
    // The version comes from a policy: only what is a hash names a file.
    let is_hash = version.len() == 16 && version.bytes().all(|b| b.is_ascii_hexdigit());
    let folder = models.filter(|_| is_hash)?;
    match std::fs::read_to_string(folder.join(format!("{version}.jsonl"))) {
        Ok(records) => Some(Cow::Owned(records)),
        Err(error) => {
            tracing::error!(model = version, error = %chassis::telemetry::chain(&error), "a model's records cannot be read");
            None
        }
    }
}
