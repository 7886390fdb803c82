//! Takes what citizens report, from NATS, gRPC and HTTP, and gives a receipt once it is on record.

fn main() -> std::process::ExitCode {
    chassis::service::run_main::<intake::Intake>()
}
