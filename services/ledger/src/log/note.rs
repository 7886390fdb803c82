//! Signed notes (c2sp.org/signed-note), and the keys that sign them: the log's (Ed25519), and a witness's (c2sp.org/tlog-cosignature, v1).
//!
//! Ed25519 is ring's, which the broker's TLS brings anyway. The crates for notes know no cosignatures and bring a second Ed25519.

use std::fmt;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// More signatures than any policy of ours has witnesses; the specification asks for at least 16.
const MOST_SIGNATURES: usize = 100;
/// The largest note that is looked at.
const LARGEST: usize = 1 << 20;

/// Why a note or a key is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a note.
    #[error("this is no signed note: {0}")]
    Malformed(&'static str),
    /// Not a key.
    #[error("this is no verifier key (name+id+key): {0}")]
    BadKey(&'static str),
    /// A signature of a key that is known does not verify.
    #[error("the signature of {0} does not verify: the text or the signature was changed")]
    BadSignature(String),
    /// A key that is known signed twice, which a verifier may read either way.
    #[error("{0} stands twice among the signatures")]
    Twice(String),
}

/// A text and who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// With its last newline.
    pub text: String,
    /// One line each.
    pub signatures: Vec<Signature>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Of the key.
    pub name: String,
    /// Of the key: which algorithm, which key.
    pub id: u32,
    /// As the algorithm makes it.
    pub bytes: Vec<u8>,
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        if note.len() > LARGEST {
            return Err(NoteError::Malformed("it is over 1 MiB"));
        }
        if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(NoteError::Malformed("it has control characters"));
        }
        let (text, signatures) = note
            .rsplit_once("\n\n")
            .ok_or(NoteError::Malformed("no blank line stands before the signatures"))?;
        let signatures = signatures
            .strip_suffix('\n')
            .ok_or(NoteError::Malformed("its last line has no end"))?
            .split('\n')
            .map(str::parse)
            .collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MOST_SIGNATURES {
            return Err(NoteError::Malformed("it has more than 100 signatures"));
        }
        Ok(Self {
            text: format!("{text}\n"),
            signatures,
        })
    }
}

impl FromStr for Signature {
    type Err = NoteError;

    fn from_str(line: &str) -> Result<Self, NoteError> {
        let malformed = NoteError::Malformed("a signature line is not `— name base64`");
        let (name, signature) = line
            .strip_prefix("— ")
            .and_then(|rest| rest.split_once(' '))
            .filter(|(name, _)| is_name(name))
            .ok_or_else(|| malformed.clone())?;
        let bytes = BASE64.decode(signature).map_err(|_| malformed.clone())?;
        let (id, bytes) = bytes
            .split_first_chunk::<4>()
            .filter(|(_, rest)| !rest.is_empty())
            .ok_or(malformed)?;
        Ok(Self {
            name: name.to_owned(),
            id: u32::from_be_bytes(*id),
            bytes: bytes.to_vec(),
        })
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.id.to_be_bytes(), self.bytes.as_slice()].concat();
        write!(f, "— {} {}", self.name, BASE64.encode(bytes))
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

/// Not empty, without spaces and pluses.
#[must_use]
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('+') && !name.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The log signs its checkpoints: Ed25519 over the text (type 0x01).
    Log,
    /// A witness cosigns them: Ed25519 over the text and a time (type 0x04).
    Witness,
}

impl Role {
    const fn byte(self) -> u8 {
        match self {
            Self::Log => 0x01,
            Self::Witness => 0x04,
        }
    }

    fn message(self, text: &str, seconds: u64) -> Vec<u8> {
        match self {
            Self::Log => text.as_bytes().to_vec(),
            Self::Witness => format!("cosignature/v1\ntime {seconds}\n{text}").into_bytes(),
        }
    }
}

/// A public key with its name: `name+id+base64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    /// The log's origin, or the witness's name.
    pub name: String,
    /// What it signs.
    pub role: Role,
    /// Ed25519.
    pub key: [u8; 32],
}

impl VerifierKey {
    /// The first four bytes of SHA-256(name ‖ "\n" ‖ type ‖ key).
    #[must_use]
    pub fn id(&self) -> u32 {
        let hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', self.role.byte()])
            .chain_update(self.key)
            .finalize();
        u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
    }

    /// When this key signed the note, in seconds (0 for a log, which states no time); `None` when it did not.
    ///
    /// # Errors
    /// When it is said to have signed and the signature does not verify, or stands there twice.
    pub fn signed(&self, note: &Note) -> Result<Option<u64>, NoteError> {
        let id = self.id();
        let mut ours = note
            .signatures
            .iter()
            .filter(|signature| signature.name == self.name && signature.id == id);
        let Some(signature) = ours.next() else {
            return Ok(None);
        };
        if ours.next().is_some() {
            return Err(NoteError::Twice(self.name.clone()));
        }
        let bad = || NoteError::BadSignature(self.name.clone());
        let (seconds, bytes) = match self.role {
            Role::Log => (0, signature.bytes.as_slice()),
            Role::Witness => {
                let (time, bytes) = signature.bytes.split_first_chunk::<8>().ok_or_else(bad)?;
                (u64::from_be_bytes(*time), bytes)
            }
        };
        UnparsedPublicKey::new(&ED25519, self.key)
            .verify(&self.role.message(&note.text, seconds), bytes)
            .map_err(|_| bad())?;
        Ok(Some(seconds))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::BadKey("it has three parts"));
        };
        if !is_name(name) {
            return Err(NoteError::BadKey("its name is empty or has spaces"));
        }
        let key = BASE64
            .decode(key)
            .map_err(|_| NoteError::BadKey("its key is not base64"))?;
        let (role, key) = match key.split_first() {
            Some((0x01, key)) => (Role::Log, key),
            Some((0x04, key)) => (Role::Witness, key),
            _ => {
                return Err(NoteError::BadKey(
                    "its type is neither Ed25519 (1) nor an Ed25519 cosignature (4)",
                ));
            }
        };
        let key = Self {
            name: name.to_owned(),
            role,
            key: key
                .try_into()
                .map_err(|_| NoteError::BadKey("its key is not 32 bytes"))?,
        };
        if id == format!("{:08x}", key.id()) {
            Ok(key)
        } else {
            Err(NoteError::BadKey(
                "its id does not belong to its name and key: was it cut or mistyped?",
            ))
        }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.role.byte()], self.key.as_slice()].concat();
        write!(f, "{}+{:08x}+{}", self.name, self.id(), BASE64.encode(key))
    }
}

/// A private key. Its file holds the 32 bytes of the Ed25519 seed in hex, mode 0600.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: VerifierKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// Why a key file is refused.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error("the key file {path} cannot be used")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Others may read it.
    #[error("others may read {0}: set its mode to 0600")]
    Open(String),
    /// It holds no key.
    #[error("{0} must hold 32 bytes in hex")]
    NoKey(String),
    /// The name is not fit for a key.
    #[error("`{0}` is no name for a key: it must not be empty and must have no spaces and no +")]
    Name(String),
}

impl SigningKey {
    /// Reads a key file.
    ///
    /// # Errors
    /// When the file is missing, open to others or holds no key, or the name is none.
    pub fn load(path: &Path, name: &str, role: Role) -> Result<Self, KeyFileError> {
        let shown = || path.display().to_string();
        let failed = |source| KeyFileError::File {
            path: shown(),
            source,
        };
        let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Open(shown()));
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(failed)?);
        let mut seed = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim(), seed.as_mut_slice()).map_err(|_| KeyFileError::NoKey(shown()))?;
        Self::from_seed(&seed, name, role)
    }

    /// The key of a seed.
    ///
    /// # Errors
    /// When the name is none.
    pub fn from_seed(seed: &[u8; 32], name: &str, role: Role) -> Result<Self, KeyFileError> {
        if !is_name(name) {
            return Err(KeyFileError::Name(name.to_owned()));
        }
        let pair =
            Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyFileError::NoKey(name.to_owned()))?;
        let mut key = [0; 32];
        key.copy_from_slice(pair.public_key().as_ref());
        let name = name.to_owned();
        Ok(Self {
            pair,
            public: VerifierKey { name, role, key },
        })
    }

    /// Writes a new key file, mode 0600.
    ///
    /// # Errors
    /// When it is there already or cannot be written.
    pub fn create(path: &Path) -> Result<(), KeyFileError> {
        let write = || {
            let mut seed = Zeroizing::new([0; 32]);
            getrandom::fill(seed.as_mut_slice()).map_err(std::io::Error::other)?;
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)?;
            file.write_all(Zeroizing::new(hex::encode(seed.as_slice())).as_bytes())?;
            file.sync_all()?;
            path.parent()
                .filter(|folder| !folder.as_os_str().is_empty())
                .map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
        };
        write().map_err(|source| KeyFileError::File {
            path: path.display().to_string(),
            source,
        })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &VerifierKey {
        &self.public
    }

    /// Signs a text. `seconds` is the time that a witness states; a log states none.
    #[must_use]
    pub fn sign(&self, text: &str, seconds: u64) -> Signature {
        let signature = self.pair.sign(&self.public.role.message(text, seconds));
        let mut bytes = match self.public.role {
            Role::Log => Vec::new(),
            Role::Witness => seconds.to_be_bytes().to_vec(),
        };
        bytes.extend_from_slice(signature.as_ref());
        Signature {
            name: self.public.name.clone(),
            id: self.public.id(),
            bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of c2sp.org/signed-note, and the key it was made with (golang.org/x/mod/sumdb/note, `PeterNeumann`).
    const NEUMANN: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn the_published_note_verifies_and_with_one_character_changed_does_not() {
        let key: VerifierKey = NEUMANN.parse().unwrap();
        assert_eq!(key.to_string(), NEUMANN);
        let note: Note = NOTE.parse().unwrap();
        assert_eq!(note.to_string(), NOTE);
        assert_eq!(key.signed(&note), Ok(Some(0)));
        let changed: Note = NOTE.replace("answer", "Answer").parse().unwrap();
        assert_eq!(
            key.signed(&changed),
            Err(NoteError::BadSignature("PeterNeumann".to_owned()))
        );
        let twice = Note {
            signatures: [note.signatures.clone(), note.signatures.clone()].concat(),
            ..note
        };
        assert_eq!(
            key.signed(&twice),
            Err(NoteError::Twice("PeterNeumann".to_owned()))
        );
    }

    #[test]
    fn a_cosignature_binds_its_time_and_a_log_key_is_no_witness() {
        let key = SigningKey::from_seed(&[7; 32], "example.org/w", Role::Witness).unwrap();
        let text = "example.org/log\n1\nAAAA\n".to_owned();
        let mut signature = key.sign(&text, 1_700_000_000);
        let note = |signature: &Signature| Note {
            text: text.clone(),
            signatures: vec![signature.clone()],
        };
        assert_eq!(key.public().signed(&note(&signature)), Ok(Some(1_700_000_000)));
        let log = SigningKey::from_seed(&[7; 32], "example.org/w", Role::Log).unwrap();
        assert_eq!(log.public().signed(&note(&signature)), Ok(None));
        signature.bytes[7] ^= 1;
        assert!(key.public().signed(&note(&signature)).is_err());
    }

    #[test]
    fn what_is_no_note_or_key_is_refused() {
        for text in [
            "",
            "a\n",
            "a\n\n",
            "a\n\n— x\n",
            "a\n\n— x AAAA\n",
            "a\n\n- x AAAAAAA=\n",
            "a\tb\n\n— x AAAAAAA=\n",
        ] {
            assert!(text.parse::<Note>().is_err(), "{text:?}");
        }
        for text in [
            "",
            "a+b",
            "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "x+00000000+AAAA",
        ] {
            assert!(text.parse::<VerifierKey>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_key_file_is_closed_to_others_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.key");
        SigningKey::create(&path).unwrap();
        let key = SigningKey::load(&path, "example.org/log", Role::Log).unwrap();
        assert!(SigningKey::create(&path).is_err());
        let again = SigningKey::load(&path, "example.org/log", Role::Log).unwrap();
        assert_eq!(key.public(), again.public());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(SigningKey::load(&path, "example.org/log", Role::Log).is_err());
    }
}
