//! The data folder: everything one installation keeps on one machine, and where in it things lie.

mod env;
mod identities;
mod lock;
mod run;
mod secrets;

use std::path::{Path, PathBuf};

use anyhow::Context;
use ledger::log::note::{Role, SigningKey};

pub use env::{ServiceAddresses, write_addresses, write_env_files};
pub use identities::{NatsCredential, SERVICES, gateway_user, unit_user};
pub use lock::FolderLock;
pub use run::{Addresses, RunInfo};
pub(crate) use secrets::private_folder;
pub use secrets::{readable_password, write_private};

/// A data folder; the only place that spells the names of what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFolder {
    root: PathBuf,
}

impl DataFolder {
    /// The folder at a path, whether it exists yet or not.
    ///
    /// # Errors
    /// When the present directory is unknown, so that a relative path means nothing.
    pub fn at(path: &Path) -> anyhow::Result<Self> {
        let root =
            std::path::absolute(path).with_context(|| format!("{} means nothing here", path.display()))?;
        Ok(Self { root })
    }

    /// Makes the folder with its keys, tokens, credentials and environment files. What is there already stays as it is.
    ///
    /// # Errors
    /// When something cannot be written; the message names it.
    pub fn init(&self) -> anyhow::Result<()> {
        for folder in [
            self.root.clone(),
            self.keys(),
            self.tokens(),
            self.nats(),
            self.databases(),
            self.outbox(),
            self.root.join("env"),
            self.root.join("log"),
        ] {
            secrets::private_folder(&folder)?;
        }
        for key in [
            self.kek(),
            self.identity_key(),
            self.outbox_key(),
            self.sketch_key(),
            self.jetstream_key(),
            self.log_key(),
        ] {
            secrets::ensure_key(&key)?;
        }
        self.ensure_log_policy()?;
        identities::ensure_all(self)?;
        if !self.env_file("ledger").exists() {
            write_env_files(self, &ServiceAddresses::default(), None)?;
        }
        Ok(())
    }

    /// Whether it was made by `init`.
    #[must_use]
    pub fn is_initialised(&self) -> bool {
        self.callers().exists()
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The key under which the ledger's vault wraps the key of each case.
    #[must_use]
    pub fn kek(&self) -> PathBuf {
        self.keys().join("kek")
    }

    /// The key from which case ids and tracking codes are derived.
    #[must_use]
    pub fn identity_key(&self) -> PathBuf {
        self.keys().join("identity.key")
    }

    /// The key under which the file transport seals messages to citizens.
    #[must_use]
    pub fn outbox_key(&self) -> PathBuf {
        self.keys().join("outbox.key")
    }

    /// The key under which classification hashes what it compares of reports.
    #[must_use]
    pub fn sketch_key(&self) -> PathBuf {
        self.keys().join("sketch.key")
    }

    /// The key under which JetStream encrypts its files.
    #[must_use]
    pub fn jetstream_key(&self) -> PathBuf {
        self.keys().join("jetstream.key")
    }

    /// The labelled reports that models learnt from which the product does not come with (`hoiam train`).
    #[must_use]
    pub fn models(&self) -> PathBuf {
        self.root.join("models")
    }

    /// The key with which the ledger's log signs its checkpoints.
    #[must_use]
    pub fn log_key(&self) -> PathBuf {
        self.keys().join("log.key")
    }

    /// The last checkpoint that the ledger signed, which it keeps beside the key.
    #[must_use]
    pub fn log_signed(&self) -> PathBuf {
        self.keys().join("log.key.signed")
    }

    /// Whom to believe about the log: its public key, its witnesses', and how many of them are needed.
    #[must_use]
    pub fn log_policy(&self) -> PathBuf {
        self.keys().join("log.policy")
    }

    /// The log's tiles and checkpoints. Holds nothing personal and may be copied to anybody; made again from the ledger if lost.
    #[must_use]
    pub fn tlog(&self) -> PathBuf {
        self.root.join("tlog")
    }

    fn ensure_log_policy(&self) -> anyhow::Result<()> {
        let path = self.log_policy();
        if path.exists() {
            return Ok(());
        }
        let key = SigningKey::load(&self.log_key(), ledger::log::DEFAULT_ORIGIN, Role::Log)?;
        let text = format!(
            "# Whom to believe about the ledger's log (c2sp.org/tlog-policy). Add a line `witness <name> <vkey> <url>` for each witness and name\n\
             # the quorum; then start the ledger again.\nlog {}\nquorum none\n",
            key.public()
        );
        write_private(&path, text.as_bytes())
    }

    /// The demonstration accounts and their passwords.
    #[must_use]
    pub fn demo_accounts(&self) -> PathBuf {
        self.keys().join("demo-accounts.json")
    }

    /// Who may call the gRPC servers (digests of tokens only).
    #[must_use]
    pub fn callers(&self) -> PathBuf {
        self.keys().join("callers.json")
    }

    fn tokens(&self) -> PathBuf {
        self.keys().join("tokens")
    }

    /// The bearer token of a caller.
    #[must_use]
    pub fn token(&self, name: &str) -> PathBuf {
        self.tokens().join(format!("{name}.token"))
    }

    /// nats-server's part of the folder.
    #[must_use]
    pub fn nats(&self) -> PathBuf {
        self.root.join("nats")
    }

    /// The NATS credential of a user.
    #[must_use]
    pub fn nats_credential(&self, user: &str) -> PathBuf {
        self.nats().join(format!("{user}.json"))
    }

    /// nats-server's configuration, written anew at each start.
    #[must_use]
    pub fn nats_config(&self) -> PathBuf {
        self.nats().join("nats-server.conf")
    }

    /// nats-server's pid, written by itself.
    #[must_use]
    pub fn nats_pid(&self) -> PathBuf {
        self.nats().join("nats.pid")
    }

    /// nats-server's log.
    #[must_use]
    pub fn nats_log(&self) -> PathBuf {
        self.nats().join("server.log")
    }

    /// JetStream's files. A cache of the ledger: may be deleted.
    #[must_use]
    pub fn jetstream(&self) -> PathBuf {
        self.nats().join("jetstream")
    }

    /// The SQLite databases.
    #[must_use]
    pub fn databases(&self) -> PathBuf {
        self.root.join("db")
    }

    /// The URL of a SQLite database of ours.
    #[must_use]
    pub fn sqlite(&self, name: &str) -> String {
        format!("sqlite:{}", self.databases().join(format!("{name}.db")).display())
    }

    /// Messages to citizens, sealed, one file each.
    #[must_use]
    pub fn outbox(&self) -> PathBuf {
        self.root.join("outbox")
    }

    /// The environment for running a service as a program of its own.
    #[must_use]
    pub fn env_file(&self, service: &str) -> PathBuf {
        self.root.join("env").join(format!("{service}.env"))
    }

    /// What `hoiam up` logs while its screen is for people.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.root.join("log").join("hoiam.log")
    }

    /// What was parked and settled by a person, one JSON object a line.
    #[must_use]
    pub fn settled(&self) -> PathBuf {
        self.root.join("log").join("settled.jsonl")
    }

    /// What runs and where; there while something runs.
    #[must_use]
    pub fn run_info(&self) -> PathBuf {
        self.root.join("run.json")
    }

    /// Where each service runs as a program of its own, as `hoiam init` laid it out; not there otherwise.
    #[must_use]
    pub fn addresses(&self) -> PathBuf {
        self.root.join("env").join("addresses.json")
    }

    /// The file whose lock says that somebody runs this folder.
    #[must_use]
    pub fn lock_file(&self) -> PathBuf {
        self.root.join("lock")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn modes(folder: &Path, into: &mut Vec<(PathBuf, u32)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            into.push((
                path.clone(),
                path.metadata().unwrap().permissions().mode() & 0o777,
            ));
            if path.is_dir() {
                modes(&path, into);
            }
        }
    }

    #[test]
    fn a_new_folder_is_closed_to_everybody_else() {
        let temp = tempfile::tempdir().unwrap();
        let folder = DataFolder::at(&temp.path().join("data")).unwrap();
        folder.init().unwrap();
        let mut found = Vec::new();
        modes(folder.root(), &mut found);
        assert!(found.len() > 20);
        for (path, mode) in found {
            assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
        }
    }

    #[test]
    fn making_the_folder_again_changes_no_key() {
        let temp = tempfile::tempdir().unwrap();
        let folder = DataFolder::at(&temp.path().join("data")).unwrap();
        folder.init().unwrap();
        let read = || {
            [
                folder.kek(),
                folder.token("routing"),
                folder.callers(),
                folder.nats_credential("gw-demo"),
            ]
            .map(|path| std::fs::read(path).unwrap_or_default())
        };
        let before = read();
        folder.init().unwrap();
        assert_eq!(before, read());
        assert!(!before[0].is_empty());
    }
}
