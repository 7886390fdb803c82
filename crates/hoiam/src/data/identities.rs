//! Who is who in one installation: the tokens for gRPC, the passwords for NATS, and what each caller may do.

use std::path::Path;

use anyhow::Context;
use chassis::callers::{Caller, CallerKind, CallersFile, token_sha256};
use serde::{Deserialize, Serialize};

use super::secrets::{private_folder, random_hex};
use super::{DataFolder, write_private};

/// The services, in the order in which they start.
pub const SERVICES: [&str; 7] = [
    "ledger",
    "intake",
    "classification",
    "routing",
    "escalation",
    "feedback",
    "console",
];

/// A user of the broker: what it takes to sign in, and where.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatsCredential {
    /// Where the broker is; rewritten when it moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Who.
    pub user: String,
    /// 256 random bits in hex.
    pub password: String,
}

impl std::fmt::Debug for NatsCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsCredential")
            .field("url", &self.url)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl NatsCredential {
    /// Reads a credential file.
    ///
    /// # Errors
    /// When it is missing or holds something else.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read(path)
            .with_context(|| format!("the credential file {} cannot be read", path.display()))?;
        serde_json::from_slice(&text)
            .map_err(|e| anyhow::anyhow!("{} is no credential file: line {}", path.display(), e.line()))
    }
}

/// The broker's user of a unit.
#[must_use]
pub fn unit_user(unit: &str) -> String {
    format!("unit-{unit}")
}

/// The broker's user of a gateway.
#[must_use]
pub fn gateway_user(gateway: &str) -> String {
    format!("gw-{gateway}")
}

impl DataFolder {
    /// The broker's user, made if there is none yet. Says whether it was made.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn ensure_nats_user(&self, user: &str) -> anyhow::Result<(NatsCredential, bool)> {
        let path = self.nats_credential(user);
        if path.exists() {
            return Ok((NatsCredential::read(&path)?, false));
        }
        let credential = NatsCredential {
            url: None,
            user: user.to_owned(),
            password: random_hex()?,
        };
        write_private(&path, &serde_json::to_vec_pretty(&credential)?)?;
        Ok((credential, true))
    }

    /// Every user of the broker, sorted.
    ///
    /// # Errors
    /// When the folder or a file cannot be read.
    pub fn nats_users(&self) -> anyhow::Result<Vec<NatsCredential>> {
        let folder = self.nats();
        let mut users = Vec::new();
        for entry in
            std::fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?
        {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "json") {
                users.push(NatsCredential::read(&path)?);
            }
        }
        users.sort_by(|a, b| a.user.cmp(&b.user));
        Ok(users)
    }

    /// Writes the credentials that are not in the folder (any more), and the folder itself.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn restore_nats_users<'a>(
        &self,
        users: impl Iterator<Item = &'a NatsCredential>,
    ) -> anyhow::Result<()> {
        private_folder(&self.nats())?;
        for user in users {
            let path = self.nats_credential(&user.user);
            if !path.exists() {
                write_private(&path, &serde_json::to_vec_pretty(user)?)?;
            }
        }
        Ok(())
    }

    /// Writes the broker's address into every credential, so that a unit or gateway needs its file and nothing else.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn tell_users_the_address(&self, url: &str) -> anyhow::Result<()> {
        for mut user in self.nats_users()? {
            if user.url.as_deref() != Some(url) {
                user.url = Some(url.to_owned());
                write_private(
                    &self.nats_credential(&user.user),
                    &serde_json::to_vec_pretty(&user)?,
                )?;
            }
        }
        Ok(())
    }

    /// A caller with this right, made or changed if need be; its token is in its file.
    ///
    /// # Errors
    /// When the files cannot be read or written.
    pub fn ensure_callers(&self, wanted: Vec<Caller>) -> anyhow::Result<()> {
        let mut file = match std::fs::read(self.callers()) {
            Ok(text) => serde_json::from_slice(&text)
                .with_context(|| format!("{} is no list of callers", self.callers().display()))?,
            Err(_) => CallersFile::default(),
        };
        let before = file.callers.clone();
        for mut caller in wanted {
            let token = if caller.kind == CallerKind::Unit {
                unit_user(&caller.name)
            } else {
                caller.name.clone()
            };
            let path = self.token(&token);
            if !path.exists() {
                write_private(&path, random_hex()?.as_bytes())?;
            }
            caller.token_sha256 = token_sha256(self.read_token(&token)?.as_str());
            // A unit may have the name of a service: kind and name together say who it is.
            file.callers
                .retain(|known| (known.kind, &known.name) != (caller.kind, &caller.name));
            file.callers.push(caller);
        }
        file.callers.sort_by(|a, b| a.name.cmp(&b.name));
        if file.callers == before {
            Ok(())
        } else {
            write_private(&self.callers(), &serde_json::to_vec_pretty(&file)?)
        }
    }

    /// The bearer token of a caller.
    ///
    /// # Errors
    /// When there is none.
    pub fn read_token(&self, name: &str) -> anyhow::Result<String> {
        let path = self.token(name);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("the token {} cannot be read", path.display()))?;
        Ok(text.trim().to_owned())
    }

    /// Lets a unit call routing over gRPC with a token of its own (`unit-<code>.token`).
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn ensure_unit_caller(&self, unit: &str) -> anyhow::Result<()> {
        self.ensure_callers(vec![caller(unit, CallerKind::Unit, &[], &[], false, false)])
    }
}

/// What each of our own may do at the ledger and at the services: the least it needs.
fn own_callers() -> Vec<Caller> {
    use CallerKind::{Admin, Console, Service};
    vec![
        caller("ledger", Service, &[], &[], true, false),
        caller("intake", Service, &["report"], &[], true, false),
        caller(
            "classification",
            Service,
            &["classification", "classification-policy"],
            &["classify", "learn", "policy"],
            true,
            false,
        ),
        caller(
            "routing",
            Service,
            &["routing", "routing-policy", "routing-outlet"],
            &["route", "handle", "policy"],
            true,
            true,
        ),
        caller(
            "escalation",
            Service,
            &["obligation", "sla-policy"],
            &["policy"],
            true,
            false,
        ),
        caller(
            "feedback",
            Service,
            &["feedback", "message"],
            &["answer"],
            true,
            false,
        ),
        caller(
            "console",
            Console,
            &["directory"],
            &["handle", "review", "inspect"],
            true,
            true,
        ),
        Caller {
            rights: ["erase", "search"].map(str::to_owned).to_vec(),
            ..caller("admin", Admin, &[], &["learn", "backtest"], true, true)
        },
    ]
}

fn caller(
    name: &str,
    kind: CallerKind,
    append: &[&str],
    purposes: &[&str],
    read: bool,
    acts_for_people: bool,
) -> Caller {
    let owned = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect();
    Caller {
        name: name.to_owned(),
        kind,
        token_sha256: String::new(),
        append: owned(append),
        purposes: owned(purposes),
        rights: Vec::new(),
        read,
        acts_for_people,
    }
}

pub(super) fn ensure_all(folder: &DataFolder) -> anyhow::Result<()> {
    folder.ensure_callers(own_callers())?;
    for user in SERVICES.iter().copied().chain(["admin"]) {
        folder.ensure_nats_user(user)?;
    }
    folder.ensure_nats_user(&gateway_user("demo"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_console_opens_content_for_an_inspector_also_in_a_folder_made_before_it_could() {
        let temp = tempfile::tempdir().unwrap();
        let folder = DataFolder::at(temp.path()).unwrap();
        folder.init().unwrap();
        let callers = || {
            let text = std::fs::read(folder.callers()).unwrap();
            serde_json::from_slice::<CallersFile>(&text).unwrap()
        };
        let inspectors = |file: CallersFile| {
            let may = |c: &Caller| c.purposes.iter().any(|p| p == "inspect");
            file.callers
                .into_iter()
                .filter(may)
                .map(|c| c.name)
                .collect::<Vec<_>>()
        };
        assert_eq!(inspectors(callers()), ["console"]);
        let mut older = callers();
        for caller in &mut older.callers {
            caller.purposes.retain(|p| p != "inspect");
        }
        write_private(&folder.callers(), &serde_json::to_vec(&older).unwrap()).unwrap();
        folder.init().unwrap();
        assert_eq!(inspectors(callers()), ["console"]);
    }
}
