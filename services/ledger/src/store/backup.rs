//! A backup is a ledger in a SQLite file, whatever engine it came from, with a manifest that says what it must be. The key store has a
//! backup of its own, in another folder, so that it can be kept for days while the record is kept for years.

mod checkpoint;
mod manifest;

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use kernel::Instant;
use uuid::Uuid;

use super::copy::rows::{Row, Value};
use super::copy::source::{self, Source};
use super::copy::target::Target;
use super::copy::{Checked, Copied, MoveError, Progress, check, copy_part, everything};
use super::engine::{Conn, Engine};
use super::migrate::{self, Part};
use super::schema::Table;
use crate::error::StoreError;
use crate::request::ACCESS;

pub use checkpoint::Checkpoint;
pub use manifest::Manifest;

const LEDGER: &str = "ledger.db";
const KEYS: &str = "keys.db";
const CHECKPOINT: &str = "checkpoint";
/// The event that a case's key was destroyed with (`contracts::events::access`).
const ERASED: &str = "access.content_erased";

/// Backs up what is committed now to the folder `to`, and the key store to `keys_to`. The ledger may be running.
///
/// `signed` is the log's last signed checkpoint, if there is one: the backup must contain what it covers, and keeps it beside.
///
/// # Errors
/// When a folder holds a backup already, the record is damaged, or a database or a file fails; then there is no manifest.
pub async fn backup(
    database_url: &str,
    to: &Path,
    keys_to: Option<&Path>,
    signed: Option<&Path>,
    now: Instant,
    mut progress: impl FnMut(Progress),
) -> Result<Manifest, MoveError> {
    let engine: Engine = database_url.parse()?;
    // Before the snapshot: what was signed by then is in it.
    let checkpoint = signed.map(Checkpoint::read).transpose()?.flatten();
    let mut source = Source::open(&engine).await?;
    for folder in [Some(to), keys_to].into_iter().flatten() {
        manifest::new_folder(folder)?;
    }
    let file = to.join(LEDGER);
    let mut target = Target::file(&file, Part::Ledger).await?;
    let part = Part::Ledger;
    let tables = copy_part(
        source.conn(part),
        target.conn(part),
        part,
        everything,
        &mut progress,
    )
    .await?;
    let known: Vec<&Checkpoint> = checkpoint.iter().collect();
    let ledger = check::check(target.conn(part), |_, tree| checkpoint::agree(&known, tree)).await?;
    if let Some(ahead) = known.iter().find(|it| it.size > ledger.position) {
        return Err(MoveError::Shorter {
            position: ledger.position,
            signed: ahead.size,
            file: ahead.file.clone(),
        });
    }
    target.commit().await?;
    if let Some(checkpoint) = &checkpoint {
        manifest::write(&to.join(CHECKPOINT), checkpoint.note())?;
    }
    let copied = Copied { ledger, tables };
    let mut of_keys = None;
    if let Some(keys_to) = keys_to {
        let part = Part::Keys;
        let file = keys_to.join(KEYS);
        let mut target = Target::file(&file, part).await?;
        let tables = copy_part(
            source.conn(part),
            target.conn(part),
            part,
            everything,
            &mut progress,
        )
        .await?;
        target.commit().await?;
        of_keys = Some((file, tables));
    }
    source.close().await?;
    if let (Some((file, tables)), Some(keys_to)) = (of_keys, keys_to) {
        let keys = Copied {
            ledger: copied.ledger.clone(),
            tables,
        };
        Manifest::of(&file, Part::Keys, &keys, now)?.write(keys_to)?;
    }
    let manifest = Manifest::of(&file, Part::Ledger, &copied, now)?;
    manifest.write(to)?;
    Ok(manifest)
}

/// What a restore is asked for.
#[derive(Clone, Debug, Default)]
pub struct Restore {
    /// The folder of the ledger's backup.
    pub from: PathBuf,
    /// The folder of the key store's backup; none: the key store is still where it was.
    pub keys_from: Option<PathBuf>,
    /// Files of signed checkpoints that may be newer than the backup.
    pub signed: Vec<PathBuf>,
    /// The position after which everything is given up; must be the backup's, in so many words.
    pub lose_events_after: Option<u64>,
}

/// What was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The ledger, read back and checked.
    pub ledger: Checked,
    /// Every table.
    pub tables: Vec<super::copy::CopiedTable>,
    /// Cases whose content had been erased: their keys were not brought back.
    pub erased: usize,
    /// The newest checkpoint found, where it is newer than the backup: what came after the backup is lost.
    pub lost_up_to: Option<u64>,
}

/// Brings a backup back to an empty place. A key that an erasure on record destroyed is never written.
///
/// # Errors
/// When the backup is not what its manifest says, is older than a signed checkpoint and that was not allowed, belongs to another
/// history than it, or the target is not empty. Then nothing is left at the target.
pub async fn restore(
    asked: &Restore,
    database_url: &str,
    mut progress: impl FnMut(Progress),
) -> Result<Restored, MoveError> {
    let engine: Engine = database_url.parse()?;
    let manifest = Manifest::read(&asked.from, Part::Ledger)?;
    let file = manifest.verified(&asked.from)?;
    let keys_file = match &asked.keys_from {
        Some(folder) => Some(Manifest::read(folder, Part::Keys)?.verified(folder)?),
        None => None,
    };
    let mut known = Vec::new();
    for path in asked.signed.iter().chain([&asked.from.join(CHECKPOINT)]) {
        known.extend(Checkpoint::read(path)?);
    }
    let lost_up_to = may_be_lost(&known, &manifest, asked.lose_events_after)?;
    let known: Vec<&Checkpoint> = known.iter().collect();

    let scratch = Scratch::of(&file, Part::Ledger).await?;
    let mut source = scratch.open(Part::Ledger).await?;
    let mut erased = HashSet::new();
    let ledger = check::check(&mut source, |event, tree| {
        if event.event.category == ACCESS && event.event.name == ERASED {
            erased.extend(event.event.case_id);
        }
        checkpoint::agree(&known, tree)
    })
    .await?;
    if (ledger.position, hex::encode(ledger.root)) != (manifest.position, manifest.root.clone()) {
        return Err(MoveError::Backup(
            manifest.file,
            "it holds another history than its manifest says",
        ));
    }
    if let (None, Engine::Sqlite(path)) = (&keys_file, engine.keys())
        && !path.exists()
    {
        return Err(MoveError::NoKeys(path.display().to_string()));
    }
    let mut target = Target::prepare(&engine, keys_file.is_some()).await?;
    let part = Part::Ledger;
    let mut tables = copy_part(&mut source, target.conn(part), part, everything, &mut progress).await?;
    source.close().await;
    if let Some(keys_file) = &keys_file {
        let part = Part::Keys;
        let scratch = Scratch::of(keys_file, part).await?;
        let mut source = scratch.open(part).await?;
        let change = |table: &Table, row: &mut Row| without(&erased, table, row);
        tables.extend(copy_part(&mut source, target.conn(part), part, change, &mut progress).await?);
        source.close().await;
    }
    let ledger = check::check(target.conn(Part::Ledger), |_, _| Ok(())).await?;
    target.commit().await?;
    Ok(Restored {
        ledger,
        tables,
        erased: erased.len(),
        lost_up_to,
    })
}

/// The newest checkpoint beyond the backup, if losing what it covers was allowed in so many words.
fn may_be_lost(
    known: &[Checkpoint],
    manifest: &Manifest,
    allowed: Option<u64>,
) -> Result<Option<u64>, MoveError> {
    let position = manifest.position;
    if allowed.is_some_and(|allowed| allowed != position) {
        return Err(MoveError::OtherLoss(position));
    }
    let newest = known.iter().max_by_key(|it| it.size);
    match newest.filter(|it| it.size > position) {
        None => Ok(None),
        Some(beyond) if allowed.is_some() => Ok(Some(beyond.size)),
        Some(beyond) => Err(MoveError::TooOld {
            position,
            signed: beyond.size,
            file: beyond.file.clone(),
        }),
    }
}

/// Leaves out what an erased owner had in the key store; that it had a key stays known.
fn without(erased: &HashSet<Uuid>, table: &Table, row: &mut Row) -> bool {
    let owner = table.place("owner").and_then(|place| match row.get(place) {
        Some(Value::Bytes(owner)) => Uuid::from_slice(owner).ok(),
        _ => None,
    });
    if !owner.is_some_and(|owner| erased.contains(&owner)) {
        return true;
    }
    match (table.name.as_str(), table.place("wrapped")) {
        ("data_keys", Some(wrapped)) => {
            row[wrapped] = Value::Null;
            true
        }
        _ => false,
    }
}

/// A backup in the schema that this program knows: the file itself, or a copy of it brought up to date.
struct Scratch {
    path: PathBuf,
    made: bool,
}

impl Scratch {
    async fn of(file: &Path, part: Part) -> Result<Self, MoveError> {
        let mut conn = Source::file(file).await?;
        let found = migrate::version(&mut conn, part).await?;
        conn.close().await;
        if !(1..part.newest()).contains(&found) {
            return Ok(Self {
                path: file.to_owned(),
                made: false,
            });
        }
        let name = format!("hoiam-restore-{}-{}", std::process::id(), Uuid::new_v4());
        let scratch = Self {
            path: std::env::temp_dir().join(name),
            made: true,
        };
        let copied = || {
            use std::os::unix::fs::OpenOptionsExt as _;
            let mut to = File::options()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&scratch.path)?;
            std::io::copy(&mut File::open(file)?, &mut to)
        };
        copied().map_err(|source| StoreError::File {
            path: scratch.path.display().to_string(),
            source,
        })?;
        migrate::one(&Engine::Sqlite(scratch.path.clone()), part).await?;
        Ok(scratch)
    }

    async fn open(&self, part: Part) -> Result<Conn, MoveError> {
        let mut conn = Source::file(&self.path).await?;
        source::known(&mut conn, part).await?;
        Ok(conn)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.made {
            // Nobody could be told; it lies where the system clears up.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema::tables;
    use super::*;

    #[tokio::test]
    async fn an_erased_case_keeps_its_row_without_its_key_and_others_keep_theirs() {
        let tables = tables(Part::Keys).await.unwrap();
        let keys = tables.iter().find(|table| table.name == "data_keys").unwrap();
        let (owner, wrapped) = (keys.place("owner").unwrap(), keys.place("wrapped").unwrap());
        let (gone, stays) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let erased = HashSet::from([gone]);
        let row = |id: Uuid| {
            let mut row = vec![Value::Integer(1); keys.columns.len()];
            row[owner] = Value::Bytes(id.as_bytes().to_vec());
            row[wrapped] = Value::Bytes(vec![7; 72]);
            row
        };
        let mut of_gone = row(gone);
        assert!(without(&erased, keys, &mut of_gone));
        assert_eq!(of_gone[wrapped], Value::Null);
        assert_eq!(of_gone[owner], row(gone)[owner]);
        let mut of_other = row(stays);
        assert!(without(&erased, keys, &mut of_other));
        assert_eq!(of_other, row(stays));
        let secrets = tables.iter().find(|table| table.name == "secrets").unwrap();
        let mut secret = vec![Value::Text("digest".to_owned()), Value::Bytes(vec![1])];
        assert!(without(&erased, secrets, &mut secret));
    }

    #[tokio::test]
    async fn a_backup_of_an_older_schema_is_brought_up_to_date_on_the_way_and_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true);
        let mut conn = sqlx::ConnectOptions::connect(&options).await.unwrap();
        let first = Part::Ledger.of_sqlite()[0];
        sqlx::raw_sql(first).execute(&mut conn).await.unwrap();
        let version =
            "CREATE TABLE schema_version (version BIGINT NOT NULL); INSERT INTO schema_version VALUES (1)";
        sqlx::raw_sql(version).execute(&mut conn).await.unwrap();
        sqlx::Connection::close(conn).await.unwrap();
        let before = std::fs::read(&file).unwrap();
        let scratch = Scratch::of(&file, Part::Ledger).await.unwrap();
        let mut conn = scratch.open(Part::Ledger).await.unwrap();
        assert_eq!(check::check(&mut conn, |_, _| Ok(())).await.unwrap().position, 0);
        conn.close().await;
        let path = scratch.path.clone();
        assert_ne!(path, file);
        drop(scratch);
        assert!(!path.exists());
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }
}
