//! `hoiam ledger search`: finds cases by what was sealed for them, through the vault's blind index.

use std::path::Path;

use anyhow::bail;
use contracts::grpc::ledger::{Purpose, SearchRequest, Term, TermKind};
use kernel::{Actor, CaseId};

use crate::connect::System;
use crate::output;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam ledger search --word \"ổ gà\" --reader inspector:minh --purpose inspect\n  \
    hoiam ledger search --phone 0912774365 --word nap --reader inspector:minh --purpose inspect --json\n\n\
    A case is found when it has all of what is asked, in any of its events. That somebody searched goes on record, what for does not."
)]
pub(crate) struct Arguments {
    /// Words, with or without tones; each must occur.
    #[arg(long)]
    word: Vec<String>,
    /// A phone number in any spelling.
    #[arg(long)]
    phone: Vec<String>,
    /// An e-mail address.
    #[arg(long)]
    email: Vec<String>,
    /// The 9 or 12 digits of an identity card.
    #[arg(long)]
    id: Vec<String>,
    /// Who searches: `inspector:minh`.
    #[arg(long)]
    reader: String,
    /// In which role; without it the reader's own.
    #[arg(long)]
    role: Option<String>,
    /// What for.
    #[arg(long, value_parser = ["handle", "answer", "review", "inspect"])]
    purpose: String,
    /// Cases of one page.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// The next page: what the page before ended with.
    #[arg(long, default_value_t = 0)]
    before: u64,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(data: &Path, arguments: Arguments) -> anyhow::Result<()> {
    let Ok(reader) = Actor::parse(&arguments.reader) else {
        bail!("--reader is `<role>:<id>`, like inspector:minh")
    };
    let terms: Vec<Term> = [
        (TermKind::Word, &arguments.word),
        (TermKind::Phone, &arguments.phone),
        (TermKind::Email, &arguments.email),
        (TermKind::Id, &arguments.id),
    ]
    .into_iter()
    .flat_map(|(kind, texts)| {
        texts.iter().map(move |text| Term {
            kind: kind.into(),
            text: text.clone(),
        })
    })
    .collect();
    if terms.is_empty() {
        bail!("say what to look for: --word, --phone, --email or --id");
    }
    let purpose = match arguments.purpose.as_str() {
        "handle" => Purpose::Handle,
        "answer" => Purpose::Answer,
        "review" => Purpose::Review,
        _ => Purpose::Inspect,
    };
    let system = System::of(data)?;
    let ledger = system.ledger().await?;
    let reply = ledger
        .search(SearchRequest {
            terms,
            purpose: purpose.into(),
            role: arguments.role.unwrap_or_else(|| reader.role().to_owned()),
            reader: arguments.reader,
            limit: arguments.limit,
            before: arguments.before,
        })
        .await?;
    let codes = system.codes(&ledger).await?;
    for found in &reply.found {
        let case = CaseId(uuid::Uuid::from_slice(&found.case_id)?);
        let code = codes.get(&case).map(ToString::to_string);
        if arguments.json {
            output::json(&serde_json::json!({
                "case": case.to_string(), "code": code, "positions": found.positions,
            }))?;
        } else {
            let positions: Vec<String> = found.positions.iter().map(u64::to_string).collect();
            output::line(format!(
                "{}  at {}",
                code.unwrap_or_else(|| case.to_string()),
                positions.join(", ")
            ))?;
        }
    }
    let more = if reply.next > 0 {
        format!("; more with --before {}", reply.next)
    } else {
        String::new()
    };
    output::note(format!(
        "Cases: {}{more}. Looked through everything up to position {}; on record at {}.",
        reply.found.len(),
        reply.indexed,
        reply.position
    ));
    Ok(())
}
