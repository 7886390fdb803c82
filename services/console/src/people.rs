//! People who sign in: their login, role and password, kept in the console's own table (never projected, never in an event), and the
//! sessions they open.

use chassis::config::Secret;
use kernel::taxonomy::Office;
use kernel::{Actor, Instant};
use sha2::{Digest, Sha256};

use crate::roles::Role;
use crate::store::{Store, StoreError};

/// How long a session lives: a shift and a half.
pub const SESSION: i64 = 12 * 60 * 60 * Instant::SECOND;
/// How many wrong passwords in `WINDOW` close a login for the rest of it.
pub const MOST_FAILURES: u32 = 8;
/// 15 minutes.
pub const WINDOW: i64 = 15 * 60 * Instant::SECOND;

/// A person as kept.
#[derive(Clone, Debug)]
pub struct Person {
    /// Lower-case letters, digits, `_`, `-`, `.`; also the id of the actor.
    pub login: String,
    /// Argon2id, PHC string.
    pub password: Secret,
    /// What they are.
    pub role: Role,
    /// Which of the two offices is theirs, if they are of one.
    pub office: Option<Office>,
    /// How they are greeted.
    pub name: String,
}

/// Somebody signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Their login.
    pub login: String,
    /// What they are.
    pub role: Role,
    /// Which of the two offices is theirs, if they are of one.
    pub office: Option<Office>,
    /// How they are greeted.
    pub name: String,
    /// What every form they post must carry.
    pub csrf: String,
}

impl Session {
    /// Who is answerable for what they do.
    ///
    /// # Errors
    /// Never for a login that `ensure_person` accepted.
    pub fn actor(&self) -> Result<Actor, kernel::actor::BadActor> {
        Actor::of(self.role.code(), &self.login)
    }
}

/// Why somebody could not sign in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Unknown login or wrong password; which of the two is not told.
    #[error("login or password is wrong")]
    Wrong,
    /// Too many wrong passwords.
    #[error("too many wrong passwords: wait 15 minutes")]
    TooMany,
    /// The database failed.
    #[error("the people's table failed")]
    Store(#[from] StoreError),
    /// Hashing failed.
    #[error("the password could not be checked: {0}")]
    Hash(String),
}

/// Why a person could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    /// A login that could not be an actor's id.
    #[error("a login is 1 to 64 lower-case letters, digits, '_', '-' or '.'")]
    BadLogin,
    /// A password too short to be one.
    #[error("a password has 8 to 200 characters")]
    BadPassword,
    /// An operator, a leader, an inspector and an administrator serve both.
    #[error("only a person with the role office belongs to one of the two offices: leave it out")]
    OfOffice,
    /// The database failed.
    #[error("the people's table failed")]
    Store(#[from] StoreError),
    /// Hashing failed.
    #[error("the password could not be hashed: {0}")]
    Hash(String),
}

/// Creates the person, or brings password, role, office and name to what is given. The same values again change nothing.
///
/// # Errors
/// `PersonError`.
pub async fn ensure_person(
    store: &Store,
    login: &str,
    password: &Secret,
    role: Role,
    office: Option<Office>,
    name: &str,
) -> Result<(), PersonError> {
    if office.is_some() && role != Role::Office {
        return Err(PersonError::OfOffice);
    }
    let good = (1..=64).contains(&login.len())
        && login
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b));
    if !good {
        return Err(PersonError::BadLogin);
    }
    if !(8..=200).contains(&password.reveal().chars().count()) {
        return Err(PersonError::BadPassword);
    }
    if let Some(known) = store.person(login).await?
        && known.role == role
        && known.office == office
        && known.name == name
        && verify(password.clone(), known.password.clone())
            .await
            .map_err(PersonError::Hash)?
    {
        return Ok(());
    }
    let hash = hash(password.clone()).await.map_err(PersonError::Hash)?;
    let person = Person {
        login: login.to_owned(),
        password: hash,
        role,
        office,
        name: name.to_owned(),
    };
    Ok(store.put_person(&person).await?)
}

/// Checks a login and a password, and opens a session. Gives the token for the cookie; only its hash is kept.
///
/// # Errors
/// `SignInError`.
pub async fn sign_in(
    store: &Store,
    login: &str,
    password: Secret,
    now: Instant,
) -> Result<String, SignInError> {
    let login = login.trim().to_lowercase();
    let key = digest(&login);
    if store.failures(&key, now.plus_micros(-WINDOW)).await? >= MOST_FAILURES {
        return Err(SignInError::TooMany);
    }
    let person = store.person(&login).await?;
    // An unknown login takes as long as a wrong password.
    let known = person
        .as_ref()
        .map_or_else(|| Secret::new(NOBODY), |p| p.password.clone());
    let right = verify(password, known).await.map_err(SignInError::Hash)?;
    let Some(person) = person.filter(|_| right) else {
        store.note_failure(&key, now, now.plus_micros(-WINDOW)).await?;
        return Err(SignInError::Wrong);
    };
    store.clear_failures(&key).await?;
    let token = random();
    let session = Session {
        login: person.login,
        role: person.role,
        office: person.office,
        name: person.name,
        csrf: random(),
    };
    store
        .open_session(&digest(&token), &session, now, now.plus_micros(SESSION))
        .await?;
    Ok(token)
}

/// 32 random bytes, hex.
#[must_use]
pub fn random() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

/// SHA-256, hex: what is kept of a token.
#[must_use]
pub fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// Whether two texts are the same, in a time that does not tell where they differ.
#[must_use]
pub fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |d, (x, y)| d | (x ^ y)) == 0
}

/// The hash of a password nobody has, at the same cost as a real one.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IG9mIG91cnM$2Cm8pJTFEHDQpXnVpJTxaXnS6D9XPJT7UGRfZmU9vpg";

#[expect(
    clippy::disallowed_methods,
    reason = "password hashing takes tens of milliseconds of CPU"
)]
async fn hash(password: Secret) -> Result<Secret, String> {
    use argon2::password_hash::PasswordHasher;
    tokio::task::spawn_blocking(move || {
        let hash: argon2::password_hash::phc::PasswordHash = argon2::Argon2::default()
            .hash_password(password.reveal().as_bytes())
            .map_err(|e| e.to_string())?;
        Ok(Secret::new(hash.to_string()))
    })
    .await
    .map_err(|e| e.to_string())?
}

#[expect(
    clippy::disallowed_methods,
    reason = "password hashing takes tens of milliseconds of CPU"
)]
async fn verify(password: Secret, known: Secret) -> Result<bool, String> {
    use argon2::password_hash::{PasswordVerifier, phc::PasswordHash};
    tokio::task::spawn_blocking(move || {
        let known = PasswordHash::new(known.reveal()).map_err(|e| e.to_string())?;
        Ok(argon2::Argon2::default()
            .verify_password(password.reveal().as_bytes(), &known)
            .is_ok())
    })
    .await
    .map_err(|e| e.to_string())?
}
