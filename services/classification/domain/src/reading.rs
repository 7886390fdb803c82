//! Reads a text once: which word lists match, what they establish, how the topics score.

use std::collections::BTreeSet;
use std::ops::Range;

use kernel::taxonomy::Topic;
use vietnam::Folded;
use vietnam::places::{self, Place};
use vietnam::text::{Language, is_separator};

use crate::policy::{self, Policy};

/// What one text says by the words of a policy.
pub(crate) struct Reading<'p> {
    /// Facts by their number in the policy.
    pub(crate) facts: Vec<bool>,
    /// Topics with their scores (in tenths), best first; the earlier in the guide first where they tie.
    pub(crate) topics: Vec<(Topic, u32)>,
    /// Matches that count: the word list and where, in the order of the text.
    pub(crate) hits: Vec<(usize, Range<usize>)>,
    /// Numbers before their units that count: the entry and where.
    pub(crate) counted: Vec<(&'p str, Range<usize>)>,
    pub(crate) place: Place,
}

/// Words at most that make a text short, and at least that make it long.
const SHORT_WORDS: usize = 4;
const LONG_WORDS: usize = 45;

impl<'p> Reading<'p> {
    /// Reads; `without` are phrases passed over, by number, besides those the policy passes over itself.
    pub(crate) fn new(policy: &'p Policy, text: &Folded<'_>, without: &BTreeSet<usize>) -> Self {
        let mut facts = vec![false; policy.fact_count()];
        let mut hits = Vec::new();
        // Different phrases of a list, by their number in the policy.
        let mut phrases: Vec<Vec<usize>> = vec![Vec::new(); policy.words.len()];
        // Lists of which a phrase stands there with its tones, or of several words.
        let mut firm = vec![false; policy.words.len()];
        let denied: Vec<usize> = policy.denial.find(text).map(|found| found.at.end).collect();
        let addressed: Vec<usize> = policy.address.find(text).map(|found| found.at.end).collect();
        for found in policy.phrases.find(text) {
            if policy.silent.get(found.phrase).is_some_and(|silent| *silent)
                || without.contains(&found.phrase)
            {
                continue;
            }
            let list = policy.list_of[found.phrase];
            let words = &policy.words[list];
            if found.at.start > words.first
                || (words.deniable && is_denied(text, &denied, found.at.start))
                || (words.spoken_of && is_addressed(text, &addressed, found.at.start))
            {
                continue;
            }
            firm[list] |= !policy.toneless[found.phrase] || !text.words_of(found.at.clone()).is_ascii();
            if !phrases[list].contains(&found.phrase) {
                phrases[list].push(found.phrase);
                hits.push((list, found.at));
            }
        }
        let mut scores = [0u32; Topic::ALL.len()];
        for (list, words) in policy.words.iter().enumerate() {
            let n = phrases[list].len();
            if n < words.min {
                continue;
            }
            facts[words.fact] = true;
            if let Some(topic) = words.topic {
                // Each further phrase of a list adds a third of its weight, three of them at most.
                let score = words.weight * 10 + words.weight * 10 / 3 * (n as u32 - 1).min(3);
                scores[topic as usize] += if firm[list] { score } else { score / 3 };
            }
        }
        hits.retain(|(list, _)| phrases[*list].len() >= policy.words[*list].min);
        hits.sort_by_key(|(_, at)| at.start);
        let mut topics: Vec<(Topic, u32)> = Topic::ALL
            .iter()
            .map(|t| (*t, scores[*t as usize]))
            .filter(|(_, score)| *score > 0)
            .collect();
        topics.sort_by_key(|(_, score)| std::cmp::Reverse(*score));
        let mut counted = Vec::new();
        for count in &policy.counts {
            if let Some(at) = counts(text, &count.units, count.at_least) {
                facts[count.fact] = true;
                counted.push((count.id.as_str(), at));
            }
        }
        let mut reading = Self {
            counted,
            facts,
            topics,
            hits,
            place: places::find(text),
        };
        reading.establish(policy, text);
        reading
    }

    /// Sets a fact by name; a policy that never asks for it still has it.
    pub(crate) fn set(&mut self, policy: &Policy, name: &str, holds: bool) {
        if let Some(fact) = policy.fact(name) {
            self.facts[fact] = holds;
        }
    }

    /// Whether a fact holds; one the policy does not know does not.
    pub(crate) fn holds(&self, policy: &Policy, name: &str) -> bool {
        policy.fact(name).is_some_and(|fact| self.facts[fact])
    }

    fn establish(&mut self, policy: &Policy, text: &Folded<'_>) {
        let count = text.words().take(LONG_WORDS).count();
        let place = &self.place;
        let given = [
            (policy::PLACE, !place.is_empty()),
            (policy::STREET, place.street.is_some() || place.ward.is_some()),
            (policy::MONEY, names_money(text)),
            (policy::SHORT, count <= SHORT_WORDS),
            (policy::LONG, count >= LONG_WORDS),
            (policy::QUESTION_MARK, text.original().contains('?')),
            (
                policy::NO_WORDS,
                !text.as_str().bytes().any(|b| b.is_ascii_alphabetic()) && text.as_str().is_ascii(),
            ),
            (policy::FOREIGN, text.language() != Language::Vietnamese),
            (policy::NO_TOPIC, self.topics.is_empty()),
        ];
        for (name, holds) in given {
            self.set(policy, name, holds);
        }
    }
}

/// Whether a denial ends at most two words before `at`, in the same clause. `denied` is in the order of the text.
fn is_denied(text: &Folded<'_>, denied: &[usize], at: usize) -> bool {
    let before = &denied[..denied.partition_point(|end| *end < at)];
    before.iter().rev().take_while(|end| at - **end <= 40).any(|end| {
        let between = &text.as_str()[*end..at];
        !between.contains([',', '.']) && between.bytes().filter(|b| is_separator(*b)).count() <= 2
    })
}

/// Whether the clause that holds `at` has begun to address somebody before it.
fn is_addressed(text: &Folded<'_>, addressed: &[usize], at: usize) -> bool {
    let before = &addressed[..addressed.partition_point(|end| *end < at)];
    before
        .last()
        .is_some_and(|end| !text.as_str()[*end..at].contains([',', '.']))
}

/// The first number of `at_least` or more right before one of the units, with it: "87 hộ", "bốn lần".
fn counts(text: &Folded<'_>, units: &[String], at_least: u32) -> Option<Range<usize>> {
    const NUMBERS: [&str; 11] = [
        "khong", "mot", "hai", "ba", "bon", "nam", "sau", "bay", "tam", "chin", "muoi",
    ];
    let mut last: Option<(Range<usize>, u32)> = None;
    for word in text.words() {
        let here = &text.as_str()[word.start..];
        if let Some((at, number)) = &last
            && *number >= at_least
            && at.end + 1 == word.start
            && let Some(unit) = units.iter().find(|u| {
                here.strip_prefix(u.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ',', '.']))
            })
        {
            return Some(at.start..word.start + unit.len());
        }
        let word_text = &text.as_str()[word.clone()];
        let number = word_text.parse().ok().or_else(|| {
            NUMBERS
                .iter()
                .position(|n| *n == word_text)
                .and_then(|n| u32::try_from(n).ok())
        });
        last = number.map(|n| (word, n));
    }
    None
}

/// A sum: a number with a unit of money, together or apart ("8tr", "15 triệu", "300.000 đồng").
fn names_money(text: &Folded<'_>) -> bool {
    const UNITS: [&str; 9] = ["tr", "trieu", "ty", "ti", "dong", "k", "ngan", "nghin", "d"];
    let mut number = false;
    text.words().any(|word| {
        let word = &text.as_str()[word];
        let unit = word.trim_start_matches(|c: char| c.is_ascii_digit());
        let found = (number || unit.len() < word.len()) && UNITS.contains(&unit);
        number = unit.is_empty();
        found
    })
}
