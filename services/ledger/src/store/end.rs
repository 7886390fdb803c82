//! Whether the record ends where its head says: looked at when the ledger starts, before anything is added to it.

use super::engine::{Pool, on};
use super::{Store, int, uint};
use crate::error::StoreError;
use crate::merkle::Frontier;

/// Leaves that are hashed again at most, so that a start takes no longer for a long history.
const LEAVES: u64 = 4_096;

impl Store {
    /// The last event stands at the head's position and nothing after it, and the tree ends in the leaves that stand there (the last subtree of
    /// the frontier, as far as it has not more than 4,096 leaves: the rest is for `hoiam verify`).
    ///
    /// # Errors
    /// `Damaged` when it is not so: events were taken away or added behind the ledger's back, or the head row was changed.
    pub(crate) async fn check_end(&self) -> Result<(), StoreError> {
        const DAMAGED: StoreError = StoreError::Damaged("the record does not end where its head says");
        let (size, stored, leaves) = on!(Pool: &self.pool, pool, Db => {
            // In one statement, for another instance may be writing.
            let end = "SELECT position, frontier, (SELECT COALESCE(MAX(position), 0) FROM events) FROM head WHERE id = 1";
            let (head, frontier, last): (i64, Vec<u8>, i64) = sqlx::query_as::<Db, _>(end).fetch_one(pool).await?;
            if head != last {
                return Err(DAMAGED);
            }
            let position = uint(head);
            let subtree = position & position.wrapping_neg();
            if subtree == 0 || subtree > LEAVES {
                return Ok(());
            }
            let sql = "SELECT leaf FROM events WHERE position > $1 ORDER BY position LIMIT $2";
            let leaves: Vec<Vec<u8>> = sqlx::query_scalar::<Db, _>(sql)
                .bind(int(position - subtree))
                .bind(int(subtree))
                .fetch_all(pool)
                .await?;
            (subtree, frontier, leaves)
        });
        let mut subtree = Frontier::default();
        for leaf in leaves {
            subtree.push(leaf.try_into().map_err(|_| DAMAGED)?);
        }
        if subtree.size() == size && stored.ends_with(&subtree.root()) {
            Ok(())
        } else {
            Err(DAMAGED)
        }
    }
}
