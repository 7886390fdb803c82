//! The reactor `escalation`: each fact of a case opens, meets or overtakes obligations.

use async_trait::async_trait;
use chassis::consumer::{Delivered, Failure, Reaction};
use chassis::ledger::{Append, Expected, LedgerClient, LedgerError, StreamWrite};
use escalation_domain::{Command, Note, Obligations};
use kernel::Decider;
use kernel::taxonomy::Urgency;

use crate::policies::Policies;
use crate::story::{Story, WANTS};
use crate::{names, wire};

/// Names the cursor and the requests; never changes.
const CONSUMER: &str = "escalation";
/// How often a decision is made anew when the timer wrote to the stream in between.
const ATTEMPTS: usize = 5;

/// Follows the facts.
pub(crate) struct Follow {
    ledger: LedgerClient,
    policies: Policies,
}

impl Follow {
    pub(crate) fn new(ledger: LedgerClient, policies: Policies) -> Self {
        Self { ledger, policies }
    }
}

#[async_trait]
impl Reaction for Follow {
    fn consumer(&self) -> &'static str {
        CONSUMER
    }

    fn wants(&self) -> &[&'static str] {
        &WANTS
    }

    async fn react(&self, delivered: &Delivered) -> Result<(), Failure> {
        let cause = &delivered.event;
        let Some(case) = cause.case else {
            return Err(Failure::poison(
                "no_case",
                format!("{} without a case", cause.kind),
            ));
        };
        let sla = self.policies.at_cause(cause).await?.policy;
        let mut overtaken = None;
        for _ in 0..ATTEMPTS {
            let story = Story::of(self.ledger.read_case(case).await?);
            let Some(fact) = story.fact(cause)? else {
                return Ok(());
            };
            let facts = story.facts(cause)?;
            let note = Note {
                cause: cause.id,
                kind: cause.kind.clone(),
                at: cause.recorded_at,
                fact,
                facts,
                sla: sla.clone(),
            };
            let (obligations, version) = story.obligations()?;
            let events = Obligations::decide(&obligations, Command::Follow(note))
                .map_err(|rejection| Failure::poison("no_deadline", rejection.to_string()))?;
            if events.is_empty() {
                return Ok(());
            }
            let outcomes = names::outcomes(&events);
            let events = events
                .into_iter()
                .map(|event| wire::new_event(event, cause.recorded_at))
                .collect();
            let write = StreamWrite::new(wire::stream(case), Expected::folded(version), events);
            let append =
                Append::reaction(cause, CONSUMER, vec![write]).express(facts.urgency == Urgency::Emergency);
            match self.ledger.append(append).await {
                Ok(appended) => {
                    if !appended.already {
                        names::count(&outcomes);
                    }
                    return Ok(());
                }
                Err(error @ LedgerError::WrongExpectedVersion { .. }) => overtaken = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        Err(overtaken.map_or_else(
            || Failure::poison("no_attempt", "no attempt was made"),
            Failure::from,
        ))
    }
}
