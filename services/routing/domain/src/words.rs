//! The words a dispatch, a return and a result are stated in: stable codes.

use std::fmt;
use std::str::FromStr;

/// A word that is in none of the lists.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what}: the codes are {known}")]
pub struct UnknownWord {
    /// Which list.
    pub what: &'static str,
    /// The codes of the list.
    pub known: &'static str,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal, $known:literal { $($(#[$each:meta])* $variant:ident = $code:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$each])* $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.code())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($code => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { what: $what, known: $known }),
                }
            }
        }
    };
}

words!(
    /// Why a case is put before a unit now.
    Basis, "basis", "level_2, opinion_agreed, office_order, crime_report, emergency, reopened, better_unit" {
        /// A clear matter and a clear unit.
        Level2 = "level_2";
        /// The leaders agreed.
        OpinionAgreed = "opinion_agreed";
        /// The office ordered it.
        OfficeOrder = "office_order";
        /// A crime report goes to the police at once.
        CrimeReport = "crime_report";
        /// Life is in danger.
        Emergency = "emergency";
        /// It came back after the answer.
        Reopened = "reopened";
        /// The first unit said whose it is.
        BetterUnit = "better_unit";
    }
);

words!(
    /// Why a unit gives a case back.
    ReturnReason, "reason", "not_ours, incomplete, duplicate, conflict, other" {
        /// Another body's task.
        NotOurs = "not_ours";
        /// Nobody can act on it without asking back.
        Incomplete = "incomplete";
        /// The same matter is on record already.
        Duplicate = "duplicate";
        /// It is about the unit itself.
        Conflict = "conflict";
        /// As the words beside it say.
        Other = "other";
    }
);

words!(
    /// What came of it.
    Outcome, "outcome", "done, partly_done, not_possible, no_grounds" {
        /// Settled.
        Done = "done";
        /// Settled in part.
        PartlyDone = "partly_done";
        /// Cannot be settled.
        NotPossible = "not_possible";
        /// Looked into; there are no grounds.
        NoGrounds = "no_grounds";
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_is_named_in_the_refusal_of_another() {
        for word in Basis::ALL {
            assert_eq!(word.code().parse(), Ok(*word));
            assert!("x".parse::<Basis>().unwrap_err().known.contains(word.code()));
        }
        for word in ReturnReason::ALL {
            assert_eq!(word.code().parse(), Ok(*word));
            assert!(
                "x".parse::<ReturnReason>()
                    .unwrap_err()
                    .known
                    .contains(word.code())
            );
        }
        for word in Outcome::ALL {
            assert_eq!(word.code().parse(), Ok(*word));
            assert!("x".parse::<Outcome>().unwrap_err().known.contains(word.code()));
        }
    }
}
