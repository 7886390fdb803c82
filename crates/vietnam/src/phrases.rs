//! Finds many phrases in one pass: without tones where the writer left them out, by their tones where they are there.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};
use unicode_normalization::char::{decompose_canonical, is_combining_mark};

use crate::text::{Folded, is_separator};

/// A set of phrases, numbered in the order given.
#[derive(Debug)]
pub struct Phrases {
    automaton: AhoCorasick,
    marks: Vec<Vec<Marks>>,
}

/// Where a phrase was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The number of the phrase.
    pub phrase: usize,
    /// Bytes of the folded text.
    pub at: Range<usize>,
}

/// Why a set of phrases cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPhrases {
    /// Nothing is left of it once folded, or it spans a comma or full stop.
    #[error("phrase {0} holds no word, or punctuation that parts it: write words and spaces only")]
    Phrase(usize),
    /// The automaton has no room for so many.
    #[error("the phrases are too many or too long to be searched together")]
    TooMany,
}

/// What a word carries beyond its bare letters: vowel and consonant marks in order, and its tone.
#[derive(Debug, Default, PartialEq, Eq)]
struct Marks {
    letters: Vec<(char, char)>,
    tone: Option<char>,
}

impl Marks {
    fn of(word: &str) -> Self {
        let mut marks = Self::default();
        let mut base = ' ';
        for c in word.chars() {
            decompose_canonical(c, |d| match d {
                '\u{300}' | '\u{301}' | '\u{303}' | '\u{309}' | '\u{323}' => marks.tone = Some(d),
                'đ' | 'Đ' => marks.letters.push(('d', '-')),
                d if is_combining_mark(d) => marks.letters.push((base, d)),
                d => base = d.to_lowercase().next().unwrap_or(d),
            });
        }
        marks
    }

    /// Whether a word typed with `self`'s marks can be the word with `other`'s. Who types a tone types the vowel's mark too, so
    /// then both must agree ("bán" is not "bắn"); a missing đ, or a vowel mark without a tone, is forgiven.
    fn fit(&self, other: &Self) -> bool {
        let vowels = |marks: &Self| marks.letters.iter().filter(|(_, m)| *m != '-').count();
        if self.tone.is_some() && (self.tone != other.tone || vowels(self) != vowels(other)) {
            return false;
        }
        let mut rest = other.letters.iter();
        self.letters.iter().all(|mark| rest.any(|m| m == mark))
    }
}

impl Phrases {
    /// Builds the set. Phrases are written as they should be spelt, with their tones; a word written bare fits only a bare word.
    ///
    /// # Errors
    /// `BadPhrases` naming the phrase.
    pub fn new<S: AsRef<str>>(phrases: impl IntoIterator<Item = S>) -> Result<Self, BadPhrases> {
        let mut folded = Vec::new();
        let mut marks = Vec::new();
        for (i, phrase) in phrases.into_iter().enumerate() {
            let fold = Folded::new(phrase.as_ref());
            if fold.as_str().is_empty() || fold.as_str().contains([',', '.']) {
                return Err(BadPhrases::Phrase(i));
            }
            marks.push(fold.words().map(|w| Marks::of(fold.words_of(w))).collect());
            folded.push(fold.as_str().to_owned());
        }
        let automaton = AhoCorasickBuilder::new()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&folded)
            .map_err(|_| BadPhrases::TooMany)?;
        Ok(Self { automaton, marks })
    }

    /// All phrases in the text that stand as whole words, in the order of their ends.
    pub fn find<'a>(&'a self, text: &'a Folded<'_>) -> impl Iterator<Item = Found> + 'a {
        let bytes = text.as_str().as_bytes();
        self.automaton
            .find_overlapping_iter(text.as_str())
            .filter_map(move |hit| {
                let at = hit.start()..hit.end();
                let whole = (at.start == 0 || is_separator(bytes[at.start - 1]))
                    && (at.end == bytes.len() || is_separator(bytes[at.end]));
                (whole && self.tones_fit(hit.pattern().as_usize(), text, &at)).then_some(Found {
                    phrase: hit.pattern().as_usize(),
                    at,
                })
            })
    }

    fn tones_fit(&self, phrase: usize, text: &Folded<'_>, at: &Range<usize>) -> bool {
        if text.words_of(at.clone()).is_ascii() {
            return true;
        }
        let mut start = at.start;
        self.marks[phrase].iter().all(|marks| {
            let end = text.as_str().as_bytes()[start..at.end]
                .iter()
                .position(|b| is_separator(*b))
                .map_or(at.end, |i| start + i);
            let typed = text.words_of(start..end);
            start = end + 1;
            typed.is_ascii() || Marks::of(typed).fit(marks)
        })
    }
}

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization as _;

    use super::*;

    fn found(phrases: &[&str], text: &str) -> Vec<usize> {
        Phrases::new(phrases)
            .unwrap()
            .find(&Folded::new(text))
            .map(|f| f.phrase)
            .collect()
    }

    #[test]
    fn tones_that_are_there_tell_words_apart_and_missing_ones_are_forgiven() {
        let phrases = ["cháy nhà", "chạy"];
        assert_eq!(found(&phrases, "Cháy nhà rồi"), [0]);
        assert_eq!(found(&phrases, "xe chạy loạn"), [1]);
        assert_eq!(found(&phrases, "chay nha roi"), [1, 0]);
        assert_eq!(found(&phrases, "cháy nha"), [0]);
        assert_eq!(found(&phrases, &"Cháy nhà".nfd().collect::<String>()), [0]);
        assert_eq!(found(&["hòa bình"], "hoà bình"), [0]);
        assert_eq!(found(&["bắn cá"], "bán cá ở chợ"), [0usize; 0]);
        assert_eq!(found(&["đường ngập"], "dường ngâp"), [0]);
    }

    #[test]
    fn phrases_stand_as_whole_words_within_a_clause() {
        assert_eq!(found(&["không phải"], "không. Phải"), [0usize; 0]);
        assert_eq!(found(&["an"], "lan can an"), [0]);
    }

    #[test]
    fn a_phrase_without_words_is_refused_by_its_number() {
        assert_eq!(Phrases::new(["a", " ! "]).unwrap_err(), BadPhrases::Phrase(1));
        assert_eq!(Phrases::new(["a, b"]).unwrap_err(), BadPhrases::Phrase(0));
    }
}
