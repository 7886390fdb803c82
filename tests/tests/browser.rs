//! The console in headless Chromium, driven as people drive it; `tests/browser/run.mjs` says what they do.

use std::process::{Command, Stdio};

use hoiam_tests::{Feed, System, programs};
use serde_json::Value;

#[test]
fn people_can_do_their_work_in_the_console_with_a_real_browser() {
    let system = System::start();
    let file = Feed::write(system.scratch(), "feed", 60);
    let _ = system.hoiam(&["feed", file.to_str().expect("UTF-8")]).ok();
    let _ = system.settled();

    let accounts = std::fs::read_to_string(system.data().join("keys/demo-accounts.json"))
        .expect("the demonstration accounts");
    let accounts: Value = serde_json::from_str(&accounts).expect("JSON");
    let shots = programs::target().join("screenshots");
    std::fs::create_dir_all(&shots).expect("a folder for screenshots");
    let output = Command::new("node")
        .arg("run.mjs")
        .current_dir(programs::root().join("tests/browser"))
        .env(
            "HOIAM_CONSOLE",
            system.addresses()["console"]
                .as_str()
                .expect("the console's address"),
        )
        .env("HOIAM_ACCOUNTS", accounts.to_string())
        .env("HOIAM_SCREENSHOTS", &shots)
        .stdin(Stdio::null())
        .output()
        .expect("node starts (Debian: apt-get install nodejs npm)");
    let words = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.status.success(),
        "the browser did not see what it should: {words}"
    );
}
