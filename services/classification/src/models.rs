//! The models that policies name: each learns once, away from the threads that serve, and again without what was erased since.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chassis::consumer::Failure;
use chassis::ledger::{Filter, LedgerClient, LedgerError, Opened, Purpose, Range, Run};
use classification_domain::model::{Learning, Model};
use classification_domain::record::{BadRecord, Record};
use classification_domain::{Policy, PolicyError, built_in};
use contracts::sealed::ReportContent;
use contracts::{Code, Recorded};
use futures::TryStreamExt;
use kernel::{CaseId, Position};
use tokio::sync::Mutex;

use crate::policies::InForce;

/// Policies whose models are kept in memory: the one in force, the one before, and one that comes.
const KEPT: usize = 3;

/// A policy with both its voices.
#[derive(Clone, Debug)]
pub struct Speaking {
    /// Of the policy: what decisions name.
    pub version: Code,
    /// Of the model as it is today; empty when the policy names none.
    pub model: Code,
    /// Ready to classify.
    pub policy: Arc<Policy>,
}

/// Why a policy cannot speak.
#[derive(Debug, thiserror::Error)]
pub enum NotSpeaking {
    /// It is none, or its model is not known here.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// What the model learns from cannot be opened.
    #[error("the reports of the model cannot be opened")]
    Ledger(#[from] LedgerError),
    /// One of them may not be, and why.
    #[error("a report the model learns from may not be opened: {0}")]
    Refused(String),
    /// The learning broke off.
    #[error("the learning broke off")]
    BrokenOff(#[from] tokio::task::JoinError),
}

impl From<BadRecord> for NotSpeaking {
    fn from(error: BadRecord) -> Self {
        Self::Policy(error.into())
    }
}

/// Opens the texts a model learns from.
#[derive(Clone, Debug)]
pub struct Opener {
    /// The ledger.
    pub ledger: LedgerClient,
    /// The person's run in which they are opened; `None`: the service opens them for its own decisions.
    pub run: Option<Run>,
}

impl Opener {
    /// The texts of reports by position; the erased ones are not there.
    ///
    /// # Errors
    /// `NotSpeaking` when the ledger cannot be asked, or refuses.
    pub async fn texts(
        &self,
        positions: &[Position],
    ) -> Result<std::collections::HashMap<u64, String>, NotSpeaking> {
        if positions.is_empty() {
            return Ok(Default::default());
        }
        let opened = match &self.run {
            Some(run) => self.ledger.open_in_run(Purpose::Learn, positions, run).await?,
            None => self.ledger.open(Purpose::Learn, positions, None).await?,
        };
        let mut texts = std::collections::HashMap::with_capacity(opened.len());
        for (position, opened) in opened {
            match opened {
                Opened::Plain(content) => {
                    // What the parser says could quote the text.
                    let content: ReportContent = serde_json::from_slice(&content).map_err(|_| {
                        NotSpeaking::Refused(format!("the content at {position} cannot be read"))
                    })?;
                    texts.insert(position.0, content.text);
                }
                Opened::Erased => {}
                Opened::NothingSealed => {
                    return Err(NotSpeaking::Refused(format!("nothing is sealed at {position}")));
                }
                Opened::Refused(why) => return Err(NotSpeaking::Refused(why)),
            }
        }
        Ok(texts)
    }
}

/// The labelled reports a model learns from: those the product comes with, else `<version>.jsonl` in the folder, if they have that very hash.
#[must_use]
pub fn records(version: &str, folder: Option<&Path>) -> Option<Cow<'static, str>> {
    if let Some(known) = built_in::records(version) {
        return Some(Cow::Borrowed(known));
    }
    // The version comes from a policy: only what is a hash names a file.
    let is_hash = version.len() == 16 && version.bytes().all(|b| b.is_ascii_hexdigit());
    let folder = folder.filter(|_| is_hash)?;
    match std::fs::read_to_string(folder.join(format!("{version}.jsonl"))) {
        Ok(lines) => {
            (Model::version_of(&lines, &Learning::default()) == version).then_some(Cow::Owned(lines))
        }
        Err(error) => {
            tracing::error!(model = version, error = %chassis::telemetry::chain(&error), "a model's records cannot be read");
            None
        }
    }
}

/// Lets the model that a policy names learn. Also says whose reports it learnt.
///
/// # Errors
/// `NotSpeaking`.
#[expect(clippy::disallowed_methods, reason = "learning takes a second or two of CPU")]
pub async fn speaking(
    version: Code,
    text: String,
    folder: Option<PathBuf>,
    opener: &Opener,
) -> Result<(Speaking, BTreeSet<CaseId>), NotSpeaking> {
    let (policy, lines) = tokio::task::spawn_blocking(move || {
        let policy = Policy::parse(&text)?;
        let lines = policy.model_version().map(|version| {
            records(version, folder.as_deref()).ok_or_else(|| PolicyError::UnknownModel(version.to_owned()))
        });
        let lines = lines.transpose()?;
        Ok::<_, PolicyError>((policy, lines))
    })
    .await??;
    let Some(lines) = lines else {
        let (model, policy) = (Code::default(), Arc::new(policy));
        return Ok((
            Speaking {
                version,
                model,
                policy,
            },
            BTreeSet::new(),
        ));
    };
    let sealed: Vec<_> = Record::read_all(&lines)?
        .iter()
        .filter_map(|it| it.sealed)
        .collect();
    let positions: Vec<Position> = sealed.iter().map(|it| Position(it.position)).collect();
    let mut texts = opener.texts(&positions).await?;
    let learnt = tokio::task::spawn_blocking(move || {
        let learnable = Record::opened(&lines, |position| texts.remove(&position))?;
        if learnable.left_out > 0 {
            tracing::info!(
                left_out = learnable.left_out,
                model = learnable.version,
                "reports that were erased are left out of what the model learns"
            );
        }
        let policy = policy.learning(&learnable.records, &learnable.version);
        Ok::<_, BadRecord>((Code::lossy(&learnable.version), Arc::new(policy)))
    });
    let (model, policy) = learnt.await??;
    let cases = sealed.into_iter().map(|it| it.case).collect();
    Ok((
        Speaking {
            version,
            model,
            policy,
        },
        cases,
    ))
}

/// The models in memory.
pub(crate) struct Models {
    opener: Opener,
    folder: Option<PathBuf>,
    /// Held while one learns: whoever needs it too waits for it instead of learning too.
    kept: Mutex<Kept>,
}

struct Kept {
    /// Erasures up to here are heeded.
    up_to: Position,
    /// The newest last, each with the cases whose reports it learnt.
    speaking: Vec<(Speaking, BTreeSet<CaseId>)>,
}

impl Models {
    pub(crate) fn new(ledger: LedgerClient, folder: Option<PathBuf>) -> Self {
        Self {
            opener: Opener { ledger, run: None },
            folder,
            kept: Mutex::new(Kept {
                up_to: Position(0),
                speaking: Vec::new(),
            }),
        }
    }

    /// The rules in force at a cause, with their model: it has learnt nothing that was erased before the cause.
    pub(crate) async fn speaking(&self, rules: &InForce, cause: Position) -> Result<Speaking, Failure> {
        let mut kept = self.kept.lock().await;
        if kept.up_to < cause && kept.speaking.iter().any(|(_, cases)| !cases.is_empty()) {
            self.forget(&mut kept).await?;
        }
        if let Some((known, _)) = kept.speaking.iter().find(|(it, _)| it.version == rules.version) {
            return Ok(known.clone());
        }
        let (version, text) = (rules.version.clone(), rules.policy.text.clone());
        if kept.speaking.is_empty() {
            kept.up_to = Position(self.opener.ledger.head(Position(0)).await?.position);
        }
        let learnt = speaking(version, text, self.folder.clone(), &self.opener).await;
        // Reports wait until its records are there (again): no other model may decide in its place.
        let learnt = learnt.map_err(|error| Failure::transient(anyhow::Error::from(error)))?;
        if kept.speaking.len() == KEPT {
            kept.speaking.remove(0);
        }
        kept.speaking.push(learnt.clone());
        Ok(learnt.0)
    }

    /// Lets go of the models that learnt what was erased meanwhile.
    async fn forget(&self, kept: &mut Kept) -> Result<(), Failure> {
        let head = Position(self.opener.ledger.head(Position(0)).await?.position);
        let range = Range {
            from: Position(kept.up_to.0 + 1),
            to: Some(head),
            limit: None,
        };
        let filter = Filter {
            types: vec!["access.content_erased".to_owned()],
            ..Filter::default()
        };
        let erased: Vec<Recorded> = self.opener.ledger.read_all(range, filter).try_collect().await?;
        let erased: BTreeSet<CaseId> = erased.into_iter().filter_map(|event| event.case).collect();
        kept.speaking.retain(|(_, cases)| cases.is_disjoint(&erased));
        kept.up_to = head;
        Ok(())
    }
}
