//! A candidate model against the one in force, on the same reports that neither has learnt from.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::classify::classify;
use crate::model::{Learning, Model};
use crate::policy::Policy;
use crate::record::Record;

/// How often each of two was right on the same question.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Paired {
    /// Both were.
    pub both: u32,
    /// Only the one in force.
    pub only_in_force: u32,
    /// Only the candidate.
    pub only_candidate: u32,
    /// Neither.
    pub neither: u32,
}

/// The comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Of topics.
    pub topic: Paired,
    /// Of kinds.
    pub kind: Paired,
}

impl Paired {
    fn count(&mut self, in_force: bool, candidate: bool) {
        *match (in_force, candidate) {
            (true, true) => &mut self.both,
            (true, false) => &mut self.only_in_force,
            (false, true) => &mut self.only_candidate,
            (false, false) => &mut self.neither,
        } += 1;
    }

    /// `McNemar`'s exact test: how likely a difference at least this large is where both are equally good. Two-sided; of those who differ, each
    /// side is as likely as the other.
    #[must_use]
    pub fn p_value(&self) -> f64 {
        let n = self.only_in_force + self.only_candidate;
        let fewer = self.only_in_force.min(self.only_candidate);
        let mut term = 0.5f64.powi(i32::try_from(n).unwrap_or(i32::MAX)); // n over 0, times one half to the n
        let mut tail = 0.0;
        for k in 0..=fewer {
            tail += term;
            term *= f64::from(n - k) / f64::from(k + 1);
        }
        (2.0 * tail).min(1.0)
    }
}

/// Compares on `new`, in folds. In each, the candidate learns from `known` and the other folds of `new`, the one in force from `known` alone;
/// records of `known` with a text of the fold are left out of both. The rules are the same and stay as they are.
#[must_use]
pub fn compare(
    policy: &mut Policy,
    known: &[Record],
    new: &[Record],
    folds: usize,
    learning: &Learning,
) -> Comparison {
    let folds = folds.clamp(2, new.len().max(2));
    let kept = policy.model.take();
    let mut comparison = Comparison::default();
    for fold in 0..folds {
        let held: Vec<&Record> = new.iter().skip(fold).step_by(folds).collect();
        let texts: BTreeSet<&str> = held.iter().map(|record| record.text.as_str()).collect();
        let unseen = |record: &&Record| !texts.contains(record.text.as_str());
        let base: Vec<&Record> = known.iter().filter(unseen).collect();
        let base_texts: BTreeSet<&str> = base.iter().map(|record| record.text.as_str()).collect();
        let others = new
            .iter()
            .enumerate()
            .filter(|(i, _)| i % folds != fold)
            .map(|(_, record)| record);
        let more = others
            .filter(unseen)
            .filter(|record| !base_texts.contains(record.text.as_str()));
        let wider: Vec<&Record> = base.iter().copied().chain(more).collect();
        let mut answers = [base, wider].into_iter().map(|learnt| {
            policy.model = Some(Arc::new(Model::learn(policy, &learnt, "compared", learning)));
            held.iter()
                .map(|record| classify(policy, &record.text).finding)
                .collect::<Vec<_>>()
        });
        let (in_force, candidate) = (
            answers.next().unwrap_or_default(),
            answers.next().unwrap_or_default(),
        );
        for ((record, a), b) in held.iter().zip(&in_force).zip(&candidate) {
            comparison
                .topic
                .count(a.topic == record.topic, b.topic == record.topic);
            comparison
                .kind
                .count(a.kind == record.kind, b.kind == record.kind);
        }
    }
    policy.model = kept;
    comparison
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_test_gives_the_values_of_the_books() {
        let of = |only_in_force, only_candidate| {
            Paired {
                only_in_force,
                only_candidate,
                ..Paired::default()
            }
            .p_value()
        };
        assert!((of(0, 0) - 1.0).abs() < 1e-12);
        assert!((of(0, 5) - 0.0625).abs() < 1e-12); // twice one half to the fifth
        assert!((of(1, 7) - 18.0 / 256.0).abs() < 1e-12); // twice (1 + 8) of 256
        assert!((of(4, 4) - 1.0).abs() < 1e-12);
    }
}
