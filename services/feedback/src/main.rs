//! Carries the answer to the citizen at the level of the case, closes and reopens.

fn main() -> std::process::ExitCode {
    chassis::service::run_main::<feedback::Feedback>()
}
