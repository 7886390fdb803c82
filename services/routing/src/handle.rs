//! From a command to what is on record: read the case, decide, append; and again when the case moved in between.

use std::sync::Arc;

use chassis::consumer::Failure;
use chassis::ledger::{Append, LedgerClient, LedgerError, StreamWrite};
use contracts::Recorded;
use kernel::taxonomy::Office;
use kernel::{Actor, CaseId, Clock, Decider, Position, RequestId};
use routing_domain::{
    Case, Command, Event, Policy, Rejection, Routed, Routing, Standing, UnitCode, city_date,
};

use crate::case_file::CaseFile;
use crate::error::Refusal;
use crate::payload::{self, Stating};
use crate::policies::{InForce, Policies};

/// How often a decision is made again because the case moved, before its maker is told to wait.
const ATTEMPTS: usize = 8;

/// Decides and appends.
pub(crate) struct Handler {
    ledger: LedgerClient,
    policies: Arc<Policies>,
    clock: Arc<dyn Clock>,
}

/// What a person or a unit asks for.
pub(crate) struct Asked {
    /// Derived from who asks, what, and their own id of it.
    pub(crate) request: RequestId,
    /// Exactly what they sent, in its one form.
    pub(crate) sent: Vec<u8>,
    /// Who is answerable.
    pub(crate) actor: Actor,
    /// The case.
    pub(crate) case: CaseId,
    /// What they typed.
    pub(crate) words: Option<String>,
}

/// It is on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    /// Where.
    pub(crate) position: Position,
    /// Whether it was before.
    pub(crate) already: bool,
}

/// What a command is made from: the case, the policy, and how codes of units stand today and on the day of the report.
pub(crate) struct Desktop<'a> {
    /// The fold.
    pub(crate) case: &'a Case,
    /// The facts.
    pub(crate) file: &'a CaseFile,
    policy: &'a Policy,
    at: kernel::Instant,
}

impl Desktop<'_> {
    /// How a code stands: on the day of the report (what was proposed then may be ordered still), or on the day of the act.
    pub(crate) fn standing(&self, unit: &UnitCode) -> Standing {
        let report = self.case.routed().map(|routed| routed.inputs.date);
        let dates: Vec<_> = report.into_iter().chain([city_date(self.at)]).collect();
        match self.case.routed() {
            Some(routed) => {
                let facts = &routed.inputs.facts;
                self.policy.standing_for(unit, &dates, self.case.about(), facts)
            }
            None => self.policy.standing(unit, &dates),
        }
    }

    /// The level above a unit on the day of the act, if it says that the report is about itself.
    pub(crate) fn above(&self, unit: &UnitCode) -> Option<UnitCode> {
        let facts = &self.case.routed()?.inputs.facts;
        let mut about = self.case.about().to_vec();
        about.push(unit.clone());
        let above = self.policy.level_above(unit, &about, facts, city_date(self.at));
        above.map(|unit| unit.code.clone())
    }

    /// Who has the tasks of a unit on the day of the act; nobody, if the report is about them.
    pub(crate) fn in_force(&self, unit: &UnitCode) -> Option<UnitCode> {
        let today = city_date(self.at);
        let unit = self.policy.in_force(unit, today)?;
        (!self.policy.concerned(&unit.code, self.case.about(), &[today])).then(|| unit.code.clone())
    }

    /// What the policy says of the case as one of that office.
    pub(crate) fn as_of(&self, office: Office) -> Result<Routed, Rejection> {
        let inputs = &self.case.routed().ok_or(Rejection::NotRoutedYet)?.inputs;
        let facts = inputs.facts.of_field(office.field());
        Ok(self
            .policy
            .route_knowing(&facts, inputs.date, inputs.conflict.as_ref()))
    }

    /// What the policy says of the report, by its own date.
    pub(crate) fn route(&self) -> Result<Option<Routed>, Failure> {
        let facts = self.file.facts()?;
        let date = self.file.report().map(|report| city_date(report.occurred_at));
        Ok(facts
            .zip(date)
            .map(|(facts, date)| self.policy.route(&facts, date)))
    }
}

impl Handler {
    pub(crate) fn new(ledger: LedgerClient, policies: Arc<Policies>, clock: Arc<dyn Clock>) -> Self {
        Self {
            ledger,
            policies,
            clock,
        }
    }

    /// Carries out what follows from an event. `command` gives `None` where nothing does.
    pub(crate) async fn react(
        &self,
        cause: &Recorded,
        consumer: &'static str,
        command: impl Fn(&Desktop<'_>) -> Result<Option<Command>, Failure>,
    ) -> Result<(), Failure> {
        let Some(case) = cause.case else {
            return Err(Failure::poison("no_case", "the event belongs to no case"));
        };
        let request = RequestId::reaction(cause.id, consumer);
        let InForce { version, policy } = self.policies.at_cause(cause).await?;
        let mut overtaken = None;
        for _ in 0..ATTEMPTS {
            let file = CaseFile::read(&self.ledger, case, Some(request)).await?;
            let state = file.fold()?;
            // Deterministic: the time of a reaction is the time its cause was recorded.
            let desktop = Desktop {
                case: &state,
                file: &file,
                policy: &policy,
                at: cause.recorded_at,
            };
            let Some(command) = command(&desktop)? else {
                return Ok(());
            };
            let events = match Routing::decide(&state, command) {
                Ok(events) => events,
                Err(rejection) => {
                    tracing::debug!(case.id = %case, rejection = rejection.code(), "nothing follows");
                    return Ok(());
                }
            };
            let by = Stating {
                actor: &Actor::service("routing"),
                at: cause.recorded_at,
                policy: &version,
                words: None,
            };
            let Some(write) = write(&file, &events, &by) else {
                return Ok(());
            };
            let append = Append::reaction(cause, consumer, vec![write]).express(express(&state, &events));
            match self.ledger.append(guarded(append, &file, &state, &events)).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_overtaken() => overtaken = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        Err(still_moving(overtaken).into())
    }

    /// Carries out what a person or a unit asks for. The same request again gives the same answer.
    pub(crate) async fn command(
        &self,
        asked: &Asked,
        command: impl Fn(&Desktop<'_>) -> Result<Command, Refusal>,
    ) -> Result<Done, Refusal> {
        let InForce { version, policy } = self.policies.now(self.clock.now()).await?;
        let mut overtaken = None;
        for _ in 0..ATTEMPTS {
            let file = CaseFile::read(&self.ledger, asked.case, Some(asked.request)).await?;
            if file.is_empty() {
                return Err(Refusal::UnknownCase);
            }
            let state = file.fold()?;
            let at = self.clock.now();
            let desktop = Desktop {
                case: &state,
                file: &file,
                policy: &policy,
                at,
            };
            let events = Routing::decide(&state, command(&desktop)?)?;
            let by = Stating {
                actor: &asked.actor,
                at,
                policy: &version,
                words: asked.words.as_deref(),
            };
            let Some(write) = write(&file, &events, &by) else {
                let position = file.last_own().map_or(Position(0), |e| e.position);
                return Ok(Done {
                    position,
                    already: true,
                });
            };
            let mut append =
                Append::client(asked.request, &asked.sent, Some(asked.case), vec![write]).express(true);
            if let Some(correlation) = file.correlation() {
                append.correlation = correlation.to_owned();
            }
            match self.ledger.append(append.unless(file.guard())).await {
                Ok(appended) => {
                    return Ok(Done {
                        position: appended.position,
                        already: appended.already,
                    });
                }
                Err(error) if error.is_overtaken() => overtaken = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        Err(still_moving(overtaken).into())
    }

    /// The case as it stands, for reading.
    pub(crate) async fn look(&self, case: CaseId) -> Result<(CaseFile, Case), Refusal> {
        let file = CaseFile::read(&self.ledger, case, None).await?;
        if file.is_empty() {
            return Err(Refusal::UnknownCase);
        }
        let state = file.fold()?;
        Ok((file, state))
    }

    /// Whether a unit may read the case: never one that it is about, whatever was decided before that was known.
    pub(crate) async fn may_read(&self, case: &Case, unit: &UnitCode) -> Result<(), Refusal> {
        let (Some(routed), false) = (case.routed(), case.about().is_empty()) else {
            return Ok(());
        };
        let (policy, now) = self.present().await?;
        let dates = [routed.inputs.date, city_date(now)];
        if policy.concerned(unit, case.about(), &dates) {
            return Err(Rejection::AboutTheUnit {
                unit: unit.clone(),
                superior: None,
            }
            .into());
        }
        Ok(())
    }

    /// The versions of the policy.
    pub(crate) fn policies(&self) -> &Policies {
        &self.policies
    }

    /// The present instant.
    pub(crate) fn now(&self) -> kernel::Instant {
        self.clock.now()
    }

    /// The policy in force and the present instant.
    pub(crate) async fn present(&self) -> Result<(Arc<Policy>, kernel::Instant), Refusal> {
        Ok((
            self.policies.now(self.clock.now()).await?.policy,
            self.clock.now(),
        ))
    }
}

fn write(file: &CaseFile, events: &[Event], by: &Stating<'_>) -> Option<StreamWrite> {
    let stated: Vec<_> = events
        .iter()
        .filter_map(|event| payload::stated(event, by))
        .collect();
    (!stated.is_empty()).then(|| StreamWrite::new(file.stream(), file.expected(), stated))
}

/// What is decided on others' facts must still be so when it is stored. Only the first routing that dispatches nothing needs no guard:
/// no fact but its own cause bears on it.
fn guarded(append: Append, file: &CaseFile, before: &Case, events: &[Event]) -> Append {
    let dispatches = events
        .iter()
        .any(|event| matches!(event, Event::CaseDispatched { .. }));
    if dispatches || before.routed().is_some() {
        append.unless(file.guard())
    } else {
        append
    }
}

fn express(state: &Case, events: &[Event]) -> bool {
    let routed = events.iter().find_map(|event| {
        if let Event::CaseRouted(routed) = event {
            Some(routed)
        } else {
            None
        }
    });
    routed
        .or(state.routed())
        .is_some_and(|routed| routed.inputs.facts.emergency())
}

fn still_moving(last: Option<LedgerError>) -> LedgerError {
    last.unwrap_or(LedgerError::Unavailable {
        why: "the case keeps moving".to_owned(),
    })
}
