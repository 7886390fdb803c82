//! The second voice: a linear model (multinomial logistic regression) over n-grams, learnt from labelled reports in a second or two.
//!
//! It has one head for each question. The same records give the same weights and the same answers, bit by bit, on every machine.

mod arithmetic;
mod features;
mod learn;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

use kernel::taxonomy::{Kind, Topic};
use sha2::{Digest, Sha256};
use vietnam::Folded;

pub(crate) use arithmetic::softmax;
pub(crate) use features::mark;
pub use learn::Learning;

use crate::policy::Policy;
use crate::reading::Reading;
use crate::record::Record;
use crate::rules::Opinion;

/// Classes of the head for topics: each of them, and none.
pub(crate) const TOPICS: usize = Topic::ALL.len() + 1;
const KINDS: usize = Kind::ALL.len();
const LEVELS: usize = 5;
/// All classes of all heads.
const OUTPUTS: usize = TOPICS + KINDS + LEVELS + 2 + 2;

/// A question the model answers, and where its classes stand among the outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    Topic,
    Kind,
    Level,
    Complete,
    /// Denunciation, corruption, or an official's conduct.
    Sensitive,
}

impl Head {
    pub(crate) const ALL: [Self; 5] = [
        Self::Topic,
        Self::Kind,
        Self::Level,
        Self::Complete,
        Self::Sensitive,
    ];

    pub(crate) const fn outputs(self) -> Range<usize> {
        match self {
            Self::Topic => 0..TOPICS,
            Self::Kind => TOPICS..TOPICS + KINDS,
            Self::Level => TOPICS + KINDS..TOPICS + KINDS + LEVELS,
            Self::Complete => OUTPUTS - 4..OUTPUTS - 2,
            Self::Sensitive => OUTPUTS - 2..OUTPUTS,
        }
    }

    /// The class a record has, from 0.
    fn class(self, record: &Record) -> usize {
        match self {
            Self::Topic => topic_class(record.topic),
            Self::Kind => record.kind as usize,
            Self::Level => usize::from(record.level.get()) - 1,
            Self::Complete => usize::from(record.complete),
            Self::Sensitive => usize::from(record.is_sensitive()),
        }
    }
}

/// The class of a topic; none is the last.
pub(crate) fn topic_class(topic: Option<Topic>) -> usize {
    topic.map_or(TOPICS - 1, |topic| topic as usize)
}

/// Each known n-gram's row. The keys are hashes already, so they are not hashed again.
type Rows = HashMap<u64, u32, BuildHasherDefault<AsIs>>;

/// Takes a key that is a hash as it is.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {} // keys are `u64`

    fn write_u64(&mut self, key: u64) {
        self.0 = key.rotate_left(20); // FNV mixes its lowest bits least at the top, where the table looks
    }
}

/// A trained model.
pub struct Model {
    version: String,
    learning: Learning,
    /// Each known n-gram's row of weights.
    rows: Rows,
    /// How rare it is: what one occurrence counts.
    rarity: Vec<f32>,
    /// A row of `OUTPUTS` for each n-gram.
    weights: Vec<[f32; OUTPUTS]>,
    bias: [f32; OUTPUTS],
}

/// What the model says of one text.
pub struct Said {
    scores: [f32; OUTPUTS],
    /// The known n-grams: row, value, and where in the folded text.
    known: Vec<(u32, f32, Range<usize>)>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// The version of the model that `records` (as lines of text) and `learning` give: first 16 hex digits of their hash.
    #[must_use]
    pub fn version_of(records: &str, learning: &Learning) -> String {
        let mut hash = Sha256::new();
        hash.update(learning.stated().as_bytes());
        hash.update(records.as_bytes());
        hash.finalize()
            .iter()
            .take(8)
            .map(|b| format!("{b:02x}"))
            .collect()
    }

    /// The hash of what it learnt from and how.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How many n-grams it knows.
    #[must_use]
    pub fn known(&self) -> usize {
        self.weights.len()
    }

    /// Bytes it holds in memory, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.weights.len() * (size_of::<[f32; OUTPUTS]>() + 4 + 16)
    }

    /// Listens to what it says of a text, given what the rules heard and say.
    pub(crate) fn say(
        &self,
        policy: &Policy,
        text: &Folded<'_>,
        reading: &Reading<'_>,
        opinion: &Opinion<'_>,
    ) -> Said {
        let known = self.read(policy, text, reading, opinion);
        let mut scores = self.bias;
        for (row, value, _) in &known {
            for (score, weight) in scores.iter_mut().zip(&self.weights[*row as usize]) {
                *score += value * weight;
            }
        }
        Said { scores, known }
    }

    /// What it knows of a text: n-grams, with values of length one in all (one that occurs more often counts once), and what the rules say.
    fn read(
        &self,
        policy: &Policy,
        text: &Folded<'_>,
        reading: &Reading<'_>,
        opinion: &Opinion<'_>,
    ) -> Vec<(u32, f32, Range<usize>)> {
        let mut known: Vec<(u32, f32, Range<usize>)> = features::grams(text, &reading.place)
            .into_iter()
            .filter_map(|gram| {
                let row = *self.rows.get(&gram.hash)?;
                Some((row, self.rarity[row as usize], gram.at))
            })
            .collect();
        known.sort_by_key(|(row, _, at)| (*row, at.start));
        known.dedup_by_key(|(row, _, _)| *row);
        let length = known
            .iter()
            .map(|(_, value, _)| value * value)
            .sum::<f32>()
            .sqrt();
        for (_, value, _) in &mut known {
            *value *= self.learning.texts / length.max(1e-6);
        }
        let of_rules = of_rules(policy, reading, opinion)
            .into_iter()
            .filter_map(|(mark, value)| {
                let row = *self.rows.get(&mark)?;
                Some((row, value * self.learning.rules, 0..0))
            });
        known.extend(of_rules);
        known
    }
}

/// What the rules heard and say, as the model sees it: facts, the rules that decided, and how much speaks for each topic.
fn of_rules(policy: &Policy, reading: &Reading<'_>, opinion: &Opinion<'_>) -> Vec<(u64, f32)> {
    let facts = policy.fact_marks.iter().zip(&reading.facts);
    let mut seen: Vec<(u64, f32)> = facts
        .filter(|(_, holds)| **holds)
        .map(|(mark, _)| (*mark, 1.0))
        .collect();
    let mut lists: Vec<usize> = reading.hits.iter().map(|(list, _)| *list).collect();
    lists.sort_unstable();
    lists.dedup();
    seen.extend(lists.iter().map(|list| (policy.words[*list].mark, 1.0)));
    seen.extend(opinion.fired.iter().map(|rule| (rule.mark, 1.0)));
    let all: u32 = reading.topics.iter().map(|(_, score)| *score).sum();
    for (topic, score) in &reading.topics {
        let score = *score as f32;
        seen.push((
            topic_mark(*topic),
            score.min(60.0) / 30.0 * (0.5 + 0.5 * score / all as f32),
        ));
    }
    seen
}

/// What the model knows the score of a topic by.
fn topic_mark(topic: Topic) -> u64 {
    mark(&format!("score.{topic}"))
}

impl Said {
    /// Scores of a head's classes.
    pub(crate) fn scores(&self, head: Head) -> &[f32] {
        &self.scores[head.outputs()]
    }

    /// Shares of a head's classes, after its scores are multiplied by `sharpness`.
    pub(crate) fn shares(&self, head: Head, sharpness: f32) -> Vec<f32> {
        let mut shares: Vec<f32> = self.scores(head).iter().map(|score| score * sharpness).collect();
        softmax(&mut shares);
        shares
    }

    /// Where the n-grams stand that speak most for a class: ranges of the folded text, the strongest first, none inside another.
    pub(crate) fn because(&self, model: &Model, head: Head, class: usize, most: usize) -> Vec<Range<usize>> {
        let outputs = head.outputs();
        let mut speaking: Vec<(f32, &Range<usize>)> = self
            .known
            .iter()
            .map(|(row, value, at)| {
                let row = &model.weights[*row as usize];
                let mean = row[outputs.clone()].iter().sum::<f32>() / outputs.len() as f32;
                (value * (row[outputs.start + class] - mean), at)
            })
            .filter(|(weight, _)| *weight > 0.0)
            .collect();
        speaking.retain(|(_, at)| !at.is_empty()); // what the rules say is evidence of its own
        speaking.sort_by(|a, b| {
            b.0.total_cmp(&a.0)
                .then(a.1.start.cmp(&b.1.start))
                .then(a.1.end.cmp(&b.1.end))
        });
        let mut spans: Vec<Range<usize>> = Vec::new();
        for (_, at) in speaking {
            if spans.len() == most {
                break;
            }
            if !spans
                .iter()
                .any(|seen| at.start < seen.end && seen.start < at.end)
            {
                spans.push(at.clone());
            }
        }
        spans
    }
}
