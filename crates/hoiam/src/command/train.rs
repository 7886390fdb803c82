//! `hoiam train`: a candidate model from labelled files and from what people decided on record, compared with the one in force and stored by its
//! hash. It puts nothing in force: that is a person's act, a policy that names the candidate.

mod decided;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use classification_domain::compare::{Paired, compare};
use classification_domain::model::{Learning, Model};
use classification_domain::policy::BUILT_IN;
use classification_domain::record::{Learnable, Record};
use classification_domain::{Policy, built_in};
use serde_json::{Value, json};

use super::{eval, policy};
use crate::data::{DataFolder, private_folder, write_private};
use crate::output;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam train --by operator:lan\n  hoiam train labelled-october.jsonl --folds 4\n\nA file's texts are stored with the candidate as they are: it is for reports written to learn from. Of a citizen's report on record the \
                  candidate holds the position and what a person decided, and no word."
)]
pub(crate) struct Arguments {
    /// Labelled reports, one JSON object a line: what the candidate learns beside what the model in force has learnt.
    #[arg(required_unless_present = "by", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Learn from the review decisions on record too; the reports are opened, which is on record: say for whom.
    #[arg(long, value_name = "ACTOR")]
    by: Option<String>,
    /// In how many folds the two are compared.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..))]
    folds: u32,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let folder = DataFolder::at(data)?.models();
    let by = arguments.by.as_deref();
    let text = match by {
        Some(_) => policy::classification_in_force(data).await?.1,
        None => BUILT_IN.to_owned(),
    };
    let mut policy = Policy::parse(&text)?;
    let base = match policy.model_version() {
        None => built_in::newest().into(),
        Some(version) => classification::records(version, Some(&folder)).with_context(|| {
            format!(
                "the records of the model {version} in force are not in {}",
                folder.display()
            )
        })?,
    };
    let record = match by {
        Some(by) => decided::read(data, by, &base).await?,
        None => decided::OnRecord::default(),
    };
    let texts = record.texts;
    let known = open(&base, &texts)?;
    let learning = Learning::default();
    let in_force = policy.model_version().map(str::to_owned);
    let files = read(&arguments.files)?;
    let new = open(&new_lines(&known, &record.decided, &texts, &files)?, &texts)?;
    if new.records.is_empty() && known.left_out == 0 {
        bail!("there is no report that the model in force has not learnt from")
    }
    let lines = format!("{}{}", known.lines, new.lines);
    let version = Model::version_of(&lines, &learning);
    let comparison = compare(
        &mut policy,
        &known.records,
        &new.records,
        arguments.folds as usize,
        &learning,
    );
    private_folder(&folder)?;
    let file = folder.join(format!("{version}.jsonl"));
    write_private(&file, lines.as_bytes())?;
    let learnt = known.records.len() + new.records.len();
    let in_force = in_force.as_deref().unwrap_or("none");
    if arguments.json {
        return output::json(&json!({
            "candidate": version,
            "in_force": in_force,
            "learnt_from": learnt,
            "decided": record.decided.len(),
            "erased": known.left_out + record.erased,
            "compared_on": new.records.len(),
            "folds": arguments.folds,
            "topic": as_json(&comparison.topic),
            "kind": as_json(&comparison.kind),
            "file": file,
        }));
    }
    if by.is_some() {
        output::line(format!(
            "Of the review decisions on record {} are new to the model in force; {} reports were erased and are left out.",
            record.decided.len(),
            known.left_out + record.erased
        ))?;
    }
    output::line(format!(
        "Candidate {version} learnt from {learnt} reports; compared with {in_force} on {} reports in {} folds, none of which either had learnt from.",
        new.records.len(),
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
        "Stored as {}. Nothing changed: to put it in force, let [settings.model] of a policy name version \"{version}\", then `hoiam policy backtest` and `hoiam policy publish` it, --of classification.",
        file.display()
    ))
}

/// The lines of files, each a record.
fn read(files: &[PathBuf]) -> anyhow::Result<Vec<(String, Record)>> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let records = eval::read(files)?;
    let mut lines = Vec::with_capacity(records.len());
    for file in files {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        lines.extend(
            text.lines()
                .filter(|line| !line.trim().is_empty())
                .map(str::to_owned),
        );
    }
    if let Some(record) = records.iter().find(|record| record.sealed.is_some()) {
        bail!(
            "`{}` says where its text is sealed: such reports are learnt from the record, with --by",
            record.id
        )
    }
    Ok(lines.into_iter().zip(records).collect())
}

fn open(lines: &str, texts: &HashMap<u64, String>) -> anyhow::Result<Learnable> {
    Ok(Record::opened(lines, |position| texts.get(&position).cloned())?)
}

/// Each new line whose text is not known yet.
fn new_lines(
    known: &Learnable,
    decided: &[Record],
    texts: &HashMap<u64, String>,
    files: &[(String, Record)],
) -> anyhow::Result<String> {
    let mut seen: BTreeSet<String> = known.records.iter().map(|record| record.text.clone()).collect();
    let ids: BTreeSet<&str> = known.records.iter().map(|record| record.id.as_str()).collect();
    let mut lines = String::new();
    for record in decided {
        let position = record.sealed.map_or(0, |sealed| sealed.position);
        if texts.get(&position).is_some_and(|text| seen.insert(text.clone())) {
            lines.push_str(&serde_json::to_string(record)?);
            lines.push('\n');
        }
    }
    for (line, record) in files {
        if !seen.insert(record.text.clone()) {
            continue;
        }
        if ids.contains(record.id.as_str()) {
            bail!(
                "the id `{}` is that of another report the model in force learnt from",
                record.id
            )
        }
        lines.push_str(line);
        lines.push('\n');
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
