//! `hoiam ledger backup`: one moment of the record, and of its key store apart from it, while the ledger runs.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chassis::clock::SystemClock;
use kernel::Clock as _;

use super::place::{Database, Log, shown};
use crate::data::DataFolder;
use crate::output;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam ledger backup /backup/record/2026-11-24 --keys /backup/keys/2026-11-24\n  find /backup/keys -mindepth 1 -maxdepth 1 -mtime +14 -exec rm -r {} +\n\nThe record holds ciphertext only and may be kept for ever. The key store makes it readable: keep its backups apart, for days, so that what a \
citizen has had erased is soon nowhere. Neither holds the key-encryption key (keys/kek of the data folder): keep that in a third place."
)]
pub(crate) struct Arguments {
    /// A new folder for the record's backup.
    to: PathBuf,
    /// A new folder, elsewhere, for the key store's backup.
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    log: Log,
    /// Print the manifest as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let folder = DataFolder::at(data)?;
    let (to, keys) = (&arguments.to, arguments.keys.as_deref());
    if keys.is_some_and(|keys| keys.starts_with(to) || to.starts_with(keys)) {
        anyhow::bail!("the keys' backup must lie apart from the record's: name another folder with --keys");
    }
    let signed = arguments.log.checkpoint(&folder);
    let (bar, progress) = shown();
    let url = arguments.database.url(&folder);
    let backup = ledger::store::backup::backup(&url, to, keys, Some(&signed), SystemClock.now(), progress);
    let manifest = Box::pin(backup).await.context("no backup was made")?;
    bar.finish_and_clear();
    if arguments.json {
        return output::json(&manifest);
    }
    output::line(format!(
        "{} holds {} events up to {} under the Merkle root {}; it was read back and fits.",
        to.join(&manifest.file).display(),
        manifest.position,
        manifest.recorded_at,
        manifest.root
    ))?;
    match keys {
        Some(keys) => output::line(format!(
            "{} holds its keys: keep it apart, and for days only.",
            keys.display()
        )),
        None => output::line(
            "The key store was not backed up: without its keys a ledger does not start (--keys DIR).",
        ),
    }
}
