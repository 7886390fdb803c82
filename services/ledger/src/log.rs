//! The log that others can check: tiles and checkpoints as C2SP specifies them, witnesses, proofs, and who is believed.

pub mod checkpoint;
pub(crate) mod checkpointer;
mod cosign;
pub mod edge;
pub mod note;
pub mod policy;
pub mod proof;
pub(crate) mod serve;
pub mod store;
pub mod tile;
pub mod verify;
pub mod witness;

/// What a log is called where nobody named it.
pub const DEFAULT_ORIGIN: &str = "hoi-am.local/log";

/// Why the log stands still, or the ledger does not start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The database was restored from an older backup, or somebody cut it.
    #[error(
        "the ledger has {ledger} events, but {who} has signed {signed}: it was restored from an older backup or cut; bring back the newer database. Only if those events are lost for good: start with a new --log-key and a new --log, and say so in public"
    )]
    Shorter {
        /// Positions on record.
        ledger: u64,
        /// Leaves signed.
        signed: u64,
        /// By whom, or where it is written.
        who: String,
    },
    /// The database holds another history than the one signed.
    #[error(
        "the first {size} events are not those that were signed ({who}): the database was changed or is another ledger's; `hoiam verify` says where; bring back the right database"
    )]
    Fork {
        /// Leaves under the checkpoint.
        size: u64,
        /// Where the checkpoint is.
        who: String,
    },
    /// A row was changed before it was signed.
    #[error(
        "the event at position {0} does not fit the leaf hash stored with it: the database was changed; nothing is signed until it is as it was"
    )]
    Changed(u64),
    /// A row is not there.
    #[error(
        "there is no event at position {0}: the database was cut; nothing is signed until it is as it was"
    )]
    Missing(u64),
    /// The rows do not lead to the root that grew with them.
    #[error(
        "the events up to {0} do not lead to the Merkle root in the head row: the database was changed; nothing is signed until it is as it was"
    )]
    Root(u64),
    /// A checkpoint of our own that is none.
    #[error("{0} is no checkpoint signed by this log's key: was the key, the origin or the file changed?")]
    NotOurs(String),
    /// A policy without this log.
    #[error("the policy names other logs than this one ({0}): add a line `log {0}`")]
    NotInPolicy(String),
    /// The key.
    #[error(transparent)]
    Key(#[from] note::KeyFileError),
    /// The policy.
    #[error(transparent)]
    Policy(#[from] policy::PolicyError),
    /// The log's folder.
    #[error(transparent)]
    Tile(#[from] store::TileError),
    /// A file beside the key.
    #[error("the file {path} cannot be used")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] crate::error::StoreError),
    /// The client that asks the witnesses.
    #[error("the witnesses cannot be asked")]
    Http(#[from] reqwest::Error),
    /// A blocking task was dropped.
    #[error("the ledger stops")]
    Stopping,
}
