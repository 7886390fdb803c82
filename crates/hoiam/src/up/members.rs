//! Units and gateways: what it takes to let one in, by the command or at the first start.

use std::time::Duration;

use anyhow::Context;
use chassis::nats::{Nats, WorkOptions};
use contracts::grpc::console::GrantRequest;
use contracts::grpc::console::directory_client::DirectoryClient;
use contracts::subjects;

use crate::broker;
use crate::connect::{System, refusal};
use crate::data::{DataFolder, gateway_user, unit_user};

/// How long the broker may take to read its configuration again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lets a unit in: credential, durable, token, and the directory's word.
pub(crate) async fn add_unit(system: &System, code: &str) -> anyhow::Result<()> {
    let (_, new) = system.folder.ensure_nats_user(&unit_user(code))?;
    system.folder.ensure_unit_caller(code)?;
    enter(system, new, &unit_user(code)).await?;
    grant(system, "unit", code).await
}

/// Lets a gateway in: credential, durable, and the directory's word.
pub(crate) async fn add_gateway(system: &System, name: &str) -> anyhow::Result<()> {
    let (_, new) = system.folder.ensure_nats_user(&gateway_user(name))?;
    enter(system, new, &gateway_user(name)).await?;
    grant(system, "gateway", name).await
}

/// Makes the broker know the user, and waits until it does.
async fn enter(system: &System, new: bool, user: &str) -> anyhow::Result<()> {
    if new {
        system.folder.tell_users_the_address(&system.run.nats)?;
        let port = system
            .run
            .nats
            .rsplit(':')
            .next()
            .and_then(|p| p.parse().ok())
            .context("the broker's address has no port")?;
        broker::write_config(&system.folder, port)?;
        let pid =
            broker::running(&system.folder).context("nats-server is not running: see `hoiam doctor`")?;
        broker::reload(pid)?;
    }
    make_durables(&let_in(system, "admin").await?, &system.folder).await?;
    let_in(system, user).await.map(|_| ())
}

/// Connects as a user, again and again: one that is new is refused until the broker has read its configuration, and while it reads,
/// it turns away whoever is just signing in.
async fn let_in(system: &System, user: &str) -> anyhow::Result<Nats> {
    let connected = async {
        loop {
            if let Ok(nats) = system.nats(user).await {
                return nats;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, connected).await.with_context(|| {
        format!(
            "nats-server does not let `{user}` in: see {}",
            system.folder.nats_log().display()
        )
    })
}

/// The durables of every unit and gateway that has a credential; those that are there stay as they are.
pub(crate) async fn make_durables(nats: &Nats, folder: &DataFolder) -> anyhow::Result<()> {
    for user in folder.nats_users()? {
        if let Some(unit) = user.user.strip_prefix("unit-") {
            make(
                nats,
                subjects::CASES,
                &subjects::unit_durable(unit),
                subjects::unit_cases(unit),
            )
            .await?;
        } else if let Some(gateway) = user.user.strip_prefix("gw-") {
            make(
                nats,
                subjects::RECEIPTS,
                &gateway_user(gateway),
                subjects::receipts("*", gateway),
            )
            .await?;
        }
    }
    Ok(())
}

async fn make(nats: &Nats, stream: &str, durable: &str, filter: String) -> anyhow::Result<()> {
    let options = WorkOptions {
        filters: vec![filter],
        ..WorkOptions::default()
    };
    Ok(nats.make_durable(stream, durable, &options).await?)
}

/// The directory's word; saying it again changes nothing.
async fn grant(system: &System, kind: &str, code: &str) -> anyhow::Result<()> {
    let mut directory = DirectoryClient::new(system.service("console").await?);
    let request = GrantRequest {
        request_id: format!("{kind}/{code}"),
        actor: "admin:hoiam".to_owned(),
        kind: kind.to_owned(),
        code: code.to_owned(),
        roles: vec![kind.to_owned()],
    };
    directory
        .grant(request)
        .await
        .map(|_| ())
        .map_err(|status| refusal(&status))
}
