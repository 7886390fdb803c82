//! Policies are events too: `routing-policy/city`, `classification-policy/city`, `sla-policy/city`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::payload;
use crate::{Code, Payload};

/// What all publications of a policy have in common.
pub trait PolicyPublished: Payload + Send + Sync + 'static {
    /// A publication.
    fn new(version: Code, sha256: Code, source: Code) -> Self;
    /// What decisions name.
    fn version(&self) -> &Code;
    /// SHA-256 of the policy's text, hex.
    fn sha256(&self) -> &Code;
}

macro_rules! policy_published {
    ($(#[$doc:meta])* $name:ident, $category:literal) => {
        $(#[$doc])*
        ///
        /// In force from its position on. Sealed (under the stream's own key): the policy's text.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        pub struct $name {
            /// First 16 hex digits of the hash: what decisions name.
            pub version: Code,
            /// SHA-256 of the policy's text, hex.
            pub sha256: Code,
            /// `built_in` or the actor's word for where it comes from.
            pub source: Code,
        }
        payload!($name, $category, "policy_published.v1");

        impl PolicyPublished for $name {
            fn new(version: Code, sha256: Code, source: Code) -> Self {
                Self { version, sha256, source }
            }

            fn version(&self) -> &Code {
                &self.version
            }

            fn sha256(&self) -> &Code {
                &self.sha256
            }
        }
    };
}

policy_published!(
    /// The routing policy.
    RoutingPolicyPublished,
    "routing-policy"
);
policy_published!(
    /// The classification rules.
    ClassificationPolicyPublished,
    "classification-policy"
);
policy_published!(
    /// The deadlines.
    SlaPolicyPublished,
    "sla-policy"
);
