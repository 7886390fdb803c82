//! Routing as it runs: a real broker, a real ledger, units that ask over NATS and over gRPC.
#![expect(
    clippy::unwrap_used,
    reason = "a test may stop where it stands; clippy.toml allows it in the tests themselves"
)]

mod desk;
mod disputes;
mod orders;
mod race;
mod webhook;
mod world;
