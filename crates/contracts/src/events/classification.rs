//! What classification states: `classification/<case>`.

use kernel::CaseId;
use kernel::taxonomy::{Field, Kind, Level, Topic, Urgency};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::payload;
use crate::Code;
use crate::evidence::Evidence;

/// What a report was found to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// None when it is not a report, or nothing is known.
    pub field: Option<Field>,
    /// The main topic.
    pub topic: Option<Topic>,
    /// Further topics the text asks something about.
    #[schemars(length(max = 8))]
    pub also: Vec<Topic>,
    /// The legal kind.
    pub kind: Kind,
    /// How soon harm comes.
    pub urgency: Urgency,
    /// The level of the answer.
    pub level: Level,
    /// False when nobody can act on it without asking back.
    pub complete: bool,
    /// Codes of the wards and communes (1 July 2025) that the text may mean.
    #[schemars(length(max = 16))]
    pub wards: Vec<Code>,
    /// Where in the sealed text a street is named.
    #[schemars(length(max = 16))]
    pub place: Vec<Evidence>,
}

/// Sure enough: decided by rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportClassified {
    /// The finding.
    pub finding: Finding,
    /// How sure, in thousandths.
    #[schemars(range(max = 1000))]
    pub confidence: u16,
    /// Which rules matched.
    #[schemars(length(max = 64))]
    pub evidence: Vec<Evidence>,
    /// Version of the classification policy in force at the cause's position.
    pub policy: Code,
    /// Version of the model that spoke: the one the policy names, or what it is without the reports that were erased since. Empty: none, or
    /// decided before events said it.
    #[serde(default, skip_serializing_if = "Code::is_empty")]
    pub model: Code,
}
payload!(ReportClassified, "classification", "report_classified.v1");

/// A person must confirm before anything leaves the house.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReviewRequested {
    /// Why: `low_confidence`, `may_be_denunciation`, `may_be_corruption`, `about_an_official`, `unclear` …
    #[schemars(length(max = 16))]
    pub reasons: Vec<Code>,
    /// What the rules would say.
    pub suggestion: Finding,
    /// How sure, in thousandths.
    #[schemars(range(max = 1000))]
    pub confidence: u16,
    /// Which rules matched.
    #[schemars(length(max = 64))]
    pub evidence: Vec<Evidence>,
    /// Version of the policy.
    pub policy: Code,
    /// Version of the model that spoke, as of `report_classified`.
    #[serde(default, skip_serializing_if = "Code::is_empty")]
    pub model: Code,
}
payload!(ReviewRequested, "classification", "review_requested.v1");

/// A person decided. Sealed: [`crate::sealed::Note`] when the suggestion was changed with a reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReviewDecided {
    /// What it is.
    pub finding: Finding,
    /// Whether it differs from what was suggested.
    pub changed: bool,
    /// Position of the review_requested that this answers.
    pub review: u64,
}
payload!(ReviewDecided, "classification", "review_decided.v1");

/// Another report on record seems to tell of the same matter; a person decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DuplicateSuspected {
    /// Of which case.
    pub of: CaseId,
    /// How alike, in thousandths.
    #[schemars(range(max = 1000))]
    pub score: u16,
    /// What the score is the sum of: `topic=300`, `place.street=300` …
    #[schemars(length(max = 16))]
    pub parts: Vec<Code>,
    /// Version of the policy.
    pub policy: Code,
}
payload!(DuplicateSuspected, "classification", "duplicate_suspected.v1");

/// The case is handled with another from now on; what comes of that one is told to its reporter too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseMerged {
    /// With which: never one that is merged itself.
    pub into: CaseId,
    /// `policy`, `person`, or `root_merged`: the case it was merged into was merged itself at that moment.
    pub basis: Code,
    /// How alike, in thousandths; 0 where nothing was compared.
    #[schemars(range(max = 1000))]
    pub score: u16,
    /// What the score is the sum of.
    #[schemars(length(max = 16))]
    pub parts: Vec<Code>,
    /// Version of the policy that compared; none where nothing was compared.
    pub policy: Option<Code>,
}
payload!(CaseMerged, "classification", "case_merged.v1");

/// The case is one of its own again. Sealed: [`crate::sealed::Note`] when a reason in words was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseParted {
    /// Which it was merged into.
    pub from: CaseId,
    /// `other_place`, `other_matter`, `other_time`, `citizen_disagrees`, `other`.
    pub reason: Code,
}
payload!(CaseParted, "classification", "case_parted.v1");

/// The case stands for another report too: on record with the case that is answered, as [`CaseMerged`] is with the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DuplicateJoined {
    /// The case that was merged into this one.
    pub case: CaseId,
}
payload!(DuplicateJoined, "classification", "duplicate_joined.v1");

/// It stands for that report no longer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DuplicateLeft {
    /// The case that was parted from this one.
    pub case: CaseId,
}
payload!(DuplicateLeft, "classification", "duplicate_left.v1");
