//! How the model learns: stochastic gradient descent with a step of its own for each weight (AdaGrad), in an order that is always the same.

use std::collections::{BTreeMap, BTreeSet};

use kernel::taxonomy::{Kind, Topic};
use vietnam::Folded;

use super::{Head, Model, OUTPUTS, features, softmax};
use crate::classify;
use crate::policy::Policy;
use crate::reading::Reading;
use crate::record::Record;
use crate::rules::Opinion;

/// What learning is told; part of the model's version.
#[derive(Clone, Debug, PartialEq)]
pub struct Learning {
    /// How often all records are gone through.
    pub rounds: u32,
    /// The first step of each weight.
    pub step: f32,
    /// How strongly weights are drawn back to nothing.
    pub decay: f32,
    /// An n-gram is learnt when it is in so many records at least.
    pub in_records: u32,
    /// What the words of a text weigh together…
    pub texts: f32,
    /// …against each thing the rules say of it.
    pub rules: f32,
    /// What the words of a topic weigh for it before anything is learnt.
    pub trust: f32,
    /// What the kind the rules conclude weighs for it before anything is learnt.
    pub trust_kind: f32,
}

impl Default for Learning {
    fn default() -> Self {
        Self {
            rounds: 8,
            step: 0.3,
            decay: 0.000_1,
            in_records: 3,
            texts: 2.5,
            rules: 0.4,
            trust: 6.0,
            trust_kind: 6.0,
        }
    }
}

impl Learning {
    /// All of it as text, with the version of the program's n-grams.
    pub(crate) fn stated(&self) -> String {
        format!("n-grams 1; {self:?}")
    }
}

type Row = (u32, f32);

impl Model {
    /// Learns from records what they say and what the rules of `policy` say of them. The phrases that only one record holds are taken from
    /// the rules while they read it: they may have been chosen for it, and the model is to learn how far rules carry that never saw a text.
    #[must_use]
    pub fn learn(policy: &Policy, records: &[&Record], version: &str, learning: &Learning) -> Self {
        let silent = only_in_one(policy, records);
        let heard: Vec<(Folded<'_>, Reading<'_>, Opinion<'_>)> = records
            .iter()
            .zip(&silent)
            .map(|(record, silent)| {
                let text = Folded::new(&record.text);
                let (reading, opinion) = classify::listen_without(policy, &text, false, silent);
                (text, reading, opinion)
            })
            .collect();
        let mut model = Self::vocabulary(policy, &heard, version, learning);
        let texts: Vec<Vec<Row>> = heard
            .iter()
            .map(|(text, reading, opinion)| {
                let known = model.read(policy, text, reading, opinion);
                known.into_iter().map(|(row, value, _)| (row, value)).collect()
            })
            .collect();
        let classes: Vec<[usize; Head::ALL.len()]> = records
            .iter()
            .map(|record| Head::ALL.map(|head| head.class(record)))
            .collect();
        let mut seen = vec![[1e-2f32; OUTPUTS]; model.weights.len()];
        let mut bias_seen = [1e-2f32; OUTPUTS];
        let mut order: Vec<usize> = (0..records.len()).collect();
        let mut dice = 0x9e37_79b9_7f4a_7c15u64;
        for _ in 0..learning.rounds {
            shuffle(&mut order, &mut dice);
            for i in &order {
                let wrong = model.wrong(&texts[*i], &classes[*i]);
                for (row, value) in &texts[*i] {
                    let row = *row as usize;
                    step(&mut model.weights[row], &mut seen[row], &wrong, *value, learning);
                }
                step(&mut model.bias, &mut bias_seen, &wrong, 0.3, learning);
            }
        }
        model
    }

    /// Knows the n-grams of the records and the facts and rules of the policy, and nothing about them yet but that words for a topic speak for it.
    fn vocabulary(
        policy: &Policy,
        heard: &[(Folded<'_>, Reading<'_>, Opinion<'_>)],
        version: &str,
        learning: &Learning,
    ) -> Self {
        let mut in_records: BTreeMap<u64, u32> = BTreeMap::new();
        for (text, reading, _) in heard {
            let mut hashes: Vec<u64> = features::grams(text, &reading.place)
                .iter()
                .map(|g| g.hash)
                .collect();
            hashes.sort_unstable();
            hashes.dedup();
            for hash in hashes {
                *in_records.entry(hash).or_default() += 1;
            }
        }
        in_records.retain(|_, n| *n >= learning.in_records);
        let marks = policy
            .fact_marks
            .iter()
            .copied()
            .chain(policy.rules.iter().map(|rule| rule.mark));
        let marks = marks.chain(policy.words.iter().map(|list| list.mark));
        let marks = marks.chain(Topic::ALL.iter().map(|topic| super::topic_mark(*topic)));
        in_records.extend(marks.map(|mark| (mark, 1)));
        let mut model = Self {
            version: version.to_owned(),
            learning: learning.clone(),
            // One over the root: how rare an n-gram is, by an operation every machine does alike.
            rarity: in_records.values().map(|n| 1.0 / (*n as f32).sqrt()).collect(),
            weights: vec![[0.0; OUTPUTS]; in_records.len()],
            rows: in_records
                .keys()
                .enumerate()
                .map(|(row, hash)| (*hash, row as u32))
                .collect(),
            bias: [0.0; OUTPUTS],
        };
        for topic in Topic::ALL {
            let row = model.rows[&super::topic_mark(*topic)] as usize;
            model.weights[row][*topic as usize] = learning.trust;
        }
        for (kind, fact) in Kind::ALL.iter().zip(&policy.codes.kinds) {
            let row = model.rows[&policy.fact_marks[*fact]] as usize;
            model.weights[row][Head::Kind.outputs().start + *kind as usize] = learning.trust_kind;
        }
        model
    }

    /// How far off each output is: its share, less one for the class that is right.
    fn wrong(&self, text: &[Row], classes: &[usize; Head::ALL.len()]) -> [f32; OUTPUTS] {
        let mut scores = self.bias;
        for (row, value) in text {
            for (score, weight) in scores.iter_mut().zip(&self.weights[*row as usize]) {
                *score += value * weight;
            }
        }
        for (head, class) in Head::ALL.into_iter().zip(classes) {
            let shares = &mut scores[head.outputs()];
            softmax(shares);
            shares[*class] -= 1.0;
        }
        scores
    }
}

/// For each record, the phrases that no other holds.
fn only_in_one(policy: &Policy, records: &[&Record]) -> Vec<BTreeSet<usize>> {
    let mut held: Vec<BTreeSet<usize>> = records
        .iter()
        .map(|record| policy.phrases_in(&record.text))
        .collect();
    let mut times = vec![0u32; policy.phrase_count()];
    for phrase in held.iter().flatten() {
        times[*phrase] += 1;
    }
    for phrases in &mut held {
        phrases.retain(|phrase| times[*phrase] == 1);
    }
    held
}

fn step(
    weights: &mut [f32; OUTPUTS],
    seen: &mut [f32; OUTPUTS],
    wrong: &[f32; OUTPUTS],
    value: f32,
    learning: &Learning,
) {
    for ((weight, seen), wrong) in weights.iter_mut().zip(seen).zip(wrong) {
        let slope = wrong * value + learning.decay * *weight;
        *seen += slope * slope;
        *weight -= learning.step * slope / seen.sqrt();
    }
}

/// Fisher and Yates, by a generator that needs no machine's randomness (splitmix64).
fn shuffle(order: &mut [usize], dice: &mut u64) {
    for i in (1..order.len()).rev() {
        *dice = dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *dice;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        order.swap(i, ((z ^ (z >> 31)) % (i as u64 + 1)) as usize);
    }
}
