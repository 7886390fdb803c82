//! Turns events into obligations with deadlines and records what was missed.

fn main() -> std::process::ExitCode {
    chassis::service::run_main::<escalation::Escalation>()
}
