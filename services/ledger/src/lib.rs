//! The event store: writer, reader, vault, relay and Merkle tree.

pub mod error;
pub mod event;
pub mod merkle;
pub mod status;
pub mod store;
