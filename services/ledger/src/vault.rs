//! Seals what a person typed under a key of its case, and opens it again. Keys are wrapped by a key-encryption key from a file.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::{Arc, Mutex};

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, XChaCha20Poly1305};
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::envelope;
use crate::error::StoreError;
use crate::event::StoredEvent;
use crate::store::keys::KeyStore;
use crate::store::{Engine, SealedEvent};

/// Unwrapped keys held in memory: two generations of so many each, 100 bytes a key.
const CACHE: usize = 50_000;
const NONCE: usize = 12;
const WRAP_NONCE: usize = 24;

/// A key of a case: 32 random bytes, zeroed when dropped.
pub(crate) struct DataKey(Zeroizing<[u8; 32]>);

/// What the vault knows about an owner's key.
#[derive(Clone)]
pub(crate) enum KeyState {
    /// It can seal and open.
    Key(Arc<DataKey>),
    /// It was destroyed: what it sealed is erased, and nothing is sealed for this owner again.
    Destroyed,
}

/// What opening comes to.
pub(crate) enum Opened {
    Plaintext(Vec<u8>),
    /// Its key or its ciphertext was destroyed.
    Erased,
    Nothing,
    /// It should open and does not: changed bytes, or a key that is gone without having been destroyed.
    Damaged,
}

/// A nonce, the ciphertext with its tag, and the hash of both that stands in the Merkle leaf.
pub(crate) struct Sealed {
    pub(crate) nonce: Vec<u8>,
    pub(crate) ciphertext: Vec<u8>,
    pub(crate) hash: Vec<u8>,
}

/// The vault.
pub(crate) struct Vault {
    kek: XChaCha20Poly1305,
    store: KeyStore,
    cache: Mutex<Cache>,
    digest_key: Zeroizing<[u8; 32]>,
}

#[derive(Default)]
struct Cache {
    young: HashMap<Uuid, Arc<DataKey>>,
    old: HashMap<Uuid, Arc<DataKey>>,
}

impl Cache {
    fn get(&mut self, owner: Uuid) -> Option<Arc<DataKey>> {
        if let Some(key) = self.young.get(&owner) {
            return Some(Arc::clone(key));
        }
        let key = self.old.remove(&owner)?;
        self.put(owner, Arc::clone(&key));
        Some(key)
    }

    fn put(&mut self, owner: Uuid, key: Arc<DataKey>) {
        if self.young.len() >= CACHE {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(owner, key);
    }
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

/// Whether the file holds a key-encryption key that nobody else may read.
///
/// # Errors
/// What is wrong with it.
pub fn check_kek_file(path: &Path) -> Result<(), StoreError> {
    read_kek(path).map(|_| ())
}

fn read_kek(path: &Path) -> Result<Zeroizing<[u8; 32]>, StoreError> {
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
    let mut key = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim(), key.as_mut_slice())
        .map_err(|_| StoreError::NoKey(path.display().to_string()))?;
    Ok(key)
}

fn random<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes)
}

fn randomness<const N: usize>() -> Result<[u8; N], StoreError> {
    random().map_err(|source| StoreError::File {
        path: "the system's randomness".to_owned(),
        source,
    })
}

impl Vault {
    /// Opens the vault of a migrated ledger.
    ///
    /// # Errors
    /// When the key file is missing or open to others, or is not the one the key store was made with; when the ledger holds events
    /// (`used`) and the key store nothing.
    pub(crate) async fn open(engine: &Engine, kek_path: &Path, used: bool) -> Result<Self, StoreError> {
        let key = read_kek(kek_path)?;
        let kek = XChaCha20Poly1305::new(key.as_slice().try_into().map_err(|_| StoreError::WrongKey)?);
        let store = KeyStore::open(engine).await?;
        // The secret also tells whether the key-encryption key is the right one, before anything is accepted.
        const DIGEST: &str = "client-digest";
        if used && !store.holds(DIGEST).await? {
            return Err(StoreError::Damaged(
                "the ledger has events and the key store is empty: put the key store that belongs to it back",
            ));
        }
        let fresh = wrap(&kek, DIGEST.as_bytes(), &Zeroizing::new(randomness()?))?;
        let wrapped = store.secret(DIGEST, fresh).await?;
        let digest_key = unwrap(&kek, DIGEST.as_bytes(), &wrapped)?;
        Ok(Self {
            kek,
            store,
            cache: Mutex::default(),
            digest_key,
        })
    }

    /// The digest kept of what a client sent: an HMAC, so that nobody who reads the database can try out texts.
    pub(crate) fn digest(&self, request: Uuid, sent_sha256: &[u8; 32]) -> Vec<u8> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(self.digest_key.as_slice())
            .expect("HMAC takes keys of any length");
        mac.update(request.as_bytes());
        mac.update(sent_sha256);
        mac.finalize().into_bytes().to_vec()
    }

    /// What is known of these owners' keys; an owner without any is left out.
    pub(crate) async fn lookup(&self, owners: &[Uuid]) -> Result<HashMap<Uuid, KeyState>, StoreError> {
        let mut found = HashMap::with_capacity(owners.len());
        let mut unknown = Vec::new();
        for owner in owners {
            match self.cache().get(*owner) {
                Some(key) => {
                    found.insert(*owner, KeyState::Key(key));
                }
                None => unknown.push(*owner),
            }
        }
        for (owner, wrapped) in self.store.lookup(&unknown).await? {
            let state = match wrapped {
                None => KeyState::Destroyed,
                Some(wrapped) => {
                    let key = Arc::new(DataKey(unwrap(&self.kek, owner.as_bytes(), &wrapped)?));
                    self.cache().put(owner, Arc::clone(&key));
                    KeyState::Key(key)
                }
            };
            found.insert(owner, state);
        }
        Ok(found)
    }

    /// Makes keys for owners without any; they are on disk when this returns.
    pub(crate) async fn create(
        &self,
        owners: &[Uuid],
        now: i64,
    ) -> Result<HashMap<Uuid, KeyState>, StoreError> {
        if owners.is_empty() {
            return Ok(HashMap::new());
        }
        let mut fresh = HashMap::with_capacity(owners.len());
        let mut wrapped = Vec::with_capacity(owners.len());
        for owner in owners {
            let key = Zeroizing::new(randomness()?);
            wrapped.push((*owner, wrap(&self.kek, owner.as_bytes(), &key)?));
            fresh.insert(*owner, Arc::new(DataKey(key)));
        }
        let mut keys = HashMap::with_capacity(owners.len());
        for owner in self.store.create(&wrapped, now).await? {
            if let Some(key) = fresh.remove(&owner) {
                self.cache().put(owner, Arc::clone(&key));
                keys.insert(owner, KeyState::Key(key));
            }
        }
        // Whoever is left got a key from another instance in between: theirs stands.
        let others: Vec<Uuid> = fresh.into_keys().collect();
        keys.extend(self.lookup(&others).await?);
        Ok(keys)
    }

    /// Seals content for an event whose envelope is decided.
    pub(crate) fn seal(key: &DataKey, event: &StoredEvent, plaintext: &[u8]) -> Result<Sealed, StoreError> {
        let nonce = randomness::<NONCE>()?;
        let payload = Payload {
            msg: plaintext,
            aad: &envelope::associated_data(event),
        };
        let ciphertext = key
            .cipher()?
            .encrypt(&nonce.into(), payload)
            .map_err(|_| StoreError::WrongKey)?;
        let hash = Sha256::new()
            .chain_update(nonce)
            .chain_update(&ciphertext)
            .finalize()
            .to_vec();
        Ok(Sealed {
            nonce: nonce.to_vec(),
            ciphertext,
            hash,
        })
    }

    /// Opens the sealed part of events, in their order. One that does not open says nothing of the others.
    pub(crate) async fn open_all(&self, events: &[SealedEvent]) -> Result<Vec<Opened>, StoreError> {
        let owner = |event: &StoredEvent| event.case_id.unwrap_or(event.stream_id);
        let mut owners: Vec<Uuid> = events
            .iter()
            .filter(|it| it.sealed.is_some())
            .map(|it| owner(&it.event))
            .collect();
        owners.sort_unstable();
        owners.dedup();
        let keys = self.lookup(&owners).await?;
        let open = |it: &SealedEvent| {
            let Some((nonce, ciphertext)) = &it.sealed else {
                return Ok(if it.event.has_sealed() {
                    Opened::Erased
                } else {
                    Opened::Nothing
                });
            };
            let key = match keys.get(&owner(&it.event)) {
                Some(KeyState::Key(key)) => key,
                Some(KeyState::Destroyed) => return Ok(Opened::Erased),
                None => return Ok(Opened::Damaged),
            };
            let Ok(nonce) = <[u8; NONCE]>::try_from(nonce.as_slice()) else {
                return Ok(Opened::Damaged);
            };
            let payload = Payload {
                msg: ciphertext,
                aad: &envelope::associated_data(&it.event),
            };
            let opened = key.cipher()?.decrypt(&nonce.into(), payload);
            Ok(opened.map_or(Opened::Damaged, Opened::Plaintext))
        };
        events.iter().map(open).collect()
    }

    pub(crate) async fn close(&self) {
        self.store.close().await;
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        // A poisoned cache is still a cache: a panic elsewhere cannot leave half a key in it.
        self.cache
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl DataKey {
    fn cipher(&self) -> Result<ChaCha20Poly1305, StoreError> {
        ChaCha20Poly1305::new_from_slice(self.0.as_slice()).map_err(|_| StoreError::WrongKey)
    }
}

/// Wraps a key for its owner: a random 24-byte nonce, so that no number of keys repeats one, then the ciphertext.
fn wrap(kek: &XChaCha20Poly1305, owner: &[u8], key: &Zeroizing<[u8; 32]>) -> Result<Vec<u8>, StoreError> {
    let nonce = randomness::<WRAP_NONCE>()?;
    let payload = Payload {
        msg: key.as_slice(),
        aad: owner,
    };
    let ciphertext = kek
        .encrypt(&nonce.into(), payload)
        .map_err(|_| StoreError::WrongKey)?;
    Ok([nonce.as_slice(), &ciphertext].concat())
}

fn unwrap(kek: &XChaCha20Poly1305, owner: &[u8], wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, StoreError> {
    let (nonce, ciphertext) = wrapped
        .split_first_chunk::<WRAP_NONCE>()
        .ok_or(StoreError::WrongKey)?;
    let payload = Payload {
        msg: ciphertext,
        aad: owner,
    };
    let key = Zeroizing::new(
        kek.decrypt(&(*nonce).into(), payload)
            .map_err(|_| StoreError::WrongKey)?,
    );
    key.as_slice()
        .try_into()
        .map(Zeroizing::new)
        .map_err(|_| StoreError::WrongKey)
}
