//! What runs on a folder and where: how the other commands find it.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::{DataFolder, write_private};

/// Address of each server by its service, `http://127.0.0.1:40001`.
pub type Addresses = BTreeMap<String, String>;

/// The content of `run.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// The process that runs it; none where each service is a program of its own.
    pub pid: Option<u32>,
    /// The console's address for people.
    pub console: String,
    /// Where the broker is.
    pub nats: String,
    /// The broker's process.
    pub nats_pid: Option<u32>,
    /// gRPC by service.
    pub grpc: Addresses,
    /// Health, metrics and own pages by service.
    pub http: Addresses,
    /// `sqlite` or `postgres`.
    pub engine: String,
}

impl RunInfo {
    /// Writes it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, folder: &DataFolder) -> anyhow::Result<()> {
        write_private(&folder.run_info(), &serde_json::to_vec_pretty(self)?)
    }

    /// Reads what runs: what `hoiam up` wrote, or else where `hoiam init` said that each service runs on its own.
    ///
    /// # Errors
    /// When nothing runs on the folder; the message says how to start it.
    pub fn read(folder: &DataFolder) -> anyhow::Result<Self> {
        let found = [folder.run_info(), folder.addresses()]
            .into_iter()
            .find_map(|path| Some((std::fs::read(&path).ok()?, path)));
        let Some((text, path)) = found else {
            bail!(
                "nothing is running on {}: start it with `hoiam up --data {0}`",
                folder.root().display()
            );
        };
        serde_json::from_slice(&text).with_context(|| {
            format!(
                "{} is not what `hoiam` writes: remove it and start again",
                path.display()
            )
        })
    }

    /// Removes it, at a clean stop.
    pub fn remove(folder: &DataFolder) {
        let _ = std::fs::remove_file(folder.run_info());
    }

    /// The gRPC address of a service.
    ///
    /// # Errors
    /// When it is not among those that run.
    pub fn grpc(&self, service: &str) -> anyhow::Result<&str> {
        self.grpc
            .get(service)
            .map(String::as_str)
            .with_context(|| format!("{service} is not running here"))
    }

    /// The HTTP address of a service.
    ///
    /// # Errors
    /// When it is not among those that run.
    pub fn http(&self, service: &str) -> anyhow::Result<&str> {
        self.http
            .get(service)
            .map(String::as_str)
            .with_context(|| format!("{service} serves no HTTP here"))
    }
}
