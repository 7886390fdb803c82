//! Finds the programs under test and the ones they need, and says how to get what is missing.

use std::path::{Path, PathBuf};

/// The root of the checkout.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the checkout")
        .to_path_buf()
}

/// A program of ours in the profile under test: `hoiam`, `hoiam-ledger` …
///
/// # Panics
/// When it has not been built.
#[must_use]
pub fn ours(name: &str) -> PathBuf {
    let exe = std::env::current_exe().expect("a running test knows its own path");
    let profile = exe
        .ancestors()
        .find(|p| p.ends_with("deps"))
        .and_then(Path::parent)
        .expect("tests run from target/<profile>/deps");
    let program = profile.join(name);
    assert!(
        program.exists(),
        "{} is missing: run `cargo build --workspace --bins` (tests/all does)",
        program.display()
    );
    program
}

/// The Python that has nats-py.
///
/// # Panics
/// When `tests/all` has not prepared it.
#[must_use]
pub fn python() -> PathBuf {
    std::env::var_os("HOIAM_TEST_PYTHON").map(PathBuf::from).or_else(|| Some(target().join("tools/venv/bin/python")).filter(|p| p.exists())).expect(
        "no Python with nats-py: run tests/all once, or name one in HOIAM_TEST_PYTHON (pip install -r tests/outsiders/requirements.txt)",
    )
}

/// A Python (3.12 or later) that has aics-tlog, if there is one: `tests/all` looks for it, or `HOIAM_TEST_LOG_PYTHON` names it.
#[must_use]
pub fn log_python() -> Option<PathBuf> {
    let named = std::env::var_os("HOIAM_TEST_LOG_PYTHON").map(PathBuf::from);
    named.or_else(|| Some(target().join("tools/venv-log/bin/python")).filter(|p| p.exists()))
}

/// The build folder.
#[must_use]
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
