//! `hoiam classify`: what the rules and the model in force make of a text, and why; where no system runs, the built-in ones. Nothing is recorded.

use std::io::{IsTerminal, Read};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use chassis::ledger::Run;
use classification::Opener;
use classification_domain::explain::{Explanation, explain};
use classification_domain::policy::BUILT_IN;
use classification_domain::record::Record;
use classification_domain::{Evidence, Policy};
use contracts::Code;
use kernel::taxonomy::Topic;
use kernel::{Actor, Instant, Position};
use serde_json::{Value, json};

use super::policy;
use super::replay::local;
use crate::connect::System;
use crate::data::DataFolder;
use crate::output;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam classify \"Nuoc ngap toi dau goi o duong Nguyen Huu Canh, Binh Thanh\"\n  hoiam classify --json < texts.txt"
)]
pub(crate) struct Arguments {
    /// What is to be classified; without it, each line of standard input is one text.
    text: Option<String>,
    /// Where the model in force learnt from reports on record: for whom they are opened, which is on record.
    #[arg(long, value_name = "ACTOR")]
    by: Option<String>,
    /// One JSON object a text.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let texts = match &arguments.text {
        Some(text) => vec![text.clone()],
        None => lines()?,
    };
    let asked = Asked::of(data, arguments.by.as_deref()).await?;
    if !arguments.json {
        output::line(format!("Version {} {}", asked.version, asked.what))?;
    }
    for text in &texts {
        let explained = explain(&asked.policy, text);
        if arguments.json {
            output::json(&as_json(text, &explained, &asked))?;
        } else {
            tell(text, &explained)?;
        }
    }
    Ok(())
}

/// The policy that is asked.
struct Asked {
    policy: Arc<Policy>,
    version: Code,
    /// Whether it is the one in force.
    in_force: bool,
    /// What it is, in words after its version.
    what: String,
}

impl Asked {
    /// The policy in force on a data folder, else the built-in one.
    async fn of(data: &Path, by: Option<&str>) -> anyhow::Result<Self> {
        let Ok(system) = System::of(data) else {
            return Ok(Self::built_in(
                "is the built-in one; no system runs here".to_owned(),
            ));
        };
        let (current, text) = policy::classification_in_force(data).await?;
        let folder = DataFolder::at(data)?.models();
        let model = Policy::parse(&text)?.model_version().map(str::to_owned);
        let lines = model.and_then(|version| classification::records(&version, Some(&folder)));
        let sealed = match lines {
            Some(lines) => Record::read_all(&lines)?
                .iter()
                .any(|record| record.sealed.is_some()),
            None => false,
        };
        if sealed && by.is_none() {
            return Ok(Self::built_in(format!(
                "is the built-in one; in force is {}, whose model learnt from reports on record: to ask it, say with --by for whom they are opened",
                current.version
            )));
        }
        let ledger = system.ledger().await?;
        let run = match by {
            None => None,
            Some(by) => {
                let by = Actor::parse(by)?;
                let role = by.role().to_owned();
                let head = Position(ledger.head(Position(0)).await?.position);
                Some(Run::new(by, &role, Position(1)..=head))
            }
        };
        let version = Code::lossy(&current.version);
        let (speaking, _) =
            classification::speaking(version, text, Some(folder), &Opener { ledger, run }).await?;
        Ok(Self {
            policy: speaking.policy,
            version: speaking.version,
            in_force: true,
            what: format!(
                "is in force since {}, by {}",
                local(Instant(current.from)),
                current.actor
            ),
        })
    }

    fn built_in(what: String) -> Self {
        Self {
            policy: Arc::new(Policy::built_in()),
            version: chassis::policy::version_of(BUILT_IN),
            in_force: false,
            what,
        }
    }
}

fn lines() -> anyhow::Result<Vec<String>> {
    let mut input = std::io::stdin();
    if input.is_terminal() {
        bail!("give a text, or send lines to standard input")
    }
    let mut text = String::new();
    input
        .read_to_string(&mut text)
        .context("standard input is no text in UTF-8")?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// The words of a text that evidence stands on; empty for a rule that concluded from the whole.
pub(super) fn words(text: &str, evidence: &Evidence) -> String {
    text.chars()
        .skip(evidence.start as usize)
        .take(evidence.end.saturating_sub(evidence.start) as usize)
        .collect()
}

fn code(topic: Option<Topic>) -> &'static str {
    topic.map_or("-", Topic::code)
}

fn as_json(text: &str, explained: &Explanation, asked: &Asked) -> Value {
    let found = &explained.found;
    let evidence = |all: &[Evidence]| -> Vec<Value> {
        all.iter()
            .map(|e| json!({ "rule": e.rule, "start": e.start, "end": e.end, "words": words(text, e) }))
            .collect()
    };
    let topics = |all: &[(Option<Topic>, u16)]| -> Vec<Value> {
        all.iter()
            .map(|(topic, share)| json!({ "topic": topic, "share": share }))
            .collect()
    };
    json!({
        "policy": asked.version,
        "in_force": asked.in_force,
        "finding": found.finding,
        "confidence": f64::from(found.confidence) / 1000.0,
        "review": found.needs_review(),
        "reasons": found.reasons,
        "suggested": topics(&found.suggested),
        "evidence": evidence(&found.evidence),
        "place": evidence(&found.finding.place),
        "rules": {
            "topic": explained.rules.topic,
            "kind": explained.rules.kind,
            "level": explained.rules.level,
            "complete": explained.rules.complete,
            "sure": explained.rules.sure,
        },
        "model": explained.model.as_ref().map(|says| json!({
            "version": says.version,
            "topics": topics(&says.topics),
            "kinds": says.kinds.iter().map(|(kind, share)| json!({ "kind": kind, "share": share })).collect::<Vec<_>>(),
            "accuses": says.accuses,
        })),
    })
}

fn tell(text: &str, explained: &Explanation) -> anyhow::Result<()> {
    let found = &explained.found;
    let finding = &found.finding;
    output::line(output::bold(text))?;
    output::line(format!(
        "  {} · {} · {} · level {} · {} · sure {:.1} %",
        finding.topic.map_or("no topic", Topic::vi),
        finding.kind.vi(),
        finding.urgency.vi(),
        finding.level,
        if finding.complete {
            "complete"
        } else {
            "incomplete"
        },
        f64::from(found.confidence) / 10.0
    ))?;
    let reasons: Vec<&str> = found.reasons.iter().map(|reason| reason.code()).collect();
    output::line(if reasons.is_empty() {
        "  decided without a person".to_owned()
    } else {
        format!("  a person confirms: {}", reasons.join(", "))
    })?;
    if !finding.also.is_empty() {
        let also: Vec<&str> = finding.also.iter().map(|topic| topic.vi()).collect();
        output::line(format!("  also speaks of {}", also.join(", ")))?;
    }
    for part in &finding.place {
        output::line(format!("  {} {}", part.rule, words(text, part)))?;
    }
    let rules = &explained.rules;
    output::line(format!(
        "  the rules alone: {} · {} · level {} · sure {} %",
        code(rules.topic),
        rules.kind,
        rules.level,
        rules.sure
    ))?;
    if let Some(says) = &explained.model {
        let share = |name: &str, share: u16| format!("{name} {:.1} %", f64::from(share) / 10.0);
        let topics: Vec<String> = says
            .topics
            .iter()
            .map(|(topic, s)| share(code(*topic), *s))
            .collect();
        let kinds: Vec<String> = says
            .kinds
            .iter()
            .map(|(kind, s)| share(kind.code(), *s))
            .collect();
        output::line(format!(
            "  the model {}, having heard them: {}",
            says.version,
            topics.join(", ")
        ))?;
        output::line(format!(
            "    {}; {}",
            kinds.join(", "),
            share("accuses an official:", says.accuses)
        ))?;
    }
    let by_words = found.evidence.iter().filter(|e| e.end > e.start);
    let rows = by_words.map(|e| vec![e.rule.clone(), words(text, e)]);
    output::table(&["because of", "words"], rows)?;
    let rules = found.evidence.iter().filter(|e| e.end == e.start);
    let rules: Vec<&str> = rules.map(|e| e.rule.as_str()).collect();
    output::line(format!("  rules that decided: {}", rules.join(", ")))?;
    Ok(())
}
