//! A unit's desk: the same verbs for its own system over NATS, and for its officers over gRPC.

pub(crate) mod listen;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chassis::ledger::{LedgerClient, Opened, Purpose};
use contracts::events::classification::Finding;
use contracts::sealed::ReportContent;
use contracts::wire::DeskRequest;
use jiff::civil::Date;
use kernel::{Actor, Position, RequestId};
use routing_domain::{Command, Notice, Rejection, UnitCode};

use crate::error::Refusal;
use crate::handle::{Asked, Desktop, Done, Handler};

/// Most characters of what a unit types: as much as a citizen may.
pub(crate) const MOST_WORDS: usize = 65_536;

/// In which role content is read here: a unit's officers read as their unit.
const READER_ROLE: &str = "unit";

/// What a unit may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Read the content.
    Open,
    /// Take the case on.
    Accept,
    /// Give it back.
    Return,
    /// Say that work goes on.
    Progress,
    /// Say what came of it.
    Result,
}

impl Verb {
    const ALL: [Self; 5] = [
        Self::Open,
        Self::Accept,
        Self::Return,
        Self::Progress,
        Self::Result,
    ];

    /// The token of the subject.
    pub(crate) const fn token(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accept => "accept",
            Self::Return => "return",
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
                    "the verb is none of open, accept, return, progress, result: correct the subject"
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
        self.handler.may_read(&case, &call.unit).await?;
        let report = file.report().ok_or(Refusal::UnknownCase)?.position;
        let mut opening = self
            .ledger
            .open_on_record(Purpose::Handle, &[report], call.actor.clone(), READER_ROLE)
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
        Ok(Content {
            report,
            finding: file.finding()?,
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
            words: call.words(),
        };
        self.handler.command(&asked, |on| call.command(on)).await
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
