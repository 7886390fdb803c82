//! Finds the street, ward and district a text names, and the codes of the wards they are today.
//!
//! Thin on purpose: a type word or a number makes a mention certain; a district's name stands for itself, and so does a ward's behind a
//! street; a street is one of a list, or what follows "đường" or "hẻm", or the capitalised words right before the ward. Before July 2025 the same names meant other
//! ground, so a name gives all the codes it may mean.

mod lists;
mod words;

use std::collections::BTreeSet;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization as _;

use crate::text::{Folded, is_separator};
use lists::{Meaning, STREETS, UNITS};
use words::{
    BEFORE_A_STREET, BEFORE_A_WARD, CROSSINGS, DISTRICT_WORDS, MOST_NUMBER, NAMED_WITH, SHORT_DISTRICTS,
    STOP, STREET_WORDS, WARD_WORDS,
};

/// A place as a text names it. Ranges are bytes of the folded text; whoever keeps a place keeps the codes, not the words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// A street, alley, bridge, canal or park.
    pub street: Option<Range<usize>>,
    /// A ward or commune, of today or of before.
    pub ward: Option<Range<usize>>,
    /// A district of before July 2025, or the city of Thủ Đức.
    pub district: Option<Range<usize>>,
    /// Codes of today's wards and communes it may be; empty if no name is known.
    pub wards: Vec<u32>,
    /// Code of the district, if one is named.
    pub district_code: Option<u16>,
}

impl Place {
    /// Whether nothing is named.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.street.is_none() && self.ward.is_none() && self.district.is_none()
    }
}

/// A ward or commune of today: its code, and its name with the type word (`Phường Tân Định`); `None` for an unknown code.
#[must_use]
pub fn ward_name(code: u32) -> Option<&'static str> {
    UNITS.names.get(&code).map(String::as_str)
}

/// Codes of all 168 wards, communes and the special zone.
#[must_use]
pub fn ward_codes() -> Vec<u32> {
    let mut codes: Vec<u32> = UNITS.names.keys().copied().collect();
    codes.sort_unstable();
    codes
}

/// Codes of today's wards that hold the land of a district of before July 2025 (`776`), or of one of its wards (`776`, `4`), in order;
/// empty when there was none.
#[must_use]
pub fn wards_within(district: u16, ward: Option<&str>) -> Vec<u32> {
    let named = ward.map(|name| Folded::new(name).as_str().to_owned());
    let meanings = UNITS.wards.iter();
    let today: BTreeSet<u32> = meanings
        .filter(|(name, _)| named.as_ref().is_none_or(|named| named == *name))
        .flat_map(|(_, meaning)| &meaning.before)
        .filter(|(of, _)| *of == district)
        .flat_map(|(_, today)| today.iter().copied())
        .collect();
    today.into_iter().collect()
}

/// Finds the place.
#[must_use]
pub fn find(text: &Folded<'_>) -> Place {
    let words: Vec<Range<usize>> = text.words().collect();
    let scan = Scan { text, words: &words };
    let mut place = Place::default();
    let mut meaning = None;
    let mut i = 0;
    while i < words.len() {
        if place.ward.is_none()
            && let Some((found, next, what)) = scan.ward(i)
        {
            place.street = place.street.or_else(|| scan.street_before(i));
            place.ward = Some(found);
            meaning = what;
            i = next;
        } else if place.district.is_none()
            && let Some((found, next, code)) = scan.district(i)
        {
            if place.ward.is_none() {
                place.street = place.street.or_else(|| scan.street_before(i));
            }
            place.district = Some(found);
            place.district_code = code;
            i = next;
        } else if place.street.is_none()
            && let Some((found, next)) = scan.street(i).or_else(|| scan.known_street(i))
        {
            place.street = Some(found);
            i = next;
            // "Ụ Ghe Tam Bình": a ward's name right behind the street needs no type word.
            if place.ward.is_none()
                && let Some((found, next, what)) = scan.bare_ward(i)
            {
                place.ward = Some(found);
                meaning = what;
                i = next;
            }
        } else {
            i += 1;
        }
    }
    if place.ward.is_none()
        && let Some((found, what)) = scan.ward_by_name()
    {
        place.ward = Some(found);
        meaning = what;
    }
    place.wards = meaning
        .map(|m| resolve(m, place.district_code))
        .unwrap_or_default();
    place
}

/// Today's codes: with a district, what the old ward of that district became; without, today's ward of the name, else all.
fn resolve(meaning: &Meaning, district: Option<u16>) -> Vec<u32> {
    let of_district: BTreeSet<u32> = meaning
        .before
        .iter()
        .filter(|(d, _)| Some(*d) == district)
        .flat_map(|(_, codes)| codes.iter().copied())
        .collect();
    let codes = if !of_district.is_empty() {
        of_district
    } else if !meaning.today.is_empty() {
        meaning.today.clone()
    } else {
        meaning
            .before
            .iter()
            .flat_map(|(_, codes)| codes.iter().copied())
            .collect()
    };
    codes.into_iter().collect()
}

struct Scan<'a> {
    text: &'a Folded<'a>,
    words: &'a [Range<usize>],
}

impl<'a> Scan<'a> {
    fn word(&self, i: usize) -> &'a str {
        self.words.get(i).map_or("", |w| &self.text.as_str()[w.clone()])
    }

    fn range(&self, from: usize, to: usize) -> Range<usize> {
        self.words[from].start..self.words[to - 1].end
    }

    /// The words from `from` to `to`, joined by spaces whatever stands between them.
    fn joined(&self, from: usize, to: usize) -> String {
        self.text.as_str()[self.range(from, to)].replace([',', '.'], " ")
    }

    /// If one of `types` begins at word `i`: how many words it takes.
    fn typed(&self, i: usize, types: &[&str]) -> Option<usize> {
        types.iter().find_map(|t| {
            let n = t.split(' ').count();
            (i + n <= self.words.len() && t.split(' ').enumerate().all(|(j, w)| self.word(i + j) == w))
                .then_some(n)
        })
    }

    /// `p12`, `q7`, `f5`: a type letter and a number in one word.
    fn numbered(word: &str, letters: &[char]) -> Option<u32> {
        let digits = word.strip_prefix(letters)?;
        (digits.len() <= 2).then(|| digits.parse().ok()).flatten()
    }

    fn ward(&self, i: usize) -> Option<(Range<usize>, usize, Option<&'static Meaning>)> {
        if let Some(n) = Self::numbered(self.word(i), &['p', 'f']) {
            return Some((self.range(i, i + 1), i + 1, UNITS.wards.get(&n.to_string())));
        }
        let skip = self
            .typed(i, &WARD_WORDS)
            .or_else(|| (self.word(i) == "thi" && self.word(i + 1) == "tran").then_some(2))?;
        let from = i + skip;
        let named = (1..=4).rev().find_map(|n| {
            let to = from + n;
            if to > self.words.len() {
                return None;
            }
            let name = self.joined(from, to);
            let name = name.parse::<u32>().map_or(name.clone(), |n| n.to_string());
            let known = UNITS.wards.get(&name)?;
            // "phường 5" is a ward, "p 5" too; "x" and "p" before one word that happens to be a name need a capital.
            let certain = self.word(i).len() > 1 || name.len() <= 2 || n > 1 || self.capital(from);
            certain.then(|| (self.range(i, to), to, Some(known)))
        });
        // A number that no ward has any more is still what people call theirs.
        let numbered = || {
            let number = self.word(from).parse::<u32>().ok()?;
            let ward = matches!(self.word(i), "phuong" | "p" | "f") && (1..=MOST_NUMBER).contains(&number);
            ward.then(|| (self.range(i, from + 1), from + 1, None))
        };
        named.or_else(numbered)
    }

    /// A ward by its name alone: two words or more, capitalised.
    fn bare_ward(&self, i: usize) -> Option<(Range<usize>, usize, Option<&'static Meaning>)> {
        (2..=4).rev().find_map(|n| {
            let to = i + n;
            let named = to <= self.words.len()
                && (i..to).all(|at| self.capital(at))
                && (i..to - 1).all(|at| self.flows(at));
            let name = named.then(|| self.joined(i, to))?;
            // People mean the district of before by a name that both have.
            let known = UNITS
                .wards
                .get(&name)
                .filter(|_| !UNITS.districts.contains_key(&name))?;
            Some((self.range(i, to), to, Some(known)))
        })
    }

    /// A ward by its name behind a word like "ở", or behind its number of quarter: "kp4 An Phú Đông".
    fn ward_by_name(&self) -> Option<(Range<usize>, Option<&'static Meaning>)> {
        (1..self.words.len()).find_map(|i| {
            let before = self.word(i - 1);
            let quarter = before.strip_prefix("kp").is_some_and(|n| n.parse::<u8>().is_ok());
            let led = BEFORE_A_WARD.contains(&before) || quarter;
            let (found, _, what) = led.then(|| self.bare_ward(i)).flatten()?;
            Some((found, what))
        })
    }

    fn district(&self, i: usize) -> Option<(Range<usize>, usize, Option<u16>)> {
        let lookup = |name: &str| UNITS.districts.get(name).copied();
        if let Some(n) = Self::numbered(self.word(i), &['q']) {
            return Some((self.range(i, i + 1), i + 1, district_number(n)));
        }
        if let Some(skip) = self.typed(i, &DISTRICT_WORDS) {
            let from = i + skip;
            let found = (1..=3).rev().find_map(|n| {
                let to = from + n;
                if to > self.words.len() {
                    return None;
                }
                let name = self.joined(from, to);
                let code = name
                    .parse::<u32>()
                    .ok()
                    .and_then(district_number)
                    .or_else(|| lookup(&name))?;
                Some((self.range(i, to), to, Some(code)))
            });
            if found.is_some() {
                return found;
            }
        }
        let short = SHORT_DISTRICTS
            .iter()
            .find(|(short, _)| *short == self.typed_word(i));
        if let Some((_, code)) = short
            && i > 0
            && self.capital(i - 1)
            && self.flows(i - 1)
        {
            return Some((self.range(i, i + 1), i + 1, Some(*code)));
        }
        // A name by itself: two words or more (or joined), capitalised, and no type word or street word before it.
        let named =
            i > 0 && (self.typed(i - 1, &WARD_WORDS).is_some() || self.typed(i - 1, &STREET_WORDS).is_some());
        if named {
            return None;
        }
        (1..=2).rev().find_map(|n| {
            let to = i + n;
            if to > self.words.len() {
                return None;
            }
            let name = self.joined(i, to);
            if name.bytes().all(|b| b.is_ascii_digit()) || name.len() < 4 {
                return None;
            }
            // Without a capital: only a whole name that is no other words ("nhà bé" is a small house).
            let whole = self.capital(i) || n == 2 && (name != "nha be" || self.typed_word(i + 1) == "bè");
            whole.then_some(())?;
            lookup(&name).map(|code| (self.range(i, to), to, Some(code)))
        })
    }

    fn capital(&self, i: usize) -> bool {
        self.words
            .get(i)
            .is_some_and(|w| self.text.words_of(w.clone()).starts_with(char::is_uppercase))
    }

    /// Whether words `i` and `i + 1` stand in one clause.
    fn flows(&self, i: usize) -> bool {
        self.words
            .get(i)
            .is_some_and(|w| self.text.as_str().as_bytes().get(w.end) == Some(&b' '))
    }

    /// A street of the list that begins at word `i`, whatever stands before it; how its tones are typed, if they are, must agree.
    fn listed(&self, i: usize) -> Option<usize> {
        if !STREETS.first.contains(self.word(i)) {
            return None;
        }
        let flowing = (i..self.words.len())
            .take_while(|at| *at == i || self.flows(at - 1))
            .take(STREETS.most)
            .count();
        (2..=flowing).rev().find_map(|count| {
            let name = STREETS.names.get(&self.joined(i, i + count))?;
            self.is_spelt(i, name).then_some(i + count)
        })
    }

    /// Whether each word from `i` on is typed as in `name`, wherever the tone stands, or without any.
    fn is_spelt(&self, i: usize, name: &str) -> bool {
        name.split(' ').enumerate().all(|(j, word)| {
            let typed = self.typed_word(i + j);
            typed.is_ascii() || letters(typed) == letters(word)
        })
    }

    /// A word as it was typed.
    fn typed_word(&self, i: usize) -> &'a str {
        self.words
            .get(i)
            .map_or("", |word| self.text.words_of(word.clone()))
    }

    /// A street by its name alone.
    fn known_street(&self, i: usize) -> Option<(Range<usize>, usize)> {
        let to = self.listed(i)?;
        let led = i > 0 && BEFORE_A_STREET.contains(&self.word(i - 1));
        let numbered = i > 0
            && self
                .word(i - 1)
                .bytes()
                .next()
                .is_some_and(|b| b.is_ascii_digit());
        let placed = self.ward(to).is_some() || self.district(to).is_some();
        let named = (i..to).all(|at| self.capital(at));
        (named || led || numbered || placed).then(|| (self.range(i, to), to))
    }

    /// A street after its type word.
    fn street(&self, i: usize) -> Option<(Range<usize>, usize)> {
        let skip = self.typed(i, &STREET_WORDS).or_else(|| {
            let road = matches!(
                (self.word(i), self.word(i + 1)),
                ("quoc" | "tinh" | "xa", "lo") | ("huong", "lo")
            );
            road.then_some(2)
        })?;
        // "Dương" begins many a name, "đường" none.
        let other_word = self.word(i) == "duong"
            && !self.typed_word(i).is_ascii()
            && !self.typed_word(i).starts_with(['đ', 'Đ']);
        if other_word || !self.flows(i + skip - 1) {
            return None;
        }
        let from = i + skip;
        let crossing = self.typed(i, &CROSSINGS);
        let whole = self.word(from) == "so"
            || self.word(from - 1) == "lo"
            || self.typed(i, &NAMED_WITH).is_some()
            || crossing.is_some();
        // Behind the alley's number.
        let number_at = |at: usize| {
            let first = self.word(at).bytes().next();
            first.is_some_and(|b| b.is_ascii_digit())
        };
        let name = (from..from + 3).find(|at| !number_at(*at)).unwrap_or(from);
        if let Some(to) = self.listed(name).or_else(|| self.listed(from)) {
            let begins = if whole && crossing.is_none() { i } else { from };
            return Some((self.range(begins, to), to));
        }
        let mut to = from;
        let numbered_road = self.word(from) == "so"; // "đường số 7"
        while to < self.words.len() && to - from < 5 {
            let word = self.word(to);
            // "Tỉnh lộ 43", "Liên khu 4-5".
            let joined = matches!(
                (self.word(to.saturating_sub(1)), word),
                ("quoc" | "tinh" | "huong", "lo") | ("lien", "khu")
            );
            let proper =
                self.capital(to) || number_at(to) || (numbered_road && to == from) || joined && to > from;
            // Behind an alley's number the name begins, though a ward may have it too.
            let named = (from..to).any(|at| !number_at(at));
            if self.ward(to).is_some()
                || to > from && self.district(to).is_some()
                || named && self.bare_ward(to).is_some()
            {
                break;
            }
            if !proper || STOP.contains(&word) && !self.capital(to) && !joined {
                break;
            }
            to += 1;
            if !self.flows(to - 1) {
                break;
            }
        }
        if to == from || (to == from + 1 && STREET_WORDS[0] == self.word(i) && self.word(from).len() < 2) {
            return None;
        }
        Some((self.range(if whole { i } else { from }, to), to))
    }

    /// Capitalised words right before a ward: "Ung Văn Khiêm, phường 25".
    fn street_before(&self, i: usize) -> Option<Range<usize>> {
        let mut from = i;
        while from > 0 && i - from < 4 {
            let before = from - 1;
            let parted = from < i && !is_soft(self.text, self.words[before].end);
            let digit = self.word(before).bytes().all(|b| b.is_ascii_digit());
            if parted
                || !(self.capital(before) || digit)
                || self.text.as_str().as_bytes()[self.words[before].end] == b'.'
            {
                break;
            }
            from = before;
        }
        // A sentence's first word is capitalised without being a name: two words at least.
        (i - from >= 2).then(|| self.range(from, i))
    }
}

/// The letters and tones of a word, in no order: "Hoà" and "Hòa" are one.
fn letters(word: &str) -> Vec<char> {
    let mut letters: Vec<char> = word.nfd().flat_map(char::to_lowercase).collect();
    letters.sort_unstable();
    letters
}

fn is_soft(text: &Folded<'_>, at: usize) -> bool {
    text.as_str()
        .as_bytes()
        .get(at)
        .is_some_and(|b| is_separator(*b) && *b == b' ')
}

/// The codes of the numbered districts; 2 and 9 became part of Thủ Đức in 2021.
const fn district_number(n: u32) -> Option<u16> {
    Some(match n {
        1 => 760,
        2 | 9 => 769,
        3 => 770,
        4 => 773,
        5 => 774,
        6 => 775,
        7 => 778,
        8 => 776,
        10 => 771,
        11 => 772,
        12 => 761,
        _ => return None,
    })
}

#[cfg(test)]
#[path = "places/tests.rs"]
mod tests;
