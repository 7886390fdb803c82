//! What the services state, one Rust type per event and version, in modules by category.
//!
//! A fact is stated by the service that owns its category and by nobody else. No string in `data` is free text: codes are
//! [`Code`](crate::Code), everything a person typed is in the sealed part, whose types are in [`crate::sealed`].

pub mod access;
pub mod classification;
pub mod directory;
pub mod feedback;
pub mod ledger;
pub mod message;
pub mod obligation;
pub mod outlet;
pub mod policy;
pub mod report;
pub mod routing;

macro_rules! payload {
    ($type:ty, $category:literal, $name:literal) => {
        impl $crate::Payload for $type {
            const CATEGORY: &'static str = $category;
            const NAME: &'static str = $name;
            const TYPE: &'static str = concat!($category, ".", $name);
        }
    };
}
pub(crate) use payload;

/// One entry of the catalogue: the type's name, who owns it, and its JSON Schema.
pub struct Entry {
    /// `routing.case_routed.v1`.
    pub kind: &'static str,
    /// `routing`.
    pub category: &'static str,
    /// JSON Schema of `data`.
    pub schema: fn() -> schemars::Schema,
    /// Reads `data` as its type and writes it again: what a reader of today makes of an event of any day.
    pub reread: fn(&[u8]) -> Result<serde_json::Value, serde_json::Error>,
}

macro_rules! catalogue {
    ($($type:ty),+ $(,)?) => {
        /// Every event type and version there is.
        pub const CATALOGUE: &[Entry] = &[$(Entry {
            kind: <$type as $crate::Payload>::TYPE,
            category: <$type as $crate::Payload>::CATEGORY,
            schema: || schemars::schema_for!($type),
            reread: |data| serde_json::to_value(serde_json::from_slice::<$type>(data)?),
        }),+];
    };
}

catalogue!(
    report::ReportReceived,
    report::EmergencySuspected,
    report::ReportRefused,
    classification::ReportClassified,
    classification::ReviewRequested,
    classification::ReviewDecided,
    routing::CaseRouted,
    routing::CaseDispatched,
    routing::CaseAccepted,
    routing::CaseReturned,
    routing::CaseRecalled,
    routing::ProgressReported,
    routing::ResultReported,
    outlet::OutletSet,
    outlet::OutletRemoved,
    outlet::OutletDisabled,
    outlet::NoticesReplayed,
    outlet::NoticeDelivered,
    outlet::NoticeUndelivered,
    routing::DisputeOpened,
    routing::DisputeRefused,
    routing::DisputeDecided,
    obligation::ObligationOpened,
    obligation::ObligationMet,
    obligation::ObligationMissed,
    obligation::ObligationOvertaken,
    feedback::CitizenTold,
    feedback::GuidanceGiven,
    feedback::SubmissionDrafted,
    feedback::OpinionGiven,
    feedback::DialogueHeld,
    feedback::LetterSent,
    feedback::CaseClosed,
    feedback::CaseReopened,
    message::MessageQueued,
    message::MessageHandedOver,
    message::MessageFailed,
    access::ContentOpened,
    ledger::ClockAccepted,
    access::ContentErased,
    access::ContentSearched,
    access::KeyRotated,
    policy::RoutingPolicyPublishedV1,
    policy::RoutingPolicyPublished,
    policy::ClassificationPolicyPublishedV1,
    policy::ClassificationPolicyPublished,
    policy::SlaPolicyPublishedV1,
    policy::SlaPolicyPublished,
    directory::Granted,
    directory::Revoked,
);
