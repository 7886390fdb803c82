//! What feedback states: `feedback/<case>`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::payload;
use crate::Code;

/// The citizen was told something; the message itself is `message/<id>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CitizenTold {
    /// `received`, `merged` (it is handled with other reports of the same matter), `forwarded`, `progress`, `question` (a unit asks; the words are in the message), `partial_result` (a part is done, the case goes on), `result`, `guidance`, `opinion`, `dialogue`, `thanks`, `closed`.
    pub what: Code,
    /// `sms`, `email`, or `tracking_page` when there is no other way.
    pub channel: Code,
    /// The message, if one was queued.
    pub message: Option<Uuid>,
    /// Which dispatch or result it is about; 0 for none.
    pub revision: u32,
}
payload!(CitizenTold, "feedback", "citizen_told.v1");

/// Level 1: the operator's guidance. Sealed: [`crate::sealed::Note`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GuidanceGiven {}
payload!(GuidanceGiven, "feedback", "guidance_given.v1");

/// Level 3: a written submission waits for the leaders' opinion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SubmissionDrafted {
    /// Position of the routing that asked for it.
    pub routing: u64,
}
payload!(SubmissionDrafted, "feedback", "submission_drafted.v1");

/// Level 3: the leaders' opinion. Sealed: [`crate::sealed::Note`] when words came with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OpinionGiven {
    /// `agree` or `decline`.
    pub opinion: Code,
}
payload!(OpinionGiven, "feedback", "opinion_given.v1");

/// Level 4: the dialogue was held. Sealed: [`crate::sealed::Note`], its minutes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DialogueHeld {}
payload!(DialogueHeld, "feedback", "dialogue_held.v1");

/// Level 5: the letter of thanks. Sealed: [`crate::sealed::Note`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LetterSent {}
payload!(LetterSent, "feedback", "letter_sent.v1");

/// The obligations of its level are met.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseClosed {
    /// `guided`, `result_told`, `dialogue_held`, `thanked`, `with_police`, `not_a_report`, `opinion_declined`; of a case merged into another, the reason of that one.
    pub reason: Code,
}
payload!(CaseClosed, "feedback", "case_closed.v1");

/// It goes on. Sealed: [`crate::sealed::Note`], the reason in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseReopened {
    /// `not_fixed`, `came_back`, `wrong_unit`, `citizen_disagrees`, `other`.
    pub reason: Code,
}
payload!(CaseReopened, "feedback", "case_reopened.v1");
