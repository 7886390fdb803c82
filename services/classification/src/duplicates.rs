//! From two reports that are alike, or a person's word, to a merging on record; and apart again.

pub(crate) mod payload;
pub(crate) mod react;

use std::sync::Arc;

use chassis::consumer::Failure;
use chassis::ledger::{Append, Appended, Expected, Guard, LedgerClient, StreamWrite};
use classification_domain::duplicate::{Basis, Command, Duplicates, Parting, Rejection, Standing};
use classification_domain::likeness::Likeness;
use contracts::{Code, Recorded};
use kernel::{Actor, CaseId, Clock, Decider, Position, RequestId, StreamId};

use self::payload::Stating;
use crate::error::Refusal;

/// How often a decision is made again because one of the cases moved.
const ATTEMPTS: usize = 8;
/// What may not have moved in either case when they are merged.
const GUARDED: [&str; 2] = ["classification", "feedback"];

/// Decides and appends.
pub(crate) struct Matters {
    ledger: LedgerClient,
    clock: Arc<dyn Clock>,
}

/// A case as the ledger has it.
pub(crate) struct CaseFile {
    case: CaseId,
    pub(crate) standing: Standing,
    version: u64,
    last: Position,
    correlation: String,
}

impl CaseFile {
    fn guard(&self) -> Guard {
        Guard {
            case: self.case,
            after: self.last,
            categories: GUARDED.to_vec(),
        }
    }
}

/// What a person asks for.
pub(crate) struct Asked {
    /// Derived from who sent it and their own id of it.
    pub(crate) request: RequestId,
    /// Exactly what they sent, in its one form.
    pub(crate) sent: Vec<u8>,
    /// Who.
    pub(crate) by: Actor,
    /// Of which case.
    pub(crate) case: CaseId,
    /// What.
    pub(crate) what: Wanted,
    /// Why, in words.
    pub(crate) words: Option<String>,
}

/// What they want done.
#[derive(Clone, Copy)]
pub(crate) enum Wanted {
    /// Handle it with this one, or with the one that this is merged into.
    Merge(CaseId),
    /// Make it one of its own again.
    Part(Parting),
}

impl Matters {
    pub(crate) fn new(ledger: LedgerClient, clock: Arc<dyn Clock>) -> Self {
        Self { ledger, clock }
    }

    /// The case, as it was before a request of ours that is on record already.
    pub(crate) async fn read(&self, case: CaseId, before: RequestId) -> Result<CaseFile, Failure> {
        let mut events = self.ledger.read_case(case).await?;
        if let Some(ours) = events.iter().position(|event| event.request == before) {
            events.truncate(ours);
        }
        let mut standing = Standing::default();
        for event in &events {
            if let Some(heard) = payload::heard(event)? {
                standing = Duplicates::evolve(standing, &heard);
            }
        }
        let own = events.iter().rev().find(|e| e.stream == stream(case));
        Ok(CaseFile {
            case,
            standing,
            version: own.map_or(0, |e| e.version),
            last: events.last().map_or(Position(0), |e| e.position),
            correlation: events.first().map(|e| e.correlation.clone()).unwrap_or_default(),
        })
    }

    /// The case at the end: the one this is merged into, if it is; with all that were read on the way.
    async fn root(&self, case: CaseId, before: RequestId) -> Result<Vec<CaseFile>, Failure> {
        let mut way = vec![self.read(case, before).await?];
        while let Some(next) = way.last().and_then(|file| file.standing.merged_into()) {
            if way.iter().any(|file| file.case == next) {
                break;
            }
            way.push(self.read(next, before).await?);
        }
        Ok(way)
    }

    /// Merges because the policy says so. What blocks it is given back; the suspicion remains for a person.
    pub(crate) async fn merge_by_policy(
        &self,
        cause: &Recorded,
        consumer: &'static str,
        (case, into): (CaseId, CaseId),
        likeness: &Likeness,
        policy: &Code,
    ) -> Result<Result<(), Rejection>, Failure> {
        let request = RequestId::reaction(cause.id, consumer);
        for _ in 0..ATTEMPTS {
            let file = self.read(case, request).await?;
            let way = self.root(into, request).await?;
            let command = merge(case, &way, Basis::Policy, likeness.clone());
            let events = match Duplicates::decide(&file.standing, command) {
                Ok(events) => events,
                Err(rejection) => return Ok(Err(rejection)),
            };
            let by = Stating {
                actor: &Actor::service("classification"),
                at: cause.recorded_at,
                policy: Some(policy),
                words: None,
            };
            let Some(write) = write(&file, events, &by) else {
                return Ok(Ok(()));
            };
            let append = Append::reaction(cause, consumer, vec![write]);
            match self.ledger.append(guarded(append, &file, &way)).await {
                Ok(_) => return Ok(Ok(())),
                Err(error) if error.is_overtaken() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(moving())
    }

    /// Puts a suspicion on record.
    pub(crate) async fn suspect(
        &self,
        cause: &Recorded,
        consumer: &'static str,
        (case, of): (CaseId, CaseId),
        likeness: &Likeness,
        policy: &Code,
    ) -> Result<(), Failure> {
        let command = Command::Suspect {
            of,
            likeness: likeness.clone(),
        };
        self.follow(cause, consumer, case, &command, Some(policy)).await
    }

    /// What follows from an event for one case, whichever the event is of.
    pub(crate) async fn follow(
        &self,
        cause: &Recorded,
        consumer: &'static str,
        case: CaseId,
        command: &Command,
        policy: Option<&Code>,
    ) -> Result<(), Failure> {
        let request = RequestId::reaction(cause.id, consumer);
        for _ in 0..ATTEMPTS {
            let file = self.read(case, request).await?;
            let events = match Duplicates::decide(&file.standing, command.clone()) {
                Ok(events) => events,
                Err(rejection) => {
                    tracing::debug!(case.id = %case, %rejection, "nothing follows");
                    return Ok(());
                }
            };
            let by = Stating {
                actor: &Actor::service("classification"),
                at: cause.recorded_at,
                policy,
                words: None,
            };
            let Some(write) = write(&file, events, &by) else {
                return Ok(());
            };
            let append = Append {
                case: Some(case),
                ..Append::reaction(cause, consumer, vec![write])
            };
            match self.ledger.append(append).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_overtaken() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(moving())
    }

    /// Does what a person asks for. The same request again gives the same answer.
    pub(crate) async fn command(&self, asked: &Asked) -> Result<Position, Refusal> {
        for _ in 0..ATTEMPTS {
            let file = self.read(asked.case, asked.request).await?;
            let (way, command) = match asked.what {
                Wanted::Merge(into) => {
                    let way = self.root(into, asked.request).await?;
                    let command = merge(asked.case, &way, Basis::Person, Likeness::default());
                    (way, command)
                }
                Wanted::Part(reason) => (Vec::new(), Command::Part(reason)),
            };
            if std::iter::once(&file).chain(&way).any(|file| file.version == 0) {
                return Err(Refusal::UnknownCase);
            }
            let events = Duplicates::decide(&file.standing, command)?;
            let by = Stating {
                actor: &asked.by,
                at: self.clock.now(),
                policy: None,
                words: asked.words.as_deref(),
            };
            let Some(write) = write(&file, events, &by) else {
                return Ok(file.last);
            };
            let mut append =
                Append::client(asked.request, &asked.sent, Some(asked.case), vec![write]).express(true);
            append.correlation.clone_from(&file.correlation);
            match self.ledger.append(guarded(append, &file, &way)).await {
                Ok(Appended { position, .. }) => return Ok(position),
                Err(error) if error.is_overtaken() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(moving().into())
    }
}

fn merge(case: CaseId, way: &[CaseFile], basis: Basis, likeness: Likeness) -> Command {
    let root = way.last();
    Command::Merge {
        case,
        into: root.map_or(case, |file| file.case),
        other: root.map(|file| file.standing.clone()).unwrap_or_default(),
        basis,
        likeness,
    }
}

/// What is decided on two cases must still be so of both when it is stored.
fn guarded(append: Append, file: &CaseFile, way: &[CaseFile]) -> Append {
    way.iter().fold(append.unless(file.guard()), |append, file| {
        append.unless(file.guard())
    })
}

fn write(
    file: &CaseFile,
    events: Vec<classification_domain::duplicate::Event>,
    by: &Stating<'_>,
) -> Option<StreamWrite> {
    let stated: Vec<_> = events
        .into_iter()
        .filter_map(|event| payload::stated(event, by))
        .collect();
    (!stated.is_empty()).then(|| StreamWrite::new(stream(file.case), Expected::folded(file.version), stated))
}

fn stream(case: CaseId) -> StreamId {
    StreamId::new("classification", case.0)
}

fn moving() -> Failure {
    Failure::transient(anyhow::anyhow!("one of the two cases keeps moving"))
}
