//! What can be searched for: the folded words, phone numbers, e-mail addresses and ID numbers of a text. Pure.

use std::collections::BTreeSet;

use serde_json::Value;
use vietnam::email::plain_address;
use vietnam::phone::Phone;
use vietnam::text::Folded;

/// Different terms of one content; what a person types has a few hundred.
const MAX_TERMS: usize = 5_000;
/// Of a word. Longer ones are no words.
const MAX_WORD: usize = 64;
/// Groups of digits that make one number: `+84 (28) 38 22 12 34` has six.
const MAX_GROUPS: usize = 7;

/// What a term is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Word,
    Phone,
    Email,
    Id,
}

impl Kind {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Word => "word",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Id => "id",
        }
    }
}

/// A term in the one spelling that is hashed.
pub(crate) type Term = (Kind, String);

/// The terms of sealed content: of every string in it when it is JSON (all that the services seal for a case is), of the whole if not.
pub(crate) fn of_content(plaintext: &[u8]) -> BTreeSet<Term> {
    let mut terms = BTreeSet::new();
    match serde_json::from_slice::<Value>(plaintext) {
        Ok(value) => walk(&value, &mut terms),
        Err(_) => of_text(&String::from_utf8_lossy(plaintext), &mut terms),
    }
    terms
}

fn walk(value: &Value, terms: &mut BTreeSet<Term>) {
    match value {
        Value::String(text) => of_text(text, terms),
        Value::Array(values) => values.iter().for_each(|it| walk(it, terms)),
        Value::Object(fields) => fields.values().for_each(|it| walk(it, terms)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn of_text(text: &str, terms: &mut BTreeSet<Term>) {
    // Numbers and addresses first: a text too long for all its words must not hide them.
    numbers(text, terms);
    let apart = |c: char| c.is_whitespace() || "<>()[]{},;:\"'“”".contains(c);
    for part in text.split(apart).filter(|part| part.contains('@')) {
        terms.extend(email(part.trim_end_matches('.')).map(|it| (Kind::Email, it)));
    }
    for word in words(text) {
        if terms.len() >= MAX_TERMS {
            return;
        }
        terms.insert((Kind::Word, word));
    }
}

/// The folded words of a text: no case, no tones.
pub(crate) fn words(text: &str) -> Vec<String> {
    let folded = Folded::new(text);
    let words = folded.words().map(|range| folded.as_str()[range].to_owned());
    words.filter(|word| word.len() <= MAX_WORD).collect()
}

/// A phone number, however it is written.
pub(crate) fn phone(text: &str) -> Option<String> {
    Phone::parse(text).ok().map(|phone| phone.e164().to_owned())
}

pub(crate) fn email(text: &str) -> Option<String> {
    plain_address(text).map(|address| address.to_lowercase())
}

/// The 9 or 12 digits of an identity card.
pub(crate) fn id(text: &str) -> Option<String> {
    let good = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '.' | '-');
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (text.chars().all(good) && matches!(digits.len(), 9 | 12)).then_some(digits)
}

/// Every run of neighbouring groups of digits that may be one number. Two numbers side by side are found each for itself.
fn numbers(text: &str, terms: &mut BTreeSet<Term>) {
    let between = |c: char| matches!(c, ' ' | '.' | '-' | '(' | ')' | '\u{a0}');
    for run in text.split(|c: char| !(c.is_ascii_digit() || c == '+' || between(c))) {
        let mut groups: Vec<(usize, usize)> = Vec::new();
        for (at, c) in run.char_indices() {
            match groups.last_mut() {
                Some((_, end)) if *end == at && (c.is_ascii_digit()) => *end += 1,
                _ if c.is_ascii_digit() || c == '+' => groups.push((at, at + 1)),
                _ => {}
            }
        }
        for (first, (start, _)) in groups.iter().enumerate() {
            for (_, end) in groups.iter().skip(first).take(MAX_GROUPS) {
                let number = &run[*start..*end];
                terms.extend(phone(number).map(|it| (Kind::Phone, it)));
                terms.extend(id(number).map(|it| (Kind::Id, it)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_with_and_without_tones_and_numbers_in_any_spelling() {
        let content = r#"{"text": "Hố ga mất nắp, gọi +84 (912) 774-365 hoặc Lan.Le@Example.VN. CCCD 079 203 001 234",
                          "from": {"phone": "0912774365", "name": "Đỗ Thị Ước"}}"#;
        let terms = of_content(content.as_bytes());
        let has = |kind, term: &str| terms.contains(&(kind, term.to_owned()));
        for word in words("HỐ ga mat nap uoc đỗ") {
            assert!(has(Kind::Word, &word), "{word}");
        }
        assert!(has(Kind::Phone, "+84912774365"));
        assert!(has(Kind::Email, "lan.le@example.vn"));
        assert!(has(Kind::Id, "079203001234"));
        assert!(!has(Kind::Word, "text"), "a field's name is no word of a person");
    }

    #[test]
    fn neighbouring_numbers_do_not_hide_one_another() {
        let terms = of_content("Nhà 12 0912774365 0903111222".as_bytes());
        assert!(terms.contains(&(Kind::Phone, "+84912774365".to_owned())));
        assert!(terms.contains(&(Kind::Phone, "+84903111222".to_owned())));
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it(text in ".{0,200}") {
            let _ = of_content(text.as_bytes());
        }
    }
}
