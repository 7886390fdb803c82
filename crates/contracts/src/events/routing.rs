//! What routing states: `routing/<case>`.

use kernel::taxonomy::{Destination, Office};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::payload;
use crate::Code;

/// What was added to an event later is left out where it says nothing, so that old events read and write the same.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The policy named the office, the units it proposes, and where the case rests first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseRouted {
    /// The handling office.
    pub office: Office,
    /// Units it proposes, the lead first; empty where none is concerned.
    #[schemars(length(max = 8))]
    pub units: Vec<Code>,
    /// Where it rests now.
    pub destination: Destination,
    /// Version of the routing policy in force at the cause's position.
    pub policy: Code,
    /// The clause that matched.
    pub clause: Code,
    /// What the clause looked at, as `name=value`; `conflict=<rule>` and `about=<units>`, where the report is about a unit: it goes to the
    /// level above those.
    #[schemars(length(max = 16))]
    pub inputs: Vec<Code>,
    /// Whether the units after the lead take part as soon as the lead has the case.
    #[serde(default, skip_serializing_if = "is_default")]
    pub join: bool,
}
payload!(CaseRouted, "routing", "case_routed.v1");

/// Put before a unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseDispatched {
    /// Before whom.
    pub unit: Code,
    /// The office on whose behalf.
    pub office: Office,
    /// Dense per case, from 1; an older one is ignored.
    pub revision: u32,
    /// Why now: `level_2`, `opinion_agreed`, `office_order`, `crime_report`, `emergency`, `reopened`, `better_unit`,
    /// `level_above` (the report is about the unit that had it), `parted` (it was merged into another case, and is no longer).
    pub basis: Code,
}
payload!(CaseDispatched, "routing", "case_dispatched.v1");

/// The unit takes it on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseAccepted {
    /// Who.
    pub unit: Code,
    /// Which dispatch.
    pub revision: u32,
}
payload!(CaseAccepted, "routing", "case_accepted.v1");

/// The unit says it is not theirs. Sealed: [`crate::sealed::Note`], the reason in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseReturned {
    /// Who.
    pub unit: Code,
    /// Which dispatch.
    pub revision: u32,
    /// `not_ours`, `incomplete`, `duplicate`, `conflict`, `other`.
    pub reason: Code,
    /// Whose it is, if the unit knows.
    pub better_unit: Option<Code>,
}
payload!(CaseReturned, "routing", "case_returned.v1");

/// Taken back from a unit that had not answered yet: a revision of its own, newer than the dispatch it ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseRecalled {
    /// From whom.
    pub unit: Code,
    /// On whose behalf it was before them.
    pub office: Office,
    /// The dispatch that is over.
    pub dispatch: u32,
    /// Of the recall itself; dense per case together with those of dispatches.
    pub revision: u32,
    /// `elsewhere`: the office puts it before another unit. `erased`: its content was lawfully erased. `merged`: it is handled with another
    /// report of the same matter.
    pub reason: Code,
}
payload!(CaseRecalled, "routing", "case_recalled.v1");

/// Another unit takes part in what is before the lead unit. Sealed: [`crate::sealed::Note`], what the lead unit asks of it, if it asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UnitJoined {
    /// Who takes part.
    pub unit: Code,
    /// On whose behalf.
    pub office: Office,
    /// Of its own; dense per case together with those of dispatches.
    pub revision: u32,
    /// The dispatch it takes part in.
    pub dispatch: u32,
    /// `policy`: a clause says so. `lead_asked`: the lead unit asked for it.
    pub basis: Code,
}
payload!(UnitJoined, "routing", "unit_joined.v1");

/// The unit asks the citizen. Sealed: [`crate::sealed::Note`], the question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QuestionAsked {
    /// Who.
    pub unit: Code,
    /// Which dispatch.
    pub revision: u32,
    /// Which question of the case, from 1.
    pub question: u32,
}
payload!(QuestionAsked, "routing", "question_asked.v1");

/// The citizen answered, and the unit is told so by a notice. Sealed: [`crate::sealed::Note`], the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QuestionAnswered {
    /// Who asked.
    pub unit: Code,
    /// On whose behalf the case is before them.
    pub office: Office,
    /// The dispatch in which it was asked.
    pub dispatch: u32,
    /// Of the notice; dense per case together with those of dispatches.
    pub revision: u32,
    /// Which question of the case.
    pub question: u32,
}
payload!(QuestionAnswered, "routing", "question_answered.v1");

/// Work goes on. Sealed: [`crate::sealed::Note`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProgressReported {
    /// Who.
    pub unit: Code,
    /// Which dispatch.
    pub revision: u32,
    /// The date promised, `YYYY-MM-DD`, or none.
    pub committed_date: Option<Code>,
    /// How many files came with it, sealed with the words.
    #[serde(default, skip_serializing_if = "is_default")]
    pub attachments: u8,
}
payload!(ProgressReported, "routing", "progress_reported.v1");

/// The unit's result. Sealed: [`crate::sealed::Note`], the answer to the citizen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResultReported {
    /// Who.
    pub unit: Code,
    /// Which dispatch.
    pub revision: u32,
    /// `done`, `partly_done`, `not_possible`, `no_grounds`.
    pub outcome: Code,
    /// How many files came with it, sealed with the words.
    #[serde(default, skip_serializing_if = "is_default")]
    pub attachments: u8,
}
payload!(ResultReported, "routing", "result_reported.v1");
