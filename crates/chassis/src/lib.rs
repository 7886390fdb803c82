//! How a service lives: configuration, telemetry, health, shutdown, the consumer loop, the ledger client.

pub mod backoff;
pub mod callers;
pub mod clock;
pub mod config;
pub mod consumer;
pub mod failpoint;
pub mod health;
pub mod ledger;
pub mod nats;
pub mod outbox;
pub mod policy;
pub mod service;
pub mod telemetry;

/// A fifth of the ledger's time under load went to glibc's allocator, which many small tasks on few threads suit badly.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
