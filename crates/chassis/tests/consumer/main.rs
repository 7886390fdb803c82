//! The consumer loop against a real nats-server and a real ledger: order, failures, recovery, projections, the seam to a trimmed stream.

#![allow(clippy::unwrap_used, reason = "tests")]

mod ahead;
mod failures;
mod order;
mod projector;
mod recovery;
mod seam;
mod world;
