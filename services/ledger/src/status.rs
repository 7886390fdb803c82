//! How far relay and log are: written by them, shown by `Head`.

use tokio::sync::watch;

/// What the relay last knew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayStatus {
    /// Last position known to be in the stream.
    pub relayed: u64,
    /// `following`, `catching up`, `stopped: <why>`; empty before the relay has started.
    pub state: String,
    /// `agrees up to <position>`, `differs at <positions>`; empty before the patrol has looked.
    pub patrol: String,
}

/// The relay's end; `Head` reads the other.
pub type RelayStatusSender = watch::Sender<RelayStatus>;

/// What the log last knew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogStatus {
    /// Leaves under the last checkpoint that was signed.
    pub signed: u64,
    /// Leaves under the last checkpoint that met the policy's quorum and was published.
    pub cosigned: u64,
    /// When that was; microseconds, UTC.
    pub cosigned_at: i64,
    /// `off`, `standing by`, `following`, `waiting for witnesses: <who>`, `stopped: <why>`.
    pub state: String,
    /// The log's public key (vkey).
    pub key: String,
}
