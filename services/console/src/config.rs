//! What the console is told at start.

use chassis::config::{Problem, ServiceConfig, Settings, TelemetryConfig};

/// Flags and variables of the console. Its pages are served at `--http-listen`, beside health and metrics.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Config {
    /// What every service is told.
    #[command(flatten)]
    pub service: ServiceConfig,
    /// Where intake answers: what operators save.
    #[arg(long, env = "HOIAM_INTAKE_URL", default_value = "http://127.0.0.1:7402")]
    pub intake_url: String,
    /// Where classification answers: the review queue.
    #[arg(
        long,
        env = "HOIAM_CLASSIFICATION_URL",
        default_value = "http://127.0.0.1:7403"
    )]
    pub classification_url: String,
    /// Where routing answers: units and orders.
    #[arg(long, env = "HOIAM_ROUTING_URL", default_value = "http://127.0.0.1:7404")]
    pub routing_url: String,
    /// Where feedback answers: what the citizen is told.
    #[arg(long, env = "HOIAM_FEEDBACK_URL", default_value = "http://127.0.0.1:7406")]
    pub feedback_url: String,
    /// Cookies only over TLS: set it wherever the console stands behind a TLS proxy.
    #[arg(long, env = "HOIAM_SECURE_COOKIES")]
    pub secure_cookies: bool,
}

impl Settings for Config {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = self.service.problems();
        if self.service.database.is_none() {
            problems.push(Problem::new(
                "--database",
                "is needed: sqlite:<path> or postgres://…",
            ));
        }
        for (option, url) in [
            ("--intake-url", &self.intake_url),
            ("--classification-url", &self.classification_url),
            ("--routing-url", &self.routing_url),
            ("--feedback-url", &self.feedback_url),
        ] {
            if !url.starts_with("http://") && !url.starts_with("https://") {
                problems.push(Problem::new(option, "must begin with http:// or https://"));
            }
        }
        problems
    }

    fn telemetry(&self) -> &TelemetryConfig {
        &self.service.telemetry
    }
}
