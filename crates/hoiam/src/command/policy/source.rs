//! A policy as a person names it: a file, `current`, or a version on record by its hash or its number in the list.

use std::path::Path;

use anyhow::{Context, bail};
use chassis::clock::SystemClock;
use contracts::grpc::policy::policies_client::PoliciesClient;
use contracts::grpc::policy::{ListRequest, ReadRequest, Version};
use kernel::Clock;
use routing::domain::Policy;

use super::Of;
use crate::connect::{Authorised, System, refusal};

/// The versions on record, as their service lists them.
pub(super) struct Versions {
    policies: PoliciesClient<Authorised>,
    pub(super) listed: Vec<Version>,
}

impl Versions {
    /// Of the system that runs on a data folder.
    pub(super) async fn of(data: &Path, of: Of) -> anyhow::Result<Self> {
        let mut policies = client(&System::of(data)?, of).await?;
        let reply = policies.list(ListRequest {}).await;
        let listed = reply.map_err(|status| refusal(&status))?.into_inner().versions;
        Ok(Self { policies, listed })
    }

    /// The text of one of them.
    pub(super) async fn text(&mut self, version: &Version) -> anyhow::Result<String> {
        let position = version.position;
        let reply = self.policies.read(ReadRequest { position }).await;
        Ok(reply.map_err(|status| refusal(&status))?.into_inner().text)
    }

    /// `current`, the beginning of a hash, or a number of the list (from 1).
    pub(super) fn named(&self, name: &str) -> anyhow::Result<Version> {
        if name == "current" {
            let found = self.listed.iter().find(|it| it.in_force);
            return found
                .cloned()
                .context("no version of this policy is on record yet");
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

/// The service's versions.
pub(super) async fn client(system: &System, of: Of) -> anyhow::Result<PoliciesClient<Authorised>> {
    Ok(PoliciesClient::new(system.service(of.service()).await?))
}

/// The text that a name stands for.
pub(super) async fn text(data: &Path, of: Of, name: &str) -> anyhow::Result<String> {
    if Path::new(name).is_file() {
        std::fs::read_to_string(name).with_context(|| format!("{name} cannot be read"))
    } else if name.contains(['/', '.']) {
        bail!("there is no file {name}")
    } else {
        let mut versions = Versions::of(data, of).await?;
        let version = versions.named(name)?;
        versions.text(&version).await
    }
}

/// A routing policy, read and checked.
pub(super) async fn read(data: &Path, name: &str) -> anyhow::Result<Policy> {
    Policy::parse(&text(data, Of::Routing, name).await?)
        .with_context(|| format!("{name} is no policy that may decide: see `hoiam policy check`"))
}

/// An id of a request that is made once.
pub(super) fn request_id() -> String {
    format!("policy-{}-{}", std::process::id(), SystemClock.now().0)
}
