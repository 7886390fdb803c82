//! Reads a whole ledger back and recomputes its tree: every leaf, every hash of a body, the root in the head row.

use futures::TryStreamExt as _;
use sha2::{Digest as _, Sha256};

use super::MoveError;
use crate::envelope;
use crate::merkle::{Frontier, Hash, leaf_hash};
use crate::store::engine::{Conn, on};
use crate::store::{EVENT, HEAD, HeadRow, SealedEvent};

/// A ledger whose events all fit the root in its head row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Of the last event.
    pub position: u64,
    /// Of the last event, in microseconds, UTC.
    pub recorded_at: i64,
    /// The RFC 6962 root over all positions.
    pub root: Hash,
}

/// Reads everything in order. `seen` is called after each event with the tree so far.
pub(in crate::store) async fn check(
    conn: &mut Conn,
    mut seen: impl FnMut(&SealedEvent, &Frontier) -> Result<(), MoveError>,
) -> Result<Checked, MoveError> {
    let head = on!(Conn: &mut *conn, conn, Db => {
        let row: HeadRow = sqlx::query_as::<Db, _>(HEAD).fetch_one(conn).await?;
        row.head()?
    });
    let mut frontier = Frontier::default();
    on!(Conn: conn, conn, Db => {
        let sql = sqlx::AssertSqlSafe(format!("{EVENT} 1 = 1 ORDER BY e.position"));
        let mut events = sqlx::query_as::<Db, SealedEvent>(sql).fetch(conn);
        while let Some(event) = events.try_next().await? {
            one(&event, frontier.size() + 1)?;
            frontier.push(leaf_hash(&envelope::leaf(&event.event)));
            seen(&event, &frontier)?;
        }
    });
    if frontier != head.frontier {
        return Err(MoveError::Changed {
            position: frontier.size(),
            what: "the events up to here do not fit the head row (its position, or its tree, is another)",
        });
    }
    Ok(Checked {
        position: head.position,
        recorded_at: head.recorded_at,
        root: frontier.root(),
    })
}

fn one(sealed: &SealedEvent, expected: u64) -> Result<(), MoveError> {
    let event = &sealed.event;
    let changed = |what| {
        Err(MoveError::Changed {
            position: event.position,
            what,
        })
    };
    if event.position != expected {
        return changed("a position before it is missing");
    }
    if leaf_hash(&envelope::leaf(event))[..] != event.leaf[..] {
        return changed("its envelope does not fit its leaf");
    }
    let erased = event.data.is_empty() && event.salt.is_empty();
    if !erased && hash(&event.salt, &event.data)[..] != event.data_hash[..] {
        return changed("its data is not what was committed");
    }
    if let Some((nonce, ciphertext)) = &sealed.sealed
        && hash(nonce, ciphertext)[..] != event.sealed_hash[..]
    {
        return changed("its sealed content is not what was committed");
    }
    Ok(())
}

fn hash(first: &[u8], second: &[u8]) -> Hash {
    Sha256::new()
        .chain_update(first)
        .chain_update(second)
        .finalize()
        .into()
}
