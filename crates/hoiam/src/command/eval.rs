//! `hoiam eval`: how the built-in rules and model do on labelled reports. Offline: no system need run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use classification_domain::cross::cross_validated;
use classification_domain::measure::{Measured, Mistake, Score, measure};
use classification_domain::model::Learning;
use classification_domain::record::Record;
use classification_domain::{Classification, Policy, classify};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde_json::{Value, json};

use super::classify::words;
use crate::output;

/// Mistakes told to people; `--json` has all.
const TOLD: usize = 20;
/// How long classifying is timed at least.
const TIMED: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam eval reports.jsonl\n  hoiam eval dev-01.jsonl dev-02.jsonl --folds 8 --json"
)]
pub(crate) struct Arguments {
    /// Labelled reports, one JSON object a line.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Cross-validate: the model learns from the other folds only, and of the rules those phrases are passed over that no other fold holds (the
    /// rules were written with such reports in sight). 2 or more.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    folds: Option<u32>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let records = read(&arguments.files)?;
    if arguments
        .folds
        .is_some_and(|folds| folds as usize > records.len())
    {
        bail!("there are fewer reports than folds: give more reports, or fewer folds")
    }
    let mut policy = Policy::built_in();
    let per_second = speed(&policy, &records)?;
    let found: Vec<Classification> = match arguments.folds {
        Some(folds) => cross_validated(&mut policy, &records, &[], folds as usize, &Learning::default()),
        None => records
            .iter()
            .map(|record| classify(&policy, &record.text))
            .collect(),
    };
    let measured = measure(&records, &found);
    if arguments.json {
        return output::json(&as_json(&records, &measured, per_second, arguments.folds)?);
    }
    tell(&records, &measured, per_second, arguments.folds)
}

/// All records of all files; what is wrong with one is told with its file and line.
pub(super) fn read(files: &[PathBuf]) -> anyhow::Result<Vec<Record>> {
    let mut records: Vec<Record> = Vec::new();
    let mut ids: BTreeMap<String, &PathBuf> = BTreeMap::new();
    for file in files {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        let read = Record::read_all(&text).with_context(|| file.display().to_string())?;
        for record in &read {
            if let Some(before) = ids.insert(record.id.clone(), file) {
                bail!(
                    "{}: the id `{}` is in {} too",
                    file.display(),
                    record.id,
                    before.display()
                )
            }
        }
        records.extend(read);
    }
    if records.is_empty() {
        bail!("the files hold no reports")
    }
    Ok(records)
}

/// Reports a second of one core's time: what other programs take of the machine does not count.
fn speed(policy: &Policy, records: &[Record]) -> anyhow::Result<f64> {
    let start = Instant::now();
    let before = used()?;
    let mut done = 0u32;
    while done == 0 || (start.elapsed() < TIMED && used()? - before < TIMED.as_secs_f64()) {
        for record in records {
            std::hint::black_box(classify(policy, &record.text));
            done += 1;
        }
    }
    Ok(f64::from(done) / (used()? - before).max(1e-6))
}

/// Seconds of processor time this process has used.
pub(super) fn used() -> anyhow::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).context("the processor time cannot be read")?;
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

fn text_of<'a>(records: &'a [Record], mistake: &Mistake) -> &'a str {
    records
        .iter()
        .find(|record| record.id == mistake.id)
        .map_or("", |record| record.text.as_str())
}

fn as_json(
    records: &[Record],
    measured: &Measured,
    per_second: f64,
    folds: Option<u32>,
) -> anyhow::Result<Value> {
    let mut value = serde_json::to_value(&measured.figures)?;
    let mistakes: Vec<Value> = measured
        .mistakes
        .iter()
        .map(|mistake| {
            let text = text_of(records, mistake);
            let evidence: Vec<Value> = mistake
                .evidence
                .iter()
                .map(|e| json!({ "rule": e.rule, "start": e.start, "end": e.end, "words": words(text, e) }))
                .collect();
            json!({
                "id": mistake.id,
                "expected": mistake.expected,
                "given": mistake.given,
                "confidence": f64::from(mistake.confidence) / 1000.0,
                "review": mistake.review,
                "evidence": evidence,
            })
        })
        .collect();
    value["per_second"] = json!(per_second);
    value["folds"] = json!(folds);
    value["calibration"] = json!(measured.bins);
    value["topics"] = json!(measured.topics);
    value["kinds"] = json!(measured.kinds);
    value["mistakes"] = json!(mistakes);
    Ok(value)
}

fn tell(records: &[Record], measured: &Measured, per_second: f64, folds: Option<u32>) -> anyhow::Result<()> {
    match folds {
        Some(folds) => output::line(format!(
            "Cross-validated in {folds} folds. The model learnt from the other folds; the rules were written with these records in sight, so what \
             only one fold holds of their phrases is passed over there (but for lists marked as written without the records)."
        ))?,
        None => output::line(
            "If rules or model were made with these records in sight, these are training figures: see --folds.",
        )?,
    }
    let figures = serde_json::to_value(&measured.figures)?;
    let figures = figures.as_object().cloned().unwrap_or_default();
    let rows = figures.iter().map(|(name, value)| {
        let value = match value {
            Value::Number(n) if n.is_f64() => format!("{:.3}", n.as_f64().unwrap_or_default()),
            Value::Array(ids) if ids.is_empty() => "none".to_owned(),
            other => other.to_string(),
        };
        vec![name.clone(), value]
    });
    output::table(&["figure", "value"], rows)?;
    output::line(format!("{per_second:.0} reports a second on one core"))?;
    for (what, scores) in [("topic", &measured.topics), ("kind", &measured.kinds)] {
        output::table(
            &[what, "labelled", "found", "right", "recall", "precision", "F1"],
            scores.iter().map(score),
        )?;
    }
    let bins = measured.bins.iter().map(|bin| {
        vec![
            bin.findings.to_string(),
            format!("{:.3}", bin.confidence),
            format!("{:.3}", bin.right),
        ]
    });
    output::table(&["findings", "mean confidence", "share right"], bins)?;
    let mut confusion: Vec<_> = measured.confusion.iter().collect();
    confusion.sort_by_key(|(pair, times)| (std::cmp::Reverse(**times), **pair));
    let rows = confusion.iter().take(TOLD).map(|((expected, given), times)| {
        vec![(*expected).to_owned(), (*given).to_owned(), times.to_string()]
    });
    output::table(&["topic", "taken for", "times"], rows)?;
    output::line("The worst mistakes: what was decided without a person, the surest first.")?;
    for mistake in measured.mistakes.iter().take(TOLD) {
        let text = text_of(records, mistake);
        output::line(format!(
            "{}: expected {}, given {}, sure {:.1} %{}",
            mistake.id,
            pairs(&mistake.expected),
            pairs(&mistake.given),
            f64::from(mistake.confidence) / 10.0,
            if mistake.review { ", a person looks" } else { "" }
        ))?;
        let seen: Vec<String> = mistake
            .evidence
            .iter()
            .filter(|e| e.end > e.start)
            .map(|e| format!("{} “{}”", e.rule, words(text, e)))
            .collect();
        output::line(format!("  {}", seen.join(", ")))?;
    }
    Ok(())
}

fn score((code, score): (&&'static str, &Score)) -> Vec<String> {
    let share = |part: u32, whole: u32| {
        if whole == 0 {
            "-".to_owned()
        } else {
            format!("{:.2}", f64::from(part) / f64::from(whole))
        }
    };
    vec![
        (*code).to_owned(),
        score.labelled.to_string(),
        score.found.to_string(),
        score.right.to_string(),
        share(score.right, score.labelled),
        share(score.right, score.found),
        format!("{:.2}", score.f1()),
    ]
}

fn pairs(what: &BTreeMap<&'static str, String>) -> String {
    what.iter()
        .map(|(key, value)| format!("{key} {value}"))
        .collect::<Vec<_>>()
        .join(", ")
}
