//! A unit's desk: the same verbs for its own system over NATS, and for its officers over gRPC.

mod files;
pub(crate) mod listen;

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chassis::ledger::{LedgerClient, Opened, Purpose};
use contracts::events::classification::Finding;
use contracts::events::routing::{QuestionAnswered, QuestionAsked, UnitJoined};
use contracts::sealed::{Note, ReportContent};
use contracts::wire::{DeskRequest, Question};
use jiff::civil::Date;
use kernel::{Actor, CaseId, Position, RequestId};
use routing_domain::{Command, Notice, Rejection, UnitCode};

use crate::case_file::CaseFile;
use crate::error::Refusal;
use crate::handle::{Asked, Desktop, Done, Handler};

/// Most characters of what a unit types: as much as a citizen may.
const MOST_WORDS: usize = 65_536;
/// Most characters of a question: it goes into a text message.
const MOST_ASKED: usize = 1_000;
/// Most characters of a citizen's answer.
const MOST_ANSWERED: usize = 5_000;

/// In which role content is read here: a unit's officers read as their unit …
pub(crate) const AS_UNIT: &str = "unit";
/// … also those who came by the link in its mail.
pub(crate) const BY_LINK: &str = "unit-link";

/// What a unit may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Read the content.
    Open,
    /// Take the case on.
    Accept,
    /// Give it back.
    Return,
    /// Ask the citizen.
    Ask,
    /// Have another unit take part.
    Join,
    /// Say that work goes on.
    Progress,
    /// Say what came of it.
    Result,
}

impl Verb {
    const ALL: [Self; 7] = [
        Self::Open,
        Self::Accept,
        Self::Return,
        Self::Ask,
        Self::Join,
        Self::Progress,
        Self::Result,
    ];

    /// The token of the subject.
    pub(crate) const fn token(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accept => "accept",
            Self::Return => "return",
            Self::Ask => "ask",
            Self::Join => "join",
            Self::Progress => "progress",
            Self::Result => "result",
        }
    }
}

impl FromStr for Verb {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        Self::ALL
            .into_iter()
            .find(|verb| verb.token() == text)
            .ok_or_else(|| {
                Refusal::Malformed(
                    "the verb is none of open, accept, return, ask, join, progress, result: correct the subject"
                        .to_owned(),
                )
            })
    }
}

/// One request, by whichever entrance.
pub(crate) struct Call {
    /// Whose desk.
    pub(crate) unit: UnitCode,
    /// Who asks, as we know them: the unit's code, or the console's name.
    pub(crate) caller: String,
    /// Who is answerable.
    pub(crate) actor: Actor,
    /// In which role content is read.
    pub(crate) role: &'static str,
    /// What is asked.
    pub(crate) verb: Verb,
    /// On which case, and with what.
    pub(crate) request: DeskRequest,
}

/// Content for whoever works on the case.
pub(crate) struct Content {
    /// What the citizen said, and where.
    pub(crate) report: ReportContent,
    /// What it was found to be.
    pub(crate) finding: Option<Finding>,
    /// What the lead unit asks of this one, which takes part.
    pub(crate) task: Option<String>,
    /// What the citizen was asked, and answered.
    pub(crate) questions: Vec<Question>,
    /// The ledger's head after the opening was committed.
    pub(crate) position: Position,
}

/// The desk of every unit.
pub(crate) struct Desk {
    handler: Arc<Handler>,
    ledger: LedgerClient,
}

impl Desk {
    pub(crate) fn new(handler: Arc<Handler>, ledger: LedgerClient) -> Self {
        Self { handler, ledger }
    }

    /// Opens what the citizen said, if the case is before the unit; the opening is on record before the content is handed out.
    pub(crate) async fn open(&self, call: &Call) -> Result<Content, Refusal> {
        let (file, case) = self.handler.look(call.request.case).await?;
        case.is_before(&call.notice())?;
        if call.role == BY_LINK && file.answered(&call.notice())? {
            return Err(Rejection::AlreadyAnswered.into());
        }
        self.handler.may_read(&case, &call.unit).await?;
        let report = file.report().ok_or(Refusal::UnknownCase)?.position;
        let said = Said::of(&file, &call.unit)?;
        let positions: Vec<Position> = std::iter::once(report).chain(said.positions()).collect();
        let mut opening = self
            .ledger
            .open_on_record(Purpose::Handle, &positions, call.actor.clone(), call.role)
            .await?;
        let plain = match opening.contents.remove(&report) {
            Some(Opened::Plain(plain)) => plain,
            Some(Opened::Erased) => return Err(Refusal::Erased),
            Some(Opened::Refused(why)) => {
                return Err(Refusal::Internal(anyhow::anyhow!(
                    "the content may not be opened: {why}"
                )));
            }
            Some(Opened::NothingSealed) | None => {
                return Err(Refusal::Internal(anyhow::anyhow!("the report has no content")));
            }
        };
        // The parser's message could quote the text; the position says which event it is.
        let report = serde_json::from_slice(&plain).map_err(|_| {
            Refusal::Internal(anyhow::anyhow!(
                "the content of the event at {report} is no report"
            ))
        })?;
        let position = opening.on_record.ok_or_else(|| {
            Refusal::Internal(anyhow::anyhow!(
                "the content was opened and that is not on record"
            ))
        })?;
        let (task, questions) = said.in_words(&opening.contents);
        Ok(Content {
            report,
            finding: file.finding()?,
            task,
            questions,
            position,
        })
    }

    /// Carries out everything but opening.
    pub(crate) async fn act(&self, call: &Call) -> Result<Done, Refusal> {
        call.check()?;
        let asked = Asked {
            request: RequestId::client(
                &format!("routing/{}/{}", call.caller, call.verb),
                &call.request.request_id,
            ),
            sent: call.sent()?,
            actor: call.actor.clone(),
            case: call.request.case,
            note: call.note()?,
        };
        self.handler.command(&asked, |on| call.command(on)).await
    }

    /// The citizen's answer to a question; `request` is derived from who hands it in and their own id of it.
    pub(crate) async fn answer(
        &self,
        request: RequestId,
        sent: Vec<u8>,
        actor: Actor,
        case: CaseId,
        (question, text): (u32, String),
    ) -> Result<Done, Refusal> {
        if text.chars().count() > MOST_ANSWERED {
            return Err(Refusal::Malformed(
                "the answer has more than 5,000 characters: shorten it".to_owned(),
            ));
        }
        let in_words = !text.trim().is_empty();
        let asked = Asked {
            request,
            sent,
            actor,
            case,
            note: in_words.then(|| Note::of(text)),
        };
        self.handler
            .command(&asked, |_| Ok(Command::Answer { question, in_words }))
            .await
    }
}

/// Where the words are that bear on what a unit does: questions, answers, what is asked of it.
struct Said {
    task: Option<Position>,
    questions: Vec<(u32, Position, Option<Position>)>,
}

impl Said {
    fn of(file: &CaseFile, unit: &UnitCode) -> Result<Self, Refusal> {
        let (mut task, mut questions) = (None, Vec::new());
        for event in file.events() {
            if let Some(joined) = event.decode::<UnitJoined>()? {
                if joined.unit.as_str() == unit.as_str() {
                    task = event.has_sealed.then_some(event.position);
                }
            } else if let Some(asked) = event.decode::<QuestionAsked>()? {
                questions.push((asked.question, event.position, None));
            } else if let Some(answered) = event.decode::<QuestionAnswered>()?
                && let Some(asked) = questions.iter_mut().find(|(n, ..)| *n == answered.question)
            {
                asked.2 = Some(event.position);
            }
        }
        Ok(Self { task, questions })
    }

    fn positions(&self) -> impl Iterator<Item = Position> {
        let questions = self.questions.iter();
        let questions = questions.flat_map(|(_, asked, answered)| std::iter::once(*asked).chain(*answered));
        self.task.into_iter().chain(questions)
    }

    fn in_words(&self, opened: &HashMap<Position, Opened>) -> (Option<String>, Vec<Question>) {
        let words = |position: Position| match opened.get(&position) {
            Some(Opened::Plain(plain)) => serde_json::from_slice::<Note>(plain).ok().map(|note| note.text),
            _ => None,
        };
        let questions = self.questions.iter().filter_map(|(question, asked, answered)| {
            Some(Question {
                question: *question,
                text: words(*asked)?,
                answer: answered.and_then(words),
            })
        });
        (self.task.and_then(words), questions.collect())
    }
}

impl Call {
    fn notice(&self) -> Notice {
        Notice {
            unit: self.unit.clone(),
            revision: self.request.revision,
        }
    }

    fn words(&self) -> Option<String> {
        self.request.text.clone().filter(|text| !text.trim().is_empty())
    }

    /// What is sealed with the event.
    fn note(&self) -> Result<Option<Note>, Refusal> {
        let attachments = files::read(&self.request.attachments)?;
        if !attachments.is_empty() && !matches!(self.verb, Verb::Progress | Verb::Result) {
            return Err(Refusal::Malformed(
                "attachments go with progress and result only: send none".to_owned(),
            ));
        }
        Ok(match self.words() {
            None if attachments.is_empty() => None,
            words => Some(Note {
                text: words.unwrap_or_default(),
                attachments,
            }),
        })
    }

    fn check(&self) -> Result<(), Refusal> {
        let malformed = |what: &str| Err(Refusal::Malformed(what.to_owned()));
        if !(1..=128).contains(&self.request.request_id.chars().count()) {
            return malformed("request_id must have 1 to 128 characters: your own id of this request");
        }
        if self
            .request
            .text
            .as_ref()
            .is_some_and(|text| text.chars().count() > MOST_WORDS)
        {
            return malformed("text has more than 65,536 characters: shorten it");
        }
        if self.verb == Verb::Ask && self.words().is_some_and(|text| text.chars().count() > MOST_ASKED) {
            return malformed("the question has more than 1,000 characters: shorten it");
        }
        Ok(())
    }

    /// The one form of what was sent, the same by either entrance.
    fn sent(&self) -> Result<Vec<u8>, Refusal> {
        serde_json::to_vec(&(self.verb.token(), self.unit.as_str(), &self.request))
            .map_err(|e| Refusal::Internal(e.into()))
    }

    fn command(&self, on: &Desktop<'_>) -> Result<Command, Refusal> {
        let notice = self.notice();
        let in_words = self.words().is_some();
        Ok(match self.verb {
            Verb::Open => {
                return Err(Refusal::Malformed(
                    "opening changes nothing: it is no command".to_owned(),
                ));
            }
            Verb::Accept => Command::Accept(notice),
            Verb::Return => {
                let better = self.better_unit()?.map(|unit| {
                    let standing = on.standing(&unit);
                    (unit, standing)
                });
                Command::Return {
                    above: on.above(&notice.unit),
                    on: notice,
                    reason: self.code("reason")?,
                    in_words,
                    better,
                }
            }
            Verb::Ask => Command::Ask { on: notice, in_words },
            Verb::Join => {
                let given = self.request.unit.as_deref().unwrap_or_default();
                let unit = UnitCode::parse(given).map_err(|error| {
                    Refusal::Malformed(format!("unit must be who is to take part: {error}"))
                })?;
                Command::Join {
                    standing: on.standing(&unit),
                    on: notice,
                    unit,
                    in_words,
                }
            }
            Verb::Progress => Command::ReportProgress {
                on: notice,
                in_words,
                committed: self.committed()?,
            },
            Verb::Result => Command::ReportResult {
                on: notice,
                outcome: self.code("outcome")?,
                in_words,
            },
        })
    }

    fn code<T: FromStr<Err = kernel::UnknownWord>>(&self, what: &str) -> Result<T, Refusal> {
        let code = self.request.code.as_deref().unwrap_or_default();
        code.parse()
            .map_err(|unknown| Refusal::Malformed(format!("code must be the {what}: {unknown}")))
    }

    fn better_unit(&self) -> Result<Option<UnitCode>, Refusal> {
        let given = self
            .request
            .better_unit
            .as_deref()
            .filter(|code| !code.is_empty());
        given
            .map(UnitCode::parse)
            .transpose()
            .map_err(|error| Refusal::Malformed(format!("better_unit: {error}")))
    }

    fn committed(&self) -> Result<Option<Date>, Refusal> {
        let given = self
            .request
            .committed_date
            .as_deref()
            .filter(|date| !date.is_empty());
        let date = given.map(str::parse).transpose();
        date.map_err(|_| Refusal::Malformed("committed_date must be a date like 2026-12-31".to_owned()))
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.token())
    }
}

/// A unit by its code; what could not be a unit's code has no case either.
pub(crate) fn unit(text: &str) -> Result<UnitCode, Refusal> {
    UnitCode::parse(text).map_err(|_| Rejection::NotYourCase.into())
}
