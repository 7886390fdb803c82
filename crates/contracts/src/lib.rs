//! Event payloads, gRPC code, and the only spelling of a NATS subject.

pub mod ahead;
pub mod code;
pub mod event;
pub mod events;
pub mod evidence;
pub mod grpc;
pub mod sealed;
pub mod subjects;
pub mod wire;

pub use code::Code;
pub use event::{Payload, Recorded};
