//! The event store: writer, reader, vault, relay and Merkle tree.

mod ahead;
mod api;
pub mod config;
pub mod envelope;
mod erasure;
pub mod error;
pub mod event;
pub mod leadership;
pub mod log;
pub mod merkle;
pub mod relay;
pub mod request;
mod run;
pub mod status;
pub mod store;
mod telemetry;
pub mod vault;
mod writer;

pub use config::Config;
pub use run::{Ledger, run};
pub use store::migrate::run as run_migrations;
