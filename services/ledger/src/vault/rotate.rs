//! Rotation of the key-encryption key: every data key and secret is wrapped anew, no content is touched.
//!
//! It runs while no ledger writes (it takes the writer's lock): a running ledger has its key in memory and goes on wrapping with it, and
//! one that knew both keys for hours would be worth twice as much to a thief. A million keys take well under a minute.

use std::path::Path;

use contracts::Code;
use contracts::events::access::KeyRotated;
use kernel::{Clock, Instant};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::kek::{Fingerprint, Kek};
use super::{DIGEST, INDEX, randomness};
use crate::error::StoreError;
use crate::request::{Request, StreamAppend};
use crate::store::keys::KeyStore;
use crate::store::rotations::Finished;
use crate::store::session::Session;
use crate::store::{Engine, migrate};

/// Keys of one transaction: a crash loses the work on these, and nothing else.
const BATCH: i64 = 500;

/// What a rotation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The old key: it opens nothing any more, and may be destroyed.
    pub from: Fingerprint,
    /// The new key.
    pub to: Fingerprint,
    /// Data keys rewrapped by this call (an earlier call that stopped half-way did the rest).
    pub keys: u64,
}

/// Wraps everything of a ledger's key store under another key. Run again after it stopped, with the same two keys, it goes on; run again
/// after it finished, it does nothing. `progress` hears how many keys are done.
///
/// # Errors
/// `NotLeader` while a ledger writes; `OtherKey` when the old key is not the one in force; when a key or the store cannot be used.
pub async fn rotate(
    database_url: &str,
    old: &Path,
    new: &Path,
    ordered_by: &str,
    clock: &dyn Clock,
    mut progress: impl FnMut(u64),
) -> Result<Rotation, StoreError> {
    let engine: Engine = database_url.parse()?;
    let (old, new) = (Kek::open(old)?, Kek::open(new)?);
    let (from, to) = (old.fingerprint(), new.fingerprint());
    if from == to {
        return Err(StoreError::Unsafe(
            "the old and the new key are the same".to_owned(),
        ));
    }
    migrate::run(database_url).await?;
    let session = Session::open(&engine, None, "").await?;
    let store = KeyStore::open(&engine).await?;
    let done = run(&store, &old, &new, ordered_by, clock, &mut progress).await;
    store.close().await;
    session.close().await;
    done.map(|keys| Rotation { from, to, keys })
}

/// Replaces the secret of the blind index. The next start makes the index anew under it, and whatever a log, a free page or a backup
/// still holds of the old one says nothing any more.
///
/// # Errors
/// `NotLeader` while a ledger writes; when the key or the store cannot be used.
pub async fn renew_index(database_url: &str, kek: &Path) -> Result<(), StoreError> {
    let engine: Engine = database_url.parse()?;
    let kek = Kek::open(kek)?;
    migrate::run(database_url).await?;
    let session = Session::open(&engine, None, "").await?;
    let store = KeyStore::open(&engine).await?;
    let renewed = async {
        match store.wrapped_by(DIGEST).await? {
            Some(theirs) if theirs != kek.fingerprint() => {
                return Err(StoreError::OtherKey {
                    theirs,
                    ours: kek.fingerprint(),
                });
            }
            _ => {}
        }
        let fresh = vec![(INDEX.as_bytes().to_vec(), Zeroizing::new(randomness()?))];
        let fresh = kek.wrap(fresh).await?.swap_remove(0);
        store.replace_secret(INDEX, fresh, kek.fingerprint()).await?;
        store.purge().await
    };
    let done = renewed.await;
    store.close().await;
    session.close().await;
    done
}

async fn run(
    store: &KeyStore,
    old: &Kek,
    new: &Kek,
    ordered_by: &str,
    clock: &dyn Clock,
    progress: &mut impl FnMut(u64),
) -> Result<u64, StoreError> {
    let now = || {
        let Instant(now) = clock.now();
        now
    };
    let (from, to) = (old.fingerprint(), new.fingerprint());
    match store.unfinished_rotation().await? {
        Some(begun) if begun == (from, to) => {}
        Some((from, to)) => return Err(StoreError::Rotating { from, to }),
        None => {
            // What is there must open with the old key before anything is said to be under way.
            match store.wrapped_by(DIGEST).await? {
                None => {
                    return Err(StoreError::Damaged(
                        "the key store is empty: there is nothing to rotate",
                    ));
                }
                Some(theirs) if theirs == to => return Ok(0),
                Some(theirs) if theirs != from && theirs != Fingerprint::UNKNOWN => {
                    return Err(StoreError::OtherKey { theirs, ours: from });
                }
                Some(_) => {}
            }
            rewrapped(old, new, store.secrets().await?).await?;
            store.begin_rotation(from, to, ordered_by, now()).await?;
        }
    }
    let (mut after, mut done) = (Vec::new(), 0);
    loop {
        let rows = store.to_rewrap(to, &after, BATCH).await?;
        let Some((last, _)) = rows.last() else { break };
        after.clone_from(last);
        let owners: Vec<Vec<u8>> = rows.iter().map(|(owner, _)| owner.clone()).collect();
        let keys: Vec<(Vec<u8>, Vec<u8>)> = owners
            .into_iter()
            .zip(rewrapped_keys(old, new, rows).await?)
            .collect();
        store.rewrap(&keys, to).await?;
        chassis::failpoint::hit("ledger.rotate_batch");
        done += keys.len() as u64;
        progress(done);
    }
    chassis::failpoint::hit("ledger.rotate_before_finish");
    let secrets = rewrapped(old, new, store.secrets().await?).await?;
    store.finish_rotation(&secrets, to, now()).await?;
    store.purge().await?;
    Ok(done)
}

async fn rewrapped(
    old: &Kek,
    new: &Kek,
    secrets: Vec<(String, Vec<u8>)>,
) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let names: Vec<String> = secrets.iter().map(|(name, _)| name.clone()).collect();
    let keys = secrets
        .into_iter()
        .map(|(name, wrapped)| (name.into_bytes(), wrapped))
        .collect();
    Ok(names
        .into_iter()
        .zip(rewrapped_keys(old, new, keys).await?)
        .collect())
}

async fn rewrapped_keys(
    old: &Kek,
    new: &Kek,
    keys: Vec<(Vec<u8>, Vec<u8>)>,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let owners: Vec<Vec<u8>> = keys.iter().map(|(owner, _)| owner.clone()).collect();
    let bare: Vec<Zeroizing<[u8; 32]>> = old.unwrap(keys).await?;
    new.wrap(owners.into_iter().zip(bare).collect()).await
}

/// The request that puts a finished rotation on record. The same rotation always makes the same request, so that it is stored once.
pub(super) fn event(rotation: &Finished) -> Result<Request, StoreError> {
    let (from, to) = (rotation.from.to_string(), rotation.to.to_string());
    let of = |what: &str| {
        Uuid::new_v5(
            &Uuid::NAMESPACE_OID,
            format!("hoiam-{what}-{to}-{}", rotation.began_at).as_bytes(),
        )
    };
    let fact = KeyRotated {
        from: Code::lossy(&from),
        to: Code::lossy(&to),
        ordered_by: Code::lossy(&rotation.ordered_by),
        keys: rotation.keys,
    };
    let told = StreamAppend::fact(&fact, of("key"), None, "service:ledger", rotation.at)?;
    Ok(Request::ours(of("rotation"), vec![told], String::new()))
}
