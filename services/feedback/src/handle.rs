//! One way to an effect, for events and for people alike: read the case, decide, append; when overtaken, read and decide again.

use chassis::ledger::{
    Append, Appended, Expected, Guard, LedgerClient, LedgerError, NewEvent, Opened, Purpose, StreamWrite,
};
use contracts::Recorded;
use contracts::events::message::MessageQueued;
use contracts::sealed::{Note, ReportContent};
use feedback_domain::{Act, Command, Event, Procedure, Reach, Way, What};
use jiff::civil::Date;
use kernel::taxonomy::Destination;
use kernel::{Actor, CaseId, Decider, Instant, RequestId, StreamId};

use crate::case::Case;
use crate::error::CommandError;
use crate::messages::{self, About};
use crate::{units, wire};

/// How often a decision is made anew when others wrote to the case in between.
const ATTEMPTS: usize = 8;
/// What may not have moved when a case is closed or reopened.
const GUARDED: [&str; 3] = ["routing", "classification", "report"];

/// Does what is asked of a case.
pub(crate) struct Desk {
    pub(crate) ledger: LedgerClient,
}

/// What is asked.
pub(crate) struct Ask<'a> {
    /// Of which case.
    pub(crate) case: CaseId,
    /// What.
    pub(crate) act: Act,
    /// By whom.
    pub(crate) actor: Actor,
    /// When it happened.
    pub(crate) at: Instant,
    /// A person's words that go with it: guidance, a result, an opinion, minutes, a letter, a reason.
    pub(crate) words: Option<String>,
    /// How the unit calls its result (`done`, `partly_done` …); empty otherwise.
    pub(crate) outcome: String,
    /// The date the unit promised.
    pub(crate) committed: Option<Date>,
    /// The unit concerned, where it is not one of the case's own dispatches.
    pub(crate) unit: Option<String>,
    /// Why.
    pub(crate) cause: Cause<'a>,
}

/// Why it is asked.
pub(crate) enum Cause<'a> {
    /// Because of an event, by this consumer. An event of another case is that of the one this was merged into. What the report says of its sender, when the event brought it along.
    Event {
        event: &'a Recorded,
        consumer: &'static str,
        content: Option<ReportContent>,
    },
    /// A client asks: its request and exactly what it sent.
    Client { request: RequestId, sent: Vec<u8> },
}

impl Cause<'_> {
    /// The id of the request on `case`: the same at every attempt.
    fn request(&self, case: CaseId) -> RequestId {
        match self {
            Self::Event { event, consumer, .. } if event.case == Some(case) => {
                RequestId::reaction(event.id, consumer)
            }
            Self::Event { event, consumer, .. } => {
                RequestId::reaction(event.id, &format!("{consumer}/{case}"))
            }
            Self::Client { request, .. } => *request,
        }
    }

    /// Whether it is a fact of the case itself, or of the one that this is merged into, stated since.
    fn concerns(&self, id: CaseId, case: &Case) -> bool {
        match self {
            Self::Event { event, .. } if event.case != Some(id) => case
                .merged
                .is_some_and(|(into, at)| event.case == Some(into) && event.position > at),
            _ => true,
        }
    }
}

impl Desk {
    pub(crate) fn new(ledger: LedgerClient) -> Self {
        Self { ledger }
    }

    /// Does it. `None`: it holds already.
    pub(crate) async fn handle(&self, ask: &Ask<'_>) -> Result<Option<Appended>, CommandError> {
        let request = ask.cause.request(ask.case);
        for attempt in 0..ATTEMPTS {
            let history = match &ask.cause {
                // A new report has nothing else on record yet; should that be wrong, the append is refused and the case read.
                Cause::Event { event, .. } if attempt == 0 && ask.act == Act::Acknowledge => {
                    vec![(*event).clone()]
                }
                _ => self.ledger.read_case(ask.case).await?,
            };
            let case = Case::of(ask.case, &history, request)?;
            if !ask.cause.concerns(ask.case, &case) {
                return Ok(None);
            }
            let reach = self.reach(ask, &case).await?;
            let events = Procedure::decide(
                &case.state,
                Command {
                    act: ask.act,
                    facts: case.facts,
                    way: reach.way,
                },
            )?;
            if events.is_empty() {
                return Ok(None);
            }
            match self
                .ledger
                .append(append(ask, &case, request, &events, &reach))
                .await
            {
                Ok(appended) => return Ok(Some(appended)),
                Err(error) if error.is_overtaken() => {
                    tracing::debug!(case.id = %ask.case, attempt, "overtaken; deciding again");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(CommandError::Contended)
    }

    /// How the citizen can be reached. Erased content reaches nobody.
    async fn reach(&self, ask: &Ask<'_>, case: &Case) -> Result<Reach, CommandError> {
        let (position, report) = case.report.as_ref().ok_or(CommandError::UnknownCase)?;
        let silent = matches!(
            ask.act,
            Act::FollowRouting { .. } | Act::Reopen(_) | Act::CloseWithOther(_) | Act::ReopenWithOther(_)
        );
        if silent || !report.answerable {
            return Ok(Reach::tracking_page());
        }
        let of = |content: &ReportContent| {
            Reach::of(
                report.channel,
                content.from.phone.as_deref(),
                content.from.email.as_deref(),
            )
        };
        if let Cause::Event {
            content: Some(content),
            ..
        } = &ask.cause
        {
            return Ok(of(content));
        }
        let mut opened = self.ledger.open(Purpose::Answer, &[*position], None).await?;
        match opened.remove(position) {
            Some(Opened::Plain(content)) => {
                Ok(report_content(&content).map_or_else(Reach::tracking_page, |c| of(&c)))
            }
            Some(Opened::Refused(why)) => Err(LedgerError::Denied { why }.into()),
            Some(Opened::Erased | Opened::NothingSealed) | None => Ok(Reach::tracking_page()),
        }
    }
}

/// What came with a report, if it can be read.
pub(crate) fn report_content(plain: &[u8]) -> Option<ReportContent> {
    serde_json::from_slice(plain).ok()
}

/// One request: our stream, and a stream for each message to the citizen.
fn append(ask: &Ask<'_>, case: &Case, request: RequestId, events: &[Event], reach: &Reach) -> Append {
    let note = ask.words.as_ref().map(|text| json(&Note::of(text.clone())));
    let ours = events
        .iter()
        .map(|event| wire::new_event(*event, request, ask.actor.clone(), ask.at, note.as_deref()));
    let ours = StreamWrite::new(
        StreamId::new("feedback", ask.case.0),
        Expected::folded(case.version),
        ours.collect(),
    );
    let told = events.iter().filter_map(|event| match event {
        Event::CitizenTold { what, way, revision } if *way != Way::TrackingPage => Some((*what, *revision)),
        _ => None,
    });
    let messages = told.map(|(what, revision)| message(ask, case, request, what, revision, reach));
    let streams = std::iter::once(ours).chain(messages).collect();
    let mut append = match &ask.cause {
        Cause::Event { event, consumer, .. } => Append {
            request,
            case: Some(ask.case),
            ..Append::reaction(event, consumer, streams)
        },
        Cause::Client { request, sent } => {
            Append::client(*request, sent, Some(ask.case), streams).express(true)
        }
    };
    let decides_for_others = |event: &Event| matches!(event, Event::CaseClosed(_) | Event::CaseReopened(_));
    if events.iter().any(decides_for_others) {
        append = append.unless(Guard {
            case: ask.case,
            after: case.seen,
            categories: GUARDED.to_vec(),
        });
    }
    append
}

fn message(
    ask: &Ask<'_>,
    case: &Case,
    request: RequestId,
    what: What,
    revision: u32,
    reach: &Reach,
) -> StreamWrite {
    #[expect(clippy::expect_used, reason = "without a report `reach` refused before")]
    let (_, report) = case.report.as_ref().expect("a case has a report");
    let revision = if revision == 0 {
        case.facts.dispatched
    } else {
        revision
    };
    let about = About {
        code: report.code.as_str(),
        unit: ask
            .unit
            .as_deref()
            .or_else(|| case.units.get(&revision).map(String::as_str))
            .and_then(units::unit),
        outcome: &ask.outcome,
        words: ask.words.as_deref().unwrap_or_default(),
        committed: ask.committed,
        police: case.facts.destination == Some(Destination::Police),
        incomplete: !case.complete,
    };
    let english = report.language.as_str() == "en";
    let (template, text) = messages::compose(what, reach, english, &about);
    let queued = MessageQueued {
        channel: wire::code(reach.way.code()),
        what: wire::code(what.code()),
        template: wire::code(&template),
    };
    let event = NewEvent::of(&queued, Actor::service("feedback"), ask.at).sealed(json(&text));
    StreamWrite::new(
        StreamId::new("message", wire::message_id(request, what)),
        Expected::None,
        vec![event],
    )
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "sealed types are structs of strings")]
    serde_json::to_vec(value).expect("a sealed type is always JSON")
}
