//! Checking a log from outside: the tree over its entries against a checkpoint, its tiles against the tree, rows against entries.
//!
//! Bytes come in, findings go out; where the bytes come from is the caller's. Entries and tiles say the same thing twice, so that when
//! the root does not fit, the signed root tells which of the two was changed.

mod finding;
mod rows;

pub use finding::{Change, Finding};
pub use rows::{differences, leaf_of};

use super::checkpoint::Checkpoint;
use super::tile::{Kind, Tile, WIDTH, entries, hashes};
use crate::merkle::{Frontier, Hash, full_root, leaf_hash};

/// What one bundle and its level-0 tile come to. Made apart from the rest, so that many can be made at once.
#[derive(Clone, Debug)]
pub struct Block {
    tile: Tile,
    /// The leaf hashes of the bundle; `None` when it is missing or damaged.
    by_entries: Option<Vec<Hash>>,
    /// Those of the tile, when they are not the same.
    by_tile: Option<Option<Vec<Hash>>>,
    /// The subtree roots over the entries' hashes.
    roots: Vec<Hash>,
    findings: Vec<Finding>,
}

/// Hashes a bundle and compares it with its tile. `None`: the file is not there.
#[must_use]
pub fn block(bundle: Tile, bundle_bytes: Option<&[u8]>, tile_bytes: Option<&[u8]>) -> Block {
    let first = bundle.index * WIDTH;
    let tile = Tile {
        kind: Kind::Hashes(0),
        ..bundle
    };
    let mut findings = Vec::new();
    let missing = |file: Tile| Finding::whole(Change::Missing, format!("{} is not there", file.path()));
    let by_entries = match bundle_bytes.map(|bytes| entries(bytes, bundle.width)) {
        None => {
            findings.push(missing(bundle));
            None
        }
        Some(None) => {
            let last = first + u64::from(bundle.width);
            let says = format!(
                "{} does not hold the {} entries of the positions {} to {last}: it was cut, or an entry dropped or added",
                bundle.path(),
                bundle.width,
                first + 1
            );
            findings.push(Finding::whole(Change::Damaged, says));
            None
        }
        Some(Some(entries)) => {
            for (position, entry) in (first + 1..).zip(&entries) {
                match position_of(entry) {
                    Some(says) if says != position => findings.push(Finding::at(
                        position,
                        Change::Moved,
                        format!("the log's entry {position} is that of position {says}"),
                    )),
                    _ => {}
                }
            }
            Some(entries.into_iter().map(leaf_hash).collect::<Vec<_>>())
        }
    };
    let tile_hashes = match tile_bytes.map(|bytes| hashes(bytes, tile.width)) {
        None => {
            findings.push(missing(tile));
            None
        }
        Some(None) => {
            findings.push(Finding::whole(
                Change::Tile,
                format!("{} has not {} hashes", tile.path(), tile.width),
            ));
            None
        }
        Some(hashes) => hashes,
    };
    let by_tile = (tile_hashes != by_entries).then_some(tile_hashes);
    Block {
        tile,
        roots: by_entries.as_deref().map(subtree_roots).unwrap_or_default(),
        by_entries,
        by_tile,
        findings,
    }
}

/// The position that stands at the beginning of a leaf, behind its tag.
fn position_of(entry: &[u8]) -> Option<u64> {
    let (_tag, rest) = entry.split_at_checked(18)?;
    Some(u64::from_be_bytes(*rest.first_chunk()?))
}

fn subtree_roots(hashes: &[Hash]) -> Vec<Hash> {
    let mut rest = hashes;
    let mut roots = Vec::new();
    while !rest.is_empty() {
        let (full, after) = rest.split_at(1 << rest.len().ilog2());
        roots.push(full_root(full));
        rest = after;
    }
    roots
}

/// The tree as it grows block by block, once by the entries and, where they differ, once by the tiles.
#[derive(Clone, Debug)]
struct Growing {
    /// Over the roots of full blocks.
    full: Frontier,
    /// Subtree roots of the partial block at the end.
    partial: Vec<Hash>,
    usable: bool,
}

impl Growing {
    fn push(&mut self, roots: Option<Vec<Hash>>, width: u16) {
        match roots {
            None => self.usable = false,
            Some(roots) if u64::from(width) == WIDTH => {
                roots.into_iter().for_each(|root| self.full.push(root))
            }
            Some(roots) => self.partial = roots,
        }
    }

    fn frontier(&self, size: u64) -> Option<Frontier> {
        let roots = [self.full.roots(), self.partial.as_slice()].concat();
        Frontier::from_roots(size, roots).filter(|_| self.usable)
    }
}

/// Checks the tree of a checkpoint from its blocks, in their order.
#[derive(Clone, Debug)]
pub struct TreeCheck {
    checkpoint: Checkpoint,
    by_entries: Growing,
    /// Since the first block in which tile and entries differ.
    by_tiles: Option<Growing>,
    /// Roots of full blocks, for the tiles above.
    blocks: Vec<Hash>,
    /// Positions at which tile and entries differ.
    differing: Vec<u64>,
    findings: Vec<Finding>,
}

/// The tree as it was found.
#[derive(Clone, Debug)]
pub struct Tree {
    /// What is not as it was signed; empty: the entries are those that were signed.
    pub findings: Vec<Finding>,
    /// Of the entries, when they lead to the signed root.
    pub frontier: Option<Frontier>,
    /// The tiles above the leaves' as they must be.
    pub upper: Vec<(Tile, Vec<u8>)>,
}

impl TreeCheck {
    /// Of a checkpoint that is believed.
    #[must_use]
    pub fn new(checkpoint: Checkpoint) -> Self {
        Self {
            checkpoint,
            by_entries: Growing {
                full: Frontier::default(),
                partial: Vec::new(),
                usable: true,
            },
            by_tiles: None,
            blocks: Vec::new(),
            differing: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// Takes the next block.
    pub fn add(&mut self, block: Block) {
        let width = block.tile.width;
        if let Some(by_tile) = &block.by_tile {
            let so_far = self.by_entries.clone();
            self.by_tiles.get_or_insert(so_far);
            let first = block.tile.index * WIDTH + 1;
            if let (Some(tile), Some(entries)) = (by_tile, &block.by_entries) {
                let differing = (first..)
                    .zip(tile.iter().zip(entries))
                    .filter(|(_, (a, b))| a != b);
                self.differing.extend(differing.map(|(position, _)| position));
            }
        }
        if let Some(by_tiles) = &mut self.by_tiles {
            let roots = match &block.by_tile {
                Some(hashes) => hashes.as_deref().map(subtree_roots),
                None => Some(block.roots.clone()),
            };
            by_tiles.push(roots, width);
        }
        if block.tile.is_full() {
            self.blocks.extend(block.roots.first());
        }
        let roots = block.by_entries.is_some().then_some(block.roots);
        self.by_entries.push(roots, width);
        self.findings.extend(block.findings);
    }

    /// Compares with the signed root.
    #[must_use]
    pub fn finish(mut self) -> Tree {
        let size = self.checkpoint.size;
        let fits = |growing: &Growing| {
            growing
                .frontier(size)
                .filter(|frontier| frontier.root() == self.checkpoint.root)
        };
        let frontier = fits(&self.by_entries);
        let tiles_fit = self.by_tiles.as_ref().is_some_and(|tiles| fits(tiles).is_some());
        let moved: Vec<u64> = self
            .findings
            .iter()
            .filter_map(|finding| finding.position)
            .collect();
        if frontier.is_some() {
            let tile = |position: &u64| {
                Finding::at(
                    *position,
                    Change::Tile,
                    format!(
                        "the tile's hash of position {position} was changed; the entry is the one that was signed"
                    ),
                )
            };
            self.findings.extend(self.differing.iter().map(tile));
        } else if tiles_fit {
            let entry = |position: &u64| {
                Finding::at(
                    *position,
                    Change::Entry,
                    format!("the log's entry {position} was changed after it was signed"),
                )
            };
            let changed = self.differing.iter().filter(|position| !moved.contains(position));
            self.findings.extend(changed.map(entry));
        } else {
            let differing = |position: &u64| {
                Finding::at(
                    *position,
                    Change::Entry,
                    format!("entry and tile differ at position {position}"),
                )
            };
            self.findings.extend(self.differing.iter().map(differing));
            let says = match self.by_entries.frontier(size) {
                Some(frontier) => format!(
                    "the log's entries lead to the root {}, but the root {} was signed: they are not the history that was signed",
                    hex::encode(frontier.root()),
                    hex::encode(self.checkpoint.root)
                ),
                None => format!(
                    "the log's files do not lead to the signed root {}",
                    hex::encode(self.checkpoint.root)
                ),
            };
            self.findings.push(Finding::whole(Change::Rewritten, says));
        }
        let upper = if frontier.is_some() {
            upper(&self.blocks, size)
        } else {
            Vec::new()
        };
        Tree {
            findings: self.findings,
            frontier,
            upper,
        }
    }
}

/// The tiles of level 1 and above, from the roots of full blocks.
fn upper(blocks: &[Hash], size: u64) -> Vec<(Tile, Vec<u8>)> {
    let mut tiles = Vec::new();
    let mut hashes = blocks.to_vec();
    for level in 1_u8.. {
        if hashes.is_empty() {
            break;
        }
        let mut above = Vec::new();
        for (index, chunk) in (0..).zip(hashes.chunks(WIDTH as usize)) {
            tiles.extend(Tile::of(Kind::Hashes(level), index, size).map(|tile| (tile, chunk.concat())));
            if chunk.len() as u64 == WIDTH {
                above.push(full_root(chunk));
            }
        }
        hashes = above;
    }
    tiles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::edge::Edge;
    use crate::log::store::TileStore;

    /// A leaf as `envelope::leaf` begins it: tag and position.
    fn leaf(position: u64) -> Vec<u8> {
        let tag = [&14_u32.to_be_bytes()[..], b"hoiam-event-v1"].concat();
        [&tag[..], &position.to_be_bytes(), b"rest"].concat()
    }

    fn log(size: u64) -> (tempfile::TempDir, TileStore, Checkpoint) {
        let folder = tempfile::tempdir().unwrap();
        let store = TileStore::open(folder.path()).unwrap();
        let mut edge = Edge::default();
        for position in 1..=size {
            edge.push(&leaf(position));
        }
        store.write(&edge.take_full()).unwrap();
        store.write(&edge.partial()).unwrap();
        let checkpoint = Checkpoint {
            size,
            root: edge.root(),
            ..Checkpoint::empty("example.org/log")
        };
        (folder, store, checkpoint)
    }

    fn check(store: &TileStore, checkpoint: &Checkpoint) -> Vec<Finding> {
        let mut check = TreeCheck::new(checkpoint.clone());
        for bundle in Tile::all(checkpoint.size).take_while(|tile| tile.kind == Kind::Entries) {
            let tile = Tile {
                kind: Kind::Hashes(0),
                ..bundle
            };
            let bytes = [bundle, tile].map(|tile| store.tile(tile).ok());
            check.add(block(bundle, bytes[0].as_deref(), bytes[1].as_deref()));
        }
        let tree = check.finish();
        let mut findings = tree.findings;
        for (tile, bytes) in tree.upper {
            if store.tile(tile).ok() != Some(bytes) {
                findings.push(Finding::whole(Change::Tile, tile.path()));
            }
        }
        findings
    }

    /// What is found when a file of the log is changed; the file is as before afterwards.
    fn tampered(
        (store, checkpoint): (&TileStore, &Checkpoint),
        path: &str,
        change: impl FnOnce(&mut Vec<u8>),
    ) -> Vec<(Option<u64>, Change)> {
        let path = store.path(path);
        let good = std::fs::read(&path).unwrap();
        let mut bad = good.clone();
        change(&mut bad);
        std::fs::write(&path, bad).unwrap();
        let findings = check(store, checkpoint);
        std::fs::write(&path, good).unwrap();
        findings.into_iter().map(|it| (it.position, it.change)).collect()
    }

    /// Bytes of an entry with its length.
    const ENTRY: usize = 2 + 18 + 8 + 4;

    #[test]
    fn every_change_of_a_file_is_found_where_it_is_and_called_what_it_is() {
        let (_folder, store, checkpoint) = log(700);
        let log = (&store, &checkpoint);
        assert_eq!(check(&store, &checkpoint), []);
        assert_eq!(
            tampered(log, "tile/entries/001", |bytes| bytes[ENTRY - 1] ^= 1),
            [(Some(257), Change::Entry)]
        );
        assert_eq!(
            tampered(log, "tile/entries/002.p/188", |bytes| *bytes
                .last_mut()
                .unwrap() ^= 1),
            [(Some(700), Change::Entry)]
        );
        assert_eq!(
            tampered(log, "tile/0/001", |bytes| bytes[32] ^= 1),
            [(Some(258), Change::Tile)]
        );
        assert_eq!(
            tampered(log, "tile/1/000.p/2", |bytes| bytes[0] ^= 1),
            [(None, Change::Tile)]
        );
        // Dropped, doubled, cut: the bundle no longer holds what it must.
        for change in [
            (|bytes: &mut Vec<u8>| {
                bytes.drain(..ENTRY);
            }) as fn(&mut Vec<u8>),
            |bytes| bytes.extend_from_within(..ENTRY),
            |bytes| bytes.truncate(ENTRY + 5),
        ] {
            let found = tampered(log, "tile/entries/000", change);
            assert_eq!(found.first(), Some(&(None, Change::Damaged)));
        }
        // Reordered.
        let found = tampered(log, "tile/entries/000", |bytes| bytes.rotate_left(ENTRY));
        assert_eq!(found.first(), Some(&(Some(1), Change::Moved)));
        assert_eq!(
            tampered(log, "tile/entries/000", |bytes| bytes.copy_within(..ENTRY, ENTRY)),
            [(Some(2), Change::Moved)]
        );
    }

    #[test]
    fn a_log_rewritten_as_a_whole_does_not_lead_to_the_signed_root() {
        let (_folder, store, checkpoint) = log(700);
        let other = Checkpoint {
            root: [1; 32],
            ..checkpoint
        };
        let changes: Vec<Change> = check(&store, &other).into_iter().map(|it| it.change).collect();
        assert_eq!(changes, [Change::Rewritten]);
    }

    #[test]
    fn a_missing_file_is_named() {
        let (folder, store, checkpoint) = log(700);
        std::fs::remove_file(folder.path().join("tile/entries/001")).unwrap();
        let findings = check(&store, &checkpoint);
        assert!(findings[0].says.contains("tile/entries/001"), "{findings:?}");
    }
}
