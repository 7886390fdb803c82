//! The event store: writer, reader, vault, relay and Merkle tree.

pub mod envelope;
pub mod error;
pub mod event;
pub mod merkle;
pub mod request;
pub mod status;
pub mod store;
mod telemetry;
pub mod vault;
mod writer;
