//! Real nats-server and PostgreSQL, services on free ports and fault injection, for tests.

pub mod chance;
pub mod ledger;
pub mod nats;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod record;
pub mod softhsm;
pub mod tlog;
