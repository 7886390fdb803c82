//! What stands in a folder's files.

use std::path::{Path, PathBuf};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            files(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

/// In which files below a folder these bytes stand.
#[must_use]
pub fn files_with(folder: &Path, wanted: &[u8]) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    files(folder, &mut paths);
    paths.retain(|path| {
        // A file may be gone by now.
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(wanted.len()).any(|it| it == wanted)
    });
    paths
}
