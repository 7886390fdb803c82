//! `hoiam train`: a candidate model from labelled files, compared with the one the product comes with and stored by its hash. It puts nothing in
//! force: that is a person's act, a policy that names the candidate.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use classification_domain::compare::{Paired, compare};
use classification_domain::model::{Learning, Model};
use classification_domain::record::Record;
use classification_domain::{Policy, built_in};
use serde_json::{Value, json};

use super::eval;
use crate::data::{DataFolder, private_folder, write_private};
use crate::output;

#[derive(clap::Args)]
#[command(after_help = "Example:\n  hoiam train labelled-october.jsonl --folds 8")]
pub(crate) struct Arguments {
    /// Labelled reports, one JSON object a line: what the candidate learns beside what the model in force has learnt.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// In how many folds the two are compared.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..))]
    folds: u32,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let new = eval::read(&arguments.files)?;
    let in_force = built_in::newest();
    let known = Record::read_all(in_force)?;
    let learning = Learning::default();
    let lines = candidate(in_force, &known, &arguments.files)?;
    let version = Model::version_of(&lines, &learning);
    if version == Model::version_of(in_force, &learning) {
        bail!("the files hold no report that the model in force has not learnt from")
    }
    let mut policy = Policy::built_in();
    let comparison = compare(&mut policy, &known, &new, arguments.folds as usize, &learning);
    let folder = DataFolder::at(data)?.models();
    // What it learnt from may be people's words.
    private_folder(&folder)?;
    let file = folder.join(format!("{version}.jsonl"));
    write_private(&file, lines.as_bytes())?;
    let learnt = Record::read_all(&lines)?.len();
    if arguments.json {
        return output::json(&json!({
            "candidate": version,
            "in_force": policy.model_version(),
            "learnt_from": learnt,
            "compared_on": new.len(),
            "folds": arguments.folds,
            "topic": as_json(&comparison.topic),
            "kind": as_json(&comparison.kind),
            "file": file,
        }));
    }
    output::line(format!(
        "Candidate {version} learnt from {learnt} reports; compared with {} on {} reports in {} folds, none of which either had learnt from.",
        policy.model_version().unwrap_or("none"),
        new.len(),
        arguments.folds
    ))?;
    let rows = [("topic", comparison.topic), ("kind", comparison.kind)].map(|(what, paired)| {
        vec![
            what.to_owned(),
            paired.both.to_string(),
            paired.only_in_force.to_string(),
            paired.only_candidate.to_string(),
            paired.neither.to_string(),
            format!("{:.3}", paired.p_value()),
        ]
    });
    let header = [
        "right",
        "both",
        "only in force",
        "only candidate",
        "neither",
        "p (McNemar)",
    ];
    output::table(&header, rows)?;
    output::line(format!(
        "Stored as {}. Nothing changed: to put it in force, publish a policy whose [settings.model] names version \"{version}\", with --models {}.",
        file.display(),
        folder.display()
    ))
}

/// What the model in force learnt from, and each new line whose text is not there yet.
fn candidate(in_force: &str, known: &[Record], files: &[PathBuf]) -> anyhow::Result<String> {
    let mut texts: BTreeSet<String> = known.iter().map(|record| record.text.clone()).collect();
    let ids: BTreeSet<&str> = known.iter().map(|record| record.id.as_str()).collect();
    let mut lines = in_force.to_owned();
    for file in files {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let record: Record = serde_json::from_str(line).with_context(|| file.display().to_string())?;
            if !texts.insert(record.text.clone()) {
                continue;
            }
            if ids.contains(record.id.as_str()) {
                bail!(
                    "{}: the id `{}` is that of another report the model in force learnt from",
                    file.display(),
                    record.id
                )
            }
            lines.push_str(line);
            lines.push('\n');
        }
    }
    Ok(lines)
}

fn as_json(paired: &Paired) -> Value {
    json!({
        "both": paired.both,
        "only_in_force": paired.only_in_force,
        "only_candidate": paired.only_candidate,
        "neither": paired.neither,
        "p_value": paired.p_value(),
    })
}
