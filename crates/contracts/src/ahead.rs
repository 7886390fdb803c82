//! The word that something was committed on the express lane, so that a consumer with a backlog can look at that case first.

use kernel::{CaseId, Position};
use serde::{Deserialize, Serialize};

/// What is told on [`crate::subjects::ahead`], at most once: whoever misses it gets the event in its turn. It says nothing that anybody
/// may act on; what happened is read from the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// The case.
    pub case: CaseId,
    /// Position of the last event of the request.
    pub position: Position,
    /// Types of its events, without version.
    pub types: Vec<String>,
}
