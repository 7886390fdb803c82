//! `hoiam policy check`: every problem of a file at once.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use routing::domain::Policy;
use serde_json::json;

use super::Of;
use crate::data::DataFolder;
use crate::output;

/// Clauses of a note that are listed; more are counted.
const LISTED: usize = 6;

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  hoiam policy check new.toml\n  hoiam policy check new.toml --json")]
pub(crate) struct Arguments {
    /// The policy (TOML).
    file: PathBuf,
    /// One JSON object a line: each error, each note, then the verdict.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(data: &Path, of: Of, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let file = arguments.file.display();
    let text = std::fs::read_to_string(&arguments.file).with_context(|| format!("{file} cannot be read"))?;
    if of == Of::Classification {
        return classification(data, arguments, &text);
    }
    let examined = Policy::examine(&text);
    let ok = examined.errors.is_empty();
    if arguments.json {
        for error in &examined.errors {
            output::json(&json!({ "error": error.code(), "says": error.to_string() }))?;
        }
        for note in &examined.notes {
            output::json(
                &json!({ "note": "overlap", "clause": note.clause, "before": note.before, "example": note.example }),
            )?;
        }
        output::json(
            &json!({ "ok": ok, "errors": examined.errors.len(), "notes": examined.notes.len(), "tried": examined.tried }),
        )?;
    } else {
        for error in &examined.errors {
            output::line(format!("error [{}]: {error}", error.code()))?;
        }
        for note in &examined.notes {
            let more = match note.before.len().saturating_sub(LISTED) {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            let first = note
                .before
                .iter()
                .take(LISTED)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ");
            output::line(format!(
                "note [overlap]: {} decides what {first}{more} match too, because it stands before them; for example {}",
                note.clause, note.example
            ))?;
        }
        let notes = examined.notes.len();
        output::line(if ok {
            format!(
                "{file} may be published: {} reports tried, {notes} notes.",
                examined.tried
            )
        } else if examined.tried == 0 {
            format!(
                "{file} has {} errors; no report was tried until these are corrected, so there may be more.",
                examined.errors.len()
            )
        } else {
            format!("{file} has {} errors, {notes} notes.", examined.errors.len())
        })?;
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The rules of classification are read to the first error.
fn classification(data: &Path, arguments: &Arguments, text: &str) -> anyhow::Result<ExitCode> {
    let folder = DataFolder::at(data)?.models();
    let error = classification::examine(text, Some(&folder))
        .err()
        .map(|error| error.to_string());
    let ok = error.is_none();
    if arguments.json {
        if let Some(error) = &error {
            output::json(&json!({ "error": "policy", "says": error }))?;
        }
        output::json(&json!({ "ok": ok, "errors": usize::from(!ok) }))?;
    } else {
        let file = arguments.file.display();
        output::line(match error {
            None => format!("{file} may be published."),
            Some(error) => format!("{file} may not be published: {error}"),
        })?;
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
