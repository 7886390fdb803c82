//! Policies are events too: `routing-policy/city`, `classification-policy/city`, `sla-policy/city`.

use kernel::Instant;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::payload;
use crate::event::DecodeError;
use crate::{Code, Payload, Recorded};

/// What all publications of a policy have in common.
pub trait PolicyPublished: Payload + Send + Sync + 'static {
    /// A publication.
    fn new(version: Code, sha256: Code, source: Code, from: Instant) -> Self;
    /// Reads any version of it that is on record; `None` if the event is something else.
    ///
    /// # Errors
    /// As [`Recorded::decode`].
    fn read(recorded: &Recorded) -> Result<Option<Self>, DecodeError>;
    /// What decisions name.
    fn version(&self) -> &Code;
    /// SHA-256 of the policy's text, hex.
    fn sha256(&self) -> &Code;
    /// Where it comes from.
    fn source(&self) -> &Code;
    /// From when it is in force.
    fn from(&self) -> Instant;
}

macro_rules! policy_published {
    ($(#[$doc:meta])* $name:ident, $v1:ident, $category:literal) => {
        $(#[$doc])*
        ///
        /// In force from its position on, as soon as its time has come; of several, the one whose time came last. Sealed (under the
        /// stream's own key): the policy's text.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        pub struct $name {
            /// First 16 hex digits of the hash: what decisions name.
            pub version: Code,
            /// SHA-256 of the policy's text, hex.
            pub sha256: Code,
            /// `built_in` or the actor's word for where it comes from.
            pub source: Code,
            /// From when it is in force, by the time the cause of a decision was recorded; never before it is on record itself.
            pub from: Instant,
        }
        payload!($name, $category, "policy_published.v2");

        $(#[$doc])*
        ///
        /// In force from its position on. Sealed (under the stream's own key): the policy's text. Written until version 2 said from when.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        pub struct $v1 {
            /// First 16 hex digits of the hash: what decisions name.
            pub version: Code,
            /// SHA-256 of the policy's text, hex.
            pub sha256: Code,
            /// `built_in` or the actor's word for where it comes from.
            pub source: Code,
        }
        payload!($v1, $category, "policy_published.v1");

        impl PolicyPublished for $name {
            fn new(version: Code, sha256: Code, source: Code, from: Instant) -> Self {
                Self { version, sha256, source, from }
            }

            fn read(recorded: &Recorded) -> Result<Option<Self>, DecodeError> {
                // What said no time was in force at once.
                let upcast = |$v1 { version, sha256, source }| Self {
                    version,
                    sha256,
                    source,
                    from: recorded.recorded_at,
                };
                match recorded.decode::<$v1>()? {
                    Some(first) => Ok(Some(upcast(first))),
                    None => recorded.decode(),
                }
            }

            fn version(&self) -> &Code {
                &self.version
            }

            fn sha256(&self) -> &Code {
                &self.sha256
            }

            fn source(&self) -> &Code {
                &self.source
            }

            fn from(&self) -> Instant {
                self.from
            }
        }
    };
}

policy_published!(
    /// The routing policy.
    RoutingPolicyPublished,
    RoutingPolicyPublishedV1,
    "routing-policy"
);
policy_published!(
    /// The classification rules.
    ClassificationPolicyPublished,
    ClassificationPolicyPublishedV1,
    "classification-policy"
);
policy_published!(
    /// The deadlines.
    SlaPolicyPublished,
    SlaPolicyPublishedV1,
    "sla-policy"
);
