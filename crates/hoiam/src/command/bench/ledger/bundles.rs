//! What an auditor does with the log's files alone: reading every entry from its bundle, and checking the tree.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use ledger::log::checkpoint::Checkpoint;
use ledger::log::note::Note;
use ledger::log::store::TileStore;
use ledger::log::tile::{Kind, Tile, entries};
use ledger::log::verify::{TreeCheck, block};

use super::load::ReadAll;
use super::subject::Subject;

/// How long the signer may take for what was appended before it ran.
const PATIENCE: Duration = Duration::from_secs(600);

/// Waits until everything on record is signed.
pub(super) async fn signed(subject: &Subject) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let head = subject.head().await?;
        if head.log_signed >= head.position {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            bail!("the log is not signed to the end: {}", head.log_state);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Reads all bundles of a log's folder and takes them apart into their entries, on one thread.
pub(super) fn read(folder: &Path) -> anyhow::Result<ReadAll> {
    let (store, checkpoint) = open(folder)?;
    let began = Instant::now();
    let mut count = 0;
    for bundle in bundles(checkpoint.size) {
        let bytes = store.tile(bundle)?;
        count += entries(&bytes, bundle.width)
            .with_context(|| format!("{} is damaged", bundle.path()))?
            .len();
    }
    Ok(ReadAll {
        count,
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// Checks the tree as `hoiam verify --log-only` does: every entry hashed and compared with its tile, the root with the signed one, on one thread.
pub(super) fn verify(folder: &Path) -> anyhow::Result<ReadAll> {
    let (store, checkpoint) = open(folder)?;
    let size = checkpoint.size;
    let began = Instant::now();
    let mut check = TreeCheck::new(checkpoint);
    for bundle in bundles(size) {
        let tile = Tile {
            kind: Kind::Hashes(0),
            ..bundle
        };
        check.add(block(
            bundle,
            Some(&store.tile(bundle)?),
            Some(&store.tile(tile)?),
        ));
    }
    let tree = check.finish();
    if let Some(finding) = tree.findings.first() {
        bail!("the log does not verify: {finding:?}");
    }
    Ok(ReadAll {
        count: usize::try_from(size)?,
        seconds: began.elapsed().as_secs_f64(),
    })
}

fn open(folder: &Path) -> anyhow::Result<(TileStore, Checkpoint)> {
    let store = TileStore::at(folder);
    let bytes = store.checkpoint()?.context("the log has no checkpoint")?;
    let note: Note = String::from_utf8(bytes)?.parse()?;
    Ok((store, Checkpoint::of(&note)?))
}

fn bundles(size: u64) -> impl Iterator<Item = Tile> {
    Tile::all(size).take_while(|tile| tile.kind == Kind::Entries)
}
