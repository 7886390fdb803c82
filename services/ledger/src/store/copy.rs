//! A ledger moved to another database: the same positions and root, every request, cursor and key; all of it or nothing.

pub(super) mod check;
pub(super) mod rows;
pub(super) mod source;
pub(super) mod target;

use serde::{Deserialize, Serialize};

use super::engine::{Conn, Engine};
use super::migrate::Part;
use super::schema::{self, Table};
use crate::error::StoreError;

pub use check::Checked;
use rows::{Row, Tally};
use source::Source;
use target::Target;

/// Why a ledger was not moved, backed up or restored. Nothing is left of the attempt that counts as a ledger.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// A ledger writes to it.
    #[error("a ledger is running on this database: stop it first, and every standby")]
    Running,
    /// What should be read is not there.
    #[error("there is no ledger at {0}: name its database")]
    Missing(String),
    /// What should be written is there already.
    #[error("{0} is not empty: name a new place; nothing is ever written over")]
    NotEmpty(String),
    /// Another version of the program made it.
    #[error("its schema is version {found}, this program knows {known}: {}", what_to_do(*found, *known))]
    Schema {
        /// In the database.
        found: i64,
        /// To this program.
        known: i64,
    },
    /// The record was changed after it was committed.
    #[error("position {position} was changed after it was committed: {what}")]
    Changed {
        /// Where.
        position: u64,
        /// How it shows.
        what: &'static str,
    },
    /// What was written is not what was read.
    #[error("the table {0} did not arrive as it was read, so nothing was kept: check the disk and try again")]
    Differs(String),
    /// A file of a backup cannot be used.
    #[error("{0}: {1}")]
    Backup(String, &'static str),
    /// The ledger ends before what was signed.
    #[error(
        "the ledger ends at position {position}, but {file} was signed for {signed}: it was cut, or {file} is another ledger's"
    )]
    Shorter {
        /// The last.
        position: u64,
        /// How many positions were signed.
        signed: u64,
        /// The checkpoint.
        file: String,
    },
    /// Restoring would lose what was signed.
    #[error(
        "the backup ends at position {position}, but {file} was signed for {signed}: whatever people were told after that would be \
         gone. Look for a newer backup; where there is none, say so with `--lose-events-after {position}`"
    )]
    TooOld {
        /// The backup's last.
        position: u64,
        /// How many positions were signed.
        signed: u64,
        /// The newest checkpoint.
        file: String,
    },
    /// The word that allows a loss names another position.
    #[error("the backup ends at position {0}: `--lose-events-after` must name just that")]
    OtherLoss(u64),
    /// The tree is not the one that was signed.
    #[error(
        "{file} was signed for another history: its root over {size} positions is not that of these events"
    )]
    Forked {
        /// Leaves of the checkpoint.
        size: u64,
        /// The checkpoint.
        file: String,
    },
    /// The key store that was to stay is not there.
    #[error(
        "there is no key store at {0}: name its backup with `--keys`; without its keys a ledger does not start"
    )]
    NoKeys(String),
    /// A database or a file failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for MoveError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

fn what_to_do(found: i64, known: i64) -> &'static str {
    match found {
        0 => "there is no ledger in it",
        found if found < known => "run `hoiam ledger migrate` on it first",
        _ => "use the program that made it, or a newer one",
    }
}

/// How far it is.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Being copied, or read back.
    pub table: String,
    /// Of this table.
    pub rows: u64,
}

/// What a table held when it was copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopiedTable {
    /// Its name; `keys.` before it when it is the key store's.
    pub name: String,
    /// How many.
    pub rows: u64,
    /// The sum of their hashes, in hex.
    pub sum: String,
}

/// What was copied, after it was read back and found the same.
#[derive(Clone, Debug)]
pub struct Copied {
    /// The ledger, checked where it is now.
    pub ledger: Checked,
    /// Every table.
    pub tables: Vec<CopiedTable>,
}

/// Copies the ledger at one URL, and its key store, to an empty place at another. No ledger may run on either meanwhile.
///
/// # Errors
/// When one runs, the target is not empty, the source is damaged, or a database fails; then nothing is left at the target.
pub async fn copy(from: &str, to: &str, mut progress: impl FnMut(Progress)) -> Result<Copied, MoveError> {
    let (from, to): (Engine, Engine) = (from.parse()?, to.parse()?);
    let mut source = Source::locked(&from).await?;
    let mut target = Target::prepare(&to, true).await?;
    let mut tables = Vec::new();
    for part in [Part::Ledger, Part::Keys] {
        tables.extend(
            copy_part(
                source.conn(part),
                target.conn(part),
                part,
                everything,
                &mut progress,
            )
            .await?,
        );
    }
    let ledger = check::check(target.conn(Part::Ledger), |_, _| Ok(())).await?;
    source.close().await?;
    target.commit().await?;
    Ok(Copied { ledger, tables })
}

pub(super) fn everything(_: &Table, _: &mut Row) -> bool {
    true
}

/// Copies a part's tables within the transactions that are open, and reads them back.
pub(super) async fn copy_part(
    source: &mut Conn,
    target: &mut Conn,
    part: Part,
    change: impl Fn(&Table, &mut Row) -> bool,
    progress: &mut impl FnMut(Progress),
) -> Result<Vec<CopiedTable>, MoveError> {
    let mut copied = Vec::new();
    for table in schema::tables(part).await? {
        let name = match part {
            Part::Ledger => table.name.clone(),
            Part::Keys => format!("keys.{}", table.name),
            Part::Index => format!("blind.{}", table.name),
        };
        let mut rows = 0;
        let read = rows::read(source, part, &table, &change, async |chunk| {
            rows::write(target, part, &table, chunk).await?;
            rows += chunk.len() as u64;
            progress(Progress {
                table: name.clone(),
                rows,
            });
            Ok(())
        })
        .await?;
        target::continue_numbers(target, part, &table).await?;
        if tally(target, part, &table).await? != read {
            return Err(MoveError::Differs(name));
        }
        copied.push(CopiedTable {
            name,
            rows: read.rows,
            sum: read.hex(),
        });
    }
    Ok(copied)
}

async fn tally(conn: &mut Conn, part: Part, table: &Table) -> Result<Tally, MoveError> {
    rows::read(conn, part, table, everything, async |_| Ok(())).await
}
