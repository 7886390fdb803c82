//! Runs the console.

fn main() -> std::process::ExitCode {
    chassis::service::run_main::<console::Console>()
}
