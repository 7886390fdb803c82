//! Signs what is on record: writes tiles, checks that they continue what was signed before, signs, asks the witnesses, publishes.
//!
//! A signature is on disk before anybody sees it, and a checkpoint is published only when the policy's quorum has cosigned it: whoever
//! reads `checkpoint` can always check it. What is signed and waits for witnesses does not hold the ledger up.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kernel::Clock;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::LogError;
use super::checkpoint::Checkpoint;
use super::cosign::{Answer, Witnesses};
use super::edge::Edge;
use super::note::{Note, Role, SigningKey};
use super::policy::Policy;
use super::store::{TileStore, replace};
use crate::config::LogConfig;
use crate::envelope;
use crate::event::Filter;
use crate::leadership::Leadership;
use crate::status::LogStatus;
use crate::store::{Head, Store};
use crate::telemetry;

/// A checkpoint is due so long after the one before, if anything happened.
const EVERY: Duration = Duration::from_secs(1);
/// Or after so many leaves.
const LEAVES: u64 = 256;
/// But not sooner than this: a round is a dozen fsyncs, and under load the disk is the writer's.
const APART: Duration = Duration::from_millis(200);
/// How long a stopped log waits before it looks whether somebody has set things right.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Events read at once. With their data at most 64 KiB each, in practice a megabyte.
const CHUNK: usize = 1_024;

/// A note of this log with what it says.
#[derive(Clone)]
struct Signed {
    note: Note,
    checkpoint: Checkpoint,
}

/// The log's one signer.
pub(crate) struct Checkpointer {
    store: Store,
    tiles: TileStore,
    key: SigningKey,
    /// Beside the key, apart from the tiles: a restored folder must not make the log forget what it signed.
    signed_file: PathBuf,
    policy: Policy,
    witnesses: Witnesses,
    clock: Arc<dyn Clock>,
    status: watch::Sender<LogStatus>,
    /// `None` after a failure: it is read again from the tiles.
    edge: Option<Edge>,
    signed: Option<Signed>,
    published: u64,
}

impl Checkpointer {
    /// Takes the log up where it was left, and refuses when the ledger is not what was signed.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub(crate) async fn open(
        folder: &Path,
        config: &LogConfig,
        store: Store,
        clock: Arc<dyn Clock>,
        status: watch::Sender<LogStatus>,
    ) -> Result<Self, LogError> {
        let key_file = config.key.clone().unwrap_or_default();
        let key = SigningKey::load(&key_file, config.origin(), Role::Log)?;
        let policy = match &config.policy {
            Some(path) => Policy::load(path)?,
            None => Policy::only(key.public().clone()),
        };
        if !policy.logs.is_empty() && !policy.logs.iter().any(|log| log.key == *key.public()) {
            return Err(LogError::NotInPolicy(key.public().to_string()));
        }
        let vkey_file = beside(&key_file, "vkey");
        replace(&vkey_file, format!("{}\n", key.public()).as_bytes()).map_err(|e| at(&vkey_file, e))?;
        tracing::info!(vkey = %key.public(), folder = %folder.display(), "the log signs with this key");
        let mut checkpointer = Self {
            tiles: TileStore::open(folder)?,
            signed_file: beside(&key_file, "signed"),
            witnesses: Witnesses::of(&policy)?,
            store,
            key,
            policy,
            clock,
            status,
            edge: None,
            signed: None,
            published: 0,
        };
        checkpointer.remember().await?;
        Ok(checkpointer)
    }

    /// Finds the last checkpoint signed (its own file's, the folder's, the witnesses'), and that the ledger continues it.
    async fn remember(&mut self) -> Result<(), LogError> {
        let own = match std::fs::read(&self.signed_file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            other => Some(other.map_err(|error| at(&self.signed_file, error))?),
        };
        let own_name = self.signed_file.display().to_string();
        let own = own.map(|bytes| self.ours(&bytes, &own_name)).transpose()?;
        let folders_name = self.tiles.path("checkpoint").display().to_string();
        let published = self
            .tiles
            .checkpoint()?
            .map(|bytes| self.ours(&bytes, &folders_name))
            .transpose()?;
        // A policy may ask for more than it did when this was published: then it is asked for again.
        let enough = published
            .as_ref()
            .filter(|it| self.policy.accept(&it.note).is_ok());
        self.published = enough.map_or(0, |it| it.checkpoint.size);
        let (last, who) = match (own, published) {
            (Some(own), Some(published)) if own.checkpoint.size == published.checkpoint.size => {
                if own.checkpoint.root != published.checkpoint.root {
                    return Err(LogError::Fork {
                        size: own.checkpoint.size,
                        who: format!("{own_name} and {folders_name} differ"),
                    });
                }
                (Some(published), folders_name)
            }
            (Some(own), published)
                if published
                    .as_ref()
                    .is_none_or(|it| it.checkpoint.size < own.checkpoint.size) =>
            {
                (Some(own), own_name)
            }
            (_, published) => (published, folders_name),
        };
        let head = self.head().await?;
        if let Some(last) = &last
            && head.position < last.checkpoint.size
        {
            return Err(LogError::Shorter {
                ledger: head.position,
                signed: last.checkpoint.size,
                who,
            });
        }
        self.ask_what_they_know(&head).await?;
        self.signed = last;
        self.catch_up(&head, &who).await?;
        self.tell("standing by".to_owned());
        Ok(())
    }

    /// The checkpoint of an empty tree says nothing, but a witness that has cosigned more answers with how much.
    async fn ask_what_they_know(&mut self, head: &Head) -> Result<(), LogError> {
        let nothing = Checkpoint::empty(self.key.public().name.as_str());
        let note = nothing.sign(&self.key);
        for (name, answer) in self.witnesses.ask(&note, &nothing, &self.tiles).await {
            match answer {
                Answer::Ahead(signed) if signed > head.position => {
                    return Err(LogError::Shorter {
                        ledger: head.position,
                        signed,
                        who: format!("the witness {name}"),
                    });
                }
                Answer::Silent(why) => tracing::warn!(
                    witness = name,
                    why,
                    "a witness cannot be asked what it has cosigned"
                ),
                _ => {}
            }
        }
        Ok(())
    }

    /// A note that must be this log's own.
    fn ours(&self, bytes: &[u8], path: &str) -> Result<Signed, LogError> {
        String::from_utf8_lossy(bytes)
            .parse::<Note>()
            .ok()
            .filter(|note| matches!(self.key.public().signed(note), Ok(Some(_))))
            .and_then(|note| {
                let checkpoint = Checkpoint::of(&note).ok()?;
                Some(Signed { note, checkpoint })
            })
            .filter(|signed| signed.checkpoint.origin == self.key.public().name)
            .ok_or_else(|| LogError::NotOurs(path.to_owned()))
    }

    async fn head(&self) -> Result<Head, LogError> {
        let head = self.store.head().await?;
        self.store.committed(head.position);
        Ok(head)
    }

    /// Signs whenever it is due, while this instance leads.
    pub(crate) async fn run(mut self, mut leadership: Leadership, stop: CancellationToken) {
        let signing = async {
            loop {
                self.tell("standing by".to_owned());
                let fence = leadership.taken().await;
                tokio::select! {
                    () = self.sign_for_ever(fence) => {}
                    () = leadership.lost(fence) => {}
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = signing => {}
        }
    }

    async fn sign_for_ever(&mut self, fence: u64) {
        loop {
            let began = Instant::now();
            match self.round(fence).await {
                Ok(state) => {
                    self.tell(state);
                    self.until_due(began).await;
                }
                Err(error) => {
                    tracing::error!(error = %chassis::telemetry::chain(&error), "nothing is signed");
                    self.tell(format!("stopped: {error}"));
                    self.edge = None;
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
        }
    }

    async fn until_due(&self, began: Instant) {
        let mut head = self.store.watch();
        let signed = self.signed.as_ref().map_or(0, |it| it.checkpoint.size);
        // Nothing to sign and nothing that waits for a witness.
        if self.published == signed && head.wait_for(|head| *head > signed).await.is_err() {
            return std::future::pending().await;
        }
        tokio::time::sleep_until(began + APART).await;
        let many = head.wait_for(|head| *head >= signed + LEAVES);
        // Not many in time: then those that there are.
        let _ = tokio::time::timeout_at(began + EVERY, many).await;
    }

    /// Signs what is on record, if it is more than was signed, and publishes it when enough have cosigned. Gives the state to be told.
    async fn round(&mut self, fence: u64) -> Result<String, LogError> {
        let head = self.head().await?;
        if head.fence != fence {
            // Somebody took over; the writer will notice too, and then we stand by.
            return Ok("standing by".to_owned());
        }
        self.catch_up(&head, "the last checkpoint signed").await?;
        let Some(edge) = &self.edge else {
            return Err(LogError::Stopping);
        };
        let checkpoint = Checkpoint {
            origin: self.key.public().name.clone(),
            size: edge.size(),
            root: edge.root(),
        };
        let signed = match &self.signed {
            Some(signed) if signed.checkpoint == checkpoint => signed.clone(),
            _ => {
                let (tiles, partial) = (self.tiles.clone(), edge.partial());
                let (file, note) = (self.signed_file.clone(), checkpoint.sign(&self.key));
                let text = note.to_string();
                blocking(move || {
                    tiles.write(&partial)?;
                    replace(&file, text.as_bytes()).map_err(|error| at(&file, error))
                })
                .await?;
                Signed { note, checkpoint }
            }
        };
        self.signed = Some(signed.clone());
        if self.published == signed.checkpoint.size && self.tiles.checkpoint()?.is_some() {
            return Ok("following".to_owned());
        }
        self.publish(signed).await
    }

    /// Asks the witnesses; publishes when the quorum has cosigned.
    async fn publish(&mut self, signed: Signed) -> Result<String, LogError> {
        let Signed { mut note, checkpoint } = signed;
        let mut without = Vec::new();
        for (name, answer) in self.witnesses.ask(&note, &checkpoint, &self.tiles).await {
            match answer {
                Answer::Cosigned(signature) => note.signatures.push(signature),
                Answer::Ahead(signed) => {
                    return Err(LogError::Shorter {
                        ledger: checkpoint.size,
                        signed,
                        who: format!("the witness {name}"),
                    });
                }
                Answer::Refused(why) => {
                    let who = format!("the witness {name} {why}");
                    return Err(LogError::Fork {
                        size: checkpoint.size,
                        who,
                    });
                }
                Answer::Silent(why) => without.push(format!("{name} {why}")),
            }
        }
        if self.policy.accept(&note).is_err() {
            return Ok(format!("waiting for witnesses: {}", without.join(", ")));
        }
        let tiles = self.tiles.clone();
        blocking(move || Ok(tiles.publish(&note)?)).await?;
        self.published = checkpoint.size;
        let cosigned_at = self.clock.now().0;
        self.status.send_modify(|status| status.cosigned_at = cosigned_at);
        Ok(if without.is_empty() {
            "following".to_owned()
        } else {
            format!("following, without {}", without.join(", "))
        })
    }

    /// Brings the tiles up to the ledger's head, and makes sure that the ledger continues what was signed.
    async fn catch_up(&mut self, head: &Head, who: &str) -> Result<(), LogError> {
        let mut edge = match self.edge.take() {
            Some(edge) => edge,
            None => self.load(),
        };
        // What was signed lies ahead only while lost tiles are built again.
        let signed = self.signed.as_ref().map(|it| &it.checkpoint);
        let fork = || LogError::Fork {
            size: signed.map_or(0, |it| it.size),
            who: who.to_owned(),
        };
        while edge.size() < head.position {
            let from = edge.size() + 1;
            let events = self
                .store
                .read_all(from, head.position, CHUNK, &Filter::default())
                .await?;
            if events.is_empty() {
                return Err(LogError::Missing(from));
            }
            let mut files = Vec::new();
            for event in events {
                if event.position != edge.size() + 1 {
                    return Err(LogError::Missing(edge.size() + 1));
                }
                if edge.push(&envelope::leaf(&event))[..] != event.leaf[..] {
                    return Err(LogError::Changed(event.position));
                }
                let signed_here = signed.filter(|it| it.size == edge.size());
                if signed_here.is_some_and(|it| it.root != edge.root()) {
                    return Err(fork());
                }
                // Built again: with the partial tiles that the checkpoints known so far stand on.
                if signed_here.is_some() || self.published == edge.size() {
                    files.extend(edge.partial());
                }
            }
            files.extend(edge.take_full());
            let tiles = self.tiles.clone();
            blocking(move || Ok(tiles.write(&files)?)).await?;
        }
        if edge.size() != head.position {
            return Err(LogError::Shorter {
                ledger: head.position,
                signed: edge.size(),
                who: who.to_owned(),
            });
        }
        if edge.root() != head.root() {
            return Err(LogError::Root(head.position));
        }
        self.edge = Some(edge);
        Ok(())
    }

    /// The edge of what was signed, from the tiles; from nothing when they are not all there or do not lead to the signed root.
    fn load(&self) -> Edge {
        let Some(signed) = &self.signed else {
            return Edge::default();
        };
        let size = signed.checkpoint.size;
        let missing = self.tiles.first_missing(size).map(|tile| tile.path());
        match Edge::load(&self.tiles, size) {
            Ok(edge) if missing.is_none() && edge.root() == signed.checkpoint.root => edge,
            _ => {
                tracing::warn!(
                    size,
                    missing,
                    "the log's files are not all there or were changed: they are built again from the ledger"
                );
                Edge::default()
            }
        }
    }

    fn tell(&self, state: String) {
        let signed = self.signed.as_ref().map_or(0, |it| it.checkpoint.size);
        let now = self.clock.now().0;
        let head = *self.store.watch().borrow();
        self.status.send_modify(|status| {
            status.signed = signed;
            status.cosigned = self.published;
            status.state = state;
            status.key = self.key.public().to_string();
        });
        let age = if head > self.published {
            now - self.status.borrow().cosigned_at
        } else {
            0
        };
        metrics::gauge!(telemetry::LOG_SIGNED).set(signed as f64);
        metrics::gauge!(telemetry::LOG_COSIGNED).set(self.published as f64);
        metrics::gauge!(telemetry::LOG_AGE).set(age as f64 / 1e6);
    }
}

/// `log.key` → `log.key.vkey`.
fn beside(key: &Path, extension: &str) -> PathBuf {
    let mut name = key.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

fn at(path: &Path, source: std::io::Error) -> LogError {
    LogError::File {
        path: path.display().to_string(),
        source,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    #[expect(clippy::disallowed_methods, reason = "file fsync")]
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(LogError::Stopping))
}
