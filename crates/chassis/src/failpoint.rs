//! Named places where a test can make the process die, as if the power had gone: `HOIAM_FAIL_POINT=name[:n]`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

struct Armed {
    name: String,
    passings_left: AtomicU64,
}

/// Reads the environment once; without the variable a passing costs one load.
fn armed() -> Option<&'static Armed> {
    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
    ARMED
        .get_or_init(|| {
            let text = std::env::var("HOIAM_FAIL_POINT").ok().filter(|t| !t.is_empty())?;
            let (name, n) = match text.split_once(':') {
                Some((name, n)) => (name.to_owned(), n.parse().unwrap_or(1)),
                None => (text, 1),
            };
            Some(Armed {
                name,
                passings_left: AtomicU64::new(n),
            })
        })
        .as_ref()
}

/// Aborts the process at the n-th passing of the armed point; otherwise does nothing.
pub fn hit(name: &str) {
    if let Some(point) = armed()
        && point.name == name
        && point.passings_left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        std::process::abort();
    }
}
