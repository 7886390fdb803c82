//! A key-encryption key inside a PKCS #11 token (an HSM): named by an RFC 7512 URI, it wraps in the token and never leaves it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

use super::kek::Fingerprint;
use super::randomness;
use crate::error::StoreError;

const IV: usize = 12;
const TAG: usize = 16;
/// A wrapped key: IV, 32 bytes, tag.
const WRAPPED: usize = IV + 32 + TAG;

/// A key in a token, with a session that is logged in. AES-GCM, which every token of PKCS #11 2.40 speaks.
pub(crate) struct Token {
    uri: Uri,
    /// One session: a token works for one caller at a time anyway. Opened anew after an error (a token that was pulled, a lost HSM).
    session: Mutex<Option<(Session, ObjectHandle)>>,
    fingerprint: Fingerprint,
}

/// What a URI says.
#[derive(Debug, PartialEq, Eq)]
struct Uri {
    module: PathBuf,
    token: String,
    object: String,
    pin: PathBuf,
}

fn failed(what: &str, error: &Error) -> StoreError {
    // The library's error names functions and codes, nothing secret.
    StoreError::Token(format!("{what}: {error}"))
}

impl Token {
    pub(super) fn open(uri: &str) -> Result<Self, StoreError> {
        let uri = Uri::parse(uri)?;
        let (session, key) = uri.connect()?;
        // A fixed message under a fixed IV that wrapping never draws (chance 2^-96): the same key always gives the same bytes.
        let mut iv = [0; IV];
        let seed = seal(&session, key, &mut iv, b"hoiam-kek-fingerprint", &[0; 16])?;
        Ok(Self {
            uri,
            session: Mutex::new(Some((session, key))),
            fingerprint: Fingerprint::of(&seed),
        })
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(super) fn encrypt(&self, owner: &[u8], key: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.with_session(|session, kek| {
            let mut iv = randomness::<IV>()?;
            let drawn = iv;
            let ciphertext = seal(session, kek, &mut iv, owner, key)?;
            Ok([drawn.as_slice(), &ciphertext].concat())
        })
    }

    pub(super) fn decrypt(&self, owner: &[u8], wrapped: &[u8]) -> Result<Vec<u8>, StoreError> {
        let (iv, ciphertext) = wrapped
            .get(..WRAPPED)
            .and_then(|wrapped| wrapped.split_first_chunk::<IV>())
            .ok_or(StoreError::WrongKey)?;
        self.with_session(|session, kek| {
            let mut iv = *iv;
            let params = gcm(&mut iv, owner)?;
            match session.decrypt(&Mechanism::AesGcm(params), kek, ciphertext) {
                Ok(key) => Ok(key),
                // What a token says of a tag that does not fit: the standard's word, and SoftHSM's own.
                Err(Error::Pkcs11(
                    RvError::EncryptedDataInvalid | RvError::GeneralError | RvError::EncryptedDataLenRange,
                    _,
                )) => Err(StoreError::WrongKey),
                Err(error) => Err(failed("it does not unwrap", &error)),
            }
        })
    }

    fn with_session<T>(
        &self,
        work: impl FnOnce(&Session, ObjectHandle) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut slot = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let (session, key) = match slot.take() {
            Some(open) => open,
            None => self.uri.connect()?,
        };
        let done = work(&session, key);
        if !matches!(done, Err(StoreError::Token(_))) {
            *slot = Some((session, key));
        }
        done
    }
}

fn gcm<'a>(iv: &'a mut [u8], owner: &'a [u8]) -> Result<GcmParams<'a>, StoreError> {
    GcmParams::new(iv, owner, (TAG as u64 * 8).into())
        .map_err(|error| failed("the parameters do not fit", &error))
}

fn seal(
    session: &Session,
    kek: ObjectHandle,
    iv: &mut [u8],
    owner: &[u8],
    key: &[u8],
) -> Result<Vec<u8>, StoreError> {
    let params = gcm(iv, owner)?;
    session
        .encrypt(&Mechanism::AesGcm(params), kek, key)
        .map_err(|error| failed("it does not wrap", &error))
}

impl Uri {
    /// `pkcs11:token=…;object=…?module-path=…&pin-source=file:…` (RFC 7512).
    fn parse(uri: &str) -> Result<Self, StoreError> {
        let (path, query) = uri
            .trim_start_matches("pkcs11:")
            .split_once('?')
            .unwrap_or((uri.trim_start_matches("pkcs11:"), ""));
        let mut parts = HashMap::new();
        for part in path
            .split(';')
            .chain(query.split('&'))
            .filter(|part| !part.is_empty())
        {
            let (name, value) = part
                .split_once('=')
                .ok_or(StoreError::Uri("each part is name=value"))?;
            if name == "pin-value" {
                return Err(StoreError::Uri(
                    "a PIN in a setting is seen by everybody: put it into a file and name it by pin-source",
                ));
            }
            if !matches!(name, "token" | "object" | "module-path" | "pin-source" | "type") {
                return Err(StoreError::Uri(
                    "it knows token, object, module-path and pin-source",
                ));
            }
            parts.insert(name, decoded(value)?);
        }
        let mut part = |name, must| parts.remove(name).ok_or(StoreError::Uri(must));
        let pin = part(
            "pin-source",
            "it must name the file of the PIN: ?pin-source=file:/…",
        )?;
        Ok(Self {
            module: part(
                "module-path",
                "it must name the token's library: ?module-path=/…/….so",
            )?
            .into(),
            token: part("token", "it must name the token: token=<label>")?,
            object: part("object", "it must name the key: object=<label>")?,
            pin: pin.strip_prefix("file:").unwrap_or(&pin).into(),
        })
    }

    fn connect(&self) -> Result<(Session, ObjectHandle), StoreError> {
        let library = library(&self.module)?;
        let slots = library
            .get_slots_with_token()
            .map_err(|error| failed("its slots cannot be listed", &error))?;
        let slot = slots
            .into_iter()
            .find(|slot| {
                library
                    .get_token_info(*slot)
                    .is_ok_and(|info| info.label() == self.token)
            })
            .ok_or_else(|| StoreError::Token(format!("there is no token `{}`", self.token)))?;
        let session = library
            .open_ro_session(slot)
            .map_err(|error| failed("no session", &error))?;
        let pin = Zeroizing::new(
            std::fs::read_to_string(&self.pin).map_err(|source| StoreError::File {
                path: self.pin.display().to_string(),
                source,
            })?,
        );
        match session.login(UserType::User, Some(&AuthPin::new(pin.trim().to_owned()))) {
            // The login is the process's, not the session's.
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => return Err(failed("it does not take the PIN", &error)),
        }
        let wanted = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Label(self.object.clone().into_bytes()),
        ];
        let keys = session
            .find_objects(&wanted)
            .map_err(|error| failed("its keys cannot be listed", &error))?;
        match keys.as_slice() {
            [key] => Ok((session, *key)),
            [] => Err(StoreError::Token(format!(
                "there is no AES key `{}` in the token `{}`",
                self.object, self.token
            ))),
            _ => Err(StoreError::Token(format!(
                "there is more than one AES key `{}` in the token `{}`",
                self.object, self.token
            ))),
        }
    }
}

fn decoded(value: &str) -> Result<String, StoreError> {
    let bad = StoreError::Uri("what follows a % must be two hex digits");
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let Some((digits, tail)) = rest.split_first_chunk::<2>() else {
            return Err(bad);
        };
        let mut byte = [0];
        if hex::decode_to_slice(digits, &mut byte).is_err() {
            return Err(bad);
        }
        bytes.push(byte[0]);
        rest = tail;
    }
    String::from_utf8(bytes).map_err(|_| StoreError::Uri("it must be UTF-8"))
}

/// A library is initialised once in a process and stays: one that is finalised ends the sessions of all who use it.
fn library(module: &Path) -> Result<Pkcs11, StoreError> {
    static LIBRARIES: Mutex<Option<HashMap<PathBuf, Pkcs11>>> = Mutex::new(None);
    let mut libraries = LIBRARIES.lock().unwrap_or_else(PoisonError::into_inner);
    let libraries = libraries.get_or_insert_default();
    if let Some(library) = libraries.get(module) {
        return Ok(library.clone());
    }
    let library = Pkcs11::new(module).map_err(|error| failed("its library does not load", &error))?;
    match library.initialize(CInitializeArgs::OsThreads) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(failed("its library does not start", &error)),
    }
    libraries.insert(module.to_owned(), library.clone());
    Ok(library)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_names_library_token_key_and_the_file_of_the_pin() {
        let uri = "pkcs11:token=H%E1%BB%93i%20%C3%82m;object=kek?module-path=/usr/lib/x.so&pin-source=file:/etc/pin";
        assert_eq!(
            Uri::parse(uri).unwrap(),
            Uri {
                module: "/usr/lib/x.so".into(),
                token: "Hồi Âm".to_owned(),
                object: "kek".to_owned(),
                pin: "/etc/pin".into(),
            }
        );
    }

    #[test]
    fn a_uri_that_says_too_little_or_shows_the_pin_is_refused() {
        for uri in [
            "pkcs11:",
            "pkcs11:token=a;object=b",
            "pkcs11:token=a;object=b?module-path=/x&pin-value=1234",
            "pkcs11:token=a;object=%z1?module-path=/x&pin-source=/p",
            "pkcs11:token=a;object=b;slot-id=1?module-path=/x&pin-source=/p",
        ] {
            let error = Uri::parse(uri).unwrap_err().to_string();
            assert!(
                error.contains("pkcs11") && !error.contains("1234"),
                "{uri}: {error}"
            );
        }
    }
}
