//! How far a projection is, in the database it writes.

use kernel::Position;

use crate::database::{Database, DatabaseError, Transaction};

/// How far the projection `name` is; 0 before its first event.
///
/// # Errors
/// `Sql`.
pub async fn position(database: &Database, name: &str) -> Result<Position, DatabaseError> {
    let found: Option<i64> = sqlx::query_scalar("SELECT position FROM checkpoints WHERE name = $1")
        .bind(name)
        .fetch_optional(database.pool())
        .await?;
    Ok(Position(found.map_or(0, |p| p.unsigned_abs())))
}

/// Moves the checkpoint over a batch, in the transaction of its effect. `first` and `last` are the batch's positions.
///
/// # Errors
/// `CheckpointMoved` when the checkpoint is at or past `first` already: roll back, the batch was applied by another.
pub async fn advance(
    tx: &mut Transaction,
    name: &str,
    first: Position,
    last: Position,
) -> Result<(), DatabaseError> {
    let number = |p: Position| i64::try_from(p.0).unwrap_or(i64::MAX);
    let moved = sqlx::query(
        "INSERT INTO checkpoints (name, position) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET position = excluded.position WHERE checkpoints.position < $3",
    )
    .bind(name)
    .bind(number(last))
    .bind(number(first))
    .execute(&mut **tx)
    .await?;
    if moved.rows_affected() == 1 {
        Ok(())
    } else {
        Err(DatabaseError::CheckpointMoved {
            name: name.to_owned(),
            first,
        })
    }
}

/// Forgets how far the projection is, so that it is built anew; in the transaction that empties its tables.
///
/// # Errors
/// `Sql`.
pub async fn forget(tx: &mut Transaction, name: &str) -> Result<(), DatabaseError> {
    sqlx::query("DELETE FROM checkpoints WHERE name = $1")
        .bind(name)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
