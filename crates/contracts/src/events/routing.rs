//! What routing states: `routing/<case>`.

use kernel::taxonomy::{Destination, Field, Office};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::payload;
use crate::Code;

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
    /// `level_above` (the report is about the unit that had it), `dispute` (the other office has the case now).
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
    /// `elsewhere`: the office puts it before another unit. `erased`: its content was lawfully erased.
    pub reason: Code,
}
payload!(CaseRecalled, "routing", "case_recalled.v1");

/// Work goes on. Sealed: [`crate::sealed::Note`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProgressReported {
    /// Who.
    pub unit: Code,
    /// Which dispatch.
    pub revision: u32,
    /// The date promised, `YYYY-MM-DD`, or none.
    pub committed_date: Option<Code>,
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
}
payload!(ResultReported, "routing", "result_reported.v1");

/// The office that has the case says that it is the other's. The case stays where it is and goes to no further unit until that is decided,
/// unless life is in danger. Sealed: [`crate::sealed::Note`], the reason in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DisputeOpened {
    /// Its number in the case, from 1.
    pub dispute: u32,
    /// Who has the case.
    pub from: Office,
    /// Whose it is, says the one that has it.
    pub to: Office,
    /// `matter`, `person`, `main_matter`, `new_facts`, `other`.
    pub reason: Code,
    /// Who answers: `office`, the other one, or `leaders`, where the offices disputed the case before.
    pub before: Code,
}
payload!(DisputeOpened, "routing", "dispute_opened.v1");

/// The other office does not take the case: the leaders decide. Sealed: [`crate::sealed::Note`], why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DisputeRefused {
    /// Its number in the case.
    pub dispute: u32,
    /// Who refused.
    pub office: Office,
}
payload!(DisputeRefused, "routing", "dispute_refused.v1");

/// Whose the case is. Where it moved, a `case_routed` with the clause `dispute` follows. What classification found stands as it was found;
/// from here on the case counts in this field. Sealed: [`crate::sealed::Note`], if words came with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DisputeDecided {
    /// Its number in the case.
    pub dispute: u32,
    /// Whose it is.
    pub office: Office,
    /// The field it counts in.
    pub field: Field,
    /// Whether it was the other office's until now.
    pub moved: bool,
    /// Who decided: `office`, the other one, or `leaders`.
    pub by: Code,
    /// `agreed`, or the leaders' reason: `matter`, `person`, `main_matter`, `new_facts`, `other`.
    pub basis: Code,
}
payload!(DisputeDecided, "routing", "dispute_decided.v1");
