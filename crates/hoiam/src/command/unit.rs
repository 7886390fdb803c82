//! `hoiam unit`: adds a unit, and does what a unit's own system would do, with nothing but the unit's credential.

mod cases;
mod outlet;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chassis::nats::{Headers, Nats, NatsError};
use contracts::events::routing::{CaseDispatched, UnitJoined};
use contracts::grpc::routing::ListUnitsRequest;
use contracts::grpc::routing::routing_client::RoutingClient;
use contracts::subjects;
use contracts::wire::{CaseNotice, DeskReply, DeskRequest};
use kernel::CaseId;

use super::replay::local;
use crate::connect::{System, broker};
use crate::data::{DataFolder, NatsCredential, unit_user};
use crate::output;
use crate::up::members;

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  hoiam unit add so_xd\n  hoiam unit cases so_xd")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Let a unit's system in: credential file, durable, token, directory.
    #[command(after_help = "Example:\n  hoiam unit add so_xd")]
    Add {
        /// The unit's code in the routing policy.
        unit: String,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Show the cases that are put before a unit, as they come, and acknowledge them.
    #[command(after_help = "Example:\n  hoiam unit watch cong_an --once")]
    Watch {
        /// The unit's code.
        unit: String,
        /// The unit's credential file; without it the one in the data folder.
        #[arg(long)]
        credential: Option<PathBuf>,
        /// Show what waits, and end.
        #[arg(long)]
        once: bool,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// The unit's open cases, as they stand now.
    #[command(after_help = "Example:\n  hoiam unit cases so_xd")]
    Cases(cases::Arguments),
    /// Answer for a unit: open, accept, return, progress, result.
    #[command(
        after_help = "Examples:\n  hoiam unit reply so_xd HA-7K3MX-9QP4T-5 accept\n  hoiam unit reply so_xd HA-7K3MX-9QP4T-5 result --text \"Đã vá xong ổ gà\""
    )]
    Reply(Reply),
    /// Tell a unit without NATS of its cases by signed requests to its own server (Standard Webhooks).
    #[command(
        subcommand,
        after_help = "Example:\n  hoiam unit webhook set so_xd https://so-xd.example/hoiam --by office:an"
    )]
    Webhook(outlet::Command),
    /// Tell a unit without any system of its cases by mail, with a link by which an officer works on the one case in a browser.
    #[command(
        subcommand,
        after_help = "Example:\n  hoiam unit mail set so_xd phong-xd@so-xd.example --by office:an"
    )]
    Mail(outlet::Command),
}

#[derive(clap::Args)]
struct Reply {
    /// The unit's code.
    unit: String,
    /// The case: its id, or its tracking code where the data folder is at hand.
    case: String,
    /// What the unit does.
    verb: Verb,
    /// The words: the answer to the citizen, the progress, the reason, the question, or what the other unit is to do.
    #[arg(long)]
    text: Option<String>,
    /// return: not_ours, incomplete, duplicate, conflict, other. result: done (if nothing is said), partly_done, not_possible, no_grounds.
    #[arg(long)]
    code: Option<String>,
    /// return: whose it is, if known.
    #[arg(long)]
    better_unit: Option<String>,
    /// join: the unit that is to take part.
    #[arg(long)]
    with: Option<String>,
    /// progress, result: a photo or document (JPEG, PNG, PDF); at most 4, 180,000 bytes in all.
    #[arg(long, value_name = "FILE")]
    attach: Vec<PathBuf>,
    /// progress: the date promised, YYYY-MM-DD.
    #[arg(long)]
    date: Option<String>,
    /// Which dispatch; without it the present one, or 1 where the data folder is not at hand.
    #[arg(long)]
    revision: Option<u32>,
    /// The unit's own id of this request; sending it again gives the same answer. A random one by default.
    #[arg(long)]
    id: Option<String>,
    /// The unit's credential file; without it the one in the data folder.
    #[arg(long)]
    credential: Option<PathBuf>,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Verb {
    Open,
    Accept,
    Return,
    Ask,
    Join,
    Progress,
    Result,
}

impl Verb {
    const fn word(self) -> &'static str {
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

pub(crate) async fn run(data: &Path, arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Add { unit, json } => add(data, &unit, json).await,
        Command::Watch {
            unit,
            credential,
            once,
            json,
        } => {
            watch(
                &connect(data, &unit, credential.as_deref()).await?,
                &unit,
                once,
                json,
            )
            .await
        }
        Command::Cases(arguments) => cases::run(data, &arguments).await,
        Command::Reply(reply) => answer(data, reply).await,
        Command::Webhook(command) => outlet::run(data, "webhook", command).await,
        Command::Mail(command) => outlet::run(data, "mail", command).await,
    }
}

async fn add(data: &Path, unit: &str, json: bool) -> anyhow::Result<()> {
    if !subjects::is_token(unit) {
        bail!("`{unit}` cannot be a unit's code: use 1 to 64 lower-case letters, digits, `_` and `-`");
    }
    let system = System::of(data)?;
    let mut routing = RoutingClient::new(system.service("routing").await?);
    let known = routing
        .list_units(ListUnitsRequest {})
        .await
        .map_err(|s| crate::connect::refusal(&s))?
        .into_inner()
        .units;
    let Some(found) = known.iter().find(|u| u.code == unit) else {
        let codes: Vec<_> = known.iter().map(|u| u.code.as_str()).collect();
        bail!(
            "the routing policy knows no unit `{unit}`; it knows {}",
            codes.join(", ")
        );
    };
    members::add_unit(&system, unit).await?;
    let credential = system.folder.nats_credential(&unit_user(unit));
    if json {
        return output::json(
            &serde_json::json!({ "unit": unit, "name": found.name, "credential": credential }),
        );
    }
    output::line(format!(
        "{} ({unit}) reads its cases from the durable {} of CASES and answers on desk.{unit}.<verb>.",
        found.name,
        subjects::unit_durable(unit)
    ))?;
    output::line(format!("Its credential: {}", credential.display()))
}

/// The broker, as the unit and with nothing else.
async fn connect(data: &Path, unit: &str, credential: Option<&Path>) -> anyhow::Result<Nats> {
    if let Some(path) = credential {
        let credential = NatsCredential::read(path)?;
        if credential.user != unit_user(unit) {
            let whose = match credential.user.strip_prefix("unit-") {
                Some(other) => format!("the unit `{other}`"),
                None => format!("`{}`, which is no unit", credential.user),
            };
            bail!(
                "{} is the credential of {whose}, not of the unit `{unit}`",
                path.display()
            );
        }
        return broker(&credential).await;
    }
    let path = DataFolder::at(data)?.nats_credential(&unit_user(unit));
    if !path.exists() {
        bail!("the unit `{unit}` has no credential yet: run `hoiam unit add {unit}`");
    }
    broker(&NatsCredential::read(&path)?).await
}

async fn watch(nats: &Nats, unit: &str, once: bool, json: bool) -> anyhow::Result<()> {
    let mut queue = nats.work_queue_existing(subjects::CASES, &subjects::unit_durable(unit));
    let mut any = false;
    loop {
        let patience = if once {
            Duration::from_secs(2)
        } else {
            Duration::MAX
        };
        let work = tokio::select! {
            work = queue.next() => work,
            () = tokio::time::sleep(patience) => {
                if !any {
                    output::note(format!(
                        "Không có việc mới / nothing new waits; open cases: hoiam unit cases {unit}"
                    ));
                }
                return Ok(());
            }
            _ = tokio::signal::ctrl_c() => return Ok(()),
        };
        let notice: CaseNotice =
            serde_json::from_slice(&work.message.payload).context("a notice cannot be read")?;
        any = true;
        if json {
            output::json(&notice)?;
        } else {
            output::line(format!(
                "{}  {}  thông báo {}  mức {}  {}  {}  {}",
                local(notice.dispatched_at),
                notice.case,
                notice.revision,
                notice.level,
                notice.kind.vi(),
                notice.topic.map_or("–", |t| t.vi()),
                notice.urgency.vi(),
            ))?;
        }
        work.done().await?;
    }
}

async fn answer(data: &Path, reply: Reply) -> anyhow::Result<()> {
    let (case, revision) = locate(data, &reply).await?;
    let nats = connect(data, &reply.unit, reply.credential.as_deref()).await?;
    let read = |path: &PathBuf| {
        let file = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        anyhow::Ok(STANDARD.encode(file))
    };
    let attachments = reply.attach.iter().map(read).collect::<anyhow::Result<_>>()?;
    let request = DeskRequest {
        request_id: reply.id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
        case,
        revision,
        code: reply.code.or_else(|| default_code(reply.verb)),
        text: reply.text,
        better_unit: reply.better_unit,
        committed_date: reply.date,
        unit: reply.with,
        attachments,
    };
    let subject = subjects::desk(&reply.unit, reply.verb.word());
    let body = serde_json::to_vec(&request)?.into();
    let message = match nats
        .request(&subject, &Headers::new(), body, Duration::from_secs(30))
        .await
    {
        Ok(message) => message,
        Err(NatsError::NoResponders { .. }) => bail!("routing is not running: see `hoiam doctor`"),
        Err(error) => return Err(error.into()),
    };
    let answer: DeskReply =
        serde_json::from_slice(&message.payload).context("routing's answer cannot be read")?;
    if let DeskReply::Refused { reason, detail } = &answer {
        bail!("refused ({reason}): {detail}");
    }
    if reply.json {
        return output::json(&answer);
    }
    match answer {
        DeskReply::Opened {
            text,
            address,
            task,
            questions,
            ..
        } => {
            output::line(text)?;
            address.map_or(Ok(()), |address| output::line(format!("Nơi: {address}")))?;
            task.map_or(Ok(()), |task| output::line(format!("Việc nhờ phối hợp: {task}")))?;
            for asked in questions {
                let answer = asked.answer.as_deref().unwrap_or("(chưa trả lời)");
                output::line(format!("Câu hỏi {}: {} — {answer}", asked.question, asked.text))?;
            }
            Ok(())
        }
        DeskReply::Done { position, already } => output::line(format!(
            "On record at position {position}{}.",
            if already { " (it was already)" } else { "" }
        )),
        DeskReply::Refused { .. } => Ok(()),
    }
}

fn default_code(verb: Verb) -> Option<String> {
    match verb {
        Verb::Result => Some("done".to_owned()),
        Verb::Return => Some("not_ours".to_owned()),
        _ => None,
    }
}

/// The case, and which dispatch of it is the unit's. A tracking code and an unknown revision are looked up in the ledger, where it is at hand.
async fn locate(data: &Path, reply: &Reply) -> anyhow::Result<(CaseId, u32)> {
    let id = reply.case.parse::<CaseId>().ok();
    if let (Some(case), Some(revision)) = (id, reply.revision) {
        return Ok((case, revision));
    }
    let system = match (System::of(data), id) {
        (Ok(system), _) => system,
        (Err(_), Some(case)) => return Ok((case, reply.revision.unwrap_or(1))),
        (Err(error), None) => {
            return Err(
                error.context("a tracking code is looked up in the ledger; give the case's id instead")
            );
        }
    };
    let ledger = system.ledger().await?;
    let case = system.case(&ledger, &reply.case).await?;
    if let Some(revision) = reply.revision {
        return Ok((case, revision));
    }
    let mut revision = None;
    for event in ledger.read_case(case).await? {
        let told = match event.decode::<CaseDispatched>()? {
            Some(dispatched) => Some((dispatched.unit, dispatched.revision)),
            None => event
                .decode::<UnitJoined>()?
                .map(|joined| (joined.unit, joined.revision)),
        };
        revision = told
            .filter(|(unit, _)| unit.as_str() == reply.unit)
            .map_or(revision, |(_, revision)| Some(revision));
    }
    revision
        .map(|r| (case, r))
        .with_context(|| format!("{} was never put before the unit `{}`", reply.case, reply.unit))
}
