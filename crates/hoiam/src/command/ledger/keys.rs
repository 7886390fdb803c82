//! `hoiam ledger rotate-key` and `hoiam ledger reindex`: new keys for old, while no ledger runs.

use std::path::{Path, PathBuf};

use anyhow::Context;
use chassis::clock::SystemClock;
use ledger::vault;

use crate::data::{DataFolder, write_private};
use crate::output;

/// Which ledger: that of the data folder, or any by its URL and key.
#[derive(clap::Args)]
struct Which {
    /// Another ledger than the data folder's: `sqlite:<path>` or `postgres://…`. Needs --kek.
    #[arg(long, env = "HOIAM_LEDGER_DATABASE", hide_env_values = true, requires = "kek")]
    database: Option<String>,
    /// Its key-encryption key: a file, or `pkcs11:…`.
    #[arg(long, env = "HOIAM_LEDGER_KEK", requires = "database")]
    kek: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam ledger rotate-key --ordered-by QD-7/2026\n  \
    hoiam ledger rotate-key --new 'pkcs11:token=hoiam;object=kek?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/hoiam/pin'\n\n\
    Stop the ledger first: a running one goes on wrapping with the key it has in memory. Stopped half-way, run it again."
)]
pub(crate) struct Rotate {
    #[command(flatten)]
    which: Which,
    /// The new key: a file (made when it is missing) or `pkcs11:…`. The data folder makes one of its own when none is named.
    #[arg(long)]
    new: Option<PathBuf>,
    /// Who ordered it, as a code.
    #[arg(long, default_value = "admin", value_parser = code)]
    ordered_by: String,
}

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  hoiam ledger reindex\n\nStop the ledger first; it fills the new index when it starts."
)]
pub(crate) struct Reindex {
    #[command(flatten)]
    which: Which,
}

fn code(text: &str) -> Result<String, String> {
    contracts::Code::new(text)
        .ok()
        .filter(|code| !code.is_empty())
        .map(String::from)
        .ok_or_else(|| "it is 1 to 64 letters, digits or `_.:/+@=-`".to_owned())
}

pub(crate) async fn rotate(data: &Path, arguments: Rotate) -> anyhow::Result<()> {
    let (database, old, folder) = arguments.which.ledger(data)?;
    // In the data folder the new key lies beside the old one until everything is under it; then it takes its place.
    let next = folder.as_ref().map(|_| old.with_extension("next"));
    let new = match (&next, arguments.new) {
        (Some(next), named) => {
            if !next.exists() {
                match named {
                    None => vault::create_kek_file(next)
                        .with_context(|| format!("{} cannot be made", next.display()))?,
                    Some(named) if is_uri(&named) => {
                        write_private(next, named.as_os_str().as_encoded_bytes())?;
                    }
                    Some(named) => {
                        vault::check_kek(&named)?;
                        std::fs::copy(&named, next)
                            .with_context(|| format!("{} cannot be copied", named.display()))?;
                    }
                }
            }
            next.clone()
        }
        (None, Some(named)) => {
            if !is_uri(&named) && !named.exists() {
                vault::create_kek_file(&named)
                    .with_context(|| format!("{} cannot be made", named.display()))?;
            }
            named
        }
        (None, None) => anyhow::bail!("say --new: the file of the new key, or its pkcs11 URI"),
    };
    let rotation = vault::rotate(
        &database,
        &old,
        &new,
        &arguments.ordered_by,
        &SystemClock,
        |keys| {
            if keys % 10_000 == 0 {
                output::note(format!("{keys} keys …"));
            }
        },
    )
    .await
    .context(
        "the key was not rotated (a ledger that runs must be stopped first; run it again after a crash)",
    )?;
    if let Some(next) = &next {
        std::fs::rename(next, &old).with_context(|| format!("{} cannot take its place", next.display()))?;
        if let Some(keys) = old.parent() {
            std::fs::File::open(keys)?.sync_all()?;
        }
    }
    if arguments.which.json {
        return output::json(&serde_json::json!({
            "from": rotation.from.to_string(), "to": rotation.to.to_string(), "keys": rotation.keys,
        }));
    }
    output::line(format!(
        "{} keys are under {} now; {} opens nothing any more{}. The next start puts it on record.",
        rotation.keys,
        rotation.to,
        rotation.from,
        if next.is_some() {
            ""
        } else {
            ": start the ledger with the new one, and destroy the old one"
        }
    ))
}

pub(crate) async fn reindex(data: &Path, arguments: Reindex) -> anyhow::Result<()> {
    let (database, kek, _) = arguments.which.ledger(data)?;
    vault::renew_index(&database, &kek)
        .await
        .context("the index was not renewed (a ledger that runs must be stopped first)")?;
    if arguments.which.json {
        return output::json(&serde_json::json!({ "renewed": true }));
    }
    output::line(
        "The secret of the blind index is another now; the ledger makes the index anew when it starts.",
    )
}

impl Which {
    fn ledger(&self, data: &Path) -> anyhow::Result<(String, PathBuf, Option<DataFolder>)> {
        if let (Some(database), Some(kek)) = (&self.database, &self.kek) {
            return Ok((database.clone(), kek.clone(), None));
        }
        let folder = DataFolder::at(data)?;
        if !folder.databases().join("ledger.db").exists() {
            anyhow::bail!(
                "there is no ledger in {}: name its data folder, or --database and --kek",
                folder.root().display()
            );
        }
        Ok((folder.sqlite("ledger"), folder.kek(), Some(folder)))
    }
}

fn is_uri(key: &Path) -> bool {
    key.to_str().is_some_and(|text| text.starts_with("pkcs11:"))
}
