//! Where the log's files are read from: a folder, or a web server.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use ledger::log::store::TileStore;
use ledger::log::tile::{self, Tile};
use reqwest::StatusCode;

/// How long a file may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A log's files.
pub(super) enum Source {
    Folder(TileStore, String),
    Web(reqwest::Client, String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(_, name) | Self::Web(_, name) => f.write_str(name),
        }
    }
}

impl Source {
    pub(super) fn named(name: &str) -> anyhow::Result<Self> {
        if !name.starts_with("http") {
            return Ok(Self::folder(Path::new(name)));
        }
        if name.starts_with("https") {
            bail!(
                "{name}: this program speaks no TLS of its own; give a copy of the log's folder, or an address inside"
            );
        }
        let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
        Ok(Self::Web(client, name.trim_end_matches('/').to_owned()))
    }

    pub(super) fn folder(path: &Path) -> Self {
        Self::Folder(TileStore::at(path), path.display().to_string())
    }

    /// A file; `None` when it is not there.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
        match self {
            Self::Folder(store, _) => match store.read(path) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.is_missing() => Ok(None),
                Err(error) => Err(error.into()),
            },
            Self::Web(client, prefix) => {
                let url = format!("{prefix}/{path}");
                let told = || format!("{url} cannot be read");
                let reply = client.get(&url).send().await.with_context(told)?;
                if reply.status() == StatusCode::NOT_FOUND {
                    return Ok(None);
                }
                let reply = reply.error_for_status().with_context(told)?;
                Ok(Some(reply.bytes().await.with_context(told)?.to_vec()))
            }
        }
    }

    /// A tile or bundle; a partial one also from the full one that has taken its place.
    pub(super) async fn tile(&self, tile: Tile) -> anyhow::Result<Option<Vec<u8>>> {
        let found = self.get(&tile.path()).await?;
        if found.is_some() || tile.is_full() {
            return Ok(found);
        }
        let full = self.get(&tile.full().path()).await?;
        Ok(full.map(|bytes| tile::beginning(&bytes, tile).map_or(bytes.clone(), <[u8]>::to_vec)))
    }
}
