//! Everything on one machine, and every operator's and auditor's tool: the command `hoiam` as a library, so that tests can run a system
//! in their own process.

pub mod broker;
pub mod command;
mod connect;
pub mod data;
mod output;
pub mod up;
