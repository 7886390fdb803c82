//! `hoiam policy diff`: what two policies say differently.

use std::path::Path;

use classification_domain::policy::difference;
use serde_json::json;

use super::{Of, listed, source};
use crate::output;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam policy diff current new.toml\n  hoiam policy diff 1 2\n  hoiam policy diff old.toml 5f0c2b1e9a77d310 --json"
)]
pub(crate) struct Arguments {
    /// A file, `current`, or a version on record: its hash or its number in `hoiam policy list`.
    old: String,
    /// The same.
    new: String,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(data: &Path, of: Of, arguments: &Arguments) -> anyhow::Result<()> {
    if of == Of::Classification {
        return classification(data, arguments).await;
    }
    let old = source::read(data, &arguments.old).await?;
    let new = source::read(data, &arguments.new).await?;
    let difference = old.difference(&new);
    let kinds: usize = difference.moves.iter().map(|it| it.kinds).sum();
    if arguments.json {
        for edit in &difference.edits {
            output::json(&json!({ "change": edit.change, "sort": edit.sort, "name": edit.name }))?;
        }
        for it in &difference.moves {
            output::json(&json!({
                "change": "moves", "kinds": it.kinds,
                "from": { "clause": it.from.0, "units": codes(&it.from.1) },
                "to": { "clause": it.to.0, "units": codes(&it.to.1) },
                "example": it.example.codes().join(" "),
            }))?;
        }
        return output::json(&json!({
            "edits": difference.edits.len(), "reordered": difference.reordered, "moves": kinds, "compared": difference.compared,
        }));
    }
    for edit in &difference.edits {
        output::line(format!("{:8} {} {}", edit.change, edit.sort, edit.name))?;
    }
    if difference.reordered {
        output::line("clauses that both have stand in another order")?;
    }
    if !difference.moves.is_empty() {
        let rows = difference.moves.iter().map(|it| {
            vec![
                it.kinds.to_string(),
                format!("{}: {}", it.from.0, listed(&it.from.1)),
                format!("{}: {}", it.to.0, listed(&it.to.1)),
                it.example.codes().join(" "),
            ]
        });
        output::table(&["kinds of reports", "from", "to", "for example"], rows)?;
    }
    output::line(
        match (difference.edits.is_empty() && !difference.reordered, kinds) {
            (true, 0) => "They say the same.".to_owned(),
            (_, kinds) => format!(
                "Of {} kinds of reports and days, {kinds} are handled otherwise (they go elsewhere, or other units may not have them).",
                difference.compared
            ),
        },
    )
}

fn codes(units: &[routing::domain::UnitCode]) -> Vec<&str> {
    units.iter().map(|unit| unit.as_str()).collect()
}

async fn classification(data: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let old = source::text(data, Of::Classification, &arguments.old).await?;
    let new = source::text(data, Of::Classification, &arguments.new).await?;
    let edits = difference(&old, &new)?;
    for edit in &edits {
        if arguments.json {
            output::json(&json!({
                "change": edit.change, "sort": edit.sort, "name": edit.name, "more": edit.more, "less": edit.less,
            }))?;
        } else {
            let phrases = |sign: char, phrases: &[String]| {
                phrases
                    .iter()
                    .map(|it| format!(" {sign}\u{201c}{it}\u{201d}"))
                    .collect::<String>()
            };
            output::line(format!(
                "{:9} {} {}{}{}",
                edit.change,
                edit.sort,
                edit.name,
                phrases('+', &edit.more),
                phrases('-', &edit.less)
            ))?;
        }
    }
    if arguments.json {
        output::json(&json!({ "edits": edits.len() }))
    } else if edits.is_empty() {
        output::line("They say the same.")
    } else {
        output::line(
            "What of the reports on record they decide otherwise: `hoiam policy backtest NEW --of classification`.",
        )
    }
}
