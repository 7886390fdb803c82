//! `classify`: from a text to a finding, step by step: topics by score, then each aspect by the first rule that holds.

use std::ops::Range;

use kernel::taxonomy::{Kind, Level, Topic, Urgency};
use vietnam::Folded;

use crate::finding::{Classification, Evidence, Finding, MOST_EVIDENCE, MOST_WARDS, Reason};
use crate::policy::{self, Conclusion, Policy};
use crate::reading::Reading;

/// Certainty in percent, kept as whole numbers so that two machines agree to the last digit.
type Percent = u32;

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
    let mut reading = Reading::new(policy, &folded);
    let address = given.address.filter(|address| !address.trim().is_empty());
    if address.is_some() || given.coordinates {
        reading.set(policy, policy::PLACE, true);
        reading.set(policy, policy::STREET, true);
    }
    let mut fired: Vec<&str> = Vec::new();

    for rule in &policy.rules {
        if let Conclusion::Signal(fact) = rule.says
            && rule.holds(&reading.facts)
        {
            reading.facts[fact] = true;
        }
    }
    let (mut topic, mut sure) = best_topic(&reading);
    for (name, holds) in topic_facts(topic) {
        reading.set(policy, &name, holds);
    }
    if let Some((rule, found)) = first(policy, &reading, |c| {
        if let Conclusion::Topic(t) = c {
            Some(t)
        } else {
            None
        }
    }) {
        for (name, _) in topic_facts(topic) {
            reading.set(policy, &name, false);
        }
        topic = Some(found);
        sure = Percent::from(rule.sure);
        fired.push(&rule.id);
        for (name, holds) in topic_facts(topic) {
            reading.set(policy, &name, holds);
        }
    }
    reading.set(policy, policy::NO_TOPIC, topic.is_none());

    let mut kind = Kind::Unclear;
    if let Some((rule, found)) = first(policy, &reading, |c| {
        if let Conclusion::Kind(k) = c {
            Some(k)
        } else {
            None
        }
    }) {
        kind = found;
        sure = match kind {
            // With no matter to name, how sure the topic is says nothing.
            Kind::NotAReport | Kind::Unclear | Kind::Emergency => Percent::from(rule.sure),
            _ => sure * Percent::from(rule.sure) / 100,
        };
        fired.push(&rule.id);
    }
    reading.set(policy, &format!("kind.{kind}"), true);

    let mut urgency = Urgency::Normal;
    if let Some((rule, found)) = first(policy, &reading, |c| {
        if let Conclusion::Urgency(u) = c {
            Some(u)
        } else {
            None
        }
    }) {
        urgency = found;
        fired.push(&rule.id);
    }
    if kind == Kind::Emergency {
        urgency = Urgency::Emergency;
    }
    reading.set(policy, &format!("urgency.{urgency}"), true);

    let mut level = Level::TWO;
    if let Some((rule, found)) = first(policy, &reading, |c| {
        if let Conclusion::Level(l) = c {
            Some(l)
        } else {
            None
        }
    }) {
        level = found;
        fired.push(&rule.id);
    }
    if kind == Kind::Emergency {
        level = Level::TWO; // at once, whatever else a policy says
    }
    let incomplete = first(policy, &reading, |c| (c == Conclusion::Incomplete).then_some(()));
    let mut reasons: Vec<Reason> = Vec::new();
    for rule in &policy.rules {
        if let Conclusion::Review(reason) = rule.says
            && rule.holds(&reading.facts)
        {
            fired.push(&rule.id);
            reasons.push(reason);
        }
    }
    if sure < Percent::from(policy.settings.sure) && kind != Kind::Emergency {
        reasons.push(Reason::LowConfidence);
    }
    reasons.sort_unstable();
    reasons.dedup();

    let mut finding = Finding::nothing(kind, incomplete.is_none());
    if !matches!(kind, Kind::NotAReport | Kind::Unclear) {
        finding.topic = topic;
        if reading.holds(policy, policy::SEVERAL) {
            finding.also = further_topics(policy, &reading, topic);
        }
        finding.field = topic.map(Topic::field);
        (finding.wards, finding.place) = located(&reading, &folded);
        if let (true, Some(address)) = (finding.wards.is_empty(), address) {
            finding.wards = bounded(vietnam::places::find(&Folded::new(address)).wards);
        }
    }
    finding.urgency = urgency;
    finding.level = level;
    let confidence = u16::try_from((sure * 10).min(1000)).unwrap_or(1000);
    Classification {
        finding,
        confidence,
        evidence: evidence(policy, &reading, &folded, &fired),
        reasons,
    }
}

/// The best topic and how sure: its share against the runner-up, less when only faint words speak for it.
fn best_topic(reading: &Reading<'_>) -> (Option<Topic>, Percent) {
    let Some((topic, best)) = reading.topics.first().copied() else {
        return (None, 30);
    };
    let second = reading.topics.get(1).map_or(0, |(_, score)| *score);
    // 30 tenths are one sure phrase: below that the share counts in proportion.
    (Some(topic), 100 * best / (best + second / 2) * best.min(30) / 30)
}

fn topic_facts(topic: Option<Topic>) -> Vec<(String, bool)> {
    topic.map_or(Vec::new(), |t| {
        vec![
            (format!("topic.{t}"), true),
            (format!("field.{}", t.field()), true),
        ]
    })
}

/// The first rule of an aspect that holds.
fn first<'p, T>(
    policy: &'p Policy,
    reading: &Reading<'_>,
    aspect: impl Fn(Conclusion) -> Option<T>,
) -> Option<(&'p policy::Rule, T)> {
    policy.rules.iter().find_map(|rule| {
        let found = aspect(rule.says)?;
        rule.holds(&reading.facts).then_some((rule, found))
    })
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

/// The words that matched, then the rules that concluded from them (over no span: they stand for the whole text).
fn evidence(policy: &Policy, reading: &Reading<'_>, text: &Folded<'_>, fired: &[&str]) -> Vec<Evidence> {
    let hits = reading
        .hits
        .iter()
        .map(|(list, at)| (policy.words[*list].id.as_str(), at));
    let counted = reading.counted.iter().map(|(id, at)| (*id, at));
    let words = counted.chain(hits).map(|(id, at)| {
        let (start, end) = text.char_span(at.clone());
        Evidence {
            rule: id.to_owned(),
            start,
            end,
        }
    });
    let rules = fired.iter().map(|id| Evidence {
        rule: (*id).to_owned(),
        start: 0,
        end: 0,
    });
    let mut all: Vec<Evidence> = words.take(MOST_EVIDENCE - fired.len().min(16)).collect();
    all.extend(rules.take(16));
    all
}
