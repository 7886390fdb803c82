//! Event payloads, gRPC code, and the only spelling of a NATS subject.

pub mod code;
pub mod event;
pub mod grpc;
pub mod subjects;

pub use code::Code;
pub use event::{Payload, Recorded};
