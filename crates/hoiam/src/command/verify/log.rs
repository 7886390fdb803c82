//! The tree over the log's entries against the checkpoint, and every tile against the tree.

use std::num::NonZero;

use futures::{StreamExt, TryStreamExt, stream};
use ledger::log::checkpoint::Checkpoint;
use ledger::log::tile::{Kind, Tile};
use ledger::log::verify::{Block, Change, Finding, TreeCheck, block};
use ledger::merkle::Frontier;

use super::Verdict;
use super::source::Source;

/// Bundles held at once: 64 of 256 entries of some 400 bytes are 7 MB.
const AT_ONCE: usize = 64;
/// Files asked for at once.
const ASKED: usize = 8;

/// The frontier of the entries, if they are those that were signed.
pub(super) async fn tree(
    source: &Source,
    checkpoint: &Checkpoint,
    verdict: &mut Verdict,
) -> anyhow::Result<Option<Frontier>> {
    let mut check = TreeCheck::new(checkpoint.clone());
    let bundles = Tile::all(checkpoint.size).take_while(|tile| tile.kind == Kind::Entries);
    let read = stream::iter(bundles)
        .map(async |bundle| {
            let tile = Tile {
                kind: Kind::Hashes(0),
                ..bundle
            };
            anyhow::Ok((bundle, source.tile(bundle).await?, source.tile(tile).await?))
        })
        .buffered(ASKED);
    let mut chunks = std::pin::pin!(read.try_chunks(AT_ONCE));
    while let Some(chunk) = chunks.next().await {
        for block in hashed(&chunk.map_err(|error| error.1)?) {
            check.add(block);
        }
    }
    let tree = check.finish();
    verdict.found(&tree.findings)?;
    for (tile, expected) in tree.upper {
        match source.tile(tile).await? {
            Some(bytes) if bytes == expected => {}
            Some(_) => verdict.found(&[Finding::whole(
                Change::Tile,
                format!("{} is not what the entries lead to", tile.path()),
            )])?,
            None => verdict.found(&[Finding::whole(
                Change::Missing,
                format!("{} is not there", tile.path()),
            )])?,
        }
    }
    Ok(tree.frontier)
}

/// A bundle, its bytes, and those of the tile over it; `None` for what is not there.
type Read = (Tile, Option<Vec<u8>>, Option<Vec<u8>>);

/// Hashes what was read, on all cores.
fn hashed(read: &[Read]) -> Vec<Block> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let each = read.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let working: Vec<_> = read
            .chunks(each)
            .map(|part| {
                scope.spawn(move || {
                    let one =
                        |(bundle, entries, tile): &Read| block(*bundle, entries.as_deref(), tile.as_deref());
                    part.iter().map(one).collect::<Vec<_>>()
                })
            })
            .collect();
        #[expect(clippy::expect_used, reason = "a panic of ours, passed on")]
        let blocks = working
            .into_iter()
            .flat_map(|work| work.join().expect("hashing does not panic"));
        blocks.collect()
    })
}
