//! What intake is told at start.

use std::path::PathBuf;

use anyhow::Context;
use chassis::config::{Problem, ServiceConfig, Settings, TelemetryConfig};
use kernel::IdentityKey;

/// Flags and variables of intake.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Config {
    /// Common to all services.
    #[command(flatten)]
    pub service: ServiceConfig,
    /// File with 64 hex digits (32 secret bytes) from which case ids, tracking codes and source tokens are derived. The same for ever, and for every replica.
    #[arg(long, env = "HOIAM_IDENTITY_KEY_FILE")]
    pub identity_key_file: Option<PathBuf>,
}

impl Config {
    /// Reads the key.
    ///
    /// # Errors
    /// When no file is named, or it does not hold 64 hex digits.
    pub fn identity_key(&self) -> anyhow::Result<IdentityKey> {
        let path = self
            .identity_key_file
            .as_ref()
            .context("--identity-key-file is missing: name a file with 64 hex digits")?;
        let text =
            std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim(), &mut bytes)
            .map_err(|_| anyhow::anyhow!("{} does not hold 64 hex digits", path.display()))?;
        Ok(IdentityKey::new(bytes))
    }
}

impl Settings for Config {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = self.service.problems();
        problems.extend(
            self.identity_key()
                .err()
                .map(|e| Problem::new("--identity-key-file", format!("{e:#}"))),
        );
        problems
    }

    fn telemetry(&self) -> &TelemetryConfig {
        &self.service.telemetry
    }
}
