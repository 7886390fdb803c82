//! What routing is told at start, checked before anything binds.

use std::path::PathBuf;

use anyhow::Context;
use chassis::config::{Problem, Secret, ServiceConfig, Settings, TelemetryConfig};
use chassis::outbox::{FileTransport, OutboxKey};
use ipnet::IpNet;
use routing_domain::Policy;
use routing_domain::policy::BUILT_IN;

use crate::outlet::destination::Allowed;
use crate::outlet::mail::Mails;
use crate::outlet::webhook::Webhooks;

/// Routing's configuration: flags, or `HOIAM_*` variables.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Config {
    /// What every service is told.
    #[command(flatten)]
    pub service: ServiceConfig,
    /// File with the routing policy (TOML); none: the built-in one. It is published when it differs from the one in force, until a person
    /// publishes one (`hoiam policy publish`).
    #[arg(long, env = "HOIAM_ROUTING_POLICY")]
    pub policy: Option<PathBuf>,
    /// A network that webhooks may go to although it is not of the public internet, like `10.20.0.0/16`; several, separated by commas. Where
    /// it holds this machine's own addresses (`127.0.0.0/8`, for a demonstration), also without TLS.
    #[arg(
        long,
        env = "HOIAM_WEBHOOK_ALLOW_PRIVATE",
        value_delimiter = ',',
        value_name = "NET"
    )]
    pub webhook_allow_private: Vec<IpNet>,
    /// File with certificate authorities (PEM) that webhooks trust beside those of the machine.
    #[arg(long, env = "HOIAM_WEBHOOK_CA")]
    pub webhook_ca: Option<PathBuf>,
    /// Mail server for units' mails: `smtps://user:password@host:465`, or `smtp://host:587?tls=required`. None: mails go to the outbox.
    #[arg(long, env = "HOIAM_SMTP", hide_env_values = true)]
    pub smtp: Option<Secret>,
    /// Who sends units' mails.
    #[arg(long, env = "HOIAM_MAIL_FROM", default_value = "Hoi Am <hoiam@localhost>")]
    pub mail_from: String,
    /// Where officers' browsers reach the console: the links in units' mails lead there.
    #[arg(long, env = "HOIAM_CONSOLE_URL", default_value = "http://127.0.0.1:8080")]
    pub console_url: String,
    /// Folder of the file transport, as feedback's: one encrypted file a mail.
    #[arg(long, env = "HOIAM_OUTBOX_DIR")]
    pub outbox_dir: Option<PathBuf>,
    /// File with 64 hex digits under which the files of the outbox are encrypted.
    #[arg(long, env = "HOIAM_OUTBOX_KEY_FILE")]
    pub outbox_key_file: Option<PathBuf>,
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
        Policy::parse(&text)?;
        Ok(text)
    }

    /// Where the policy comes from, as its event says.
    pub(crate) fn source(&self) -> &'static str {
        if self.policy.is_some() { "file" } else { "built_in" }
    }

    /// What carries webhooks.
    pub(crate) fn webhooks(&self) -> anyhow::Result<Webhooks> {
        let allowed = Allowed(self.webhook_allow_private.as_slice().into());
        Webhooks::new(allowed, self.webhook_ca.as_deref()).context("--webhook-ca cannot be used")
    }

    /// What carries mails, if anything is configured to.
    pub(crate) fn mails(&self) -> anyhow::Result<Option<Mails>> {
        let mails = match (&self.smtp, &self.outbox_dir, &self.outbox_key_file) {
            (Some(url), _, _) => Mails::by_smtp(url, &self.mail_from, &self.console_url),
            (None, Some(folder), Some(key)) => {
                let outbox = FileTransport::open(folder, OutboxKey::load(key)?)?;
                Mails::by_outbox(outbox, &self.mail_from, &self.console_url)
            }
            _ => return Ok(None),
        };
        mails.map(Some)
    }

    /// Address of the read model.
    pub(crate) fn database(&self) -> anyhow::Result<&str> {
        let url = self.service.database.as_ref();
        url.map(chassis::config::Secret::reveal)
            .context("--database is missing: name the read model, for example sqlite:routing.db")
    }
}

impl Settings for Config {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = self.service.problems();
        if self.service.database.is_none() {
            problems.push(Problem::new(
                "--database",
                "is missing: name the read model, for example sqlite:routing.db",
            ));
        }
        if let Err(error) = self.webhooks() {
            problems.push(Problem::new("--webhook-ca", format!("{error:#}")));
        }
        if let Err(error) = self.mails() {
            problems.push(Problem::new(
                "--smtp, --mail-from or --outbox-dir",
                format!("{error:#}"),
            ));
        }
        if let Err(error) = self.policy_text() {
            problems.push(Problem::new("--policy", format!("{error:#}")));
        }
        problems
    }

    fn telemetry(&self) -> &TelemetryConfig {
        &self.service.telemetry
    }
}
