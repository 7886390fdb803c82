//! The carrier of messages for one machine: a folder with one encrypted file a message, named by its id, so that handing over twice is once.

use std::fmt;
use std::path::{Path, PathBuf};

use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use kernel::{CaseId, Instant};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

const NONCE: usize = 12;
const SUFFIX: &str = "sealed";

/// A message as the carrier gets it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct OutboxMessage {
    /// The message's id.
    pub id: Uuid,
    /// The case it is about.
    pub case: Option<CaseId>,
    /// `sms` or `email`.
    pub channel: String,
    /// What it tells: `received`, `forwarded`, `result` …
    pub what: String,
    /// When it was queued.
    pub queued_at: Instant,
    /// Phone number or e-mail address.
    pub to: String,
    /// Subject line; empty for SMS.
    pub subject: String,
    /// The words.
    pub body: String,
}

impl fmt::Debug for OutboxMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutboxMessage({}, sealed)", self.id)
    }
}

/// The key of the outbox's files: 32 secret bytes.
#[derive(Clone)]
pub struct OutboxKey([u8; 32]);

impl fmt::Debug for OutboxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OutboxKey(…)")
    }
}

/// The outbox cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// A file or folder.
    #[error("{} cannot be used", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The key file.
    #[error("{} does not hold 64 hex digits", path.display())]
    Key {
        /// Which.
        path: PathBuf,
    },
    /// The file is no message of ours, was changed, or is under another key.
    #[error("{} is no message under this key, or it was changed", path.display())]
    NotOurs {
        /// Which.
        path: PathBuf,
    },
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> OutboxError + '_ {
    move |source| OutboxError::Io {
        path: path.to_owned(),
        source,
    }
}

impl OutboxKey {
    /// Reads 64 hex digits.
    ///
    /// # Errors
    /// When the file cannot be read or holds something else.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, OutboxError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(io(path))?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| OutboxError::Key {
            path: path.to_owned(),
        })?;
        Ok(Self(bytes))
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(&self.0.into())
    }
}

/// Opens a file of the outbox, for who has its key.
///
/// # Errors
/// When it cannot be read, is under another key, or was changed or renamed.
pub fn open_outbox_file(key: &OutboxKey, path: impl AsRef<Path>) -> Result<OutboxMessage, OutboxError> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).map_err(io(path))?;
    let not_ours = || OutboxError::NotOurs {
        path: path.to_owned(),
    };
    let id = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .and_then(|stem| Uuid::parse_str(stem).ok())
        .ok_or_else(not_ours)?;
    let (nonce, msg) = bytes.split_first_chunk::<NONCE>().ok_or_else(not_ours)?;
    let plain = key
        .cipher()
        .decrypt(
            &(*nonce).into(),
            Payload {
                msg,
                aad: id.as_bytes(),
            },
        )
        .map_err(|_| not_ours())?;
    serde_json::from_slice(&plain).map_err(|_| not_ours())
}

/// The folder.
#[derive(Clone, Debug)]
pub struct FileTransport {
    folder: PathBuf,
    key: OutboxKey,
}

impl FileTransport {
    /// As `message_handed_over` names it.
    pub const NAME: &'static str = "file";

    /// Makes the folder when it is missing, for its owner only.
    ///
    /// # Errors
    /// `Io`.
    pub fn open(folder: &Path, key: OutboxKey) -> Result<Self, OutboxError> {
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(folder).map_err(io(folder))?;
        Ok(Self {
            folder: folder.to_owned(),
            key,
        })
    }

    /// Writes the message and gives the carrier's id of it: the message's own. On disk, the folder's entry included, when it returns.
    ///
    /// # Errors
    /// `Io`.
    pub async fn hand_over(&self, message: &OutboxMessage) -> Result<String, OutboxError> {
        let id = message.id.hyphenated().to_string();
        let path = self.folder.join(format!("{id}.{SUFFIX}"));
        let temporary = self.folder.join(format!("{id}.part"));
        self.write(&temporary, &self.seal(message)?)
            .await
            .map_err(io(&temporary))?;
        tokio::fs::rename(&temporary, &path).await.map_err(io(&path))?;
        let folder = tokio::fs::File::open(&self.folder)
            .await
            .map_err(io(&self.folder))?;
        folder.sync_all().await.map_err(io(&self.folder))?;
        Ok(id)
    }

    /// Takes a message out of the folder, if it is there: overwritten first, since its key lives on for the others.
    ///
    /// # Errors
    /// `Io`.
    pub async fn forget(&self, id: Uuid) -> Result<(), OutboxError> {
        for suffix in [SUFFIX, "part"] {
            let path = self.folder.join(format!("{}.{suffix}", id.hyphenated()));
            let length = match tokio::fs::metadata(&path).await {
                Ok(metadata) => metadata.len(),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(io(&path)(error)),
            };
            let overwritten = async {
                let mut file = tokio::fs::OpenOptions::new().write(true).open(&path).await?;
                file.write_all(&vec![0; usize::try_from(length).unwrap_or(0)])
                    .await?;
                file.sync_all().await?;
                tokio::fs::remove_file(&path).await
            };
            overwritten.await.map_err(io(&path))?;
        }
        let folder = tokio::fs::File::open(&self.folder)
            .await
            .map_err(io(&self.folder))?;
        folder.sync_all().await.map_err(io(&self.folder))
    }

    fn seal(&self, message: &OutboxMessage) -> Result<Vec<u8>, OutboxError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)
            .map_err(|_| io(&self.folder)(std::io::Error::other("the machine gives no randomness")))?;
        #[expect(clippy::expect_used, reason = "a struct of strings and numbers")]
        let plain = serde_json::to_vec(message).expect("a message is always JSON");
        #[expect(clippy::expect_used, reason = "fails only beyond 256 GiB")]
        let sealed = self
            .key
            .cipher()
            .encrypt(
                &nonce.into(),
                Payload {
                    msg: &plain,
                    aad: message.id.as_bytes(),
                },
            )
            .expect("a message is far below the cipher's limit");
        Ok([nonce.as_slice(), &sealed].concat())
    }

    async fn write(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut file = options.open(path).await?;
        file.write_all(bytes).await?;
        file.sync_all().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> OutboxMessage {
        OutboxMessage {
            id: Uuid::from_u128(7),
            case: None,
            channel: "sms".into(),
            what: "received".into(),
            queued_at: Instant(1),
            to: "+84900000011".into(),
            subject: String::new(),
            body: "Mã theo dõi".into(),
        }
    }

    #[tokio::test]
    async fn a_message_handed_over_twice_is_one_file_that_only_its_key_opens() {
        let folder = tempfile::tempdir().unwrap();
        let key = OutboxKey([7; 32]);
        let transport = FileTransport::open(&folder.path().join("outbox"), key.clone()).unwrap();
        assert_eq!(
            transport.hand_over(&message()).await.unwrap(),
            transport.hand_over(&message()).await.unwrap()
        );
        let files: Vec<_> = std::fs::read_dir(folder.path().join("outbox"))
            .unwrap()
            .map(|f| f.unwrap().path())
            .collect();
        assert_eq!(files.len(), 1);
        assert_eq!(open_outbox_file(&key, &files[0]).unwrap(), message());
        assert!(open_outbox_file(&OutboxKey([8; 32]), &files[0]).is_err());
        let plain = std::fs::read(&files[0]).unwrap();
        assert!(
            !plain.windows(6).any(|w| w == b"900000"),
            "nothing personal is plain on disk"
        );
    }

    #[tokio::test]
    async fn what_is_forgotten_is_gone_and_may_be_forgotten_again() {
        let folder = tempfile::tempdir().unwrap();
        let transport = FileTransport::open(folder.path(), OutboxKey([7; 32])).unwrap();
        transport.hand_over(&message()).await.unwrap();
        for _ in 0..2 {
            transport.forget(message().id).await.unwrap();
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[tokio::test]
    async fn a_file_that_was_renamed_or_changed_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let key = OutboxKey([7; 32]);
        let id = FileTransport::open(folder.path(), key.clone())
            .unwrap()
            .hand_over(&message())
            .await
            .unwrap();
        let path = folder.path().join(format!("{id}.sealed"));
        let other = folder.path().join(format!("{}.sealed", Uuid::from_u128(8)));
        std::fs::copy(&path, &other).unwrap();
        assert!(matches!(
            open_outbox_file(&key, &other),
            Err(OutboxError::NotOurs { .. })
        ));
    }
}
