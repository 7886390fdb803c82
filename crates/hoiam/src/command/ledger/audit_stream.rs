//! `hoiam ledger audit-stream`: compares the stream with the record, message by message.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use chassis::ledger::{Filter, Range};
use contracts::subjects;
use futures::StreamExt;
use kernel::Position;
use ledger::relay::audit::{Difference, compare};
use ledger::relay::bulk;
use serde::Serialize;

use crate::connect::System;
use crate::output;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam ledger audit-stream\n  hoiam ledger audit-stream --from 1200000 --json"
)]
pub(crate) struct Arguments {
    /// First position to compare; otherwise the first that the stream holds.
    #[arg(long, value_name = "POSITION")]
    from: Option<u64>,
    /// Last position to compare; otherwise the last that the stream holds.
    #[arg(long, value_name = "POSITION")]
    to: Option<u64>,
    /// One JSON object a line: each finding, then the sum.
    #[arg(long)]
    json: bool,
}

/// Something that is not as it should be.
#[derive(Serialize)]
struct Finding {
    /// `missing`, `foreign`, `differs`.
    finding: &'static str,
    from: u64,
    to: u64,
    says: String,
}

/// What was compared.
#[derive(Serialize)]
struct Sum {
    from: u64,
    to: u64,
    compared: u64,
    findings: u64,
}

pub(crate) async fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let system = System::of(data)?;
    let ledger = system.ledger().await?;
    let nats = system.nats("admin").await?;
    let state = nats.stream_state(subjects::EVENTS).await?;
    let state =
        state.context("there is no stream EVENTS: the relay makes it as soon as the broker is well")?;
    // The ledger is asked after the stream: what the stream holds was on record before.
    let head = ledger.head(Position(0)).await?;
    let from = arguments.from.unwrap_or(state.first).max(1);
    let to = arguments.to.unwrap_or(state.last).min(state.last);
    if from < state.first {
        bail!(
            "the stream begins at {}: what is older was trimmed, and is on record only",
            state.first
        );
    }
    let mut audit = Audit {
        json: arguments.json,
        sum: Sum {
            from,
            to,
            compared: 0,
            findings: 0,
        },
        missing: None,
    };
    let on_record = to.min(head.position);
    let range = Range {
        from: Position(from),
        to: Some(Position(on_record)),
        limit: None,
    };
    let mut events = std::pin::pin!(ledger.read_all_wire(range, Filter::default()));
    let mut held = std::collections::VecDeque::new();
    let mut next = from;
    while next <= to {
        if held.is_empty() {
            held.extend(bulk::read(&nats, next).await?);
        }
        // The server leaves out what it lost or cannot read.
        let message = match held.front() {
            Some(message) if message.sequence == next => held.pop_front(),
            _ => None,
        };
        if next > on_record {
            if message.is_some() {
                audit.foreign(next, head.position)?;
            }
        } else {
            let event = events.next().await;
            let event = event.with_context(|| format!("the ledger gave no event at {next}"))??;
            if event.position != next {
                bail!(
                    "the ledger has no event at {next}, the next is {}: `hoiam doctor`",
                    event.position
                );
            }
            match message {
                Some(message) => {
                    if let Some(difference) = compare(head.shards, event, &message)? {
                        audit.differs(next, &difference)?;
                    }
                    audit.sum.compared += 1;
                }
                None => audit.missing(next)?,
            }
        }
        next += 1;
    }
    audit.end(head.position)
}

struct Audit {
    json: bool,
    sum: Sum,
    /// Positions in a row that are missing.
    missing: Option<(u64, u64)>,
}

impl Audit {
    fn missing(&mut self, position: u64) -> anyhow::Result<()> {
        match &mut self.missing {
            Some((_, to)) if *to + 1 == position => *to = position,
            _ => {
                self.say_missing()?;
                self.missing = Some((position, position));
            }
        }
        Ok(())
    }

    fn say_missing(&mut self) -> anyhow::Result<()> {
        let Some((from, to)) = self.missing.take() else {
            return Ok(());
        };
        self.find(
            "missing",
            from,
            to,
            "on record, but the stream has lost it or cannot read it".to_owned(),
        )
    }

    fn foreign(&mut self, position: u64, head: u64) -> anyhow::Result<()> {
        self.say_missing()?;
        self.find(
            "foreign",
            position,
            position,
            format!("in the stream, but the record ends at {head}"),
        )
    }

    fn differs(&mut self, position: u64, difference: &Difference) -> anyhow::Result<()> {
        self.say_missing()?;
        let what = if difference.differs.is_empty() {
            "stream and record agree".to_owned()
        } else {
            format!("stream and record differ in: {}", difference.differs.join(", "))
        };
        let fits = |fits| if fits { "fit" } else { "do not fit" };
        let says = format!(
            "{what}; the data on record {} the hash that was committed, those in the stream {} the one they carry",
            fits(difference.record_fits),
            fits(difference.stream_fits)
        );
        self.find("differs", position, position, says)
    }

    fn find(&mut self, finding: &'static str, from: u64, to: u64, says: String) -> anyhow::Result<()> {
        self.sum.findings += 1;
        if self.json {
            return output::json(&Finding {
                finding,
                from,
                to,
                says,
            });
        }
        let positions = if from == to {
            format!("position {from}")
        } else {
            format!("positions {from} to {to}")
        };
        output::line(format!("✗ {positions}: {says}"))
    }

    fn end(mut self, head: u64) -> anyhow::Result<ExitCode> {
        self.say_missing()?;
        let Sum {
            from,
            to,
            compared,
            findings,
        } = self.sum;
        if self.json {
            output::json(&self.sum)?;
        } else if findings == 0 {
            output::line(format!(
                "✓ {compared} messages, {from} to {to}, are the record's, word for word; the record ends at {head}."
            ))?;
        } else {
            output::line(
                "→ `hoiam verify` checks the record; if it is right, `hoiam ledger rebuild-stream` makes the stream anew.",
            )?;
        }
        Ok(if findings == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}
