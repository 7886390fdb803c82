//! What feedback is told at start.

use std::path::{Path, PathBuf};

use anyhow::Context;
use chassis::config::{Problem, ServiceConfig, Settings, TelemetryConfig};

use chassis::outbox::OutboxKey;

/// Flags and variables of feedback.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Config {
    /// Common to all services.
    #[command(flatten)]
    pub service: ServiceConfig,
    /// Folder of the file transport: one encrypted file a message, named by its id. Made when missing.
    #[arg(long, env = "HOIAM_OUTBOX_DIR")]
    pub outbox_dir: Option<PathBuf>,
    /// File with 64 hex digits (32 secret bytes) under which the files of the outbox are encrypted.
    #[arg(long, env = "HOIAM_OUTBOX_KEY_FILE")]
    pub outbox_key_file: Option<PathBuf>,
}

impl Config {
    /// The folder.
    ///
    /// # Errors
    /// When none is named.
    pub fn outbox_dir(&self) -> anyhow::Result<&Path> {
        self.outbox_dir
            .as_deref()
            .context("--outbox-dir is missing: name the folder for outgoing messages")
    }

    /// Reads the key.
    ///
    /// # Errors
    /// When no file is named, or it does not hold 64 hex digits.
    pub fn outbox_key(&self) -> anyhow::Result<OutboxKey> {
        let path = self
            .outbox_key_file
            .as_ref()
            .context("--outbox-key-file is missing: name a file with 64 hex digits")?;
        Ok(OutboxKey::load(path)?)
    }
}

impl Settings for Config {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = self.service.problems();
        problems.extend(
            self.outbox_dir()
                .err()
                .map(|e| Problem::new("--outbox-dir", format!("{e:#}"))),
        );
        problems.extend(
            self.outbox_key()
                .err()
                .map(|e| Problem::new("--outbox-key-file", format!("{e:#}"))),
        );
        problems
    }

    fn telemetry(&self) -> &TelemetryConfig {
        &self.service.telemetry
    }
}
