//! `hoiam init`: the data folder and nothing else.

use std::path::Path;

use crate::data::{DataFolder, SERVICES, ServiceAddresses, write_addresses, write_env_files};
use crate::{broker, output};

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  hoiam init --data /srv/hoiam\n  set -a; . /srv/hoiam/env/ledger.env; set +a; hoiam-ledger run"
)]
pub(crate) struct Arguments {
    /// First of the ports on which the services listen when each runs on its own (gRPC; HTTP is 100 above).
    #[arg(long, default_value_t = 7401)]
    first_port: u16,
    /// Port of the console's pages.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Port of nats-server.
    #[arg(long, default_value_t = 4222)]
    nats_port: u16,
    /// The ledger's database, where it is not SQLite in the folder.
    #[arg(long)]
    database: Option<String>,
}

pub(crate) fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let folder = DataFolder::at(data)?;
    folder.init()?;
    let nats_url = format!("nats://127.0.0.1:{}", arguments.nats_port);
    folder.tell_users_the_address(&nats_url)?;
    broker::write_config(&folder, arguments.nats_port)?;
    let addresses = ServiceAddresses {
        first_port: arguments.first_port,
        console_port: arguments.port,
        nats_url,
    };
    write_env_files(&folder, &addresses, arguments.database.as_deref())?;
    write_addresses(&folder, &addresses, arguments.database.as_deref())?;
    output::line(format!("{} is ready.", folder.root().display()))?;
    output::line(format!(
        "nats-server: nats-server -c {}",
        folder.nats_config().display()
    ))?;
    for service in SERVICES {
        output::line(format!(
            "{service}: set -a; . {}; set +a; hoiam-{service} run",
            folder.env_file(service).display()
        ))?;
    }
    Ok(())
}
