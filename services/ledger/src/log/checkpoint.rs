//! A checkpoint (c2sp.org/tlog-checkpoint): which log, how many leaves, which root.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::note::{Note, NoteError, SigningKey};
use crate::merkle::{Hash, join};

/// The head of a tree, as it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: the name of its key.
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// RFC 6962 root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Of a log that has no leaf yet.
    #[must_use]
    pub fn empty(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            size: 0,
            root: join(&[]),
        }
    }

    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(self.root))
    }

    /// Reads a note's text. Further lines are left alone: nothing of ours stands in them.
    ///
    /// # Errors
    /// When it is none.
    pub fn of(note: &Note) -> Result<Self, NoteError> {
        let malformed = NoteError::Malformed("its text is no checkpoint: origin, size, root");
        let mut lines = note.text.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(malformed);
        };
        let root = hash(root).ok_or_else(|| malformed.clone())?;
        let number = decimal(size).ok_or_else(|| malformed.clone())?;
        if origin.is_empty() {
            return Err(malformed);
        }
        Ok(Self {
            origin: origin.to_owned(),
            size: number,
            root,
        })
    }

    /// Signed by its log.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> Note {
        let text = self.text();
        let signatures = vec![key.sign(&text, 0)];
        Note { text, signatures }
    }
}

/// A number without sign or leading zeros.
#[must_use]
pub fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// A hash in base64.
#[must_use]
pub fn hash(text: &str) -> Option<Hash> {
    BASE64.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::note::Role;

    #[test]
    fn what_is_written_is_read_and_odd_numbers_are_refused() {
        let key = SigningKey::from_seed(&[1; 32], "example.org/log", Role::Log).unwrap();
        let checkpoint = Checkpoint {
            size: 7,
            ..Checkpoint::empty("example.org/log")
        };
        let note = checkpoint.sign(&key);
        assert_eq!(Checkpoint::of(&note.to_string().parse().unwrap()), Ok(checkpoint));
        for size in ["07", "+7", "-7", "", "7 ", "18446744073709551616"] {
            let text = note.text.replace("\n7\n", &format!("\n{size}\n"));
            assert!(Checkpoint::of(&Note { text, ..note.clone() }).is_err(), "{size}");
        }
    }
}
