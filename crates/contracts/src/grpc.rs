//! The generated gRPC code, one module per service, and the descriptors for server reflection.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "generated"
)]

pub mod ledger {
    tonic::include_proto!("hoiam.ledger.v1");
}
pub mod intake {
    tonic::include_proto!("hoiam.intake.v1");
}
pub mod classification {
    tonic::include_proto!("hoiam.classification.v1");
}
pub mod routing {
    tonic::include_proto!("hoiam.routing.v1");
}
pub mod feedback {
    tonic::include_proto!("hoiam.feedback.v1");
}
pub mod console {
    tonic::include_proto!("hoiam.console.v1");
}
pub mod policy {
    tonic::include_proto!("hoiam.policy.v1");
}

/// All file descriptors, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hoiam.fds"));
