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
pub mod policy;
pub mod service;
pub mod telemetry;
