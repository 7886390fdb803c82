//! How far the relay is: written by the relay, shown by `Head`.

use tokio::sync::watch;

/// What the relay last knew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayStatus {
    /// Last position known to be in the stream.
    pub relayed: u64,
    /// `following`, `catching up`, `stopped: <why>`; empty before the relay has started.
    pub state: String,
}

/// The relay's end; `Head` reads the other.
pub type RelayStatusSender = watch::Sender<RelayStatus>;
