//! Who may call: a JSON file of callers, known by the SHA-256 of their bearer token.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use kernel::Actor;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

use crate::config::Secret;

/// What a caller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerKind {
    /// One of our services.
    Service,
    /// A unit's own system.
    Unit,
    /// A channel gateway.
    Gateway,
    /// The console, which acts for people signed in to it.
    Console,
    /// Who runs the installation.
    Admin,
    /// The Inspection Committee.
    Auditor,
}

/// One caller and what they may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// `routing`, `so_xd`, `gw1`.
    pub name: String,
    /// What they are.
    pub kind: CallerKind,
    /// SHA-256 of their token, hex.
    pub token_sha256: String,
    /// Stream categories they may append to.
    #[serde(default)]
    pub append: Vec<String>,
    /// Purposes they may open content for (`classify`, `route`, `answer`, `handle`, `review`, `inspect`, `policy`, `learn`, `backtest`).
    #[serde(default)]
    pub purposes: Vec<String>,
    /// What needs a right of its own: `erase` (content, for ever), `search` (in sealed content).
    #[serde(default)]
    pub rights: Vec<String>,
    /// Whether they may read the ledger.
    #[serde(default)]
    pub read: bool,
    /// Whether they may name a person as the actor or reader.
    #[serde(default)]
    pub acts_for_people: bool,
}

impl Caller {
    /// The caller itself as an actor; `None` when its name is no id.
    #[must_use]
    pub fn actor(&self) -> Option<Actor> {
        let role = match self.kind {
            CallerKind::Service | CallerKind::Console => "service",
            CallerKind::Unit => "unit",
            CallerKind::Gateway => "gateway",
            CallerKind::Admin => "admin",
            CallerKind::Auditor => "inspector",
        };
        Actor::of(role, &self.name).ok()
    }

    /// Whether the caller may put an event down to this actor: itself, and whoever it acts for. Our services act for whoever called
    /// them, since they know by whose token; others need `acts_for_people`. Nobody speaks for a service but that service. Who runs the
    /// installation and acts for people may name anybody: they write the list of callers itself.
    #[must_use]
    pub fn may_name(&self, actor: &Actor) -> bool {
        match self.kind {
            _ if self.actor().as_ref() == Some(actor) => true,
            CallerKind::Admin => self.acts_for_people,
            CallerKind::Service => actor.role() != "service",
            CallerKind::Console | CallerKind::Unit | CallerKind::Gateway | CallerKind::Auditor => {
                self.acts_for_people && actor.role() != "service"
            }
        }
    }
}

/// The file's content.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CallersFile {
    /// All callers.
    pub callers: Vec<Caller>,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CallersError {
    /// It cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is not what it should be.
    #[error("{} is not a list of callers ({what})", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What serde says, or which caller is wrong.
        what: String,
    },
}

/// How long the file is taken to be what it was. Somebody whose token is not in the list is looked for in the file at once.
const LOOK: Duration = Duration::from_millis(250);

type Known = Arc<Vec<(Vec<u8>, Arc<Caller>)>>;

#[derive(Debug)]
struct Loaded {
    callers: Known,
    modified: Option<SystemTime>,
    looked: Instant,
}

/// Who may call; reads its file again when it changed, a quarter of a second later at most. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Callers {
    path: Option<PathBuf>,
    loaded: Arc<Mutex<Loaded>>,
}

impl Callers {
    /// Nobody.
    #[must_use]
    pub fn nobody() -> Self {
        Self::of(CallersFile::default())
    }

    /// A fixed list, for tests. Callers whose digest is not hex are left out.
    #[must_use]
    pub fn of(file: CallersFile) -> Self {
        let callers = file
            .callers
            .into_iter()
            .filter_map(|c| Some((hex::decode(&c.token_sha256).ok()?, Arc::new(c))))
            .collect();
        Self {
            path: None,
            loaded: Arc::new(Mutex::new(Loaded {
                callers: Arc::new(callers),
                modified: None,
                looked: Instant::now(),
            })),
        }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read or holds something else.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, CallersError> {
        let path = path.as_ref();
        Ok(Self {
            path: Some(path.to_owned()),
            loaded: Arc::new(Mutex::new(read(path)?)),
        })
    }

    /// Who calls with this metadata.
    ///
    /// # Errors
    /// `Unauthenticated` without a token or with one that nobody here has.
    pub fn authenticate(&self, metadata: &MetadataMap) -> Result<Arc<Caller>, Status> {
        let token = metadata
            .get("authorization")
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.strip_prefix("Bearer "))
            .ok_or_else(|| Status::unauthenticated("the call carries no `authorization: Bearer <token>`"))?;
        self.by_token(token)
            .ok_or_else(|| Status::unauthenticated("nobody here has this token"))
    }

    /// Who has this token.
    #[must_use]
    pub fn by_token(&self, token: &str) -> Option<Arc<Caller>> {
        let digest = Sha256::digest(token.as_bytes());
        // Every entry is compared to its end, so that the time says nothing about where they differ.
        let found = |known: Known| {
            known.iter().fold(None, |found, (known, caller)| {
                if same(known, &digest) {
                    Some(Arc::clone(caller))
                } else {
                    found
                }
            })
        };
        found(self.current(LOOK)).or_else(|| found(self.current(Duration::ZERO)))
    }

    /// The list in force: read anew when the file's time of change differs; a file that became bad leaves the old list in force. The file
    /// is looked at when the last look is `age` old.
    fn current(&self, age: Duration) -> Known {
        #[expect(clippy::expect_used, reason = "nothing panics while the lock is held")]
        let mut loaded = self.loaded.lock().expect("no holder panics");
        if let Some(path) = &self.path
            && loaded.looked.elapsed() >= age
        {
            loaded.looked = Instant::now();
            let modified = modified(path);
            if modified != loaded.modified {
                match read(path) {
                    Ok(new) => *loaded = new,
                    Err(error) => {
                        tracing::error!(error = %crate::telemetry::chain(&error), "the list of callers became unreadable; the one read before stays in force");
                        loaded.modified = modified;
                    }
                }
            }
        }
        Arc::clone(&loaded.callers)
    }
}

fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|m| m.modified()).ok()
}

fn read(path: &Path) -> Result<Loaded, CallersError> {
    let modified = modified(path);
    let content = |what: String| CallersError::Content {
        path: path.to_owned(),
        what,
    };
    let text = std::fs::read(path).map_err(|source| CallersError::Read {
        path: path.to_owned(),
        source,
    })?;
    let file: CallersFile = serde_json::from_slice(&text).map_err(|e| content(e.to_string()))?;
    let mut callers = Vec::with_capacity(file.callers.len());
    for caller in file.callers {
        match hex::decode(&caller.token_sha256) {
            Ok(digest) if digest.len() == 32 => callers.push((digest, Arc::new(caller))),
            _ => {
                return Err(content(format!(
                    "token_sha256 of `{}` is not 64 hex digits",
                    caller.name
                )));
            }
        }
    }
    Ok(Loaded {
        callers: Arc::new(callers),
        modified,
        looked: Instant::now(),
    })
}

/// The digest that the file holds for a token.
#[must_use]
pub fn token_sha256(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// Client side: adds `authorization: Bearer <token>` to every call.
#[derive(Clone, Debug)]
pub struct BearerToken(Secret);

impl BearerToken {
    /// Calls carry this token; an empty one is left out.
    #[must_use]
    pub fn new(token: Secret) -> Self {
        Self(token)
    }
}

impl tonic::service::Interceptor for BearerToken {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if !self.0.reveal().is_empty() {
            let value = format!("Bearer {}", self.0.reveal()).parse().map_err(|_| {
                Status::unauthenticated("the token holds a character that no header may hold")
            })?;
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_with(names: &[&str]) -> CallersFile {
        let caller = |name: &&str| Caller {
            name: (*name).to_owned(),
            kind: CallerKind::Service,
            token_sha256: token_sha256(&format!("token of {name}")),
            append: vec![],
            purposes: vec![],
            rights: vec![],
            read: true,
            acts_for_people: false,
        };
        CallersFile {
            callers: names.iter().map(caller).collect(),
        }
    }

    fn with_token(token: &str) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        metadata.insert("authorization", format!("Bearer {token}").parse().unwrap());
        metadata
    }

    #[test]
    fn a_caller_is_known_by_their_token_and_nobody_else_is() {
        let callers = Callers::of(file_with(&["routing", "intake"]));
        assert_eq!(
            callers.authenticate(&with_token("token of intake")).unwrap().name,
            "intake"
        );
        assert_eq!(
            callers
                .authenticate(&with_token("token of nobody"))
                .unwrap_err()
                .code(),
            tonic::Code::Unauthenticated
        );
        assert_eq!(
            callers.authenticate(&MetadataMap::new()).unwrap_err().code(),
            tonic::Code::Unauthenticated
        );
    }

    #[test]
    fn nobody_speaks_for_another_service_and_only_who_acts_for_people_names_them() {
        let named = |kind, acts_for_people, actor: &str| {
            let caller = Caller {
                kind,
                acts_for_people,
                ..file_with(&["a"]).callers.remove(0)
            };
            caller.may_name(&Actor::parse(actor).unwrap())
        };
        let itself = [
            (CallerKind::Service, "service:a"),
            (CallerKind::Console, "service:a"),
            (CallerKind::Unit, "unit:a"),
            (CallerKind::Gateway, "gateway:a"),
            (CallerKind::Admin, "admin:a"),
            (CallerKind::Auditor, "inspector:a"),
        ];
        for (kind, own) in itself {
            assert!(named(kind, false, own), "{own}");
            let for_others = kind == CallerKind::Service;
            for other in ["unit:b", "gateway:b", "citizen", "operator:lan"] {
                assert_eq!(named(kind, false, other), for_others, "{kind:?} {other}");
                assert!(named(kind, true, other), "{kind:?} {other}");
            }
            assert!(!named(kind, false, "service:b"), "{kind:?}");
            assert_eq!(named(kind, true, "service:b"), kind == CallerKind::Admin);
        }
    }

    #[test]
    fn a_changed_file_is_read_again_and_a_broken_one_leaves_the_old_list_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("callers.json");
        let write = |text: String, age: u64| {
            std::fs::write(&path, text).unwrap();
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000 + age);
            std::fs::File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_modified(time)
                .unwrap();
        };
        write(serde_json::to_string(&file_with(&["a"])).unwrap(), 1);
        let callers = Callers::load(&path).unwrap();
        assert!(callers.by_token("token of b").is_none());
        write(serde_json::to_string(&file_with(&["a", "b"])).unwrap(), 2);
        assert!(callers.by_token("token of b").is_some());
        write("not json".to_owned(), 3);
        assert!(callers.by_token("token of b").is_some());
    }
}
