//! Opening sealed content: by purpose, and on record before it is handed out when a person or an outside body reads it.

use std::collections::{BTreeMap, HashMap};

use chassis::callers::{Caller, CallerKind};
use contracts::Code;
use contracts::events::access::{ContentOpened, ReportsOpened};
use contracts::grpc::ledger as wire;
use kernel::{Actor, Instant, RequestId};
use tonic::Status;
use uuid::Uuid;
use wire::content::Outcome;

use super::Api;
use crate::error::Refused;
use crate::event::StoredEvent;
use crate::request::{Request, StreamAppend};
use crate::telemetry;
use crate::vault::Opened;

/// Contents of one call.
const MAX_POSITIONS: usize = 1_000;

impl Api {
    pub(super) async fn open(
        &self,
        caller: &Caller,
        request: wire::OpenContentRequest,
        traceparent: String,
    ) -> Result<wire::OpenContentReply, Status> {
        Refused::over("the number of positions", MAX_POSITIONS, request.positions.len())?;
        let purpose = purpose(request.purpose())?;
        if !caller.purposes.iter().any(|it| it == purpose) {
            return Err(Status::permission_denied(format!(
                "{} may not open content to {purpose}",
                caller.name
            )));
        }
        let reader = Reader::check(caller, &request.reader, &request.role)?;
        let run = Run::check(purpose, reader.as_ref(), request.run.as_ref())?;
        if let (Some(run), Some(reader)) = (&run, &reader) {
            self.record_run(reader, purpose, run, traceparent.clone()).await?;
        }
        let mut positions = request.positions;
        positions.sort_unstable();
        positions.dedup();
        let stored = self.store.read_sealed(&positions).await?;
        let opened = self.vault.open_all(&stored).await?;
        let mut read: BTreeMap<Uuid, Vec<u64>> = BTreeMap::new();
        let mut outcomes = HashMap::with_capacity(stored.len());
        for (it, opened) in stored.into_iter().zip(opened) {
            let outcome = match refusal(caller, purpose, run.as_ref(), &it.event) {
                Some(why) => Outcome::Refused(why.to_owned()),
                None => match opened {
                    Opened::Plaintext(plaintext) => {
                        let case = it.event.case_id.unwrap_or(it.event.stream_id);
                        read.entry(case).or_default().push(it.event.position);
                        Outcome::Plaintext(plaintext.into())
                    }
                    Opened::Erased => Outcome::Erased(true),
                    Opened::Nothing => Outcome::NothingSealed(true),
                    Opened::Damaged => {
                        tracing::error!(
                            "event.position" = it.event.position,
                            "sealed content does not open: its bytes were changed or its key is gone"
                        );
                        Outcome::Refused("what is sealed does not open: it is damaged".to_owned())
                    }
                },
            };
            outcomes.insert(it.event.position, outcome);
        }
        let opened: usize = read.values().map(Vec::len).sum();
        let position = match reader {
            Some(reader) if run.is_none() && !read.is_empty() => {
                self.record(&reader, purpose, read, traceparent).await?
            }
            _ => 0,
        };
        metrics::counter!(telemetry::OPENED, "purpose" => purpose).increment(opened as u64);
        let content = |position| wire::Content {
            position,
            outcome: outcomes
                .remove(&position)
                .or_else(|| Some(Outcome::Refused("there is no such event".to_owned()))),
        };
        Ok(wire::OpenContentReply {
            contents: positions.into_iter().map(content).collect(),
            position,
        })
    }

    /// Commits the one `access.reports_opened` of a run, unless it is there.
    async fn record_run(
        &self,
        reader: &Reader,
        purpose: &str,
        run: &Run,
        traceparent: String,
    ) -> Result<(), Status> {
        let now = self.clock.now().0;
        let fact = ReportsOpened {
            reader: reader.actor.clone(),
            role: reader.role.clone(),
            purpose: Code::lossy(purpose),
            from: run.from,
            to: run.to,
        };
        // All it claims is in the id: nobody goes on with another's run, or with a wider one, unseen.
        let claim = format!(
            "{} {} {} {purpose} {} {} {}",
            run.id,
            reader.actor,
            reader.role,
            run.from,
            run.to,
            now / (24 * 3_600 * Instant::SECOND)
        );
        let id = RequestId::client("access/run", &claim).0;
        let stream = StreamAppend::fact(&fact, id, None, reader.actor.as_str(), now)?;
        self.writer
            .append(Request::ours(id, vec![stream], traceparent))
            .await?;
        Ok(())
    }

    /// Commits one `access.content_opened` per case; the position of the last.
    async fn record(
        &self,
        reader: &Reader,
        purpose: &str,
        read: BTreeMap<Uuid, Vec<u64>>,
        traceparent: String,
    ) -> Result<u64, Status> {
        let now = self.clock.now().0;
        let mut streams = Vec::with_capacity(read.len());
        for (case, mut positions) in read {
            positions.sort_unstable();
            let fact = ContentOpened {
                reader: reader.actor.clone(),
                role: reader.role.clone(),
                purpose: Code::lossy(purpose),
                positions,
            };
            let actor = reader.actor.as_str();
            streams.push(StreamAppend::fact(&fact, case, Some(case), actor, now)?);
        }
        // Each opening is a fact of its own, also when the caller asks again for want of an answer.
        let request = Request::ours(Uuid::new_v4(), streams, traceparent);
        Ok(self.writer.append(request).await?.head)
    }
}

/// Who reads, when it is a person or an outside body.
pub(super) struct Reader {
    pub(super) actor: Code,
    pub(super) role: Code,
}

impl Reader {
    pub(super) fn check(caller: &Caller, reader: &str, role: &str) -> Result<Option<Self>, Status> {
        if reader.is_empty() {
            // A service reads for its own decision. Behind every other caller stands somebody, and their reading is on record.
            return if caller.kind == CallerKind::Service {
                Ok(None)
            } else {
                Err(Refused::invalid(
                    "reader",
                    "say who reads: only a service may open content without a reader",
                )
                .into())
            };
        }
        let bad = |field| Refused::invalid(field, "it must be at most 64 letters, digits or '_.:/+@=-'");
        let actor =
            Actor::parse(reader).map_err(|_| Refused::invalid("reader", "it must be `<role>:<id>`"))?;
        // Our services open for units. Whoever else named another than themself would put their own reading down to them.
        let for_a_unit = caller.kind == CallerKind::Service && actor.role() == "unit";
        if !for_a_unit && actor.id() != caller.name && !caller.acts_for_people {
            return Err(Status::permission_denied(
                "this caller may only name themself as the reader",
            ));
        }
        let actor = Code::new(reader).map_err(|_| bad("reader"))?;
        let role = Code::new(role).map_err(|_| bad("role"))?;
        Ok(Some(Self { actor, role }))
    }
}

/// A person's run over many reports.
struct Run {
    id: Uuid,
    from: u64,
    to: u64,
}

impl Run {
    /// Who learns or backtests for a person says over which range; nobody else does.
    fn check(
        purpose: &str,
        reader: Option<&Reader>,
        run: Option<&wire::Run>,
    ) -> Result<Option<Self>, Refused> {
        let needed = OVER_MANY.contains(&purpose) && reader.is_some();
        match run {
            None if needed => Err(Refused::invalid(
                "run",
                "say over which range of positions: to learn or to backtest is one run, and one event",
            )),
            None => Ok(None),
            Some(_) if !needed => Err(Refused::invalid(
                "run",
                "only a person's purposes `learn` and `backtest` have a run",
            )),
            Some(run) => Ok(Some(Self {
                id: Uuid::from_slice(&run.id)
                    .map_err(|_| Refused::invalid("run.id", "it must have 16 bytes"))?,
                from: run.from,
                to: run.to,
            })),
        }
    }
}

/// Purposes for which reports are opened, and nothing else.
const OVER_MANY: [&str; 2] = ["learn", "backtest"];

/// Why this caller may not open this event for the purpose, if so.
fn refusal(caller: &Caller, purpose: &str, run: Option<&Run>, event: &StoredEvent) -> Option<&'static str> {
    if purpose == "policy" && !caller.append.contains(&event.category) {
        return Some("with the purpose `policy` a service reads its own streams only");
    }
    if OVER_MANY.contains(&purpose) && event.category != "report" {
        return Some("to learn and to backtest only reports are opened");
    }
    let outside = run.is_some_and(|run| !(run.from..=run.to).contains(&event.position));
    outside.then_some("it is outside the range the run named")
}

pub(super) fn purpose(purpose: wire::Purpose) -> Result<&'static str, Refused> {
    Ok(match purpose {
        wire::Purpose::Unspecified => {
            return Err(Refused::invalid("purpose", "say what the content is opened for"));
        }
        wire::Purpose::Classify => "classify",
        wire::Purpose::Route => "route",
        wire::Purpose::Answer => "answer",
        wire::Purpose::Handle => "handle",
        wire::Purpose::Review => "review",
        wire::Purpose::Inspect => "inspect",
        wire::Purpose::Policy => "policy",
        wire::Purpose::Learn => "learn",
        wire::Purpose::Backtest => "backtest",
    })
}
