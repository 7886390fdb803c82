//! The files of a tiled log (c2sp.org/tlog-tiles): which there are, what they are called, and where a node of the tree stands in them.

use std::fmt::Write as _;

use crate::merkle::proof::Node;
use crate::merkle::{Hash, full_root};

/// Hashes in a full tile, entries in a full bundle.
pub const WIDTH: u64 = 256;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The leaves themselves.
    Entries,
    /// Hashes of subtrees of 256^level leaves.
    Hashes(u8),
}

/// One file of the log: 256 hashes or entries, or fewer at the right edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    /// What it holds.
    pub kind: Kind,
    /// Which of its kind, from 0.
    pub index: u64,
    /// From 1 to 256.
    pub width: u16,
}

impl Tile {
    /// The tile of a kind and index in a tree of `size` leaves; `None` when the tree does not reach it.
    #[must_use]
    pub fn of(kind: Kind, index: u64, size: u64) -> Option<Self> {
        let count = match kind {
            Kind::Entries => size,
            Kind::Hashes(level) => size.checked_shr(8 * u32::from(level)).unwrap_or(0),
        };
        let width = count.checked_sub(index.checked_mul(WIDTH)?)?.min(WIDTH);
        (width > 0).then_some(Self {
            kind,
            index,
            width: width as u16,
        })
    }

    /// Every file of a tree of `size` leaves: bundles, then tiles, from the leaves up.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        let kinds = std::iter::once(Kind::Entries).chain((0..8).map(Kind::Hashes));
        kinds.flat_map(move |kind| (0..).map_while(move |index| Self::of(kind, index, size)))
    }

    /// Whether it can grow no more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        u64::from(self.width) == WIDTH
    }

    /// The full tile that this one grows to.
    #[must_use]
    pub fn full(&self) -> Self {
        Self {
            width: WIDTH as u16,
            ..*self
        }
    }

    /// The path below the log's prefix: `tile/0/x001/234.p/7`.
    #[must_use]
    pub fn path(&self) -> String {
        let mut path = match self.kind {
            Kind::Entries => "tile/entries/".to_owned(),
            Kind::Hashes(level) => format!("tile/{level}/"),
        };
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        while let Some(group) = groups.pop() {
            // Writing to a String cannot fail.
            let _ = if groups.is_empty() {
                write!(path, "{group:03}")
            } else {
                write!(path, "x{group:03}/")
            };
        }
        if !self.is_full() {
            let _ = write!(path, ".p/{}", self.width);
        }
        path
    }

    /// The tile of a path; `None` for whatever `path` never writes, so that a request cannot name any other file.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("tile/")?;
        let (kind, rest) = rest.split_once('/')?;
        let kind = if kind == "entries" {
            Kind::Entries
        } else {
            Kind::Hashes(kind.parse().ok().filter(|level| *level < 64)?)
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (
                number,
                width.parse().ok().filter(|width| (1..256).contains(width))?,
            ),
            None => (rest, WIDTH as u16),
        };
        let mut index = 0_u64;
        for group in number.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            let value: u64 = digits.parse().ok().filter(|_| digits.len() == 3)?;
            index = index.checked_mul(1000)?.checked_add(value)?;
        }
        let tile = Self { kind, index, width };
        (tile.path() == path).then_some(tile)
    }
}

/// Where a node stands: its tile's kind and index, and which of the tile's hashes it is made of.
#[must_use]
pub fn place(node: Node) -> (Kind, u64, std::ops::Range<usize>) {
    let first = node.index << (node.level % 8);
    let at = (first % WIDTH) as usize;
    (
        Kind::Hashes(node.level / 8),
        first / WIDTH,
        at..at + (1 << (node.level % 8)),
    )
}

/// A node's hash from the hashes of its tile; `None` when the tile is too short.
#[must_use]
pub fn node_in(node: Node, tile: &[Hash]) -> Option<Hash> {
    tile.get(place(node).2).map(full_root)
}

/// The hashes in a tile's bytes; `None` when they are not as many as its width.
#[must_use]
pub fn hashes(bytes: &[u8], width: u16) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    (rest.is_empty() && hashes.len() == usize::from(width)).then(|| hashes.to_vec())
}

/// The entries in a bundle's bytes, each preceded by its length as 2 bytes big-endian; `None` when they are not as many as its width.
#[must_use]
pub fn entries(mut bytes: &[u8], width: u16) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::with_capacity(usize::from(width));
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        bytes = rest;
    }
    (bytes.is_empty() && entries.len() == usize::from(width)).then_some(entries)
}

/// The bytes of a partial tile within those of the full one, whose beginning it is; `None` when that one is too short.
#[must_use]
pub fn beginning(full: &[u8], partial: Tile) -> Option<&[u8]> {
    match partial.kind {
        Kind::Hashes(_) => full.get(..32 * usize::from(partial.width)),
        Kind::Entries => {
            let mut rest = full;
            for _ in 0..partial.width {
                let (length, after) = rest.split_first_chunk::<2>()?;
                (_, rest) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            }
            full.get(..full.len() - rest.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let tile = |kind, index, width| Tile { kind, index, width };
        for (tile, path) in [
            (tile(Kind::Hashes(0), 1_234_067, 256), "tile/0/x001/x234/067"),
            (tile(Kind::Hashes(2), 0, 1), "tile/2/000.p/1"),
            (tile(Kind::Entries, 999, 256), "tile/entries/999"),
            (tile(Kind::Entries, 1_000, 255), "tile/entries/x001/000.p/255"),
        ] {
            assert_eq!(tile.path(), path);
            assert_eq!(Tile::parse(path), Some(tile));
        }
    }

    #[test]
    fn a_path_that_names_no_tile_is_none() {
        for path in [
            "checkpoint",
            "tile/0/../../keys/log.key",
            "tile/0/1",
            "tile/0/0001",
            "tile/0/x000/001",
            "tile/00/001",
            "tile/64/001",
            "tile/0/001.p/0",
            "tile/0/001.p/256",
            "tile/0/001.p/07",
            "tile/0/+01",
            "tile/entries/",
            "tile/0/001/",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(Tile::parse(path), None, "{path}");
        }
    }

    #[test]
    fn the_tiles_of_seventy_thousand_leaves_are_those_of_the_specification() {
        let tiles: Vec<Tile> = Tile::all(70_000)
            .filter(|tile| tile.kind != Kind::Entries)
            .collect();
        let widths = |level, full| {
            let of = |tile: &&Tile| tile.kind == Kind::Hashes(level) && tile.is_full() == full;
            tiles.iter().filter(of).map(|tile| tile.width).collect::<Vec<_>>()
        };
        assert_eq!((widths(0, true).len(), widths(0, false)), (273, vec![112]));
        assert_eq!((widths(1, true).len(), widths(1, false)), (1, vec![17]));
        assert_eq!((widths(2, true).len(), widths(2, false)), (0, vec![1]));
        assert_eq!(Tile::all(256).count(), 3);
        assert_eq!(Tile::all(0).count(), 0);
    }

    #[test]
    fn a_bundle_that_is_cut_or_has_more_is_refused() {
        let bundle = [&[0, 1, 7][..], &[0, 0], &[0, 2, 8, 9]].concat();
        assert_eq!(entries(&bundle, 3), Some(vec![&[7][..], &[], &[8, 9]]));
        for (bytes, width) in [
            (&bundle[..], 2),
            (&bundle[..], 4),
            (&bundle[..8], 3),
            (&bundle[..6], 3),
        ] {
            assert_eq!(entries(bytes, width), None);
        }
        let partial = Tile {
            kind: Kind::Entries,
            index: 0,
            width: 2,
        };
        assert_eq!(beginning(&bundle, partial), Some(&bundle[..5]));
    }
}
