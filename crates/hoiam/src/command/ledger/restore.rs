//! `hoiam ledger restore`: a backup brought back to an empty place, if it loses nothing that was signed.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ledger::store::backup::Restore;

use super::place::{Database, Log, shown};
use crate::data::DataFolder;
use crate::output;

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  hoiam ledger restore /backup/record/2026-11-24 --keys /backup/keys/2026-11-24\n\nThe place must be empty: move the old files away, or name a new database. \
What was erased by order stays erased: those keys are not brought back."
)]
pub(crate) struct Arguments {
    /// The folder of the record's backup.
    from: PathBuf,
    /// The folder of the key store's backup; without it, the key store is still where it was.
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    log: Log,
    /// A signed checkpoint kept elsewhere, by a witness for instance; may be given more than once.
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Give up every event after this position, which must be the backup's last, though a checkpoint was signed for more.
    #[arg(long, value_name = "POSITION")]
    lose_events_after: Option<u64>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let folder = DataFolder::at(data)?;
    let missing = arguments.checkpoint.iter().find(|file| !file.is_file());
    if let Some(missing) = missing {
        anyhow::bail!("there is no checkpoint at {}", missing.display());
    }
    let asked = Restore {
        from: arguments.from.clone(),
        keys_from: arguments.keys.clone(),
        signed: arguments
            .checkpoint
            .iter()
            .cloned()
            .chain(arguments.log.signed(&folder))
            .collect(),
        lose_events_after: arguments.lose_events_after,
    };
    let (bar, progress) = shown();
    let url = arguments.database.url(&folder);
    let restored = Box::pin(ledger::store::backup::restore(&asked, &url, progress))
        .await
        .context("nothing was restored")?;
    bar.finish_and_clear();
    let (position, root) = (restored.ledger.position, hex::encode(restored.ledger.root));
    if arguments.json {
        return output::json(&serde_json::json!({
            "position": position,
            "root": root,
            "erased": restored.erased,
            "lost_up_to": restored.lost_up_to,
            "tables": restored.tables,
        }));
    }
    output::line(format!(
        "All {position} events are back and fit the Merkle root {root}."
    ))?;
    if restored.erased > 0 {
        output::line(format!(
            "The content of {} cases had been erased and stays so.",
            restored.erased
        ))?;
    }
    if let Some(lost) = restored.lost_up_to {
        output::line(format!(
            "LOST: positions {} to {lost}, which were signed for. What was erased by order after {position} must be erased again.",
            position + 1
        ))?;
    }
    output::line(format!(
        "Next: start it. But if anything had gone further than position {position} (the stream EVENTS, a service's read model), delete first, in the data \
         folder, nats/jetstream and the services' databases (db/*.db without ledger.db and ledger-keys.db): they are made anew, all but people's \
         accounts, which `hoiam person add` makes."
    ))
}
