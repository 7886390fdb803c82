//! `hoiam ledger erase`: destroys what was sealed for a case, on a legal basis, and says so on record.

use std::io::{IsTerminal, Write};
use std::path::Path;

use anyhow::bail;
use contracts::grpc::ledger::EraseContentRequest;
use kernel::taxonomy::ErasureBasis;

use crate::connect::System;
use crate::output;

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  hoiam ledger erase --case HA-7K3MX-9QP4T-5 --basis subject_request --ordered-by QD-118/2026\n\n\
    Law 91/2025/QH15: a person may ask for it; a case under way, and the file of a complaint, a denunciation or a crime report, is kept all the same."
)]
pub(crate) struct Arguments {
    /// The case: its tracking code or id.
    #[arg(long)]
    case: String,
    /// The legal basis.
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(ErasureBasis::ALL.iter().map(|basis| basis.code())))]
    basis: String,
    /// Who ordered it, or the number of the order, as a code (letters, digits, `_.:/+@=-`).
    #[arg(long)]
    ordered_by: String,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(data: &Path, arguments: Arguments) -> anyhow::Result<()> {
    let system = System::of(data)?;
    let ledger = system.ledger().await?;
    let case = system.case(&ledger, &arguments.case).await?;
    if !arguments.yes && !agreed(&arguments.case)? {
        bail!("nothing was erased");
    }
    let request = EraseContentRequest {
        request_id: uuid::Uuid::new_v4().as_bytes().to_vec().into(),
        case_id: case.to_vec().into(),
        basis: arguments.basis,
        ordered_by: arguments.ordered_by,
        unless: Vec::new(),
    };
    let reply = ledger.erase(request).await?;
    if arguments.json {
        return output::json(&serde_json::json!({
            "case": case.to_string(), "position": reply.position, "already": reply.already,
        }));
    }
    output::line(if reply.already {
        format!(
            "The content of {} was erased before, at position {}.",
            arguments.case, reply.position
        )
    } else {
        format!(
            "The content of {} is erased: its key is destroyed, and position {} says so. Facts and proofs stay.",
            arguments.case, reply.position
        )
    })
}

/// Asks a person; whoever is none says `--yes`.
fn agreed(case: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("what is erased cannot be brought back: say --yes where nobody can be asked");
    }
    let mut out = std::io::stderr().lock();
    write!(
        out,
        "Everything that was said in {case} will be destroyed and cannot be brought back. Type `erase` to go on: "
    )?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == "erase")
}
