//! Vietnamese telephone numbers: to E.164, across the change from 11 to 10 digits in 2018, and masked for display.

use std::fmt;

/// What kind of number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// A mobile number: can be sent a message.
    Mobile,
    /// A landline: can only be called.
    Landline,
    /// A short or service number (113, 1022, 1900…): nobody to send an answer to.
    Service,
}

/// A number as it is dialled today.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Phone {
    e164: String,
    mobile: bool,
    /// The digits also read as a Ho Chi Minh City landline from before 2017 (`08 3822 1234`).
    maybe_old_landline: bool,
}

impl fmt::Debug for Phone {
    /// Masked: a number never reaches a log by accident.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Phone({})", self.masked())
    }
}

/// Why a text is no number one can answer to. Never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPhone {
    /// No digits, or other characters among them.
    #[error("a telephone number holds digits, spaces, dots, dashes, brackets and a leading +")]
    NotANumber,
    /// Too short, too long, or a prefix nobody has.
    #[error("no Vietnamese telephone number has these digits: check for a missing or an extra one")]
    NotVietnamese,
    /// A short number: it takes calls, it gets no answers.
    #[error("a service number cannot be answered: give the number of a mobile or a landline")]
    Service,
}

/// The 2018 change: old prefix of an 11-digit mobile number and today's (Ministry of Information and Communications,
/// decision 798/QĐ-BTTTT), without the leading 0.
const CHANGED_2018: [(&str, &str); 21] = [
    ("162", "32"),
    ("163", "33"),
    ("164", "34"),
    ("165", "35"),
    ("166", "36"),
    ("167", "37"),
    ("168", "38"),
    ("169", "39"),
    ("120", "70"),
    ("121", "79"),
    ("122", "77"),
    ("126", "76"),
    ("128", "78"),
    ("123", "83"),
    ("124", "84"),
    ("125", "85"),
    ("127", "81"),
    ("129", "82"),
    ("186", "56"),
    ("188", "58"),
    ("199", "59"),
];

/// Mobile prefixes in use, without the leading 0.
const MOBILE: [&str; 37] = [
    "32", "33", "34", "35", "36", "37", "38", "39", "52", "55", "56", "58", "59", "70", "76", "77", "78",
    "79", "81", "82", "83", "84", "85", "86", "87", "88", "89", "90", "91", "92", "93", "94", "95", "96",
    "97", "98", "99",
];

impl Phone {
    /// Reads a number as people write it: `0900 000 011`, `+84 900…`, `84900…`, `0084…`, `(028) 3822 1234`, `0123 456 7890`.
    ///
    /// # Errors
    /// `BadPhone` saying what is wrong, without the number.
    pub fn parse(text: &str) -> Result<Self, BadPhone> {
        let text = text.trim();
        let good = |(i, c): (usize, char)| {
            c.is_ascii_digit() || matches!(c, ' ' | '.' | '-' | '(' | ')' | '\u{a0}') || (c == '+' && i == 0)
        };
        if text.is_empty() || text.len() > 32 || !text.char_indices().all(good) {
            return Err(BadPhone::NotANumber);
        }
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let international = text.starts_with('+');
        let national = match digits.as_str() {
            d if d.starts_with("0084") => &d[4..],
            d if d.starts_with("84") && (international || d.len() >= 11) => &d[2..],
            _ if international => return Err(BadPhone::NotVietnamese),
            d if d.starts_with('0') => &d[1..],
            d if d.len() <= 5 || d.starts_with("1800") || d.starts_with("1900") => {
                return Err(BadPhone::Service);
            }
            d => d,
        };
        let national = national.strip_prefix('0').unwrap_or(national); // "+84 0900…" is written too
        let mobile = |number: String| Self {
            maybe_old_landline: number.starts_with('8'),
            e164: format!("+84{number}"),
            mobile: true,
        };
        match national.len() {
            9 if MOBILE.iter().any(|p| national.starts_with(p)) => Ok(mobile(national.to_owned())),
            10 if national.starts_with('2') => Ok(Self {
                e164: format!("+84{national}"),
                mobile: false,
                maybe_old_landline: false,
            }),
            10 => CHANGED_2018
                .iter()
                .find_map(|(old, new)| {
                    national
                        .strip_prefix(old)
                        .map(|rest| mobile(format!("{new}{rest}")))
                })
                .map(|phone| Self {
                    maybe_old_landline: false,
                    ..phone
                })
                .ok_or(BadPhone::NotVietnamese),
            _ => Err(BadPhone::NotVietnamese),
        }
    }

    /// `+84900000011`.
    #[must_use]
    pub fn e164(&self) -> &str {
        &self.e164
    }

    /// Mobile or landline.
    #[must_use]
    pub const fn line(&self) -> Line {
        if self.mobile { Line::Mobile } else { Line::Landline }
    }

    /// Whether the same digits were a Ho Chi Minh City landline before 2017 (`08 3822 1234`): ask before sending anything private.
    #[must_use]
    pub const fn maybe_old_landline(&self) -> bool {
        self.maybe_old_landline
    }

    /// For display: the first three and the last two digits of the national number, `090 ••• •• 11`.
    #[must_use]
    pub fn masked(&self) -> String {
        let national = &self.e164[3..];
        format!("0{} ••• •• {}", &national[..2], &national[national.len() - 2..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_write_them_become_the_same_number() {
        for text in [
            "0900 000 011",
            "+84 900 000 011",
            "84900000011",
            "0084900000011",
            "0900.000.011",
            "+84 (0) 900 000 011",
        ] {
            assert_eq!(Phone::parse(text).unwrap().e164(), "+84900000011", "{text}");
        }
    }

    #[test]
    fn an_eleven_digit_number_from_before_2018_is_dialled_by_its_new_prefix() {
        for (old, new) in CHANGED_2018 {
            let phone = Phone::parse(&format!("0{old}1234567")).unwrap();
            assert_eq!(
                (phone.e164(), phone.line()),
                (format!("+84{new}1234567").as_str(), Line::Mobile)
            );
            assert!(MOBILE.contains(&new));
        }
    }

    #[test]
    fn a_landline_is_told_from_a_mobile_and_the_old_city_code_is_flagged() {
        let landline = Phone::parse("(028) 3822 1234").unwrap();
        assert_eq!(
            (landline.e164(), landline.line()),
            ("+842838221234", Line::Landline)
        );
        let trap = Phone::parse("08 38221234").unwrap();
        assert_eq!((trap.line(), trap.maybe_old_landline()), (Line::Mobile, true));
    }

    #[test]
    fn what_is_no_number_is_refused_and_masking_hides_the_middle() {
        assert_eq!(Phone::parse("1022"), Err(BadPhone::Service));
        assert_eq!(Phone::parse("1900 1234"), Err(BadPhone::Service));
        assert_eq!(Phone::parse("hello"), Err(BadPhone::NotANumber));
        assert_eq!(Phone::parse("0900 000 01"), Err(BadPhone::NotVietnamese));
        assert_eq!(Phone::parse("+1 212 555 0100"), Err(BadPhone::NotVietnamese));
        assert_eq!(
            format!("{:?}", Phone::parse("0900000011").unwrap()),
            "Phone(090 ••• •• 11)"
        );
    }
}
