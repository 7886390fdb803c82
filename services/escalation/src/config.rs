//! What escalation is told at start.

use chassis::config::{Problem, ServiceConfig, Settings, TelemetryConfig};

/// Flags and variables of escalation.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Config {
    /// Common to all services.
    #[command(flatten)]
    pub service: ServiceConfig,
}

impl Config {
    /// Where the table of obligations is.
    ///
    /// # Errors
    /// When none is named.
    pub fn database(&self) -> Result<&str, Problem> {
        self.service
            .database
            .as_ref()
            .map(chassis::config::Secret::reveal)
            .ok_or_else(|| {
                Problem::new(
                    "--database",
                    "missing: name a file (sqlite:escalation.db) or a server (postgres://…)",
                )
            })
    }
}

impl Settings for Config {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = self.service.problems();
        problems.extend(self.database().err());
        problems
    }

    fn telemetry(&self) -> &TelemetryConfig {
        &self.service.telemetry
    }
}
