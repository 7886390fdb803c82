//! The two languages people see: Vietnamese first, English a switch away. Both wordings stand side by side, so none is forgotten.

use std::fmt;

/// A language of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// Vietnamese, the first.
    #[default]
    Vi,
    /// English.
    En,
}

impl Lang {
    /// The wording of this language.
    #[must_use]
    pub const fn t<'a>(self, vi: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Vi => vi,
            Self::En => en,
        }
    }

    /// `vi` or `en`, as in HTML's `lang`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.t("vi", "en")
    }

    /// Reads `vi` or `en`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "vi" => Some(Self::Vi),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// The one the switch leads to.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Vi => Self::En,
            Self::En => Self::Vi,
        }
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
