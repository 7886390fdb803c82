//! Why a request is refused, and the one table from a refusal to its gRPC code. Refusals hold nothing personal: no text
//! of an event ever stands in one.

use std::borrow::Cow;

use contracts::grpc::ledger as wire;
use prost::Message as _;
use tonic::{Code, Status};
use uuid::Uuid;
use wire::refusal::Reason;

use crate::vault::Fingerprint;

/// The fact that blocks a request. `Display` is one sentence: what was wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Somebody else appended to the stream first.
    #[error("the stream {category}/{stream_id} is at version {actual}: read it again and decide again")]
    WrongExpectedVersion {
        /// Of the stream.
        category: String,
        /// Of the stream.
        stream_id: Uuid,
        /// Its version now; 0 when it does not exist.
        actual: u64,
    },
    /// The guard `unless` found an event.
    #[error("the case moved: {type_} was committed at position {position}; read on and decide again")]
    CaseMoved {
        /// Of the event that moved it.
        position: u64,
        /// Of the event that moved it.
        type_: String,
    },
    /// The same request id came with other content.
    #[error("this request id was used before for something else: send the same content, or take a new id")]
    RequestIdReused,
    /// Over a limit.
    #[error("{what} is {actual}, the limit is {limit}: make it smaller or split it")]
    TooLarge {
        /// Which limit.
        what: &'static str,
        /// What is allowed.
        limit: u64,
        /// What came.
        actual: u64,
    },
    /// The caller does not own the category.
    #[error("{caller} may not append to the category {category}: a category belongs to one service")]
    ForeignCategory {
        /// The category asked for.
        category: String,
        /// Who asked.
        caller: String,
    },
    /// The caller may not put an event down to this actor.
    #[error("{caller} may not name {actor} as the actor: name yourself, or whom you act for")]
    ForeignActor {
        /// Who was named; an id, never a name.
        actor: String,
        /// Who asked.
        caller: String,
    },
    /// Malformed.
    #[error("{field} is not valid: {why}")]
    Invalid {
        /// Which field.
        field: String,
        /// What it must be.
        why: Cow<'static, str>,
    },
    /// The law keeps what was to be erased.
    #[error("the law keeps this content ({duty}): {}", kept(duty))]
    MustBeKept {
        /// Which duty: `open_case`, `petition`.
        duty: &'static str,
    },
    /// Another instance writes.
    #[error("this instance does not write now: {}", if leader.is_empty() { "try again, or ask the one that does".to_owned() } else { format!("ask {leader}") })]
    NotLeader {
        /// Where the one that writes is reached; empty when it is not known.
        leader: String,
    },
    /// The database did not take it. Nothing is known to be stored; the same request may be sent again.
    #[error("the ledger cannot store this now: send the same request again")]
    Unavailable,
    /// The lease went to somebody else.
    #[error("the lease is held under fence {fence}: stop, and take the lease again")]
    LeaseLost {
        /// The fence now in force.
        fence: u64,
    },
}

/// What to do where a duty to keep stands against an erasure.
fn kept(duty: &str) -> &'static str {
    if duty == "open_case" {
        "it is needed for the answer; close the case first"
    } else {
        "a complaint, a denunciation or a crime report is kept for its term; wait for retention_expired, or bring a court_order"
    }
}

impl Refused {
    /// A field is malformed. `why` says what it must be and never repeats what came.
    pub fn invalid(field: impl Into<String>, why: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid {
            field: field.into(),
            why: why.into(),
        }
    }

    /// Refuses what is over its limit.
    ///
    /// # Errors
    /// `TooLarge` when it is.
    pub fn over(what: &'static str, limit: usize, actual: usize) -> Result<(), Self> {
        if actual > limit {
            return Err(Self::TooLarge {
                what,
                limit: limit as u64,
                actual: actual as u64,
            });
        }
        Ok(())
    }

    /// A word for it, as in the contract.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::WrongExpectedVersion { .. } => "wrong_expected_version",
            Self::CaseMoved { .. } => "case_moved",
            Self::RequestIdReused => "request_id_reused",
            Self::TooLarge { .. } => "too_large",
            Self::ForeignCategory { .. } => "foreign_category",
            Self::ForeignActor { .. } => "foreign_actor",
            Self::Invalid { .. } => "invalid",
            Self::NotLeader { .. } => "not_leader",
            Self::MustBeKept { .. } => "must_be_kept",
            Self::Unavailable => "unavailable",
            Self::LeaseLost { .. } => "lease_lost",
        }
    }

    fn code(&self) -> Code {
        match self {
            Self::WrongExpectedVersion { .. }
            | Self::CaseMoved { .. }
            | Self::LeaseLost { .. }
            | Self::MustBeKept { .. } => Code::FailedPrecondition,
            Self::RequestIdReused => Code::AlreadyExists,
            Self::TooLarge { .. } | Self::Invalid { .. } => Code::InvalidArgument,
            Self::ForeignCategory { .. } | Self::ForeignActor { .. } => Code::PermissionDenied,
            Self::NotLeader { .. } | Self::Unavailable => Code::Unavailable,
        }
    }
}

impl From<Refused> for wire::Refusal {
    fn from(refused: Refused) -> Self {
        let message = refused.to_string();
        let reason = match refused {
            Refused::WrongExpectedVersion {
                category,
                stream_id,
                actual,
            } => Reason::WrongExpectedVersion(wire::WrongExpectedVersion {
                category,
                stream_id: crate::event::bytes(stream_id),
                actual,
            }),
            Refused::CaseMoved { position, type_ } => Reason::CaseMoved(wire::CaseMoved {
                position,
                r#type: type_,
            }),
            Refused::RequestIdReused => Reason::RequestIdReused(wire::RequestIdReused {}),
            Refused::TooLarge { what, limit, actual } => Reason::TooLarge(wire::TooLarge {
                what: what.to_owned(),
                limit,
                actual,
            }),
            Refused::ForeignCategory { category, caller } => {
                Reason::ForeignCategory(wire::ForeignCategory { category, caller })
            }
            Refused::ForeignActor { actor, caller } => {
                Reason::ForeignActor(wire::ForeignActor { actor, caller })
            }
            Refused::Invalid { field, .. } => Reason::Invalid(wire::Invalid { field }),
            Refused::NotLeader { leader } => Reason::NotLeader(wire::NotLeader { leader }),
            Refused::MustBeKept { duty } => Reason::MustBeKept(wire::MustBeKept {
                duty: duty.to_owned(),
            }),
            Refused::Unavailable => Reason::Unavailable(wire::Unavailable {}),
            Refused::LeaseLost { fence } => Reason::LeaseLost(wire::LeaseLost { fence }),
        };
        Self {
            message,
            reason: Some(reason),
        }
    }
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        let code = refused.code();
        let refusal = wire::Refusal::from(refused);
        let details = refusal.encode_to_vec();
        Self::with_details(code, refusal.message, details.into())
    }
}

/// What went wrong below: the database, the keys, or what is stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or is out of reach.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// Another instance took over, or holds the writer's lock.
    #[error("another instance of the ledger writes to this database")]
    NotLeader,
    /// The key-encryption key does not fit the key store.
    #[error("a wrapped key does not open: is this the key-encryption key the ledger was created with?")]
    WrongKey,
    /// The key store is wrapped by another key-encryption key.
    #[error(
        "the key store is wrapped by the key-encryption key {theirs}, this one is {ours}: name the other one; a rotation that was interrupted is finished by `rotate-key` again"
    )]
    OtherKey {
        /// Of the key that wrapped it.
        theirs: Fingerprint,
        /// Of the key that was given.
        ours: Fingerprint,
    },
    /// A rotation of the key-encryption key was begun and not finished.
    #[error(
        "the rotation from the key-encryption key {from} to {to} is not finished: run `rotate-key` again with the same two"
    )]
    Rotating {
        /// The old key.
        from: Fingerprint,
        /// The new key.
        to: Fingerprint,
    },
    /// The URI of a key in a token.
    #[error("the pkcs11 URI is not usable: {0}")]
    Uri(&'static str),
    /// The token that holds the key-encryption key.
    #[error("the PKCS #11 token cannot be used: {0}")]
    Token(String),
    /// The file holds no key.
    #[error("{0} must hold 32 bytes in hex, or a pkcs11 URI")]
    NoKey(String),
    /// The stored bytes are not what the ledger writes.
    #[error("what is stored is damaged: {0}")]
    Damaged(&'static str),
    /// The database is not set up as durability needs.
    #[error("the database is not safe to write to: {0}")]
    Unsafe(String),
    /// The schema is old, and this role may not change it.
    #[error(
        "the database's schema is version {found}, this program needs {needed}, and this role may not change it: \
         run `hoiam ledger migrate` as the owner of the tables"
    )]
    OldSchema {
        /// In the database.
        found: i64,
        /// By this program.
        needed: i64,
    },
    /// The wall clock cannot be right, or the record is not: somebody has to say which.
    #[error("nothing is recorded by this clock: {0}")]
    Clock(String),
    /// The URL names neither engine.
    #[error("the database URL must be sqlite:<path> or postgres://…")]
    UnknownEngine,
    /// A file could not be read or written.
    #[error("the file {path} cannot be used")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl From<StoreError> for Status {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = %chassis::telemetry::chain(&error), "the store failed");
        match error {
            StoreError::NotLeader => Refused::NotLeader {
                leader: String::new(),
            }
            .into(),
            StoreError::Damaged(_) => Self::data_loss("what is stored is damaged: run `hoiam doctor`"),
            _ => Refused::Unavailable.into(),
        }
    }
}
