//! Routing as a process of its own.

fn main() -> std::process::ExitCode {
    chassis::service::run_main::<routing::Routing>()
}
