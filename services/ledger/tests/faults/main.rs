//! Everything is done to a ledger that a machine, a network or a person may do to it. After each: positions are dense, nothing that was
//! acknowledged is lost, nothing is there twice, all proofs hold (`testkit::record`).
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "test code in functions of its own; a test that cannot run here says so"
)]

mod crash;
mod damage;
mod full;
mod leader;
mod lost_answers;
mod model;
mod outsider;
mod relays;
mod storm;
mod syscalls;
mod tiles;
mod world;
