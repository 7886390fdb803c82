//! The log's folder: tiles, bundles and the checkpoint as files, each written as a whole and made durable before it is named.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use chassis::failpoint;

use super::note::Note;
use super::tile::{self, Kind, Tile};
use crate::merkle::proof::{Node, Part, cover};
use crate::merkle::{Frontier, Hash, join};

/// Where a test can make the process die: before each file operation.
const EACH_OPERATION: &str = "log.file_operation";

/// The folder of one log.
#[derive(Clone, Debug)]
pub struct TileStore {
    root: PathBuf,
}

/// Why a file of the log is of no use.
#[derive(Debug, thiserror::Error)]
pub enum TileError {
    /// It cannot be read or written.
    #[error("the log's file {path} cannot be used")]
    File {
        /// Below the log's folder.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is too short or too long.
    #[error("the log's file {0} has not the length it must have")]
    Length(String),
}

impl TileError {
    /// Whether the file is not there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::File { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

impl TileStore {
    /// The folder, made if it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(root: &Path) -> Result<Self, TileError> {
        let store = Self::at(root);
        std::fs::create_dir_all(root).map_err(|source| store.failed("", source))?;
        Ok(store)
    }

    /// The folder, to be read.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    fn failed(&self, path: &str, source: io::Error) -> TileError {
        TileError::File {
            path: self.root.join(path).display().to_string(),
            source,
        }
    }

    /// Where a file below the folder is.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The bytes of a file below the folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, TileError> {
        std::fs::read(self.root.join(path)).map_err(|source| self.failed(path, source))
    }

    /// The published checkpoint, if there is one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn checkpoint(&self) -> Result<Option<Vec<u8>>, TileError> {
        match self.read("checkpoint") {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A tile's or bundle's bytes. A partial one may have given way to the full one, whose beginning it is.
    ///
    /// # Errors
    /// When neither is there.
    pub fn tile(&self, tile: Tile) -> Result<Vec<u8>, TileError> {
        match self.read(&tile.path()) {
            Err(error) if error.is_missing() && !tile.is_full() => {
                let full = self.read(&tile.full().path())?;
                tile::beginning(&full, tile)
                    .map(<[u8]>::to_vec)
                    .ok_or_else(|| TileError::Length(tile.full().path()))
            }
            other => other,
        }
    }

    /// The hashes of a tile.
    ///
    /// # Errors
    /// When it cannot be read or has another length.
    pub fn hashes(&self, tile: Tile) -> Result<Vec<Hash>, TileError> {
        tile::hashes(&self.tile(tile)?, tile.width).ok_or_else(|| TileError::Length(tile.path()))
    }

    /// A node of the tree of `size` leaves.
    ///
    /// # Errors
    /// When its tile cannot be read.
    pub fn node(&self, node: Node, size: u64) -> Result<Hash, TileError> {
        let (kind, index, _) = tile::place(node);
        let missing = || TileError::Length(format!("of node {node:?} in a tree of {size}"));
        let tile = Tile::of(kind, index, size).ok_or_else(missing)?;
        tile::node_in(node, &self.hashes(tile)?).ok_or_else(missing)
    }

    /// The hashes of a proof in the tree of `size` leaves.
    ///
    /// # Errors
    /// When a tile cannot be read.
    pub fn proof(&self, parts: &[Part], size: u64) -> Result<Vec<Hash>, TileError> {
        let part = |part: &Part| {
            let nodes = part.iter().map(|node| self.node(*node, size));
            Ok(join(&nodes.collect::<Result<Vec<_>, _>>()?))
        };
        parts.iter().map(part).collect()
    }

    /// The frontier of the tree of `size` leaves.
    ///
    /// # Errors
    /// When a tile cannot be read.
    pub fn frontier(&self, size: u64) -> Result<Frontier, TileError> {
        let nodes = cover(0, size);
        let roots = nodes.iter().map(|node| self.node(*node, size));
        let roots = roots.collect::<Result<Vec<_>, _>>()?;
        Frontier::from_roots(size, roots).ok_or_else(|| TileError::Length(format!("of the tree of {size}")))
    }

    /// The first file of the tree of `size` leaves that is missing or has a length it cannot have. Content is for `hoiam verify`.
    #[must_use]
    pub fn first_missing(&self, size: u64) -> Option<Tile> {
        let there = |tile: &Tile| {
            let length = |tile: Tile| {
                std::fs::metadata(self.root.join(tile.path())).map_or(0, |metadata| metadata.len())
            };
            let fits = |tile: Tile| match tile.kind {
                Kind::Entries => length(tile) >= 2 * u64::from(tile.width),
                Kind::Hashes(_) => length(tile) == 32 * u64::from(tile.width),
            };
            fits(*tile) || (!tile.is_full() && fits(tile.full()))
        };
        Tile::all(size).find(|tile| !there(tile))
    }

    /// Writes files so that each is there as a whole or not at all, also after a power cut. Partial tiles that a full one replaces go.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn write(&self, tiles: &[(Tile, Vec<u8>)]) -> Result<(), TileError> {
        // What is there already stays: after a crash, and where only some were lost.
        let there = |path: &str, bytes: &[u8]| self.read(path).is_ok_and(|found| found == bytes);
        let (found, files): (Vec<_>, Vec<_>) = tiles
            .iter()
            .map(|(tile, bytes)| (tile.path(), bytes.as_slice()))
            .partition(|(path, bytes)| there(path, bytes));
        // But its name may never have come to the disk: somebody died, or failed, before the folder was synchronised.
        let folders: BTreeSet<PathBuf> = found
            .iter()
            .filter_map(|(path, _)| Some(self.root.join(path).parent()?.to_owned()))
            .collect();
        self.synchronise(folders)?;
        self.write_files(&files)?;
        for (tile, _) in tiles.iter().filter(|(tile, _)| tile.is_full()) {
            let partial = format!("{}.p", tile.path());
            failpoint::hit(EACH_OPERATION);
            match std::fs::remove_dir_all(self.root.join(&partial)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(self.failed(&partial, error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Publishes a checkpoint. What it covers must have been written before.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn publish(&self, checkpoint: &Note) -> Result<(), TileError> {
        self.write_files(&[("checkpoint".to_owned(), checkpoint.to_string().as_bytes())])
    }

    fn write_files(&self, files: &[(String, &[u8])]) -> Result<(), TileError> {
        let mut folders = BTreeSet::new();
        for (path, bytes) in files {
            let target = self.root.join(path);
            self.make_folders(&target, &mut folders)
                .and_then(|()| write_new(&new(&target), bytes))
                .map_err(|source| self.failed(path, source))?;
        }
        for (path, _) in files {
            let target = self.root.join(path);
            failpoint::hit(EACH_OPERATION);
            std::fs::rename(new(&target), &target).map_err(|source| self.failed(path, source))?;
        }
        self.synchronise(folders)
    }

    fn synchronise(&self, folders: BTreeSet<PathBuf>) -> Result<(), TileError> {
        for folder in folders {
            failpoint::hit(EACH_OPERATION);
            File::open(&folder)
                .and_then(|folder| folder.sync_all())
                .map_err(|source| self.failed(&folder.display().to_string(), source))?;
        }
        Ok(())
    }

    /// Makes the folders down to a file; each whose content changes is to be synchronised.
    fn make_folders(&self, target: &Path, changed: &mut BTreeSet<PathBuf>) -> io::Result<()> {
        let Some(folder) = target.parent() else {
            return Ok(());
        };
        changed.insert(folder.to_owned());
        let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.is_dir()).collect();
        for folder in missing.into_iter().rev() {
            failpoint::hit(EACH_OPERATION);
            match std::fs::create_dir(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => changed.extend(folder.parent().map(Path::to_owned)),
            }
        }
        Ok(())
    }
}

/// Replaces a file as a whole: the old content or the new, never less.
///
/// # Errors
/// When it cannot be written.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_new(&new(path), bytes)?;
    failpoint::hit(EACH_OPERATION);
    std::fs::rename(new(path), path)?;
    failpoint::hit(EACH_OPERATION);
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn new(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    failpoint::hit(EACH_OPERATION);
    let mut file = File::create(path)?;
    failpoint::hit(EACH_OPERATION);
    file.write_all(bytes)?;
    failpoint::hit(EACH_OPERATION);
    file.sync_all()
}
