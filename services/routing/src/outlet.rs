//! How a unit without NATS is told of its cases: where to is a fact on record, what is sent derives from the ledger.

pub(crate) mod deliver;
pub(crate) mod destination;
pub(crate) mod link;
pub(crate) mod mail;
pub(crate) mod project;
pub(crate) mod store;
pub(crate) mod webhook;

use std::fmt;
use std::str::FromStr;

use chassis::consumer::Failure;
use chassis::ledger::{Append, Expected, LedgerClient, NewEvent, Opened, Purpose, StreamWrite};
use contracts::events::outlet::{OutletDisabled, OutletRemoved, OutletSet};
use contracts::{Code, Payload, Recorded, sealed};
use kernel::{Actor, Instant, Position, RequestId, StreamId};

/// The category of what is said here.
pub(crate) const CATEGORY: &str = OutletSet::CATEGORY;
/// For so long after a rotation what is sent is signed with the secret before, too.
pub(crate) const GRACE: i64 = 24 * 3_600 * Instant::SECOND;

/// By what a unit is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Carrier {
    /// A signed request to its own server.
    Webhook,
    /// A mail with a link to the one case.
    Mail,
}

impl Carrier {
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Mail => "mail",
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// No carrier has that name.
#[derive(Debug, thiserror::Error)]
#[error("carrier must be `webhook` or `mail`")]
pub(crate) struct UnknownCarrier;

impl FromStr for Carrier {
    type Err = UnknownCarrier;
    fn from_str(text: &str) -> Result<Self, UnknownCarrier> {
        [Self::Webhook, Self::Mail]
            .into_iter()
            .find(|carrier| carrier.code() == text)
            .ok_or(UnknownCarrier)
    }
}

/// Where a unit's notices go, opened.
#[derive(Clone)]
pub(crate) struct Target {
    /// Of the `outlet_set`.
    pub(crate) position: Position,
    /// Where to, and the secret.
    pub(crate) outlet: sealed::Outlet,
    /// The secret before, and until when it signs too.
    previous: Option<(String, Instant)>,
}

impl Target {
    /// The secrets to sign with at a time, the present one first.
    pub(crate) fn secrets(&self, now: Instant) -> impl Iterator<Item = &str> {
        let previous = self.previous.as_ref().filter(|(_, until)| now < *until);
        std::iter::once(self.outlet.secret.as_str()).chain(previous.map(|(secret, _)| secret.as_str()))
    }
}

/// What is set, where it is on record.
struct Current {
    position: Position,
    secret: Code,
    /// What was set before its secret was rotated, and when that was.
    rotated: Option<(Position, Instant)>,
}

/// What is on record about a unit's outlets.
pub(crate) struct Record {
    unit: Code,
    events: Vec<Recorded>,
}

impl Record {
    pub(crate) async fn read(ledger: &LedgerClient, unit: &str) -> Result<Self, Failure> {
        Ok(Self {
            unit: Code::lossy(unit),
            events: ledger.read_stream(&StreamId::named(CATEGORY, unit)).await?,
        })
    }

    /// Where its notices go, if anywhere.
    pub(crate) async fn target(
        &self,
        ledger: &LedgerClient,
        carrier: Carrier,
    ) -> Result<Option<Target>, Failure> {
        let Some(Current {
            position: current,
            rotated,
            ..
        }) = self.current(carrier)?
        else {
            return Ok(None);
        };
        let positions: Vec<_> = [current]
            .into_iter()
            .chain(rotated.map(|(before, _)| before))
            .collect();
        let opened = ledger.open(Purpose::Policy, &positions, None).await?;
        let read = |position: Position| match opened.get(&position) {
            Some(Opened::Plain(plain)) => serde_json::from_slice::<sealed::Outlet>(plain)
                .map_err(|_| Failure::poison("outlet_unreadable", "an outlet's address cannot be read")),
            other => Err(Failure::transient(anyhow::anyhow!(
                "the outlet set at {position} may not be opened: {other:?}"
            ))),
        };
        let previous = rotated
            .map(|(before, at)| Ok::<_, Failure>((read(before)?.secret, at.plus_micros(GRACE))))
            .transpose()?;
        Ok(Some(Target {
            position: current,
            outlet: read(current)?,
            previous,
        }))
    }

    /// What is set by a carrier.
    fn current(&self, carrier: Carrier) -> Result<Option<Current>, Failure> {
        let mut current: Option<Current> = None;
        for event in &self.events {
            if let Some(set) = event.decode::<OutletSet>()?
                && set.carrier.as_str() == carrier.code()
            {
                let before = current.and_then(|before| {
                    let rotated = before.secret != set.secret;
                    if rotated {
                        Some((before.position, event.recorded_at))
                    } else {
                        before.rotated
                    }
                });
                current = Some(Current {
                    position: event.position,
                    secret: set.secret,
                    rotated: before,
                });
            } else if let Some(removed) = event.decode::<OutletRemoved>()?
                && removed.carrier.as_str() == carrier.code()
            {
                current = None;
            }
        }
        Ok(current)
    }

    /// The event of a request that is on record.
    pub(crate) fn of(&self, request: RequestId) -> Option<&Recorded> {
        self.events.iter().find(|event| event.request == request)
    }

    /// What is appended to it.
    pub(crate) fn append(&self, request: RequestId, sent: &[u8], event: NewEvent) -> Append {
        let stream = StreamId::named(CATEGORY, self.unit.as_str());
        let version = self.events.last().map_or(0, |event| event.version);
        let write = StreamWrite::new(stream, Expected::folded(version), vec![event]);
        Append::client(request, sent, None, vec![write]).express(true)
    }

    /// The unit asked for no more: on record once for each time it was set.
    pub(crate) fn disabled(&self, carrier: Carrier, set: Position, now: Instant) -> Append {
        let payload = OutletDisabled {
            unit: self.unit.clone(),
            carrier: Code::lossy(carrier.code()),
            set: set.0,
            reason: Code::lossy("gone"),
        };
        let request = RequestId::client("routing-outlet/disabled", &format!("{carrier}/{set}"));
        self.append(
            request,
            b"",
            NewEvent::of(&payload, Actor::service("routing"), now),
        )
    }
}
