//! What the model sees of a text: toneless n-grams of words and of characters, typed tones where there are some, each with where it stands.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization as _;
use vietnam::Folded;
use vietnam::places::Place;
use vietnam::text::is_separator;

/// One n-gram: its hash, and the bytes of the folded text it stands on.
pub(crate) struct Gram {
    pub(crate) hash: u64,
    pub(crate) at: Range<usize>,
}

/// Words and characters at most that are looked at: a text of a novel's length says what it is about before its end.
const MOST_WORDS: usize = 1_500;
/// Lengths of the character n-grams, which hold typing errors, words run together and words cut short.
const SHORTEST: usize = 3;
const LONGEST: usize = 5;

/// All n-grams of a text, in the order of their kinds and of the text; one that occurs twice is there twice. The names of `places` are left
/// out: what happened in a street once says nothing about the next report from there.
pub(crate) fn grams(text: &Folded<'_>, places: &Place) -> Vec<Gram> {
    let bytes = text.as_str().as_bytes();
    let named = [&places.street, &places.ward, &places.district];
    let is_name = |at: &Range<usize>| {
        named.iter().any(|name| {
            name.as_ref()
                .is_some_and(|n| at.start < n.end && n.start < at.end)
        })
    };
    let words: Vec<Range<usize>> = text.words().take(MOST_WORDS).collect();
    let mut grams = Vec::with_capacity(words.len() * 12);
    for (i, word) in words.iter().enumerate() {
        if is_name(word) {
            continue;
        }
        grams.push(gram(1, bytes, word.clone()));
        let typed = text.words_of(word.clone());
        if !typed.is_ascii() {
            let hash = typed.nfc().flat_map(char::to_lowercase).fold(start(2), add_all);
            grams.push(Gram {
                hash,
                at: word.clone(),
            });
        }
        for longer in 1..=2 {
            let Some(last) = words.get(i + longer) else { break };
            if bytes[last.start - 1] == b'.' || is_name(last) {
                break; // a sentence ends here, or a name begins
            }
            grams.push(gram(2 + longer as u8, bytes, word.start..last.end));
        }
    }
    let end = words.last().map_or(0, |word| word.end);
    for from in 0..end {
        for length in SHORTEST..=LONGEST {
            let to = from + length;
            if to > end || bytes[from + 1..to - 1].contains(&b'.') {
                break;
            }
            if is_name(&(from..to)) {
                break;
            }
            grams.push(gram(4 + length as u8, bytes, from..to));
        }
    }
    grams
}

fn gram(kind: u8, bytes: &[u8], at: Range<usize>) -> Gram {
    // A number says that there is one, not which.
    let hash = bytes[at.clone()].iter().fold(start(kind), |hash, b| match b {
        b'0'..=b'9' => add(hash, b'0'),
        b if is_separator(*b) => add(hash, b' '),
        b => add(hash, *b),
    });
    Gram { hash, at }
}

/// FNV-1a, the same on every machine and in every version.
const fn start(kind: u8) -> u64 {
    add(0xcbf2_9ce4_8422_2325, kind)
}

const fn add(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(0x0100_0000_01b3)
}

fn add_all(hash: u64, c: char) -> u64 {
    let mut buffer = [0; 4];
    c.encode_utf8(&mut buffer).bytes().fold(hash, add)
}

/// What a fact or a rule of the policy is known by.
pub(crate) fn mark(name: &str) -> u64 {
    name.bytes().fold(start(20), add)
}
