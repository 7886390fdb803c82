//! `classify`: from a text to a finding: what the rules say, what the model says, and what follows from both.

use std::collections::BTreeSet;
use std::ops::Range;

use kernel::taxonomy::{Kind, Level, Topic, Urgency};
use vietnam::Folded;

use crate::finding::{Classification, Evidence, Finding, MOST_EVIDENCE, MOST_SUGGESTED, MOST_WARDS, Reason};
use crate::policy::{self, Conclusion, Policy};
use crate::reading::Reading;
use crate::rules::{self, Opinion, Percent};
use crate::voices;

/// The most rules that evidence names.
const MOST_RULES: usize = 16;

/// The place that came with a report apart from its text.
#[derive(Clone, Copy, Default)]
pub struct Given<'a> {
    /// In words.
    pub address: Option<&'a str>,
    /// Whether coordinates came.
    pub coordinates: bool,
}

/// Decides what a text is. Pure: the same policy and text give the same answer, down to the order of the evidence.
#[must_use]
pub fn classify(policy: &Policy, text: &str) -> Classification {
    classify_at(policy, text, Given::default())
}

/// The same of a text with a place beside it: what the form or the operator gave need not be said again.
#[must_use]
pub fn classify_at(policy: &Policy, text: &str, given: Given<'_>) -> Classification {
    let folded = Folded::new(text);
    let address = given.address.filter(|address| !address.trim().is_empty());
    let (mut reading, mut opinion) = listen(policy, &folded, address.is_some() || given.coordinates);
    let mut evidence_of_model = Vec::new();
    let mut suggested = suggestions_of_rules(&reading);
    let mut confidence = (opinion.sure * 10).min(1000);
    let mut reasons: Vec<Reason> = Vec::new();
    if let Some(model) = policy.second_voice() {
        let heard = voices::combine(policy, model, &folded, &mut reading, &mut opinion);
        evidence_of_model = heard.evidence;
        suggested = heard.suggested;
        confidence = heard.confidence;
        reasons = heard.reasons;
    } else if opinion.sure < Percent::from(policy.settings.sure) {
        reasons.push(Reason::LowConfidence);
    }
    if opinion.kind == Kind::Emergency {
        opinion.urgency = Urgency::Emergency;
        opinion.level = Level::TWO; // at once, whatever else a policy says
        reasons.clear(); // and it waits for nobody, whatever else it says
    } else {
        for rule in &policy.rules {
            if let Conclusion::Review(reason) = rule.says
                && rule.holds(&reading.facts)
            {
                opinion.fired.push(rule);
                reasons.push(reason);
            }
        }
    }
    reasons.sort_unstable();
    reasons.dedup();
    let mut named = std::collections::BTreeSet::new();
    opinion.fired.retain(|rule| named.insert(rule.mark)); // once, though it was asked before and after the model spoke

    let mut finding = Finding::nothing(opinion.kind, opinion.complete);
    if !matches!(opinion.kind, Kind::NotAReport | Kind::Unclear) {
        finding.topic = opinion.topic;
        if reading.holds(policy, policy::SEVERAL) {
            finding.also = further_topics(policy, &reading, opinion.topic);
        }
        finding.field = opinion.topic.map(Topic::field);
        (finding.wards, finding.place) = located(&reading, &folded);
        if let (true, Some(address)) = (finding.wards.is_empty(), address) {
            finding.wards = bounded(vietnam::places::find(&Folded::new(address)).wards);
        }
    }
    finding.urgency = opinion.urgency;
    finding.level = opinion.level;
    let fired: Vec<&str> = opinion.fired.iter().map(|rule| rule.id.as_str()).collect();
    Classification {
        finding,
        confidence: u16::try_from(confidence).unwrap_or(1000),
        evidence: evidence(policy, &reading, &folded, &fired, evidence_of_model),
        reasons,
        suggested,
    }
}

/// Reads a text and lets the rules conclude: the first voice. `placed` says that a place came beside the text.
pub(crate) fn listen<'p>(
    policy: &'p Policy,
    folded: &Folded<'_>,
    placed: bool,
) -> (Reading<'p>, Opinion<'p>) {
    listen_without(policy, folded, placed, &BTreeSet::new())
}

/// The same, passing over phrases by number.
pub(crate) fn listen_without<'p>(
    policy: &'p Policy,
    folded: &Folded<'_>,
    placed: bool,
    without: &BTreeSet<usize>,
) -> (Reading<'p>, Opinion<'p>) {
    let mut reading = Reading::new(policy, folded, without);
    if placed {
        reading.set(policy, policy::PLACE, true);
        reading.set(policy, policy::STREET, true);
    }
    rules::combine(policy, &mut reading);
    let opinion = rules::conclude(policy, &mut reading);
    (reading, opinion)
}

/// Without a model: each topic's share of what the words speak for.
fn suggestions_of_rules(reading: &Reading<'_>) -> Vec<(Option<Topic>, u16)> {
    let all: u32 = reading.topics.iter().map(|(_, score)| score).sum();
    let share = |score: u32| u16::try_from(score * 1000 / all.max(1)).unwrap_or(1000);
    let best = reading.topics.iter().take(MOST_SUGGESTED);
    best.map(|(topic, score)| (Some(*topic), share(*score))).collect()
}

fn further_topics(policy: &Policy, reading: &Reading<'_>, topic: Option<Topic>) -> Vec<Topic> {
    let best = reading.topics.first().map_or(0, |(_, score)| *score);
    let settings = &policy.settings;
    reading
        .topics
        .iter()
        .filter(|(t, score)| {
            Some(*t) != topic && *score >= settings.also_score && *score * 100 >= best * settings.also_share
        })
        .map(|(t, _)| *t)
        .take(3)
        .collect()
}

/// The wards a text may mean, and where its place stands.
fn located(reading: &Reading<'_>, text: &Folded<'_>) -> (Vec<u32>, Vec<Evidence>) {
    let place = &reading.place;
    let span = |rule: &str, at: &Range<usize>| {
        let (start, end) = text.char_span(at.clone());
        Evidence {
            rule: rule.to_owned(),
            start,
            end,
        }
    };
    let spans = [
        ("place.street", &place.street),
        ("place.ward", &place.ward),
        ("place.district", &place.district),
    ]
    .iter()
    .filter_map(|(rule, at)| at.as_ref().map(|at| span(rule, at)))
    .collect();
    (bounded(place.wards.clone()), spans)
}

/// A name that means too many places means none.
fn bounded(wards: Vec<u32>) -> Vec<u32> {
    if wards.len() <= MOST_WARDS {
        wards
    } else {
        Vec::new()
    }
}

/// The words that matched, then the n-grams the model went by, then the rules that concluded (over no span: they stand for the whole text).
fn evidence(
    policy: &Policy,
    reading: &Reading<'_>,
    text: &Folded<'_>,
    fired: &[&str],
    model: Vec<(String, Range<usize>)>,
) -> Vec<Evidence> {
    let at = |rule: String, at: &Range<usize>| {
        let (start, end) = text.char_span(at.clone());
        Evidence { rule, start, end }
    };
    let hits = reading
        .hits
        .iter()
        .map(|(list, span)| (policy.words[*list].id.as_str(), span));
    let counted = reading.counted.iter().map(|(id, span)| (*id, span));
    let words = counted.chain(hits).map(|(id, span)| at(id.to_owned(), span));
    let rules = fired.iter().take(MOST_RULES).map(|id| Evidence {
        rule: (*id).to_owned(),
        start: 0,
        end: 0,
    });
    let room = MOST_EVIDENCE.saturating_sub(fired.len().min(MOST_RULES) + model.len());
    let mut all: Vec<Evidence> = words.take(room).collect();
    all.extend(model.into_iter().map(|(id, span)| at(id, &span)));
    all.extend(rules);
    all
}
