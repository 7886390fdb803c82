//! The environment files for running each service as a program of its own: `set -a; . data/env/routing.env; hoiam-routing run`.

use std::fmt::Write;

use super::identities::SERVICES;
use super::{DataFolder, RunInfo, write_private};

/// Where the programs listen when each runs on its own.
#[derive(Clone, Debug)]
pub struct ServiceAddresses {
    /// Of the first service's gRPC; the others follow in the order of [`SERVICES`], HTTP 100 above.
    pub first_port: u16,
    /// The console's page.
    pub console_port: u16,
    /// The broker.
    pub nats_url: String,
}

impl Default for ServiceAddresses {
    fn default() -> Self {
        Self {
            first_port: 7401,
            console_port: 8080,
            nats_url: "nats://127.0.0.1:4222".to_owned(),
        }
    }
}

impl ServiceAddresses {
    fn grpc_port(&self, service: &str) -> u16 {
        let index = SERVICES
            .iter()
            .position(|s| *s == service)
            .unwrap_or(SERVICES.len());
        self.first_port + u16::try_from(index).unwrap_or_default()
    }

    fn http_port(&self, service: &str) -> u16 {
        if service == "console" {
            self.console_port
        } else {
            self.grpc_port(service) + 100
        }
    }
}

/// Writes where each service will run, for the commands that look for it.
///
/// # Errors
/// When the file cannot be written.
pub fn write_addresses(
    folder: &DataFolder,
    addresses: &ServiceAddresses,
    database: Option<&str>,
) -> anyhow::Result<()> {
    let url = |port: u16| format!("http://127.0.0.1:{port}");
    let info = RunInfo {
        pid: None,
        console: url(addresses.console_port),
        nats: addresses.nats_url.clone(),
        nats_pid: None,
        grpc: SERVICES
            .iter()
            .map(|s| ((*s).to_owned(), url(addresses.grpc_port(s))))
            .collect(),
        http: SERVICES
            .iter()
            .map(|s| ((*s).to_owned(), url(addresses.http_port(s))))
            .collect(),
        engine: if database.is_some() { "postgres" } else { "sqlite" }.to_owned(),
    };
    write_private(&folder.addresses(), &serde_json::to_vec_pretty(&info)?)
}

/// Writes one file for each service. `database` is the ledger's, where it is not SQLite in the folder.
///
/// # Errors
/// When a file cannot be written.
pub fn write_env_files(
    folder: &DataFolder,
    addresses: &ServiceAddresses,
    database: Option<&str>,
) -> anyhow::Result<()> {
    for service in SERVICES {
        let text = render(folder, addresses, service, database);
        write_private(&folder.env_file(service), text.as_bytes())?;
    }
    Ok(())
}

fn render(
    folder: &DataFolder,
    addresses: &ServiceAddresses,
    service: &str,
    database: Option<&str>,
) -> String {
    let mut text = format!(
        "# Written by `hoiam init`. Run the service with: set -a; . {}; set +a; hoiam-{service} run\n",
        folder.env_file(service).display()
    );
    let mut set = |name: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}='{}'", value.replace('\'', "'\\''"));
    };
    let path = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
    let url = |service: &str| format!("http://127.0.0.1:{}", addresses.grpc_port(service));
    set(
        "HOIAM_GRPC_LISTEN",
        format!("127.0.0.1:{}", addresses.grpc_port(service)),
    );
    set(
        "HOIAM_HTTP_LISTEN",
        format!("127.0.0.1:{}", addresses.http_port(service)),
    );
    set("HOIAM_CALLERS", path(folder.callers()));
    set("HOIAM_NATS_URL", addresses.nats_url.clone());
    set("HOIAM_NATS_CREDENTIAL", path(folder.nats_credential(service)));
    if service == "ledger" {
        set(
            "HOIAM_LEDGER_DATABASE",
            database.map_or_else(|| folder.sqlite("ledger"), str::to_owned),
        );
        set("HOIAM_LEDGER_KEK", path(folder.kek()));
        set("HOIAM_LEDGER_LOG", path(folder.tlog()));
        set("HOIAM_LEDGER_LOG_KEY", path(folder.log_key()));
        set("HOIAM_LEDGER_LOG_POLICY", path(folder.log_policy()));
        return text;
    }
    set("HOIAM_LEDGER_URL", url("ledger"));
    set("HOIAM_LEDGER_TOKEN_FILE", path(folder.token(service)));
    set("HOIAM_DATABASE", folder.sqlite(service));
    set("HOIAM_REPLICA", service.to_owned());
    match service {
        "classification" => {
            set("HOIAM_CLASSIFICATION_MODELS", path(folder.models()));
            set("HOIAM_SKETCH_KEY_FILE", path(folder.sketch_key()));
        }
        "intake" => set("HOIAM_IDENTITY_KEY_FILE", path(folder.identity_key())),
        "feedback" | "routing" => {
            set("HOIAM_OUTBOX_DIR", path(folder.outbox()));
            set("HOIAM_OUTBOX_KEY_FILE", path(folder.outbox_key()));
        }
        "console" => {
            for other in ["intake", "classification", "routing", "feedback"] {
                set(&format!("HOIAM_{}_URL", other.to_uppercase()), url(other));
            }
        }
        _ => {}
    }
    text
}
