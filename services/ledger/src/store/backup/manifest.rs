//! What a backup says of itself: written last, so that a backup without one was never finished.

use std::fs::{DirBuilder, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use kernel::Instant;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::StoreError;
use crate::store::copy::{Copied, CopiedTable, MoveError};
use crate::store::migrate::Part;

const NAME: &str = "manifest.json";
const FORMAT: u32 = 1;

/// The manifest of one folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of this file: 1.
    pub format: u32,
    /// `ledger` or `keys`.
    pub part: String,
    /// When it was made.
    pub made_at: Instant,
    /// The file beside it.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hex.
    pub sha256: String,
    /// The schema of its tables.
    pub schema: i64,
    /// The last position in the ledger's backup that was made at the same time.
    pub position: u64,
    /// When that was recorded.
    pub recorded_at: Instant,
    /// The RFC 6962 root over all positions, in hex.
    pub root: String,
    /// What each table holds.
    pub tables: Vec<CopiedTable>,
}

impl Manifest {
    pub(super) fn of(file: &Path, part: Part, copied: &Copied, now: Instant) -> Result<Self, MoveError> {
        let (bytes, sha256) = sha256(file)?;
        Ok(Self {
            format: FORMAT,
            part: name(part).to_owned(),
            made_at: now,
            file: file
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            bytes,
            sha256,
            schema: part.newest(),
            position: copied.ledger.position,
            recorded_at: Instant(copied.ledger.recorded_at),
            root: hex::encode(copied.ledger.root),
            tables: copied.tables.clone(),
        })
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), MoveError> {
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|error| failed(&folder.join(NAME), std::io::Error::other(error)))?;
        text.push(b'\n');
        write(&folder.join(NAME), &text)
    }

    /// Reads the manifest of a folder.
    pub(super) fn read(folder: &Path, part: Part) -> Result<Self, MoveError> {
        let path = folder.join(NAME);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let what = "it holds no manifest.json: it is no backup, or one that was never finished";
                return Err(MoveError::Backup(folder.display().to_string(), what));
            }
            Err(error) => return Err(failed(&path, error)),
        };
        let wrong = |what| Err(MoveError::Backup(path.display().to_string(), what));
        let Ok(manifest) = serde_json::from_slice::<Self>(&text) else {
            return wrong("it is no manifest of a backup");
        };
        if manifest.format != FORMAT {
            return wrong("its format is another: use the program that made it, or a newer one");
        }
        if manifest.part != name(part) {
            return wrong(match part {
                Part::Ledger => "it is a backup of a key store, not of a ledger",
                Part::Keys | Part::Index => "it is a backup of a ledger, not of a key store",
            });
        }
        Ok(manifest)
    }

    /// The file, when it is the one that was written.
    pub(super) fn verified(&self, folder: &Path) -> Result<PathBuf, MoveError> {
        // Its name is one of ours, never a path that leads elsewhere.
        let file = folder.join(Path::new(&self.file).file_name().unwrap_or_default());
        if sha256(&file)? == (self.bytes, self.sha256.clone()) {
            return Ok(file);
        }
        let what = "it is not as it was made (its SHA-256 differs): take another backup";
        Err(MoveError::Backup(file.display().to_string(), what))
    }
}

fn name(part: Part) -> &'static str {
    match part {
        Part::Ledger => "ledger",
        Part::Keys => "keys",
        Part::Index => "index",
    }
}

/// Makes a folder for a backup, for the owner alone; one that holds a backup already is refused.
pub(super) fn new_folder(folder: &Path) -> Result<(), MoveError> {
    if folder.join(NAME).exists() {
        return Err(MoveError::NotEmpty(folder.display().to_string()));
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| failed(folder, error))
}

/// Writes a file durably, under its name only when it is whole.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), MoveError> {
    let partial = path.with_extension("partial");
    let written = || {
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&partial)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&partial, path)?;
        path.parent()
            .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    written().map_err(|error| failed(path, error))
}

fn sha256(path: &Path) -> Result<(u64, String), MoveError> {
    let read = || {
        let mut file = File::open(path)?;
        let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                return Ok((bytes, hex::encode(hash.finalize())));
            }
            hash.update(&buffer[..read]);
            bytes += read as u64;
        }
    };
    read().map_err(|error| failed(path, error))
}

fn failed(path: &Path, source: std::io::Error) -> MoveError {
    StoreError::File {
        path: path.display().to_string(),
        source,
    }
    .into()
}
