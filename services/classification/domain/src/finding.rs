//! What a report is found to be, and the evidence for it: rules and spans, never words.

use kernel::taxonomy::{Field, Kind, Level, Topic, Urgency};
use serde::{Deserialize, Serialize};

/// What a report is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// None when it is not a report, or nothing is known. Follows the topic.
    pub field: Option<Field>,
    /// The main topic.
    pub topic: Option<Topic>,
    /// Further topics the text speaks of.
    pub also: Vec<Topic>,
    /// The legal kind.
    pub kind: Kind,
    /// How soon harm comes.
    pub urgency: Urgency,
    /// The level of the answer.
    pub level: Level,
    /// False when nobody can act on it without asking back.
    pub complete: bool,
    /// Codes of the wards and communes of today that the text may mean.
    pub wards: Vec<u32>,
    /// Where a street, a ward and a district are named.
    pub place: Vec<Evidence>,
}

impl Finding {
    /// A finding with no topic: what is not a report, or not yet known to be one.
    #[must_use]
    pub const fn nothing(kind: Kind, complete: bool) -> Self {
        Self {
            field: None,
            topic: None,
            also: Vec::new(),
            kind,
            urgency: Urgency::Normal,
            level: Level::ONE,
            complete,
            wards: Vec::new(),
            place: Vec::new(),
        }
    }
}

/// One rule that matched, and where, in Unicode scalar values of the text as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The rule's id in its policy.
    pub rule: String,
    /// The first character.
    pub start: u32,
    /// One past the last.
    pub end: u32,
}

/// Why a person must confirm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The rules are not sure enough.
    LowConfidence,
    /// It may be a denunciation: whom it denounces must not get it by a rule's mistake.
    MayBeDenunciation,
    /// It may be about corruption or waste.
    MayBeCorruption,
    /// It complains about an official, a member or a leader.
    AboutAnOfficial,
    /// It is not clear what it wants.
    Unclear,
    /// Words of danger were found when it came, and the rules see none.
    MayBeEmergency,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::LowConfidence,
        Self::MayBeDenunciation,
        Self::MayBeCorruption,
        Self::AboutAnOfficial,
        Self::Unclear,
        Self::MayBeEmergency,
    ];

    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::LowConfidence => "low_confidence",
            Self::MayBeDenunciation => "may_be_denunciation",
            Self::MayBeCorruption => "may_be_corruption",
            Self::AboutAnOfficial => "about_an_official",
            Self::Unclear => "unclear",
            Self::MayBeEmergency => "may_be_emergency",
        }
    }
}

/// What the rules say of one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classification {
    /// The finding; only a suggestion when `reasons` is not empty.
    pub finding: Finding,
    /// How sure, in thousandths.
    pub confidence: u16,
    /// Which rules matched, at most [`MOST_EVIDENCE`], in the order of the text.
    pub evidence: Vec<Evidence>,
    /// Why a person must confirm; empty when none has to.
    pub reasons: Vec<Reason>,
    /// The topics it may be, at most [`MOST_SUGGESTED`], the likeliest first, in thousandths; none is one of them.
    pub suggested: Vec<(Option<Topic>, u16)>,
}

impl Classification {
    /// What becomes of it when words of danger were found as the report came: if the rules see no danger, a person looks, and looks now.
    /// A crime report goes to the police at once either way, who answer the number to call.
    #[must_use]
    pub fn suspected(mut self) -> Self {
        let Finding { kind, urgency, .. } = self.finding;
        let settled = urgency == Urgency::Emergency || matches!(kind, Kind::Emergency | Kind::CrimeReport);
        if !settled {
            self.reasons.push(Reason::MayBeEmergency);
        }
        self
    }

    /// Whether a person must confirm before anything leaves the house.
    #[must_use]
    pub fn needs_review(&self) -> bool {
        !self.reasons.is_empty()
    }
}

/// The most evidence one classification carries, so that no text becomes an event of megabytes.
pub const MOST_EVIDENCE: usize = 48;
/// The most topics suggested to a person.
pub const MOST_SUGGESTED: usize = 5;
/// The most ward codes; a name that means more places than this means none.
pub const MOST_WARDS: usize = 16;
