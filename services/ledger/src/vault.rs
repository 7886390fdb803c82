//! Seals what a person typed under a key of its case, and opens it again. Keys are wrapped by a key-encryption key.

pub(crate) mod index;
mod kek;
mod rotate;
pub(crate) mod terms;
mod token;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use index::Index;
use kek::{Bare, Kek};
pub use kek::{Fingerprint, check_kek, create_kek_file, fingerprint_of};
pub use rotate::{Rotation, renew_index, rotate};

use crate::envelope;
use crate::error::StoreError;
use crate::event::StoredEvent;
use crate::store::keys::KeyStore;
use crate::store::{Engine, SealedEvent, Store};
use crate::writer::WriterHandle;

/// Unwrapped keys held in memory: two generations of so many each, 100 bytes a key.
const CACHE: usize = 50_000;
const NONCE: usize = 12;
/// The secret behind clients' digests; also tells whose key wraps the store.
const DIGEST: &str = "client-digest";
/// The secret of the blind index.
const INDEX: &str = "blind-index";

/// A key of a case: 32 random bytes, zeroed when dropped.
pub(crate) struct DataKey(Bare);

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
    kek: Kek,
    store: KeyStore,
    cache: Mutex<Cache>,
    digest_key: Bare,
    index: Index,
}

#[derive(Default)]
struct Cache {
    young: HashMap<Uuid, Arc<DataKey>>,
    old: HashMap<Uuid, Arc<DataKey>>,
    /// Owners whose content was erased on record; what is known of their keys counts no more.
    erased: HashSet<Uuid>,
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
    /// When the key cannot be used, or is not the one that the key store is wrapped by; when a rotation was begun and not finished;
    /// when the ledger holds events (`used`) and the key store nothing.
    pub(crate) async fn open(engine: &Engine, kek: &Path, used: bool) -> Result<Self, StoreError> {
        let kek = Kek::open(kek)?;
        let store = KeyStore::open(engine).await?;
        if used && !store.holds(DIGEST).await? {
            return Err(StoreError::Damaged(
                "the ledger has events and the key store is empty: put the key store that belongs to it back",
            ));
        }
        if let Some((from, to)) = store.unfinished_rotation().await? {
            return Err(StoreError::Rotating { from, to });
        }
        let digest_key = secret(&store, &kek, DIGEST).await?;
        let index = Index::open(engine, secret(&store, &kek, INDEX).await?).await?;
        Ok(Self {
            kek,
            store,
            cache: Mutex::default(),
            digest_key,
            index,
        })
    }

    /// That everything is still wrapped by our key: whenever this instance begins to write, since the key may have been rotated meanwhile.
    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        if let Some((from, to)) = self.store.unfinished_rotation().await? {
            return Err(StoreError::Rotating { from, to });
        }
        let ours = self.kek.fingerprint();
        match self.store.wrapped_by(DIGEST).await? {
            Some(theirs) if theirs != ours => Err(StoreError::OtherKey { theirs, ours }),
            _ => Ok(()),
        }
    }

    /// Knows that content was erased: from now on these keys neither seal nor open, wherever they still lie.
    pub(crate) fn erased(&self, owners: impl IntoIterator<Item = Uuid>) {
        let mut cache = self.cache();
        for owner in owners {
            cache.young.remove(&owner);
            cache.old.remove(&owner);
            cache.erased.insert(owner);
        }
    }

    /// Whether this instance knows that content was erased.
    pub(crate) fn is_erased(&self, owner: &Uuid) -> bool {
        self.cache().erased.contains(owner)
    }

    /// The blind index.
    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// Destroys the keys of erased content, and takes their bytes out of the files. Nothing happens when it was done before.
    pub(crate) async fn forget(&self, owners: &[Uuid], now: i64) -> Result<(), StoreError> {
        self.erased(owners.iter().copied());
        if self.store.destroy(owners, now).await? {
            chassis::failpoint::hit("ledger.key_destroyed_before_purge");
            self.store.purge().await?;
        }
        self.index.store.forget(owners).await?;
        self.index.store.purge().await
    }

    /// Whenever this instance begins to write: our key is still the one, and what is erased on record is forgotten.
    pub(crate) async fn before_writing(&self, store: &Store, now: i64) -> Result<(), StoreError> {
        self.check().await?;
        self.forget(&store.erased().await?, now).await
    }

    /// Before this instance opens or seals anything: what is erased on record is forgotten, also when a crash came in between (then the
    /// bytes of a destroyed key may still be in the files), or when the key store comes from a backup.
    pub(crate) async fn before_opening(&self, store: &Store, now: i64) -> Result<(), StoreError> {
        let erased = store.erased().await?;
        if erased.is_empty() {
            return Ok(());
        }
        self.forget(&erased, now).await?;
        self.store.purge().await
    }

    /// Puts each finished rotation of the key-encryption key on record, once: whoever rotated could not, since no ledger was running.
    /// False: something failed, try again.
    pub(crate) async fn record_rotations(&self, writer: &WriterHandle) -> bool {
        let record = async {
            for rotation in self.store.unrecorded_rotations().await? {
                if let Err(refused) = writer.append(rotate::event(&rotation)?).await {
                    tracing::warn!(error = %chassis::telemetry::chain(&refused), "a rotation of the key-encryption key is not on record yet");
                    return Ok(false);
                }
                self.store.rotation_recorded(rotation.began_at).await?;
            }
            Ok::<_, StoreError>(true)
        };
        record.await.unwrap_or_else(|error| {
            tracing::warn!(
                error = %chassis::telemetry::chain(&error),
                "rotations cannot be looked up"
            );
            false
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
        let (mut living, mut wrapped) = (Vec::new(), Vec::new());
        for (owner, key) in self.store.lookup(&unknown).await? {
            match key {
                None => {
                    found.insert(owner, KeyState::Destroyed);
                }
                Some(key) => {
                    living.push(owner);
                    wrapped.push((owner.as_bytes().to_vec(), key));
                }
            }
        }
        for (owner, key) in living.into_iter().zip(self.kek.unwrap(wrapped).await?) {
            let key = Arc::new(DataKey(key));
            self.cache().put(owner, Arc::clone(&key));
            found.insert(owner, KeyState::Key(key));
        }
        let cache = self.cache();
        for owner in owners.iter().filter(|owner| cache.erased.contains(owner)) {
            found.insert(*owner, KeyState::Destroyed);
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
        let mut bare = Vec::with_capacity(owners.len());
        for owner in owners {
            let key: Bare = Zeroizing::new(randomness()?);
            bare.push((owner.as_bytes().to_vec(), key.clone()));
            fresh.insert(*owner, Arc::new(DataKey(key)));
        }
        let wrapped: Vec<_> = owners.iter().copied().zip(self.kek.wrap(bare).await?).collect();
        let mut keys = HashMap::with_capacity(owners.len());
        for owner in self.store.create(&wrapped, self.kek.fingerprint(), now).await? {
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
        self.index.store.close().await;
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

/// The secret of that name, made when there is none yet. That it opens says that the key is the right one, before anything is accepted.
async fn secret(store: &KeyStore, kek: &Kek, name: &str) -> Result<Bare, StoreError> {
    let fresh = vec![(name.as_bytes().to_vec(), Zeroizing::new(randomness()?))];
    let fresh = kek.wrap(fresh).await?.swap_remove(0);
    let (wrapped, theirs) = store.secret(name, fresh, kek.fingerprint()).await?;
    let ours = kek.fingerprint();
    if theirs != ours && theirs != Fingerprint::UNKNOWN {
        return Err(StoreError::OtherKey { theirs, ours });
    }
    let secret = kek
        .unwrap(vec![(name.as_bytes().to_vec(), wrapped)])
        .await?
        .swap_remove(0);
    if theirs == Fingerprint::UNKNOWN {
        // From before there were fingerprints; it opened, so all of it is ours.
        store.adopt(ours).await?;
    }
    Ok(secret)
}
