//! The few words that mean danger: recall first, microseconds, before the append.
//!
//! A suspicion never decides anything: it puts a report on the express lane and before a person's eyes. So a false alarm costs
//! seconds and a miss may cost a life, and the words here are chosen for the second.

pub mod rules;

use std::ops::Range;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use vietnam::{Folded, Phrases};

use crate::rules::{CALM, CALM_BEFORE, RULES};

/// The number to connect: the police, fire and rescue, or an ambulance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Number {
    /// 113.
    #[serde(rename = "113")]
    Police,
    /// 114.
    #[serde(rename = "114")]
    FireAndRescue,
    /// 115.
    #[serde(rename = "115")]
    Ambulance,
}

impl Number {
    /// What to dial.
    #[must_use]
    pub const fn dial(self) -> &'static str {
        match self {
            Self::Police => "113",
            Self::FireAndRescue => "114",
            Self::Ambulance => "115",
        }
    }
}

/// What speaks for danger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspicion {
    /// Whom to connect first: fire and rescue before the ambulance before the police, as who lies under a tree must first be freed.
    pub number: Number,
    /// The rules that matched and where; never the words.
    pub rules: Vec<Hit>,
}

/// One rule's match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// The rule's stable id.
    pub rule: String,
    /// Where it begins in the text, in Unicode scalar values.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
}

/// The most hits a suspicion names; a text of one repeated word must not become an event of megabytes.
const MOST_HITS: usize = 16;

struct Compiled {
    danger: Phrases,
    /// For each danger phrase, its rule.
    rule_of: Vec<usize>,
    calm: Phrases,
    calm_before: Phrases,
}

static COMPILED: LazyLock<Compiled> = LazyLock::new(|| {
    let mut rule_of = Vec::new();
    let mut phrases = Vec::new();
    for (i, rule) in RULES.iter().enumerate() {
        for phrase in rule.phrases {
            phrases.push(*phrase);
            rule_of.push(i);
        }
    }
    #[expect(
        clippy::expect_used,
        reason = "the tables are constant and a test builds them"
    )]
    let build = |list: &[&str]| Phrases::new(list).expect("every phrase of the table folds to words");
    Compiled {
        danger: build(&phrases),
        rule_of,
        calm: build(CALM),
        calm_before: build(CALM_BEFORE),
    }
});

/// Looks for danger. `None` when there is none, or when thanks, a proposal, a question or a drill is all that speaks of it.
#[must_use]
pub fn look(text: &str) -> Option<Suspicion> {
    look_in(&Folded::new(text))
}

/// The same, in a text already folded.
#[must_use]
pub fn look_in(text: &Folded<'_>) -> Option<Suspicion> {
    let compiled = &*COMPILED;
    let mut number: Option<Number> = None;
    let mut hits: Vec<(&rules::Rule, Range<usize>)> = Vec::new();
    let mut strongest = 0;
    for found in compiled.danger.find(text) {
        let rule = &RULES[compiled.rule_of[found.phrase]];
        if is_denied(text.as_str(), found.at.start) {
            continue;
        }
        strongest = strongest.max(rule.weight);
        number = Some(match number {
            Some(best) if rank(best) <= rank(rule.number) => best,
            _ => rule.number,
        });
        if hits.len() < MOST_HITS {
            hits.push((rule, found.at));
        }
    }
    let number = number?;
    // What tells of danger past or imagined outweighs one word of it, not a call for help.
    let first = hits.iter().map(|(_, at)| at.start).min().unwrap_or(0);
    let calm = compiled.calm.find(text).next().is_some()
        || compiled
            .calm_before
            .find(text)
            .any(|found| found.at.start < first);
    if calm && strongest < rules::CERTAIN {
        return None;
    }
    let rules = hits
        .into_iter()
        .map(|(rule, at)| {
            let (start, end) = text.char_span(at);
            Hit {
                rule: rule.id.to_owned(),
                start,
                end,
            }
        })
        .collect();
    Some(Suspicion { number, rules })
}

const fn rank(number: Number) -> u8 {
    match number {
        Number::FireAndRescue => 0,
        Number::Ambulance => 1,
        Number::Police => 2,
    }
}

/// Whether the words right before deny it: "không cháy", "chưa nổ", "không phải cháy".
fn is_denied(text: &str, at: usize) -> bool {
    let before = text[..at].trim_end_matches(' ');
    [
        "khong",
        "khong phai",
        "ko",
        "k phai",
        "ko phai",
        "chua",
        "khong bi",
        "het",
        "so",
        "phong",
        "lo",
    ]
    .iter()
    .any(|no| {
        before
            .strip_suffix(no)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with([' ', ',', '.']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Option<&'static str> {
        look(text).map(|s| s.number.dial())
    }

    #[test]
    fn danger_is_seen_with_and_without_tones_and_in_half_typed_telex() {
        assert_eq!(number("Cháy nhà rồi, cứu với"), Some("114"));
        assert_eq!(number("chay nha roi cuu voi"), Some("114"));
        assert_eq!(number("ddang chay nhaf, cuuws vowis"), Some("114"));
        assert_eq!(number("có người bất tỉnh"), Some("115"));
        assert_eq!(number("no cam dao chem nguoi"), Some("113"));
    }

    #[test]
    fn thanks_proposals_and_drills_are_no_danger() {
        assert_eq!(number("Cảm ơn các anh đã dập lửa đêm qua"), None);
        assert_eq!(
            number("Đề xuất mỗi phòng trọ một đầu báo khói, cháy nhà là kịp biết"),
            None
        );
        assert_eq!(number("Mai phường diễn tập chữa cháy"), None);
        assert_eq!(number("đường ngập, xe chạy chậm"), None);
    }

    #[test]
    fn a_call_for_help_is_heard_even_beside_thanks() {
        assert_eq!(
            number("Cháy nhà ở hẻm 5, nhờ chữa cháy tới, xin cảm ơn"),
            Some("114")
        );
        assert!(number("Cảm ơn lần trước. Bây giờ nhà tôi đang cháy, cứu với").is_some());
    }

    #[test]
    fn hostile_texts_end_and_say_little() {
        for text in [
            "",
            " ",
            "\0\0",
            "🔥🔥🔥",
            "?",
            &"a".repeat(4_000),
            &"ch\u{0301}".repeat(2_000),
        ] {
            assert_eq!(look(text), None);
        }
        let many = look(&"cứu với ".repeat(5_000)).unwrap();
        assert_eq!(many.rules.len(), MOST_HITS);
    }

    #[test]
    fn a_hit_leads_back_to_its_words() {
        let text = "Dạ, đang cháy nhà!";
        let hit = &look(text).unwrap().rules[0];
        let words: String = text
            .chars()
            .skip(hit.start as usize)
            .take((hit.end - hit.start) as usize)
            .collect();
        assert!(words.contains("cháy"), "{words}");
    }
}
