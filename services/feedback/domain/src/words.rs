//! The words of a procedure: what a citizen is told, over which way, and why a case is closed or reopened. Codes as in the contracts.

use std::fmt;
use std::str::FromStr;

/// A code that is in none of the lists; says which are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what}: the codes are {known}")]
pub struct UnknownWord {
    /// Which list.
    pub what: &'static str,
    /// Its codes.
    pub known: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $code:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

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
                Self::ALL.iter().copied().find(|w| w.code() == text).ok_or_else(|| UnknownWord {
                    what: $what,
                    known: Self::ALL.iter().map(|w| w.code()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}

words!(
    /// What a citizen is told.
    What, "message" {
        /// The report is on record, with its tracking code.
        Received = "received";
        /// Where it went.
        Forwarded = "forwarded";
        /// How far the work is, and the date promised.
        Progress = "progress";
        /// A part is done, the rest goes on: never the end of a case.
        PartialResult = "partial_result";
        /// What came of it, in the unit's words.
        Result = "result";
        /// Level 1: the guidance.
        Guidance = "guidance";
        /// Level 3: the leaders declined.
        Opinion = "opinion";
        /// Level 4: the dialogue is on record.
        Dialogue = "dialogue";
        /// Level 5: the letter of thanks.
        Thanks = "thanks";
    }
);

words!(
    /// Over which way.
    Way, "way" {
        /// A text message.
        Sms = "sms";
        /// An e-mail.
        Email = "email";
        /// No address: it stands on the page that the tracking code opens.
        TrackingPage = "tracking_page";
    }
);

words!(
    /// The leaders' opinion on a submission.
    Opinion, "opinion" {
        /// Send it to the bodies concerned.
        Agree = "agree";
        /// Do not.
        Decline = "decline";
    }
);

words!(
    /// Why a case is done.
    Closing, "reason" {
        /// Level 1: the citizen was guided.
        Guided = "guided";
        /// The result was told.
        ResultTold = "result_told";
        /// Level 4: the dialogue was held and the result told.
        DialogueHeld = "dialogue_held";
        /// Level 5: the letter of thanks was sent.
        Thanked = "thanked";
        /// The police have it: it leaves the hotline's clock.
        WithPolice = "with_police";
        /// Nothing to answer.
        NotAReport = "not_a_report";
        /// Level 3: the leaders declined, and the citizen was told.
        OpinionDeclined = "opinion_declined";
    }
);

words!(
    /// Why a closed case goes on.
    Reopening, "reason" {
        /// The result is not what is on the ground.
        NotFixed = "not_fixed";
        /// It was fixed and came back.
        CameBack = "came_back";
        /// The wrong unit answered.
        WrongUnit = "wrong_unit";
        /// The citizen disagrees with the answer.
        CitizenDisagrees = "citizen_disagrees";
        /// Something else.
        Other = "other";
    }
);
