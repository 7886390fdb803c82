//! A witness (c2sp.org/tlog-witness): cosigns a checkpoint that continues the one it cosigned before, and nothing else.
//!
//! What it cosigned is on its disk before anybody hears of it, so that no death makes it cosign a fork or a rollback.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use kernel::Clock;
use sha2::{Digest as _, Sha256};

use super::checkpoint::{Checkpoint, decimal, hash};
use super::note::{KeyFileError, Note, Role, Signature, SigningKey, VerifierKey};
use super::store::replace;
use crate::merkle::Hash;
use crate::merkle::proof::is_consistent;

/// 63 hashes of a proof and a checkpoint with a hundred signatures.
const LARGEST_REQUEST: usize = 64 << 10;
/// Hashes of a proof.
const LONGEST_PROOF: usize = 63;
/// What a conflict is answered as.
const SIZE: &str = "text/x.tlog.size";

/// Why a witness cannot work.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// Its key.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// Its folder.
    #[error("the witness's file {path} cannot be used")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Two with one memory would each cosign what the other must not.
    #[error("another witness works in {0}: stop it first")]
    InUse(String),
    /// What it remembers was changed.
    #[error(
        "{0} is not what this witness wrote: bring it back from where it was, or ask the log's operator for the largest checkpoint that this witness cosigned and write that there"
    )]
    Damaged(String),
}

/// The answer to a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Cosigned.
    Cosigned(Signature),
    /// Not a request.
    Malformed(&'static str),
    /// A log that this witness does not watch.
    UnknownLog,
    /// None of the signatures is the log's.
    Unsigned,
    /// The request builds on another size than the one cosigned last; or it is another tree of the same size.
    Conflict(u64),
    /// The proof does not show that the tree continues the one cosigned last.
    NotConsistent,
    /// It could not be written down, so it was not cosigned.
    NotStored,
}

/// A witness.
pub struct Witness {
    key: SigningKey,
    logs: Vec<VerifierKey>,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    /// The checkpoint cosigned last of each log, by origin. Held from the check to the end of the writing.
    last: Mutex<HashMap<String, Checkpoint>>,
    _lock: File,
}

impl Witness {
    /// Takes up its work where it was left. The folder holds `witness.key` and one file for each log.
    ///
    /// # Errors
    /// When the folder is in use, the key is none, or what it remembers was changed.
    pub fn open(
        folder: &Path,
        name: &str,
        logs: Vec<VerifierKey>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, WitnessError> {
        let key = SigningKey::load(&Self::key_file(folder), name, Role::Witness)?;
        let failed = |path: &Path, source| WitnessError::File {
            path: path.display().to_string(),
            source,
        };
        let lock_file = folder.join("lock");
        let lock = File::create(&lock_file).map_err(|source| failed(&lock_file, source))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(WitnessError::InUse(folder.display().to_string()));
            }
            Err(std::fs::TryLockError::Error(source)) => return Err(failed(&lock_file, source)),
        }
        let mut last = HashMap::new();
        for log in &logs {
            let path = memory(folder, &log.name);
            let text = match std::fs::read_to_string(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                other => other.map_err(|source| failed(&path, source))?,
            };
            let checkpoint = text
                .parse::<Note>()
                .ok()
                .filter(|note| matches!(key.public().signed(note), Ok(Some(_))))
                .and_then(|note| Checkpoint::of(&note).ok())
                .filter(|checkpoint| checkpoint.origin == log.name)
                .ok_or_else(|| WitnessError::Damaged(path.display().to_string()))?;
            last.insert(log.name.clone(), checkpoint);
        }
        Ok(Self {
            key,
            logs,
            folder: folder.to_owned(),
            clock,
            last: Mutex::new(last),
            _lock: lock,
        })
    }

    /// Where its key is.
    #[must_use]
    pub fn key_file(folder: &Path) -> PathBuf {
        folder.join("witness.key")
    }

    /// What it cosigns with.
    #[must_use]
    pub fn public(&self) -> &VerifierKey {
        self.key.public()
    }

    /// Answers one submission.
    #[must_use]
    pub fn add_checkpoint(&self, body: &str) -> Answer {
        let request = match Submission::read(body) {
            Ok(request) => request,
            Err(why) => return Answer::Malformed(why),
        };
        let mut known = self
            .logs
            .iter()
            .filter(|log| log.name == request.checkpoint.origin)
            .peekable();
        if known.peek().is_none() {
            return Answer::UnknownLog;
        }
        if !known.any(|log| matches!(log.signed(&request.note), Ok(Some(_)))) {
            return Answer::Unsigned;
        }
        if request.old > request.checkpoint.size {
            return Answer::Malformed("the old size is larger than the checkpoint's");
        }
        self.cosign(request)
    }

    fn cosign(&self, request: Submission) -> Answer {
        let Submission {
            old,
            proof,
            note,
            checkpoint,
        } = request;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last
            .get(&checkpoint.origin)
            .cloned()
            .unwrap_or_else(|| Checkpoint::empty(&checkpoint.origin));
        if old != before.size {
            return Answer::Conflict(before.size);
        }
        if old == checkpoint.size && before.root != checkpoint.root {
            tracing::error!(
                log = checkpoint.origin,
                size = old,
                "the log forked: it signed another tree of the same size"
            );
            return Answer::Conflict(before.size);
        }
        let new = (checkpoint.size, checkpoint.root);
        if !is_consistent((before.size, before.root), new, &proof) {
            tracing::error!(
                log = checkpoint.origin,
                from = old,
                to = checkpoint.size,
                "not cosigned: no proof that the tree continues the one before"
            );
            return Answer::NotConsistent;
        }
        let seconds = u64::try_from(self.clock.now().0 / kernel::Instant::SECOND).unwrap_or(0);
        let cosignature = self.key.sign(&note.text, seconds);
        let written = Note {
            text: note.text,
            signatures: vec![cosignature.clone()],
        };
        let path = memory(&self.folder, &checkpoint.origin);
        if let Err(error) = replace(&path, written.to_string().as_bytes()) {
            tracing::error!(
                error = %chassis::telemetry::chain(&error),
                "not cosigned: it cannot be written down"
            );
            return Answer::NotStored;
        }
        last.insert(checkpoint.origin.clone(), checkpoint);
        Answer::Cosigned(cosignature)
    }

    /// `POST /add-checkpoint`.
    pub fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route(
                "/add-checkpoint",
                post(move |body: String| Arc::clone(&self).answer(body)),
            )
            .layer(axum::extract::DefaultBodyLimit::max(LARGEST_REQUEST))
    }

    async fn answer(self: Arc<Self>, body: String) -> Response {
        #[expect(clippy::disallowed_methods, reason = "file fsync")]
        let answer = tokio::task::spawn_blocking(move || self.add_checkpoint(&body)).await;
        match answer {
            Ok(Answer::Cosigned(signature)) => format!("{signature}\n").into_response(),
            Ok(Answer::Malformed(why)) => (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response(),
            Ok(Answer::UnknownLog) => {
                (StatusCode::NOT_FOUND, "this witness does not watch that log\n").into_response()
            }
            Ok(Answer::Unsigned) => {
                (StatusCode::FORBIDDEN, "no key known of that log has signed it\n").into_response()
            }
            Ok(Answer::Conflict(size)) => (
                StatusCode::CONFLICT,
                [(header::CONTENT_TYPE, SIZE)],
                format!("{size}\n"),
            )
                .into_response(),
            Ok(Answer::NotConsistent) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "the proof does not show that this tree continues the one cosigned last\n",
            )
                .into_response(),
            Ok(Answer::NotStored) | Err(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "not written down, so not cosigned\n",
            )
                .into_response(),
        }
    }
}

/// Serves a witness until `stop`.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: tokio::net::TcpListener,
    witness: Arc<Witness>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, witness.router())
        .with_graceful_shutdown(stop)
        .await
}

/// Where the checkpoint cosigned last is kept: an origin may hold characters that a file name may not.
fn memory(folder: &Path, origin: &str) -> PathBuf {
    let name = hex::encode(&Sha256::digest(origin)[..16]);
    folder.join(format!("{name}.checkpoint"))
}

/// What is posted: the old size, a consistency proof, a checkpoint.
struct Submission {
    old: u64,
    proof: Vec<Hash>,
    note: Note,
    checkpoint: Checkpoint,
}

impl Submission {
    fn read(body: &str) -> Result<Self, &'static str> {
        let (head, note) = body
            .split_once("\n\n")
            .ok_or("no checkpoint follows a blank line")?;
        let mut lines = head.split('\n');
        let old = lines
            .next()
            .and_then(|line| decimal(line.strip_prefix("old ")?))
            .ok_or("the first line must be `old` and a number")?;
        let proof = lines
            .map(hash)
            .collect::<Option<Vec<_>>>()
            .filter(|proof| proof.len() <= LONGEST_PROOF)
            .ok_or("a proof is at most 63 lines, each a hash in base64")?;
        let note: Note = note.parse().map_err(|_| "the checkpoint is no signed note")?;
        let checkpoint = Checkpoint::of(&note).map_err(|_| "the note is no checkpoint")?;
        Ok(Self {
            old,
            proof,
            note,
            checkpoint,
        })
    }
}
