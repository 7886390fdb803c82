//! Opening sealed content.

use std::collections::HashMap;
use std::fmt;
use std::ops::RangeInclusive;

use contracts::grpc::ledger as wire;
use kernel::{Actor, Position};

use super::{Inner, LedgerClient, LedgerError, Purpose};
use crate::telemetry::trace;

/// Most positions of one call, by the contract.
const MOST: usize = 1_000;

/// What became of one position.
#[derive(Clone, PartialEq, Eq)]
pub enum Opened {
    /// What a person typed.
    Plain(Vec<u8>),
    /// It was lawfully erased.
    Erased,
    /// The event has no sealed content.
    NothingSealed,
    /// It may not be opened, and why.
    Refused(String),
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => write!(f, "Plain({} bytes)", text.len()),
            Self::Erased => f.write_str("Erased"),
            Self::NothingSealed => f.write_str("NothingSealed"),
            Self::Refused(why) => write!(f, "Refused({why})"),
        }
    }
}

impl Opened {
    /// The text, if there is one.
    #[must_use]
    pub fn plain(&self) -> Option<&[u8]> {
        if let Self::Plain(text) = self {
            Some(text)
        } else {
            None
        }
    }
}

/// Opened contents, and where it is on record that somebody opened them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// By position of the event.
    pub contents: HashMap<Position, Opened>,
    /// Position of the (last) access event; `None` when there was nothing to open, or no reader.
    pub on_record: Option<Position>,
}

/// A person's run over many reports, on record as one event: whose, in which role, over which positions.
#[derive(Clone, Debug)]
pub struct Run {
    id: [u8; 16],
    reader: Actor,
    role: String,
    range: RangeInclusive<Position>,
}

impl Run {
    /// A run of its own.
    #[must_use]
    pub fn new(reader: Actor, role: &str, range: RangeInclusive<Position>) -> Self {
        Self {
            id: uuid::Uuid::new_v4().into_bytes(),
            reader,
            role: role.to_owned(),
            range,
        }
    }

    pub(super) fn reader(&self) -> (Actor, &str) {
        (self.reader.clone(), &self.role)
    }
}

pub(super) async fn open(
    client: &LedgerClient,
    purpose: Purpose,
    positions: &[Position],
    reader: Option<(Actor, &str)>,
    run: Option<&Run>,
) -> Result<Opening, LedgerError> {
    let (reader, role) = reader.map_or_else(Default::default, |(actor, role)| {
        (actor.to_string(), role.to_owned())
    });
    let mut opening = Opening {
        contents: HashMap::with_capacity(positions.len()),
        on_record: None,
    };
    for part in positions.chunks(MOST) {
        let request = wire::OpenContentRequest {
            purpose: purpose.into(),
            positions: part.iter().map(|p| p.0).collect(),
            reader: reader.clone(),
            role: role.clone(),
            run: run.map(|run| wire::Run {
                id: run.id.to_vec().into(),
                from: run.range.start().0,
                to: run.range.end().0,
            }),
        };
        let reply = client
            .direct
            .patiently(|mut grpc: Inner| {
                let request = trace::call(request.clone());
                async move { grpc.open_content(request).await.map(tonic::Response::into_inner) }
            })
            .await?;
        if reply.position > 0 {
            opening.on_record = Some(Position(reply.position));
        }
        for content in reply.contents {
            use wire::content::Outcome;
            let outcome = match content.outcome {
                Some(Outcome::Plaintext(text)) => Opened::Plain(text.to_vec()),
                Some(Outcome::Erased(_)) => Opened::Erased,
                Some(Outcome::NothingSealed(_)) => Opened::NothingSealed,
                Some(Outcome::Refused(why)) => Opened::Refused(why),
                None => {
                    return Err(LedgerError::Answer {
                        what: "a content without an outcome".to_owned(),
                    });
                }
            };
            opening.contents.insert(Position(content.position), outcome);
        }
    }
    Ok(opening)
}
