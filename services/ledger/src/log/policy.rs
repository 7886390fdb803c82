//! Which log, which witnesses, and how many of them (C2SP tlog-policy): what makes a checkpoint one to be believed.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::checkpoint::{Checkpoint, decimal};
use super::note::{Note, NoteError, Role, VerifierKey};

/// What is wrong with a policy file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A line.
    #[error("line {line} of the policy: {why}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// The file as a whole.
    #[error("the policy {0}")]
    Whole(&'static str),
    /// The file cannot be read.
    #[error("the policy {0} cannot be read: {1}")]
    File(String, std::io::ErrorKind),
}

/// Why a checkpoint is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAccepted {
    /// The note is none, or was changed.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// No log of the policy has signed it.
    #[error(
        "no log of the policy has signed this checkpoint: is it another log's, or the policy another city's?"
    )]
    NoLog,
    /// Too few have cosigned.
    #[error("too few witnesses have cosigned this checkpoint for the policy's quorum: {}", if .0.is_empty() { "nobody".to_owned() } else { .0.join(", ") })]
    NoQuorum(Vec<String>),
}

/// A log of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its key, named after its origin.
    pub key: VerifierKey,
    /// Where it is served, if said.
    pub url: Option<String>,
}

/// A witness of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Its name in this file.
    pub name: String,
    /// Its key.
    pub key: VerifierKey,
    /// The prefix of its `add-checkpoint`, if said.
    pub url: Option<String>,
}

/// The policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Each of them is accepted.
    pub logs: Vec<LogLine>,
    /// All that are known; the quorum says which of them are needed.
    pub witnesses: Vec<Witness>,
    quorum: Option<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// Index among the witnesses.
    Witness(usize),
    AtLeast(usize, Vec<Rule>),
}

/// A checkpoint that the policy accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// Who cosigned it (names of the policy) and when (seconds).
    pub cosigners: Vec<(String, u64)>,
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// When it cannot be read, or says nothing good; the line is named.
    pub fn load(path: &Path) -> Result<Self, PolicyError> {
        let bytes = std::fs::read(path)
            .map_err(|error| PolicyError::File(path.display().to_string(), error.kind()))?;
        // Octets above ASCII are opaque; only names and comments hold them.
        Self::parse(&String::from_utf8_lossy(&bytes))
    }

    /// One log, and nobody asked beside it.
    #[must_use]
    pub fn only(key: VerifierKey) -> Self {
        Self {
            logs: vec![LogLine { key, url: None }],
            witnesses: Vec::new(),
            quorum: None,
        }
    }

    /// Reads the text of a policy.
    ///
    /// # Errors
    /// The first line that says nothing good.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let mut reading = Reading::default();
        for (number, line) in (1..).zip(text.split('\n')) {
            if line
                .bytes()
                .any(|byte| (byte < b' ' && byte != b'\t') || byte == 0x7f)
            {
                return Err(PolicyError::Line {
                    line: number,
                    why: "it holds control characters".to_owned(),
                });
            }
            let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
            if words.first().is_some_and(|first| !first.starts_with('#')) {
                reading
                    .line(&words)
                    .map_err(|why| PolicyError::Line { line: number, why })?;
            }
        }
        let quorum = reading.quorum.ok_or(PolicyError::Whole(
            "has no quorum line; `quorum none` asks no witness",
        ))?;
        Ok(Self {
            logs: reading.logs,
            witnesses: reading.witnesses,
            quorum,
        })
    }

    /// Whether the checkpoint is signed by one of the logs and cosigned by as many as the quorum asks.
    ///
    /// # Errors
    /// Why not.
    pub fn accept(&self, note: &Note) -> Result<Accepted, NotAccepted> {
        let checkpoint = Checkpoint::of(note)?;
        let mut by_log = false;
        for log in self.logs.iter().filter(|log| log.key.name == checkpoint.origin) {
            by_log |= log.key.signed(note)?.is_some();
        }
        if !by_log {
            return Err(NotAccepted::NoLog);
        }
        let mut times = Vec::with_capacity(self.witnesses.len());
        for witness in &self.witnesses {
            times.push(witness.key.signed(note)?);
        }
        let cosigners: Vec<(String, u64)> = self
            .witnesses
            .iter()
            .zip(&times)
            .filter_map(|(witness, time)| Some((witness.name.clone(), (*time)?)))
            .collect();
        if self.quorum.as_ref().is_none_or(|rule| rule.holds(&times)) {
            Ok(Accepted {
                checkpoint,
                cosigners,
            })
        } else {
            Err(NotAccepted::NoQuorum(
                cosigners.into_iter().map(|(name, _)| name).collect(),
            ))
        }
    }

    /// Whether it asks for witnesses at all.
    #[must_use]
    pub fn asks_witnesses(&self) -> bool {
        self.quorum.is_some()
    }
}

impl Rule {
    fn holds(&self, times: &[Option<u64>]) -> bool {
        match self {
            Self::Witness(index) => times.get(*index).is_some_and(Option::is_some),
            Self::AtLeast(least, members) => members.iter().filter(|it| it.holds(times)).count() >= *least,
        }
    }
}

#[derive(Default)]
struct Reading {
    logs: Vec<LogLine>,
    witnesses: Vec<Witness>,
    named: HashMap<String, Rule>,
    members: HashSet<String>,
    quorum: Option<Option<Rule>>,
}

impl Reading {
    fn line(&mut self, words: &[&str]) -> Result<(), String> {
        match words {
            ["log", key, url @ ..] if url.len() <= 1 => {
                let key = of_role(key, Role::Log)?;
                if self.logs.iter().any(|log| log.key.key == key.key) {
                    return Err("this log's key stands there twice".to_owned());
                }
                let url = url.first().map(|url| (*url).to_owned());
                self.logs.push(LogLine { key, url });
            }
            ["witness", name, key, url @ ..] if url.len() <= 1 => {
                let key = of_role(key, Role::Witness)?;
                if self.witnesses.iter().any(|it| it.key.key == key.key) {
                    return Err("this witness's key stands there twice".to_owned());
                }
                self.name(name, Rule::Witness(self.witnesses.len()))?;
                self.witnesses.push(Witness {
                    name: (*name).to_owned(),
                    key,
                    url: url.first().map(|url| (*url).trim_end_matches('/').to_owned()),
                });
            }
            ["group", name, least, members @ ..] if !members.is_empty() => {
                let least = match *least {
                    "all" => members.len(),
                    "any" => 1,
                    number => decimal(number)
                        .and_then(|least| usize::try_from(least).ok())
                        .filter(|least| (1..=members.len()).contains(least))
                        .ok_or("a group needs `all`, `any`, or a number from 1 to that of its members")?,
                };
                let rules = members
                    .iter()
                    .map(|member| self.member(member))
                    .collect::<Result<_, _>>()?;
                self.name(name, Rule::AtLeast(least, rules))?;
            }
            ["quorum", name] => {
                if self.quorum.is_some() {
                    return Err("there is a quorum already".to_owned());
                }
                self.quorum = Some(match *name {
                    "none" => None,
                    name => Some(self.named.get(name).cloned().ok_or_else(|| unknown(name))?),
                });
            }
            _ => {
                return Err(
                    "a line is `log <key> [<url>]`, `witness <name> <key> [<url>]`, `group <name> all|any|<k> <name>…` or `quorum <name>|none`"
                        .to_owned(),
                );
            }
        }
        Ok(())
    }

    fn name(&mut self, name: &str, rule: Rule) -> Result<(), String> {
        if name == "none" || self.named.insert(name.to_owned(), rule).is_some() {
            return Err(format!("the name `{name}` is taken"));
        }
        Ok(())
    }

    fn member(&mut self, name: &str) -> Result<Rule, String> {
        let rule = self.named.get(name).cloned().ok_or_else(|| unknown(name))?;
        if self.members.insert(name.to_owned()) {
            Ok(rule)
        } else {
            Err(format!("`{name}` is in a group already"))
        }
    }
}

fn unknown(name: &str) -> String {
    format!("no line above names `{name}`")
}

fn of_role(key: &str, role: Role) -> Result<VerifierKey, String> {
    let key: VerifierKey = key.parse().map_err(|error: NoteError| error.to_string())?;
    if key.role == role {
        Ok(key)
    } else {
        Err(match role {
            Role::Log => "a log's key has the signature type 1; this is a witness's".to_owned(),
            Role::Witness => "a witness's key has the signature type 4; this is a log's".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::note::SigningKey;

    fn key(n: u8, role: Role) -> SigningKey {
        SigningKey::from_seed(&[n; 32], &format!("example.org/{n}"), role).unwrap()
    }

    fn policy(rest: &str) -> Result<Policy, PolicyError> {
        let mut text = format!(
            "# ours\nlog {} http://127.0.0.1:1/log\n",
            key(0, Role::Log).public()
        );
        for n in 1..=3 {
            text += &format!(" witness\tw{n}  {} \n", key(n, Role::Witness).public());
        }
        Policy::parse(&(text + rest))
    }

    fn note(witnesses: &[u8]) -> Note {
        let mut note = Checkpoint::empty("example.org/0").sign(&key(0, Role::Log));
        for n in witnesses {
            note.signatures.push(key(*n, Role::Witness).sign(&note.text, 5));
        }
        note
    }

    #[test]
    fn a_quorum_of_groups_asks_for_some_of_each() {
        let policy = policy("group two 2 w1 w2\ngroup q all two w3\nquorum q\n").unwrap();
        let accepted = policy.accept(&note(&[3, 1, 2])).unwrap();
        assert_eq!(accepted.cosigners[0], ("w1".to_owned(), 5));
        for too_few in [&[][..], &[1, 2], &[1, 3], &[4]] {
            let refused = policy.accept(&note(too_few));
            assert!(matches!(refused, Err(NotAccepted::NoQuorum(_))), "{too_few:?}");
        }
    }

    #[test]
    fn a_wrong_cosignature_is_refused_even_when_others_are_enough() {
        let policy = policy("quorum none\n").unwrap();
        let mut note = note(&[1, 2]);
        assert_eq!(policy.accept(&note).unwrap().cosigners.len(), 2);
        note.signatures[2].bytes[20] ^= 1;
        let refused = NoteError::BadSignature("example.org/2".to_owned());
        assert_eq!(policy.accept(&note), Err(refused.into()));
    }

    #[test]
    fn another_log_of_the_same_name_is_not_accepted() {
        let other = SigningKey::from_seed(&[9; 32], "example.org/0", Role::Log).unwrap();
        let note = Checkpoint::empty("example.org/0").sign(&other);
        let policy = policy("quorum none\n").unwrap();
        assert_eq!(policy.accept(&note), Err(NotAccepted::NoLog));
    }

    #[test]
    fn a_policy_that_could_be_read_two_ways_is_refused_with_its_line() {
        for (rest, line) in [
            ("quorum w4\n", 6),
            ("quorum w1\nquorum w1\n", 7),
            ("group g 4 w1 w2 w3\nquorum g\n", 6),
            ("group g 0 w1\nquorum g\n", 6),
            ("group g any w1\ngroup h any w1\nquorum h\n", 7),
            ("group w1 any w2\nquorum w1\n", 6),
            ("group none any w1\nquorum none\n", 6),
            ("nonsense\nquorum none\n", 6),
        ] {
            match policy(rest) {
                Err(PolicyError::Line { line: found, .. }) => assert_eq!(found, line, "{rest}"),
                other => panic!("{rest}: {other:?}"),
            }
        }
        assert!(matches!(policy(""), Err(PolicyError::Whole(_))));
    }
}
