//! `hoiam classify`: what the built-in rules and model make of a text, and why. Offline: nothing is recorded, no system need run.

use std::io::{IsTerminal, Read};

use anyhow::{Context, bail};
use classification_domain::explain::{Explanation, explain};
use classification_domain::{Evidence, Policy};
use kernel::taxonomy::Topic;
use serde_json::{Value, json};

use crate::output;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam classify \"Nuoc ngap toi dau goi o duong Nguyen Huu Canh, Binh Thanh\"\n  hoiam classify --json < texts.txt"
)]
pub(crate) struct Arguments {
    /// What is to be classified; without it, each line of standard input is one text.
    text: Option<String>,
    /// One JSON object a text.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let texts = match &arguments.text {
        Some(text) => vec![text.clone()],
        None => lines()?,
    };
    let policy = Policy::built_in();
    for text in &texts {
        let explained = explain(&policy, text);
        if arguments.json {
            output::json(&as_json(text, &explained))?;
        } else {
            tell(text, &explained)?;
        }
    }
    Ok(())
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

fn as_json(text: &str, explained: &Explanation) -> Value {
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
