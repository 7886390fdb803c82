//! What classification is told at start, checked before anything binds.

use std::path::PathBuf;

use anyhow::Context;
use chassis::config::{Problem, ServiceConfig, Settings, TelemetryConfig};
use classification_domain::policy::BUILT_IN;
use kernel::IdentityKey;

/// Classification's configuration: flags, or `HOIAM_*` variables.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Config {
    /// What every service is told.
    #[command(flatten)]
    pub service: ServiceConfig,
    /// File with the classification rules (TOML); none: the built-in one. It is published when it differs from the one in force,
    /// until a person publishes one (`hoiam policy publish --of classification`).
    #[arg(long, env = "HOIAM_CLASSIFICATION_POLICY")]
    pub policy: Option<PathBuf>,
    /// Folder of the models that a policy may name beside the built-in one: `<version>.jsonl`, as `hoiam train` stores them.
    #[arg(long, env = "HOIAM_CLASSIFICATION_MODELS")]
    pub models: Option<PathBuf>,
    /// File with the key (64 hex digits) under which what is compared of reports is hashed; none: nobody looks for duplicates.
    #[arg(long, env = "HOIAM_SKETCH_KEY_FILE")]
    pub sketch_key_file: Option<PathBuf>,
}

impl Config {
    /// The policy's text, checked.
    pub(crate) fn policy_text(&self) -> anyhow::Result<String> {
        let text = match &self.policy {
            None => BUILT_IN.to_owned(),
            Some(path) => {
                std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?
            }
        };
        crate::policies::examine(&text, self.models.as_deref())?;
        Ok(text)
    }

    /// The key of the sketches, if there is one.
    pub(crate) fn sketch_key(&self) -> anyhow::Result<Option<IdentityKey>> {
        let Some(path) = &self.sketch_key_file else {
            return Ok(None);
        };
        let text =
            std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim(), &mut bytes)
            .map_err(|_| anyhow::anyhow!("{} does not hold 64 hex digits", path.display()))?;
        Ok(Some(IdentityKey::new(bytes)))
    }

    /// Where the policy comes from, as its event says.
    pub(crate) fn source(&self) -> &'static str {
        if self.policy.is_some() { "file" } else { "built_in" }
    }

    /// Address of the read model.
    pub(crate) fn database(&self) -> anyhow::Result<&str> {
        let url = self.service.database.as_ref();
        url.map(chassis::config::Secret::reveal)
            .context("--database is missing: name the read model, for example sqlite:classification.db")
    }
}

impl Settings for Config {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = self.service.problems();
        if self.service.database.is_none() {
            problems.push(Problem::new(
                "--database",
                "is missing: name the read model, for example sqlite:classification.db",
            ));
        }
        if let Err(error) = self.policy_text() {
            problems.push(Problem::new("--policy", format!("{error:#}")));
        }
        if let Err(error) = self.sketch_key() {
            problems.push(Problem::new("--sketch-key-file", format!("{error:#}")));
        }
        problems
    }

    fn telemetry(&self) -> &TelemetryConfig {
        &self.service.telemetry
    }
}
