//! One runner per data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Context, bail};

use super::DataFolder;

/// Held while something runs on the folder; the operating system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// When another process has it.
    pub fn take(folder: &DataFolder) -> anyhow::Result<Self> {
        let path = folder.lock_file();
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("{} cannot be opened", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                bail!(
                    "another `hoiam up` is running on {}: stop it first (Ctrl-C in its terminal), or give this one its own --data",
                    folder.root().display()
                )
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("{} cannot be locked", path.display()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_runner_on_one_folder_is_refused_until_the_first_has_gone() {
        let temp = tempfile::tempdir().unwrap();
        let folder = DataFolder::at(temp.path()).unwrap();
        let first = FolderLock::take(&folder).unwrap();
        assert!(
            FolderLock::take(&folder)
                .unwrap_err()
                .to_string()
                .contains("another `hoiam up` is running")
        );
        drop(first);
        FolderLock::take(&folder).unwrap();
    }
}
