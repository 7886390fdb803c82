//! Finds a nats-server of version 2.12 or later.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::bail;

/// The least version: atomic batches came with 2.12.
const LEAST: (u32, u32) = (2, 12);

/// The program named by `HOIAM_NATS_SERVER`, else the one on the `PATH`, else the one that `deploy/nats-server` fetched.
///
/// # Errors
/// When there is none of a sufficient version; the message says how to get one.
pub fn find() -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os("HOIAM_NATS_SERVER") {
        let named = PathBuf::from(named);
        return match version(&named) {
            Some(version) if version >= LEAST => Ok(named),
            Some((major, minor)) => bail!(
                "HOIAM_NATS_SERVER names a nats-server of version {major}.{minor}; 2.12 or later is needed"
            ),
            None => bail!(
                "HOIAM_NATS_SERVER names {}, which is no nats-server",
                named.display()
            ),
        };
    }
    candidates(std::env::var_os("PATH").as_deref(), std::env::current_exe().ok().as_deref())
        .into_iter()
        .find(|path| path.is_file() && version(path).is_some_and(|v| v >= LEAST))
        .ok_or_else(|| {
            anyhow::anyhow!(
                "no nats-server of version 2.12 or later was found: run deploy/nats-server in the checkout, which gets one, \
                 or name one in HOIAM_NATS_SERVER"
            )
        })
}

/// Where it may be, best first: on the path, beside our program, and in `tools/` of the build folder that holds our program.
fn candidates(path: Option<&OsStr>, exe: Option<&Path>) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = path
        .map(|p| {
            std::env::split_paths(p)
                .map(|folder| folder.join("nats-server"))
                .collect()
        })
        .unwrap_or_default();
    if let Some(folder) = exe.and_then(Path::parent) {
        found.push(folder.join("nats-server"));
        found.extend(
            folder
                .ancestors()
                .skip(1)
                .take(3)
                .map(|build| build.join("tools/nats-server")),
        );
    }
    if let Some(build) = std::env::var_os("CARGO_TARGET_DIR") {
        found.push(Path::new(&build).join("tools/nats-server"));
    }
    found.push(PathBuf::from("target/tools/nats-server"));
    found
}

/// Major and minor of `nats-server: v2.15.1`.
fn version(path: &Path) -> Option<(u32, u32)> {
    let output = Command::new(path)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    parse(&String::from_utf8_lossy(&output.stdout))
}

fn parse(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().strip_prefix("nats-server: v")?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(parse("nats-server: v2.15.1\n"), Some((2, 15)));
        assert!(parse("nats-server: v2.9.25").unwrap() < LEAST);
        assert_eq!(parse("something else"), None);
    }

    #[test]
    fn the_build_folder_of_our_own_program_is_looked_into() {
        let found = candidates(
            Some(OsStr::new("/usr/bin")),
            Some(Path::new("/x/target/release/hoiam")),
        );
        assert_eq!(found[0], Path::new("/usr/bin/nats-server"));
        assert!(found.contains(&PathBuf::from("/x/target/tools/nats-server")));
    }
}
