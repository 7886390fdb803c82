//! Where the ledger is that a command works on without it: its database, its log, and how far the work is.

use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};
use ledger::store::copy::Progress;

use crate::data::DataFolder;

/// The database of the ledger.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Database {
    /// The ledger's database: `postgres://…` or `sqlite:<path>`; SQLite in the data folder when none is named. A password is better kept in
    /// PGPASSWORD or ~/.pgpass.
    #[arg(long, env = "HOIAM_DATABASE", hide_env_values = true, value_name = "URL")]
    database: Option<String>,
}

impl Database {
    pub(super) fn url(&self, folder: &DataFolder) -> String {
        self.database.clone().unwrap_or_else(|| folder.sqlite("ledger"))
    }
}

/// The log of signed checkpoints.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Log {
    /// The folder of the Merkle log, with its last signed checkpoint; the data folder's when none is named.
    #[arg(long, env = "HOIAM_LEDGER_LOG", value_name = "DIR")]
    log: Option<PathBuf>,
}

impl Log {
    /// The last published checkpoint, if there ever was one.
    pub(super) fn checkpoint(&self, folder: &DataFolder) -> PathBuf {
        self.log
            .clone()
            .unwrap_or_else(|| folder.tlog())
            .join("checkpoint")
    }

    /// Everything that says how far the log was signed: beside the folder's checkpoint, what the signer keeps beside its key, which
    /// may be newer, and stays when the folder is lost.
    pub(super) fn signed(&self, folder: &DataFolder) -> [PathBuf; 2] {
        [self.checkpoint(folder), folder.log_signed()]
    }
}

/// Shows on a terminal which table is under way.
pub(super) fn shown() -> (ProgressBar, impl FnMut(Progress)) {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    let shown = bar.clone();
    (bar, move |progress: Progress| {
        shown.set_message(format!("{}: {} rows", progress.table, progress.rows));
        shown.tick();
    })
}
