//! The command `hoiam`.

use std::process::ExitCode;

fn main() -> ExitCode {
    hoiam::command::run()
}
