//! Closed lists of codes: an enum whose variants each have one stable spelling on the wire, in the record and on a command line.

/// A code that is in no list; says which are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what}: the codes are {known}")]
pub struct UnknownWord {
    /// Which list.
    pub what: &'static str,
    /// Its codes.
    pub known: String,
}

/// Makes an enum of a list of codes, with `ALL`, `code()`, `Display` and `FromStr`:
/// `words!(/// Why. Basis, "basis" { /// Of level 2. Level2 = "level_2"; })`.
#[macro_export]
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$each:meta])* $variant:ident = $code:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$each])* $variant,)+ }

        impl $name {
            /// All of them, in their list's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.code())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::UnknownWord;

            fn from_str(text: &str) -> Result<Self, $crate::UnknownWord> {
                Self::ALL.iter().copied().find(|word| word.code() == text).ok_or_else(|| $crate::UnknownWord {
                    what: $what,
                    known: Self::ALL.iter().map(|word| word.code()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}
