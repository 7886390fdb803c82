//! Read models on SQLite or PostgreSQL, written once: `$1` placeholders, integers, texts and blobs.

mod checkpoint;
mod database;
mod migrate;

pub use checkpoint::{advance, forget, position};
pub use database::{Database, DatabaseError, Engine, Transaction};
pub use migrate::Migration;
