//! The key-encryption key: from a file, or inside a PKCS #11 token. It wraps data keys and secrets, and has a fingerprint that
//! stands beside everything it wrapped.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::token::Token;
use super::{random, randomness};
use crate::error::StoreError;

const NONCE: usize = 24;
/// A wrapped key has this size whoever wrapped it (24 bytes of nonce, 32 of key, 16 of tag), so that a rotation overwrites it in place
/// and no page of the database has to move: what moves leaves copies behind.
pub(crate) const WRAPPED: usize = NONCE + 32 + 16;

/// A key of 32 bytes, zeroed when dropped.
pub(crate) type Bare = Zeroizing<[u8; 32]>;

/// Which key-encryption key: 16 bytes that tell two apart and nothing of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub(crate) [u8; 16]);

impl Fingerprint {
    /// Beside what was wrapped before there were fingerprints.
    pub(crate) const UNKNOWN: Self = Self([0; 16]);

    pub(super) fn of(seed: &[u8]) -> Self {
        let digest = Sha256::new()
            .chain_update(b"hoiam-kek-fingerprint-v1")
            .chain_update(seed)
            .finalize();
        let mut print = [0; 16];
        print.copy_from_slice(&digest[..16]);
        Self(print)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| StoreError::Damaged("a fingerprint has not 16 bytes"))
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A key-encryption key that can be used.
pub(crate) enum Kek {
    File {
        cipher: Box<XChaCha20Poly1305>,
        fingerprint: Fingerprint,
    },
    Token(Arc<Token>),
}

impl Kek {
    /// Opens the key that a setting names: `pkcs11:…`, or a file with the key or with such a URI.
    ///
    /// # Errors
    /// When the file is missing, open to others or no key; when the token does not answer or has no such key.
    pub(crate) fn open(source: &Path) -> Result<Self, StoreError> {
        if let Some(uri) = source.to_str().filter(|text| text.starts_with("pkcs11:")) {
            return Ok(Self::Token(Arc::new(Token::open(uri)?)));
        }
        let text = read(source)?;
        // A file may also say where the key is, so that whoever is told of a file need not know.
        if text.trim().starts_with("pkcs11:") {
            return Ok(Self::Token(Arc::new(Token::open(text.trim())?)));
        }
        let mut key: Bare = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim(), key.as_mut_slice())
            .map_err(|_| StoreError::NoKey(source.display().to_string()))?;
        Ok(Self::File {
            cipher: Box::new(XChaCha20Poly1305::new(
                key.as_slice().try_into().map_err(|_| StoreError::WrongKey)?,
            )),
            fingerprint: Fingerprint::of(key.as_slice()),
        })
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        match self {
            Self::File { fingerprint, .. } => *fingerprint,
            Self::Token(token) => token.fingerprint(),
        }
    }

    /// Wraps keys, each bound to whom it is for.
    pub(crate) async fn wrap(&self, keys: Vec<(Vec<u8>, Bare)>) -> Result<Vec<Vec<u8>>, StoreError> {
        match self {
            Self::File { cipher, .. } => keys.iter().map(|(owner, key)| wrap(cipher, owner, key)).collect(),
            Self::Token(token) => {
                on_its_thread(token, move |token| {
                    keys.iter()
                        .map(|(owner, key)| {
                            let mut wrapped = token.encrypt(owner, key.as_slice())?;
                            wrapped.resize(WRAPPED, 0);
                            Ok(wrapped)
                        })
                        .collect()
                })
                .await
            }
        }
    }

    /// Unwraps keys. One that does not open is an error: the caller asks only for what this key wrapped.
    pub(crate) async fn unwrap(&self, wrapped: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Vec<Bare>, StoreError> {
        match self {
            Self::File { cipher, .. } => wrapped
                .iter()
                .map(|(owner, wrapped)| unwrap(cipher, owner, wrapped))
                .collect(),
            Self::Token(token) => {
                on_its_thread(token, move |token| {
                    wrapped
                        .iter()
                        .map(|(owner, wrapped)| bare(&Zeroizing::new(token.decrypt(owner, wrapped)?)))
                        .collect()
                })
                .await
            }
        }
    }
}

/// A token answers when it answers: never on a thread that others wait for.
#[expect(
    clippy::disallowed_methods,
    reason = "a token's module blocks for as long as its hardware takes, and may be a network away"
)]
async fn on_its_thread<T: Send + 'static>(
    token: &Arc<Token>,
    work: impl FnOnce(&Token) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let token = Arc::clone(token);
    tokio::task::spawn_blocking(move || work(&token))
        .await
        .map_err(|_| StoreError::Token("its work was interrupted".to_owned()))?
}

/// A random nonce, so that no number of keys repeats one, then the ciphertext with its tag.
fn wrap(kek: &XChaCha20Poly1305, owner: &[u8], key: &Bare) -> Result<Vec<u8>, StoreError> {
    let nonce = randomness::<NONCE>()?;
    let payload = Payload {
        msg: key.as_slice(),
        aad: owner,
    };
    let ciphertext = kek
        .encrypt(&nonce.into(), payload)
        .map_err(|_| StoreError::WrongKey)?;
    Ok([nonce.as_slice(), &ciphertext].concat())
}

fn unwrap(kek: &XChaCha20Poly1305, owner: &[u8], wrapped: &[u8]) -> Result<Bare, StoreError> {
    let (nonce, msg) = wrapped.split_first_chunk::<NONCE>().ok_or(StoreError::WrongKey)?;
    let payload = Payload { msg, aad: owner };
    bare(&Zeroizing::new(
        kek.decrypt(&(*nonce).into(), payload)
            .map_err(|_| StoreError::WrongKey)?,
    ))
}

fn bare(key: &Zeroizing<Vec<u8>>) -> Result<Bare, StoreError> {
    key.as_slice()
        .try_into()
        .map(Zeroizing::new)
        .map_err(|_| StoreError::WrongKey)
}

/// Creates the key-encryption key: 32 random bytes in hex, mode 0600. Refuses to overwrite one, since everything sealed
/// under the old one would be lost.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn create_kek_file(path: &Path) -> std::io::Result<()> {
    let key = Zeroizing::new(hex::encode(random::<32>()?));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(key.as_bytes())?;
    file.sync_all()?;
    // The name must survive a power cut too, or the ledger would outlive its keys.
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Whether a setting names a key-encryption key that can be used: a file that nobody else may read, or a token that answers.
///
/// # Errors
/// What is wrong with it.
pub fn check_kek(source: &Path) -> Result<(), StoreError> {
    Kek::open(source).map(|_| ())
}

/// The fingerprint of the key that a setting names.
///
/// # Errors
/// As `check_kek`.
pub fn fingerprint_of(source: &Path) -> Result<Fingerprint, StoreError> {
    Kek::open(source).map(|kek| kek.fingerprint())
}

fn read(path: &Path) -> Result<Zeroizing<String>, StoreError> {
    let failed = |source| StoreError::File {
        path: path.display().to_string(),
        source,
    };
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(StoreError::Unsafe(format!(
            "others may read {}: set its mode to 0600",
            path.display()
        )));
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}
