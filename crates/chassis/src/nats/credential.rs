//! The file with a NATS user and password.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};

use crate::config::Secret;

/// A user of the broker.
#[derive(Clone, Debug, Deserialize)]
pub struct Credential {
    /// Its name; replies come to `_INBOX_<user>`.
    pub user: String,
    /// Its password.
    #[serde(deserialize_with = "secret")]
    pub password: Secret,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::from)
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// It cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It holds something else.
    #[error(r#"{} must hold {{"user": …, "password": …}}"#, path.display())]
    Content {
        /// Which file.
        path: PathBuf,
    },
}

impl Credential {
    /// Reads `{"user": …, "password": …}`.
    ///
    /// # Errors
    /// When it cannot be read or holds something else.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, CredentialError> {
        let path = path.as_ref();
        let text = std::fs::read(path).map_err(|source| CredentialError::Read {
            path: path.to_owned(),
            source,
        })?;
        // What serde says may quote the password, so it is left out.
        serde_json::from_slice(&text).map_err(|_| CredentialError::Content {
            path: path.to_owned(),
        })
    }
}
