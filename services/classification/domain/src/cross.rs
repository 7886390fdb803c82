//! Cross-validation: each record is classified by a model that has not seen it, and by rules without the phrases that only its fold holds.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::classify::classify;
use crate::finding::Classification;
use crate::model::{Learning, Model};
use crate::policy::Policy;
use crate::record::Record;

/// Findings for all records, in their order; record `i` is in fold `i % folds`. What else there is to learn from (`also`) each model learns
/// from, and nobody is measured on.
///
/// The rules were written with labelled reports in sight, so measuring them there flatters. Each phrase that occurs in a fold and in no
/// other is passed over while that fold is classified: it may have been written for it. That is severe, as some such phrases anybody would
/// have thought of; the rules' structure and the weights of what remains stay as they are.
#[must_use]
pub fn cross_validated(
    policy: &mut Policy,
    records: &[Record],
    also: &[Record],
    folds: usize,
    learning: &Learning,
) -> Vec<Classification> {
    let folds = folds.clamp(2, records.len().max(2));
    let kept = policy.model.take();
    let mut found: Vec<Option<Classification>> = vec![None; records.len()];
    for fold in 0..folds {
        let seen: Vec<&Record> = records
            .iter()
            .enumerate()
            .filter(|(i, _)| i % folds != fold)
            .map(|(_, r)| r)
            .chain(also)
            .collect();
        let among = |records: &mut dyn Iterator<Item = &Record>| -> BTreeSet<usize> {
            records
                .flat_map(|record| policy.phrases_in(&record.text))
                .collect()
        };
        let known = among(&mut seen.iter().copied());
        let mut unseen = records.iter().skip(fold).step_by(folds);
        let silent = among(&mut unseen).difference(&known).copied().collect();
        policy.silence(&silent);
        policy.model = Some(Arc::new(Model::learn(policy, &seen, "cross-validated", learning)));
        for (i, record) in records.iter().enumerate().filter(|(i, _)| i % folds == fold) {
            found[i] = Some(classify(policy, &record.text));
        }
    }
    policy.model = kept;
    policy.silence(&BTreeSet::new());
    found.into_iter().flatten().collect()
}
