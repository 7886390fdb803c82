//! Folds Vietnamese text for matching (no case, no tones, đ as d, one separator between words) and leads every match back to
//! the original.
//!
//! People leave out tones, mix NFC and NFD, and type half of Telex ("ngaapj nuwosc"). Repairing tones guesses wrong for a
//! quarter of the syllables, so no tone is repaired: matching is toneless, and the tones that *are* there are used to tell
//! "cháy" from "chạy" (see `phrases`).

use std::ops::Range;

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

/// A text folded for matching. Words of letters and digits, with exactly one separator between two of them: ` ` within a
/// clause, `,` at a clause's end, `.` at a sentence's end. Vietnamese folds to ASCII; other scripts stay as they are.
#[derive(Clone, Debug)]
pub struct Folded<'a> {
    original: &'a str,
    text: String,
    /// Where in the original each folded byte comes from; one more entry for the end.
    from: Vec<u32>,
}

/// Which language a text is in, guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Vietnamese, with or without diacritics.
    Vietnamese,
    /// English.
    English,
    /// Another, or too little to tell.
    Other,
}

impl Language {
    /// `vi`, `en` or `other`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Vietnamese => "vi",
            Self::English => "en",
            Self::Other => "other",
        }
    }
}

impl<'a> Folded<'a> {
    /// Folds. Texts of 4 GiB and more are cut there.
    #[must_use]
    pub fn new(original: &'a str) -> Self {
        let mut fold = Fold {
            text: String::with_capacity(original.len()),
            from: Vec::with_capacity(original.len() + 1),
            word: 0,
            gap: None,
        };
        let mut end = 0u32;
        for (at, c) in original.char_indices() {
            let Ok(at) = u32::try_from(at) else { break };
            let next = at.saturating_add(c.len_utf8() as u32);
            if is_invisible(c) {
                continue;
            }
            let mut letters = false;
            let mut marks = false;
            decompose_compatible(c, |d| {
                if is_combining_mark(d) {
                    marks = true;
                    return;
                }
                for low in d.to_lowercase() {
                    let low = if low == 'đ' { 'd' } else { low };
                    if low.is_alphanumeric() {
                        letters = true;
                        fold.push(low, at, end);
                    }
                }
            });
            if letters || marks {
                end = next;
            } else {
                fold.separate(c, original[next as usize..].chars().next());
            }
        }
        fold.end_word();
        fold.from.push(end);
        Self {
            original,
            text: fold.text,
            from: fold.from,
        }
    }

    /// The folded text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text as it arrived.
    #[must_use]
    pub fn original(&self) -> &'a str {
        self.original
    }

    /// Bytes of the original that a range of folded bytes came from; from a word's start to a word's end.
    #[must_use]
    pub fn span(&self, folded: Range<usize>) -> Range<usize> {
        let at = |i: usize| {
            self.from
                .get(i)
                .copied()
                .unwrap_or_else(|| self.from.last().copied().unwrap_or(0)) as usize
        };
        let (start, end) = (at(folded.start), at(folded.end));
        start..end.max(start)
    }

    /// The same, in Unicode scalar values: what an event carries as evidence.
    #[must_use]
    pub fn char_span(&self, folded: Range<usize>) -> (u32, u32) {
        let span = self.span(folded);
        let start = self.original[..span.start].chars().count();
        let length = self.original[span].chars().count();
        (
            u32::try_from(start).unwrap_or(u32::MAX),
            u32::try_from(start + length).unwrap_or(u32::MAX),
        )
    }

    /// The original words of a range of folded bytes.
    #[must_use]
    pub fn words_of(&self, folded: Range<usize>) -> &'a str {
        &self.original[self.span(folded)]
    }

    /// The ranges of the folded words, in order.
    pub fn words(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        std::iter::from_fn(move || {
            if at >= bytes.len() {
                return None;
            }
            let start = at;
            let end = bytes[start..]
                .iter()
                .position(|b| is_separator(*b))
                .map_or(bytes.len(), |i| start + i);
            at = end + 1;
            Some(start..end)
        })
    }

    /// Guesses the language from letters only Vietnamese has and from words each language cannot do without.
    #[must_use]
    pub fn language(&self) -> Language {
        const VI: [&str; 36] = [
            "khong", "cua", "cho", "duong", "nha", "toi", "nuoc", "va", "la", "co", "bi", "phuong", "o",
            "xin", "den", "cac", "nguoi", "nay", "duoc", "de", "nghi", "may", "em", "anh", "chi", "ko", "k",
            "dan", "roi", "qua", "xe", "ngap", "mua", "hem", "quan", "khu",
        ];
        const EN: [&str; 22] = [
            "the", "is", "are", "of", "and", "to", "in", "my", "we", "you", "for", "please", "street",
            "there", "this", "with", "on", "it", "have", "has", "our", "not",
        ];
        let marked = self.original.chars().filter(|c| is_vietnamese_letter(*c)).count();
        let (mut vi, mut en) = (0usize, 0usize);
        for word in self.words().take(200) {
            let word = &self.text[word];
            vi += usize::from(VI.contains(&word));
            en += usize::from(EN.contains(&word));
        }
        if marked + vi > 2 * en && marked + vi > 0 {
            Language::Vietnamese
        } else if en > 1 {
            Language::English
        } else {
            Language::Other
        }
    }
}

/// Whether a folded byte stands between words.
#[must_use]
pub const fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b',' | b'.')
}

/// Zero-width and direction marks: they show nothing, so they part nothing.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// A letter hardly any other language writes (composed, or a combining mark of tone).
fn is_vietnamese_letter(c: char) -> bool {
    matches!(
        c,
        'ă' | 'Ă' | 'đ' | 'Đ' | 'ơ' | 'Ơ' | 'ư' | 'Ư' | '\u{309}' | '\u{323}' | '\u{31b}' | '\u{1ea0}'
            ..='\u{1ef9}'
    )
}

/// Words as they are shortened in messages, and what they are short for. Only what means one thing, and one word.
const SHORTENED: [(&str, &str); 16] = [
    ("ko", "khong"),
    ("k", "khong"),
    ("hok", "khong"),
    ("khg", "khong"),
    ("dc", "duoc"),
    ("nc", "nuoc"),
    ("ng", "nguoi"),
    ("vs", "voi"),
    ("trc", "truoc"),
    ("dg", "duong"),
    ("r", "roi"),
    ("z", "vay"),
    ("j", "gi"),
    ("cx", "cung"),
    ("wa", "qua"),
    ("lm", "lam"),
];

/// The folding in progress.
struct Fold {
    text: String,
    from: Vec<u32>,
    /// Where the present word begins.
    word: usize,
    /// The strongest separator since the last word.
    gap: Option<u8>,
}

impl Fold {
    fn push(&mut self, c: char, at: u32, previous_end: u32) {
        if let Some(gap) = self.gap.take()
            && !self.text.is_empty()
        {
            self.text.push(gap as char);
            self.from.push(previous_end);
            self.word = self.text.len();
        }
        let before = self.text.len();
        self.text.push(c);
        self.from.resize(self.from.len() + self.text.len() - before, at);
    }

    /// A character that is no part of a word. A full stop between letters ("p.Tân Định", "v.v") ends no sentence.
    fn separate(&mut self, c: char, next: Option<char>) {
        let strength = match c {
            '\n' | '\r' | '!' | '?' | ';' | '…' => b'.',
            '.' if next.is_none_or(char::is_whitespace) => b'.',
            ',' | ':' | '(' | ')' | '"' | '“' | '”' | '–' | '—' => b',',
            '-' if next.is_none_or(char::is_whitespace) => b',',
            _ => b' ',
        };
        self.end_word();
        let rank = |b: u8| match b {
            b'.' => 2,
            b',' => 1,
            _ => 0,
        };
        self.gap = Some(self.gap.map_or(
            strength,
            |gap| if rank(strength) > rank(gap) { strength } else { gap },
        ));
    }

    /// Writes out what messages shorten, and undoes Telex that was typed but not composed, where that makes a Vietnamese syllable of what is none.
    fn end_word(&mut self) {
        let start = self.word;
        if self.gap.is_some() || start >= self.text.len() {
            return;
        }
        if let Some((_, whole)) = SHORTENED.iter().find(|(short, _)| *short == &self.text[start..]) {
            let amount = start >= 2 && self.text.as_bytes()[start - 2].is_ascii_digit(); // "50 k" is fifty thousand
            if !amount {
                let at = self.from[start];
                self.text.truncate(start);
                self.text.push_str(whole);
                self.from.truncate(start);
                self.from.resize(self.text.len(), at);
            }
            return;
        }
        let word = &self.text.as_bytes()[start..];
        if word.len() < 3 || word.len() > 9 || !word.is_ascii() || is_syllable(word) {
            return;
        }
        let mut kept: Vec<usize> = Vec::with_capacity(word.len());
        let mut evidence = false;
        for (i, b) in word.iter().enumerate() {
            let previous = kept.last().map(|k| word[*k]);
            let doubled = matches!(b, b'a' | b'e' | b'o' | b'd') && previous == Some(*b);
            let horn = *b == b'w' && previous.is_some_and(|p| matches!(p, b'u' | b'o' | b'a'));
            let tone = matches!(b, b's' | b'f' | b'r' | b'x' | b'j')
                && previous.is_some_and(is_vowel_or_coda)
                && kept.iter().any(|k| is_vowel(word[*k]));
            if doubled || horn || tone {
                evidence |= doubled || horn || matches!(b, b'f' | b'j');
            } else {
                kept.push(i);
            }
        }
        let plain: Vec<u8> = kept.iter().map(|i| word[*i]).collect();
        if evidence && is_syllable(&plain) {
            let from: Vec<u32> = kept.iter().map(|i| self.from[start + i]).collect();
            self.text.truncate(start);
            self.from.truncate(start);
            self.text.extend(plain.iter().map(|b| *b as char));
            self.from.extend(from);
        }
    }
}

const fn is_vowel(b: u8) -> bool {
    matches!(b, b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}

const fn is_vowel_or_coda(b: u8) -> bool {
    is_vowel(b) || matches!(b, b'c' | b'g' | b'h' | b'm' | b'n' | b'p' | b't')
}

/// Whether lower-case ASCII could be one Vietnamese syllable without its marks: onset, one to three vowels, coda.
fn is_syllable(word: &[u8]) -> bool {
    const ONSETS: [&[u8]; 27] = [
        b"ngh", b"ng", b"nh", b"gh", b"gi", b"kh", b"ch", b"ph", b"qu", b"th", b"tr", b"b", b"c", b"d", b"g",
        b"h", b"k", b"l", b"m", b"n", b"p", b"r", b"s", b"t", b"v", b"x", b"",
    ];
    const CODAS: [&[u8]; 9] = [b"", b"c", b"ch", b"m", b"n", b"ng", b"nh", b"p", b"t"];
    ONSETS
        .iter()
        .filter_map(|onset| word.strip_prefix(*onset))
        .any(|rest| {
            let vowels = rest.iter().take_while(|b| is_vowel(**b)).count();
            let doubled = rest[..vowels].windows(2).any(|w| w[0] == w[1]);
            (1..=3).contains(&vowels) && !doubled && CODAS.contains(&&rest[vowels..])
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization as _;

    use super::*;

    fn fold(text: &str) -> String {
        Folded::new(text).as_str().to_owned()
    }

    #[test]
    fn tones_case_and_forms_fold_to_the_same() {
        assert_eq!(fold("Đường NGẬP nước"), "duong ngap nuoc");
        assert_eq!(
            fold(&"Đường NGẬP nước".nfd().collect::<String>()),
            "duong ngap nuoc"
        );
        assert_eq!(fold("  hoà\u{200b} hòa  "), "hoa hoa");
    }

    #[test]
    fn separators_keep_clauses_and_sentences_apart_but_not_abbreviations() {
        assert_eq!(fold("P.Tân Định, Q.1. Ngập! \"cứu\""), "p tan dinh,q 1.ngap.cuu");
    }

    #[test]
    fn half_typed_telex_becomes_the_syllable_it_meant_and_other_words_stay() {
        assert_eq!(
            fold("dduwowngf ngaapj nuwosc coongs truwongf hoos muif"),
            "duong ngap nuoc cong truong ho mui"
        );
        assert_eq!(
            fold("ddường showroom karaoke bus camera container"),
            "duong showroom karaoke bus camera container"
        );
    }

    #[test]
    fn what_messages_shorten_is_written_out_and_leads_back_to_what_was_typed() {
        assert_eq!(
            fold("k dc, nc tràn vô dg, 50 k"),
            "khong duoc,nuoc tran vo duong,50 k"
        );
        let text = "Đt ko đc nghe, nc ngập";
        let folded = Folded::new(text);
        let at = folded.as_str().find("khong duoc").unwrap();
        assert_eq!(folded.words_of(at..at + 10), "ko đc");
        let at = folded.as_str().find("nuoc ngap").unwrap();
        assert_eq!(folded.words_of(at..at + 9), "nc ngập");
        assert_eq!(folded.words_of(at..at + 4), "nc");
    }

    #[test]
    fn a_match_leads_back_to_the_words_as_they_were_typed() {
        let text = "Hẻm bị ngaapj nuwosc, cứu!";
        let folded = Folded::new(text);
        let at = folded.as_str().find("ngap nuoc").unwrap();
        assert_eq!(folded.words_of(at..at + 9), "ngaapj nuwosc");
        assert_eq!(folded.char_span(at..at + 9), (7, 20));
    }

    #[test]
    fn languages_are_told_apart() {
        assert_eq!(Folded::new("Đường ngập quá").language(), Language::Vietnamese);
        assert_eq!(Folded::new("duong nay ngap qua").language(), Language::Vietnamese);
        assert_eq!(
            Folded::new("The street is flooded, please help").language(),
            Language::English
        );
        assert_eq!(Folded::new("ถนนน้ำท่วม").language(), Language::Other);
        assert_eq!(Folded::new("").language(), Language::Other);
    }

    proptest! {
        #[test]
        fn any_text_folds_and_every_word_leads_back_inside_it(text in "\\PC{0,60}|[a-zđâêôơư\u{300}\u{301}\u{0} .,]{0,60}") {
            let folded = Folded::new(&text);
            for word in folded.words() {
                prop_assert!(!folded.as_str()[word.clone()].is_empty());
                let span = folded.span(word);
                prop_assert!(span.start < span.end && span.end <= text.len());
                prop_assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end));
            }
        }
    }
}
