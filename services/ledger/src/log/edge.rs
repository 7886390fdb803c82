//! The right edge of the tree: takes leaf after leaf and gives the files that became full, holding no more than one tile of each level.

use super::store::{TileError, TileStore};
use super::tile::{Kind, Tile, WIDTH};
use crate::merkle::{Frontier, Hash, full_root, leaf_hash};

/// What is not yet in full tiles.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    frontier: Frontier,
    /// The hashes of the partial tile of each level.
    levels: Vec<Vec<Hash>>,
    /// The bytes of the partial bundle.
    entries: Vec<u8>,
    /// Tiles and bundles that became full since they were last taken.
    full: Vec<(Tile, Vec<u8>)>,
}

impl Edge {
    /// The edge of the tree of `size` leaves in a store.
    ///
    /// # Errors
    /// When a file of the edge cannot be read.
    pub fn load(store: &TileStore, size: u64) -> Result<Self, TileError> {
        let mut edge = Self {
            frontier: store.frontier(size)?,
            ..Self::default()
        };
        for level in 0.. {
            let count = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
            if count == 0 {
                break;
            }
            let partial = Tile::of(Kind::Hashes(level), count / WIDTH, size);
            edge.levels
                .push(partial.map_or(Ok(Vec::new()), |tile| store.hashes(tile))?);
        }
        if let Some(bundle) = Tile::of(Kind::Entries, size / WIDTH, size) {
            edge.entries = store.tile(bundle)?;
        }
        Ok(edge)
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root over them.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Adds the next leaf and gives its hash. Leaves are at most 65,535 bytes; ours are bounded far below (envelope.rs).
    pub fn push(&mut self, leaf: &[u8]) -> Hash {
        let hash = leaf_hash(leaf);
        let index = self.size() / WIDTH;
        self.frontier.push(hash);
        self.entries
            .extend_from_slice(&u16::try_from(leaf.len()).unwrap_or(u16::MAX).to_be_bytes());
        self.entries.extend_from_slice(leaf);
        if self.size().is_multiple_of(WIDTH) {
            self.full.push((
                Tile {
                    kind: Kind::Entries,
                    index,
                    width: WIDTH as u16,
                },
                std::mem::take(&mut self.entries),
            ));
        }
        self.push_hash(hash);
        hash
    }

    fn push_hash(&mut self, hash: Hash) {
        let mut carried = Some(hash);
        let mut level = 0;
        while let Some(hash) = carried.take() {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let hashes = &mut self.levels[level];
            hashes.push(hash);
            if hashes.len() as u64 == WIDTH {
                let tile = Tile {
                    kind: Kind::Hashes(level as u8),
                    index: (self.frontier.size() >> (8 * (level + 1))) - 1,
                    width: WIDTH as u16,
                };
                self.full.push((tile, hashes.concat()));
                carried = Some(full_root(hashes));
                hashes.clear();
            }
            level += 1;
        }
    }

    /// The files that became full since the last call. A higher level's comes after those below it.
    pub fn take_full(&mut self) -> Vec<(Tile, Vec<u8>)> {
        std::mem::take(&mut self.full)
    }

    /// The partial files that a checkpoint of this size needs.
    #[must_use]
    pub fn partial(&self) -> Vec<(Tile, Vec<u8>)> {
        let mut files = Vec::new();
        let size = self.size();
        if let Some(bundle) = Tile::of(Kind::Entries, size / WIDTH, size) {
            files.push((bundle, self.entries.clone()));
        }
        for (level, hashes) in (0_u8..).zip(&self.levels) {
            let index = (size >> (8 * level)) / WIDTH;
            if let Some(tile) = Tile::of(Kind::Hashes(level), index, size) {
                files.push((tile, hashes.concat()));
            }
        }
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::proof::{consistency, inclusion, is_consistent, root_by_inclusion};

    fn leaf(n: u64) -> Vec<u8> {
        format!("leaf {n}").into_bytes()
    }

    /// A store that was written at each of these sizes.
    fn written(sizes: &[u64]) -> (tempfile::TempDir, TileStore, Edge) {
        let folder = tempfile::tempdir().unwrap();
        let store = TileStore::open(folder.path()).unwrap();
        let mut edge = Edge::default();
        for size in sizes {
            while edge.size() < *size {
                edge.push(&leaf(edge.size()));
            }
            store.write(&edge.take_full()).unwrap();
            store.write(&edge.partial()).unwrap();
        }
        (folder, store, edge)
    }

    #[test]
    fn an_edge_that_is_loaded_goes_on_as_the_one_that_was_never_put_down() {
        for size in [0, 1, 255, 256, 257, 700] {
            let (_folder, store, edge) = written(&[size]);
            assert_eq!(store.first_missing(size), None, "{size}");
            let (mut one, mut other) = (edge, Edge::load(&store, size).unwrap());
            for n in size..size + 300 {
                assert_eq!(one.push(&leaf(n)), other.push(&leaf(n)));
            }
            assert_eq!(one.root(), other.root());
            assert_eq!(one.take_full(), other.take_full());
            assert_eq!(one.partial(), other.partial());
        }
    }

    #[test]
    fn proofs_come_from_the_tiles_also_of_a_size_whose_partial_tiles_are_gone() {
        let (_folder, store, edge) = written(&[300, 511, 66_000]);
        let root = edge.root();
        for index in [0, 1, 255, 256, 299, 65_535, 65_536, 65_999] {
            let proof = store.proof(&inclusion(index, 66_000), 66_000).unwrap();
            assert_eq!(
                root_by_inclusion(leaf_hash(&leaf(index)), index, 66_000, &proof),
                Some(root)
            );
        }
        for old in [256, 300, 511, 65_536] {
            let before = store.frontier(old).unwrap().root();
            let proof = store.proof(&consistency(old, 66_000), 66_000).unwrap();
            assert!(is_consistent((old, before), (66_000, root), &proof), "{old}");
        }
    }

    #[test]
    fn a_file_that_is_missing_or_cut_is_noticed() {
        let (folder, store, _) = written(&[600]);
        for path in [
            "tile/entries/001",
            "tile/0/000",
            "tile/1/000.p/2",
            "tile/0/002.p/88",
        ] {
            let path = folder.path().join(path);
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(&path, &bytes[..31]).unwrap();
            assert!(store.first_missing(600).is_some(), "{path:?}");
            std::fs::remove_file(&path).unwrap();
            assert!(store.first_missing(600).is_some(), "{path:?}");
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(store.first_missing(600), None);
        }
    }
}
