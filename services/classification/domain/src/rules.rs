//! The first voice: what the rules of a policy conclude from a reading, aspect by aspect, by the first rule that holds.

use kernel::taxonomy::{Field, Kind, Level, Topic, Urgency};

use crate::policy::{self, Conclusion, Policy, Rule};
use crate::reading::Reading;

/// Certainty in percent, kept as whole numbers so that two machines agree to the last digit.
pub(crate) type Percent = u32;

/// What the rules say of a text.
pub(crate) struct Opinion<'p> {
    pub(crate) topic: Option<Topic>,
    pub(crate) kind: Kind,
    pub(crate) urgency: Urgency,
    pub(crate) level: Level,
    pub(crate) complete: bool,
    /// How sure they are of topic and kind together.
    pub(crate) sure: Percent,
    /// The rules that decided.
    pub(crate) fired: Vec<&'p Rule>,
}

/// Lets rules combine signals into further ones.
pub(crate) fn combine(policy: &Policy, reading: &mut Reading<'_>) {
    for rule in &policy.rules {
        if let Conclusion::Signal(fact) = rule.says
            && rule.holds(&reading.facts)
        {
            reading.facts[fact] = true;
        }
    }
}

/// What the rules conclude by themselves.
pub(crate) fn conclude<'p>(policy: &'p Policy, reading: &mut Reading<'_>) -> Opinion<'p> {
    let mut fired = Vec::new();
    let (mut topic, mut sure) = best_topic(reading);
    set_topic(policy, reading, topic);
    if let Some((rule, found)) = first(policy, reading, |c| {
        if let Conclusion::Topic(t) = c {
            Some(t)
        } else {
            None
        }
    }) {
        topic = Some(found);
        sure = Percent::from(rule.sure);
        fired.push(rule);
        set_topic(policy, reading, topic);
    }
    let mut kind = Kind::Unclear;
    if let Some((rule, found)) = first(policy, reading, |c| {
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
        fired.push(rule);
    }
    let mut opinion = Opinion {
        topic,
        kind,
        urgency: Urgency::Normal,
        level: Level::TWO,
        complete: true,
        sure,
        fired,
    };
    follow(policy, reading, &mut opinion);
    opinion
}

/// What follows from topic and kind: urgency, level, completeness.
pub(crate) fn follow<'p>(policy: &'p Policy, reading: &mut Reading<'_>, opinion: &mut Opinion<'p>) {
    set_topic(policy, reading, opinion.topic);
    set_kind(policy, reading, opinion.kind);
    opinion.urgency = Urgency::Normal;
    if let Some((rule, found)) = first(policy, reading, |c| {
        if let Conclusion::Urgency(u) = c {
            Some(u)
        } else {
            None
        }
    }) {
        opinion.urgency = found;
        opinion.fired.push(rule);
    }
    if opinion.kind == Kind::Emergency {
        opinion.urgency = Urgency::Emergency;
    }
    for (urgency, fact) in Urgency::ALL.iter().zip(&policy.codes.urgencies) {
        reading.facts[*fact] = *urgency == opinion.urgency;
    }
    opinion.level = Level::TWO;
    if let Some((rule, found)) = first(policy, reading, |c| {
        if let Conclusion::Level(l) = c {
            Some(l)
        } else {
            None
        }
    }) {
        opinion.level = found;
        opinion.fired.push(rule);
    }
    let incomplete = first(policy, reading, |c| (c == Conclusion::Incomplete).then_some(()));
    opinion.complete = incomplete.is_none();
    opinion.fired.extend(incomplete.map(|(rule, ())| rule));
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

fn set_topic(policy: &Policy, reading: &mut Reading<'_>, topic: Option<Topic>) {
    for (each, fact) in Topic::ALL.iter().zip(&policy.codes.topics) {
        reading.facts[*fact] = Some(*each) == topic;
    }
    for (each, fact) in Field::ALL.iter().zip(&policy.codes.fields) {
        reading.facts[*fact] = Some(*each) == topic.map(Topic::field);
    }
    reading.set(policy, policy::NO_TOPIC, topic.is_none());
}

fn set_kind(policy: &Policy, reading: &mut Reading<'_>, kind: Kind) {
    for (each, fact) in Kind::ALL.iter().zip(&policy.codes.kinds) {
        reading.facts[*fact] = *each == kind;
    }
}

/// The first rule of an aspect that holds.
fn first<'p, T>(
    policy: &'p Policy,
    reading: &Reading<'_>,
    aspect: impl Fn(Conclusion) -> Option<T>,
) -> Option<(&'p Rule, T)> {
    policy.rules.iter().find_map(|rule| {
        let found = aspect(rule.says)?;
        rule.holds(&reading.facts).then_some((rule, found))
    })
}
