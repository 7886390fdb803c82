//! A policy as a person names it: a file, `current`, or a version on record by its hash or its number in the list.

use std::path::Path;

use anyhow::{Context, bail};
use chassis::clock::SystemClock;
use contracts::grpc::routing::routing_client::RoutingClient;
use contracts::grpc::routing::{ListPoliciesRequest, PolicyVersion, ReadPolicyRequest};
use kernel::Clock;
use routing::domain::Policy;

use crate::connect::{Authorised, System, refusal};

/// The versions on record, as routing lists them.
pub(super) struct Versions {
    routing: RoutingClient<Authorised>,
    pub(super) listed: Vec<PolicyVersion>,
}

impl Versions {
    /// Of the system that runs on a data folder.
    pub(super) async fn of(data: &Path) -> anyhow::Result<Self> {
        let system = System::of(data)?;
        let mut routing = RoutingClient::new(system.service("routing").await?);
        let reply = routing.list_policies(ListPoliciesRequest {}).await;
        let listed = reply.map_err(|status| refusal(&status))?.into_inner().versions;
        Ok(Self { routing, listed })
    }

    /// The text of one of them.
    pub(super) async fn text(&mut self, version: &PolicyVersion) -> anyhow::Result<String> {
        let position = version.position;
        let reply = self.routing.read_policy(ReadPolicyRequest { position }).await;
        Ok(reply.map_err(|status| refusal(&status))?.into_inner().text)
    }

    /// `current`, the beginning of a hash, or a number of the list (from 1).
    pub(super) fn named(&self, name: &str) -> anyhow::Result<PolicyVersion> {
        if name == "current" {
            let found = self.listed.iter().find(|it| it.in_force);
            return found
                .cloned()
                .context("no version of the routing policy is on record yet");
        }
        // A hash has 64 digits and is named by at least 8 of them; a number is shorter.
        if let Some(nth) = name.parse::<usize>().ok().filter(|_| name.len() < 8) {
            let found = nth.checked_sub(1).and_then(|nth| self.listed.get(nth));
            return found.cloned().with_context(|| {
                format!(
                    "there is no version {nth}: `hoiam policy list` shows 1 to {}",
                    self.listed.len()
                )
            });
        }
        // The same text may have come back: it is the same policy.
        let found = self
            .listed
            .iter()
            .rev()
            .find(|it| name.len() >= 8 && it.sha256.starts_with(name));
        found.cloned().with_context(|| {
            format!(
                "{name} is no file, and no version on record has that hash (8 digits or more): `hoiam policy list` shows them"
            )
        })
    }
}

/// A policy, read and checked.
pub(super) async fn read(data: &Path, name: &str) -> anyhow::Result<Policy> {
    let text = if Path::new(name).is_file() {
        std::fs::read_to_string(name).with_context(|| format!("{name} cannot be read"))?
    } else if name.contains(['/', '.']) {
        bail!("there is no file {name}")
    } else {
        let mut versions = Versions::of(data).await?;
        let version = versions.named(name)?;
        versions.text(&version).await?
    };
    Policy::parse(&text)
        .with_context(|| format!("{name} is no policy that may decide: see `hoiam policy check`"))
}

/// An id of a request that is made once.
pub(super) fn request_id() -> String {
    format!("policy-{}-{}", std::process::id(), SystemClock.now().0)
}
