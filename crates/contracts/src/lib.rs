//! Event payloads, gRPC code, and the only spelling of a NATS subject.

pub mod grpc;
