//! A log as a verifier reads it that knows the specifications (C2SP signed-note, tlog-checkpoint, tlog-tiles) and none of the ledger's code.

use std::path::Path;

use anyhow::{Context as _, anyhow, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use metamorphic_log as foreign;

/// A log in a folder that was found to be in order.
pub struct Tlog {
    /// How many leaves the published checkpoint covers.
    pub size: u64,
    /// The root it was signed for.
    pub root: [u8; 32],
    tree: foreign::merkle::MerkleTree,
}

impl Tlog {
    /// Reads all of it: the checkpoint is signed by `vkey`, and every entry of every bundle fits its tile and leads to the signed root.
    ///
    /// # Errors
    /// The first thing that is not so.
    pub fn read(folder: &Path, vkey: &str) -> anyhow::Result<Self> {
        let read = |path: &str| std::fs::read(folder.join(path)).with_context(|| path.to_owned());
        // A partial tile may have given way to the full one, whose beginning it is.
        let partial = |path: String| match path.split_once(".p/") {
            Some((full, _)) if !folder.join(&path).exists() => read(full),
            _ => read(&path),
        };
        let note = String::from_utf8(read("checkpoint")?)?;
        let note = foreign::note::SignedNote::parse(&note).map_err(|e| anyhow!("{e}"))?;
        let key = foreign::note::VerifierKey::parse(vkey).map_err(|e| anyhow!("{e}"))?;
        note.verify(&[key]).map_err(|e| anyhow!("{e}"))?;
        let mut lines = note.text().lines().skip(1);
        let size: u64 = lines.next().context("no size")?.parse()?;
        let root = BASE64.decode(lines.next().context("no root")?)?;
        let root = <[u8; 32]>::try_from(root.as_slice()).context("the root is no hash")?;
        let mut tree = foreign::merkle::MerkleTree::new();
        let tiles = foreign::tile::tiles_for_size(size);
        for tile in tiles.iter().filter(|tile| tile.level() == 0) {
            let width = usize::from(tile.width());
            let mut hashes = partial(tile.path())?;
            hashes.truncate(32 * width);
            let hashes = tile
                .hashes(&hashes)
                .map_err(|e| anyhow!("{}: {e}", tile.path()))?;
            let bundle = partial(tile.entries_path())?;
            let entries = entries(&bundle).with_context(|| tile.entries_path())?;
            let full = [width, 256].contains(&entries.len());
            ensure!(full, "{} has {} entries", tile.entries_path(), entries.len());
            for (entry, hash) in entries.into_iter().zip(hashes) {
                let index = tree.push(entry);
                ensure!(
                    tree.leaf_hash(index) == Some(hash),
                    "entry and tile differ at {index}"
                );
            }
        }
        ensure!(
            tree.root()[..] == root[..],
            "the entries do not lead to the signed root"
        );
        ensure!(
            tree.size() == size,
            "{} entries under a checkpoint for {size}",
            tree.size()
        );
        Ok(Self { size, root, tree })
    }

    /// Whether a proof shows that the event at a position (from 1) is in the log, by the leaf that this log has there.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn includes(&self, position: u64, path: &[Vec<u8>]) -> anyhow::Result<()> {
        let index = position.checked_sub(1).context("positions begin at 1")?;
        let leaf = self.tree.leaf_hash(index).context("not in the log")?;
        foreign::proof::verify_inclusion(index, self.size, &leaf, path, &self.root)
            .map_err(|e| anyhow!("{e}"))
    }
}

/// The entries of a bundle: each after its length in two bytes.
fn entries(mut bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bundle.split_at_checked(2) {
        let length = usize::from(u16::from_be_bytes(length.try_into().ok()?));
        let (entry, rest) = rest.split_at_checked(length)?;
        entries.push(entry);
        bundle = rest;
    }
    bundle.is_empty().then_some(entries)
}
