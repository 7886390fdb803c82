//! A proof that stands by itself (c2sp.org/tlog-proof): the leaf, where it is in the tree, and the checkpoint that covers it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::checkpoint::{Checkpoint, decimal, hash};
use super::note::{Note, NoteError};
use super::policy::{Accepted, NotAccepted, Policy};
use super::store::{TileError, TileStore};
use super::tile::{Kind, Tile, WIDTH, entries};
use crate::envelope::Facts;
use crate::merkle::proof::{inclusion, root_by_inclusion};
use crate::merkle::{Hash, leaf_hash};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// A proof file. The leaf stands in its `extra` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFile {
    /// The canonical leaf (`envelope::leaf`).
    pub leaf: Vec<u8>,
    /// Its place in the tree, from 0: position - 1.
    pub index: u64,
    /// From the leaf's sibling upwards.
    pub path: Vec<Hash>,
    /// Signed and cosigned.
    pub checkpoint: Note,
}

/// What a proof proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// What is on record.
    pub facts: Facts,
    /// In which tree, and who says so.
    pub accepted: Accepted,
}

/// Why a proof proves nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotProven {
    /// Not a proof file of ours.
    #[error("this is no proof file: {0}")]
    Malformed(&'static str),
    /// The checkpoint is not to be believed.
    #[error("{0}")]
    NotAccepted(#[from] NotAccepted),
    /// The leaf is not in the tree.
    #[error(
        "position {0} is not in the tree with this content: the file was changed, or what it shows was never on record"
    )]
    NotIncluded(u64),
    /// The leaf says that it belongs elsewhere.
    #[error("the leaf at position {at} says that it is position {says}")]
    Elsewhere {
        /// Where it stands.
        at: u64,
        /// Where it says it stands.
        says: u64,
    },
}

impl ProofFile {
    /// The proof of a position under the published checkpoint; `Err` of the checkpoint's size when it does not cover it yet.
    ///
    /// # Errors
    /// When a file of the log cannot be read or holds something else.
    pub fn of(store: &TileStore, position: u64) -> Result<Result<Self, u64>, TileError> {
        let damaged = |what: String| TileError::Length(what);
        let Some(bytes) = store.checkpoint()? else {
            return Ok(Err(0));
        };
        let note: Note = String::from_utf8_lossy(&bytes)
            .parse()
            .map_err(|error: NoteError| damaged(format!("checkpoint ({error})")))?;
        let checkpoint = Checkpoint::of(&note).map_err(|error| damaged(format!("checkpoint ({error})")))?;
        let index = match position.checked_sub(1) {
            Some(index) if index < checkpoint.size => index,
            _ => return Ok(Err(checkpoint.size)),
        };
        let missing = || damaged(format!("of position {position}"));
        let bundle = Tile::of(Kind::Entries, index / WIDTH, checkpoint.size).ok_or_else(missing)?;
        let bytes = store.tile(bundle)?;
        let leaf = entries(&bytes, bundle.width)
            .and_then(|entries| entries.get((index % WIDTH) as usize).map(|leaf| leaf.to_vec()))
            .ok_or_else(|| damaged(bundle.path()))?;
        Ok(Ok(Self {
            leaf,
            index,
            path: store.proof(&inclusion(index, checkpoint.size), checkpoint.size)?,
            checkpoint: note,
        }))
    }

    /// Checks it with nothing but a policy.
    ///
    /// # Errors
    /// Why it proves nothing.
    pub fn verify(&self, policy: &Policy) -> Result<Proven, NotProven> {
        let accepted = policy.accept(&self.checkpoint)?;
        let position = self.index + 1;
        let root = root_by_inclusion(
            leaf_hash(&self.leaf),
            self.index,
            accepted.checkpoint.size,
            &self.path,
        );
        if root != Some(accepted.checkpoint.root) {
            return Err(NotProven::NotIncluded(position));
        }
        let facts = Facts::read(&self.leaf)
            .ok_or(NotProven::Malformed("its leaf is no event of a ledger of ours"))?;
        if facts.position != position {
            return Err(NotProven::Elsewhere {
                at: position,
                says: facts.position,
            });
        }
        Ok(Proven { facts, accepted })
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        writeln!(f, "extra {}", BASE64.encode(&self.leaf))?;
        writeln!(f, "index {}", self.index)?;
        self.path
            .iter()
            .try_for_each(|hash| writeln!(f, "{}", BASE64.encode(hash)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for ProofFile {
    type Err = NotProven;

    fn from_str(text: &str) -> Result<Self, NotProven> {
        let malformed = NotProven::Malformed;
        let (head, checkpoint) = text
            .split_once("\n\n")
            .ok_or(malformed("no checkpoint follows a blank line"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(FIRST_LINE) {
            return Err(malformed("its first line must be `c2sp.org/tlog-proof@v1`"));
        }
        let leaf = lines
            .next()
            .and_then(|line| BASE64.decode(line.strip_prefix("extra ")?).ok())
            .ok_or(malformed(
                "its second line must be `extra` and the leaf in base64",
            ))?;
        let index = lines
            .next()
            .and_then(|line| decimal(line.strip_prefix("index ")?))
            .filter(|index| *index < u64::MAX)
            .ok_or(malformed("its third line must be `index` and a number"))?;
        let path = lines
            .map(hash)
            .collect::<Option<Vec<_>>>()
            .ok_or(malformed("a line of its path is no hash in base64"))?;
        let checkpoint = checkpoint.parse().map_err(NotAccepted::Note)?;
        Ok(Self {
            leaf,
            index,
            path,
            checkpoint,
        })
    }
}
