//! Random secrets, and files that only their owner can read.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::Context;

/// A folder with mode 0700.
pub(crate) fn private_folder(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .and_then(|()| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)))
        .with_context(|| format!("the folder {} cannot be made", path.display()))
}

/// Writes a file with mode 0600 as a whole: a reader sees the old content or the new, and a crash leaves one of the two.
///
/// # Errors
/// When it cannot be written; the message names the file.
pub fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = Path::new(&name);
    let write = || {
        let _ = std::fs::remove_file(new);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(new)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(new, path)?;
        path.parent()
            .map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}

/// A file with 32 random bytes in hex, unless it is there.
pub(super) fn ensure_key(path: &Path) -> anyhow::Result<()> {
    if path.exists() {
        Ok(())
    } else {
        write_private(path, random_hex()?.as_bytes())
    }
}

/// 256 random bits in hex.
pub(super) fn random_hex() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|e| anyhow::anyhow!("this machine gives no random numbers: {e}"))?;
    Ok(hex::encode(bytes))
}

/// Syllables without letters that are mistaken for others.
const SYLLABLES: [&str; 32] = [
    "ban", "bien", "cau", "chim", "dat", "dua", "gao", "gio", "hoa", "huong", "khe", "la", "lua", "mai",
    "may", "mua", "nam", "ngan", "nuoc", "phu", "que", "rung", "sao", "sen", "song", "tam", "thu", "trang",
    "tre", "tuong", "vang", "xuan",
];

/// A password that can be read out over a table: four syllables and four digits, 33 bits; sign-in attempts are limited.
///
/// # Errors
/// When the machine gives no random numbers.
pub fn readable_password() -> anyhow::Result<String> {
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(|e| anyhow::anyhow!("this machine gives no random numbers: {e}"))?;
    let words: Vec<_> = random[..4]
        .iter()
        .map(|b| SYLLABLES[usize::from(b % 32)])
        .collect();
    let number = u32::from_le_bytes([random[4], random[5], random[6], random[7]]) % 10_000;
    Ok(format!("{}-{number:04}", words.join("-")))
}
