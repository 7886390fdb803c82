//! Fills the blind index behind the writer: opens what was sealed, hashes its terms under a secret of the vault, and remembers how far it
//! came. The append path waits for none of it; a ledger that has no index yet gets one, and one that lost it gets it again.

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::kek::{Bare, Fingerprint};
use super::terms::{self, Term};
use super::{Opened, Vault};
use crate::error::StoreError;
use crate::leadership::Leadership;
use crate::store::tokens::{Token, TokenRow, TokenStore};
use crate::store::{Engine, Store};
use crate::writer::WriterHandle;

/// Events opened and indexed together.
const BATCH: usize = 500;
/// Positions that one statement looks at for them.
const WINDOW: u64 = 5_000;
/// Between two looks at what came: many events share one transaction of the index, which competes with the writer's for the disk.
const PACE: Duration = Duration::from_millis(250);
/// Pause after an error of a database.
const PAUSE: Duration = Duration::from_secs(2);

/// The index and the secret of its tokens.
pub(crate) struct Index {
    pub(crate) store: TokenStore,
    secret: Bare,
}

impl Index {
    pub(super) async fn open(engine: &Engine, secret: Bare) -> Result<Self, StoreError> {
        Ok(Self {
            store: TokenStore::open(engine).await?,
            secret,
        })
    }

    pub(crate) fn token(&self, (kind, term): &Term) -> Token {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(self.secret.as_slice())
            .expect("HMAC takes keys of any length");
        mac.update(kind.code().as_bytes());
        mac.update(b":");
        mac.update(term.as_bytes());
        let mut token = [0; 16];
        token.copy_from_slice(&mac.finalize().into_bytes()[..16]);
        token
    }

    /// Indexes what the ledger commits, while this instance leads, until stopped.
    pub(crate) async fn run(
        vault: Arc<Vault>,
        store: Store,
        mut leadership: Leadership,
        writer: WriterHandle,
        stop: CancellationToken,
    ) {
        let mut head = store.watch();
        let mut recorded = false;
        let work = async {
            loop {
                let fence = leadership.taken().await;
                // Once is enough: nobody rotates while this instance leads.
                if !recorded {
                    recorded = vault.record_rotations(&writer).await;
                }
                match vault.index_next(&store).await {
                    Ok(true) => {}
                    Ok(false) => {
                        // Nothing new: either it comes, or another takes over.
                        tokio::select! {
                            changed = head.changed() => if changed.is_err() { return },
                            () = leadership.lost(fence) => {}
                        }
                        tokio::time::sleep(PACE).await;
                    }
                    Err(error) => {
                        tracing::warn!(error = %chassis::telemetry::chain(&error), "the blind index waits");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            () = work => {}
            () = stop.cancelled() => {}
        }
    }
}

impl Vault {
    /// Indexes the next events; false when it has come to the head.
    async fn index_next(&self, store: &Store) -> Result<bool, StoreError> {
        let index = &self.index;
        let head = *store.watch().borrow();
        let secret = Fingerprint::of(index.secret.as_slice());
        if index.store.begin(&secret.0, head).await? {
            index.store.purge().await?;
        }
        let from = index.store.progress().await? + 1;
        if from > head {
            return Ok(false);
        }
        let until = head.min(from + WINDOW - 1);
        let sealed = store.sealed_of_cases(from..=until, BATCH).await?;
        let last = if sealed.len() == BATCH {
            sealed.last().copied().unwrap_or(until)
        } else {
            until
        };
        let sealed = store.read_sealed(&sealed).await?;
        let opened = self.open_all(&sealed).await?;
        let mut rows = Vec::new();
        for (it, opened) in sealed.iter().zip(opened) {
            let (Opened::Plaintext(plaintext), Some(owner)) = (opened, it.event.case_id) else {
                continue;
            };
            let plaintext = zeroize::Zeroizing::new(plaintext);
            rows.extend(terms::of_content(&plaintext).iter().map(|term| TokenRow {
                token: index.token(term),
                owner,
                position: it.event.position,
            }));
            tokio::task::yield_now().await;
        }
        let living = |owner: &Uuid| !self.is_erased(owner);
        index.store.add(rows, last, living).await?;
        Ok(last < head)
    }
}
