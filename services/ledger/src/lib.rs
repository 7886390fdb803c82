//! The event store: writer, reader, vault, relay and Merkle tree.
