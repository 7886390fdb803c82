//! A signed checkpoint as a backup needs it: how many positions were signed for, and under which root (C2SP tlog-checkpoint).

use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::error::StoreError;
use crate::merkle::{Frontier, Hash};
use crate::store::copy::MoveError;

/// A checkpoint found in a file. Its signature is not looked at: it can only ever forbid, and `hoiam verify` judges it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Number of leaves.
    pub size: u64,
    /// Over them.
    pub root: Hash,
    /// Where it was found.
    pub file: String,
    note: Vec<u8>,
}

impl Checkpoint {
    /// Reads one: `None` when there is no such file.
    ///
    /// # Errors
    /// When the file cannot be read, or is no checkpoint.
    pub fn read(path: &Path) -> Result<Option<Self>, MoveError> {
        let file = path.display().to_string();
        let note = match std::fs::read(path) {
            Ok(note) => note,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::File { path: file, source }.into()),
        };
        match parse(&note) {
            Some((size, root)) => Ok(Some(Self {
                size,
                root,
                file,
                note,
            })),
            None => Err(MoveError::Backup(file, "it is no checkpoint")),
        }
    }

    /// Its bytes.
    pub(super) fn note(&self) -> &[u8] {
        &self.note
    }
}

/// Origin, size and root are its first three lines; a line of a signature follows after an empty one.
fn parse(note: &[u8]) -> Option<(u64, Hash)> {
    let text = std::str::from_utf8(note).ok()?;
    let mut lines = text.lines();
    let origin = lines.next()?;
    let size = lines.next()?.parse().ok()?;
    let root = BASE64_STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
    let signed = text
        .split_once("\n\n")
        .is_some_and(|(_, lines)| lines.starts_with('—'));
    (!origin.is_empty() && signed).then_some((size, root))
}

/// Whether the tree, as it grows, is the one that each checkpoint was signed for.
pub(super) fn agree(known: &[&Checkpoint], tree: &Frontier) -> Result<(), MoveError> {
    match known
        .iter()
        .find(|it| it.size == tree.size() && it.root != tree.root())
    {
        None => Ok(()),
        Some(other) => Err(MoveError::Forked {
            size: other.size,
            file: other.file.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_read_and_what_is_none_is_not() {
        let root = BASE64_STANDARD.encode([9; 32]);
        let good = format!("hoiam.example/log\n12\n{root}\n\n— hoiam.example/log AAAA\n");
        assert_eq!(parse(good.as_bytes()), Some((12, [9; 32])));
        for bad in [
            good.replace("12", "-1"),
            good.replace(&root, &BASE64_STANDARD.encode([9; 31])),
            good.replace("\n\n", "\n"),
            good.replace("hoiam.example/log\n12", "\n12"),
            String::new(),
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
