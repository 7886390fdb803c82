//! How the two voices become one answer.
//!
//! The model hears what the rules say and learns how far to follow them, topic by topic and kind by kind; its most likely topic and kind
//! are taken, and urgency follows by the rules from these; level and completeness are the model's. An emergency the rules see and it holds
//! for next to impossible is not passed over but goes to a person at once; and it may not let pass what may accuse an official.

use std::ops::Range;

use kernel::taxonomy::{Kind, Level, Topic};
use vietnam::Folded;

use crate::finding::{MOST_SUGGESTED, Reason};
use crate::model::{Head, Model, TOPICS};
use crate::policy::{self, ModelSettings, Policy};
use crate::reading::Reading;
use crate::rules::{self, Opinion};

/// What came of it beside the opinion.
pub(crate) struct Heard {
    /// Thousandths.
    pub(crate) confidence: u32,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) suggested: Vec<(Option<Topic>, u16)>,
    /// Where the n-grams stand that the model went by.
    pub(crate) evidence: Vec<(String, Range<usize>)>,
}

/// N-grams named as evidence for the topic, and for the kind.
const SPANS: usize = 3;

/// The class of no topic.
const NO_TOPIC: usize = TOPICS - 1;
/// The share of no topic (thousandths) from which a report is held to say nothing yet.
const NOTHING_SAID: u32 = 400;

/// Fewer different words than this say too little for the model.
const FEW_WORDS: usize = 4;

const fn is_report(kind: Kind) -> bool {
    !matches!(kind, Kind::NotAReport | Kind::Unclear)
}

/// Lets the model speak and settles the opinion.
pub(crate) fn combine<'p>(
    policy: &'p Policy,
    (model, settings): (&Model, &ModelSettings),
    text: &Folded<'_>,
    reading: &mut Reading<'p>,
    opinion: &mut Opinion<'p>,
) -> Heard {
    let few = different_words(text) < FEW_WORDS;
    let strange = reading.holds(policy, policy::FOREIGN) || few;
    if reading.holds(policy, policy::NO_WORDS) || (strange && opinion.topic.is_none()) {
        return silent(opinion);
    }
    let said = model.say(policy, text, reading, opinion);
    let topics = said.shares(Head::Topic, settings.sharpness_topic);
    let kinds = said.shares(Head::Kind, settings.sharpness_kind);
    let sensitive = said.shares(Head::Sensitive, settings.sharpness_sensitive)[1];
    let levels = said.scores(Head::Level);
    let complete = said.scores(Head::Complete);
    let mut reasons = Vec::new();
    let heard_topic = opinion.topic;
    let mut ranked: Vec<usize> = (0..TOPICS).collect();
    ranked.sort_by(|a, b| topics[*b].total_cmp(&topics[*a]).then(a.cmp(b)));
    let topic_of = |class: usize| Topic::ALL.get(class).copied();
    let likely = thousandths(kinds[Kind::Emergency as usize]);
    let called = opinion.kind == Kind::Emergency;
    let heard_nothing = opinion.kind == Kind::NotAReport;
    let emergency = called && likely >= u32::from(settings.emergency_doubted);
    if !emergency {
        opinion.kind = Kind::ALL[best(&kinds)];
        if likely >= u32::from(settings.emergency_called) {
            opinion.kind = Kind::Emergency;
        }
    }
    // Only what is no report, or says nothing yet, has no topic. So where no topic is likely and the kind is a report's, either the kind
    // gives way, or the next topic is taken.
    if is_report(opinion.kind) && ranked[0] == NO_TOPIC {
        if heard_topic.is_none() && thousandths(topics[NO_TOPIC]) >= NOTHING_SAID && !emergency {
            let likelier = kinds[Kind::NotAReport as usize] > kinds[Kind::Unclear as usize] * 4.0;
            opinion.kind = if likelier { Kind::NotAReport } else { Kind::Unclear };
        } else {
            ranked.remove(0);
        }
    }
    opinion.topic = topic_of(ranked[0]);
    rules::follow(policy, reading, opinion);
    opinion.level = match opinion.kind {
        Kind::Emergency => Level::TWO,
        Kind::Thanks | Kind::NotAReport | Kind::Unclear => Level::ONE,
        Kind::Suggestion => Level::FIVE,
        Kind::Question if levels[1] > levels[0] => Level::TWO,
        Kind::Question => Level::ONE,
        _ => [Level::TWO, Level::THREE, Level::FOUR][best(&levels[1..4])],
    };
    // A few words name a matter at most: nobody can act on them without a place.
    opinion.complete = complete[1] >= complete[0] && (!few || reading.holds(policy, policy::PLACE));

    let confidence = thousandths(topics[ranked[0]]);
    // That somebody says nothing is believed of what the rules know as such; else it may be a language or a way of writing nobody taught.
    let dismissed = opinion.kind == Kind::NotAReport && !heard_nothing;
    if confidence < u32::from(settings.topic_sure)
        || thousandths(kinds[opinion.kind as usize]) < u32::from(settings.kind_sure)
        || dismissed
    {
        reasons.push(Reason::LowConfidence);
    }
    if !emergency && (called || likely >= u32::from(settings.emergency_suspected)) {
        reasons.push(Reason::MayBeEmergency);
    }
    if !emergency && thousandths(sensitive) >= u32::from(settings.sensitive_suspected) {
        reasons.push(Reason::AboutAnOfficial);
    }
    let mut evidence = Vec::new();
    for at in said.because(model, Head::Topic, ranked[0], SPANS) {
        evidence.push((
            format!("model.topic.{}", opinion.topic.map_or("none", Topic::code)),
            at,
        ));
    }
    for at in said.because(model, Head::Kind, opinion.kind as usize, SPANS) {
        evidence.push((format!("model.kind.{}", opinion.kind), at));
    }
    let suggested = ranked.iter().take(MOST_SUGGESTED);
    Heard {
        confidence,
        reasons,
        suggested: suggested
            .map(|class| (topic_of(*class), thousandths(topics[*class]) as u16))
            .collect(),
        evidence,
    }
}

/// How many different words a text has, counted up to [`FEW_WORDS`].
fn different_words(text: &Folded<'_>) -> usize {
    let mut seen: Vec<&str> = Vec::with_capacity(FEW_WORDS);
    for word in text.words() {
        let word = &text.as_str()[word];
        if !seen.contains(&word) {
            seen.push(word);
        }
        if seen.len() == FEW_WORDS {
            break;
        }
    }
    seen.len()
}

/// What has no words, or none of a language it learnt, the model says nothing of: the rules' opinion stands, and a person looks unless they
/// are sure that it is nothing.
fn silent(opinion: &Opinion<'_>) -> Heard {
    let mut reasons = vec![Reason::LowConfidence];
    if opinion.kind == Kind::NotAReport && opinion.sure >= 80 {
        reasons.clear();
    }
    Heard {
        confidence: (opinion.sure * 10).min(1000),
        reasons,
        suggested: vec![(opinion.topic, 1000)],
        evidence: Vec::new(),
    }
}

/// The class with the most; the first where two tie.
fn best(scores: &[f32]) -> usize {
    let mut best = 0;
    for (class, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = class;
        }
    }
    best
}

fn thousandths(share: f32) -> u32 {
    (share * 1000.0).round() as u32
}
