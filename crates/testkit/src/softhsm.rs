//! A PKCS #11 token in software: SoftHSM2 with one AES key, in a folder of its own.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// A token that holds one key-encryption key.
pub struct Token {
    /// For `SOFTHSM2_CONF` of whatever process uses it.
    pub configuration: String,
    /// The key, as RFC 7512 names it.
    pub uri: String,
}

impl Token {
    /// Makes a token in `folder`; `None` where SoftHSM2 is not installed (Debian: `apt-get install softhsm2`).
    ///
    /// # Errors
    /// When its tool fails.
    pub fn make(folder: &Path) -> anyhow::Result<Option<Self>> {
        if !Path::new(MODULE).exists() {
            return Ok(None);
        }
        let path = |name: &str| folder.join(name).display().to_string();
        let configuration = path("softhsm2.conf");
        std::fs::create_dir(path("tokens"))?;
        std::fs::write(
            &configuration,
            format!("directories.tokendir = {}\n", path("tokens")),
        )?;
        std::fs::write(path("pin"), "1234\n")?;
        // 32 letters and digits: softhsm2-util reads the file as a C string, and a zero byte would cut the key short.
        std::fs::write(path("aes"), uuid::Uuid::new_v4().simple().to_string())?;
        let pin = ["--pin", "1234"];
        let init = ["--init-token", "--free", "--label", "hoiam", "--so-pin", "5678"];
        let import = [
            "--import",
            &path("aes"),
            "--aes",
            "--token",
            "hoiam",
            "--label",
            "kek",
            "--id",
            "01",
        ];
        for arguments in [&init[..], &import[..]] {
            let done = Command::new("softhsm2-util")
                .args(arguments)
                .args(pin)
                .env("SOFTHSM2_CONF", &configuration)
                .output()
                .context("softhsm2-util cannot be started")?;
            if !done.status.success() {
                bail!("softhsm2-util: {}", String::from_utf8_lossy(&done.stderr));
            }
        }
        std::fs::remove_file(path("aes"))?;
        let uri = format!(
            "pkcs11:token=hoiam;object=kek?module-path={MODULE}&pin-source=file:{}",
            path("pin")
        );
        Ok(Some(Self { configuration, uri }))
    }
}
