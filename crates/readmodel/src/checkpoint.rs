//! How far a projection is, in the database it writes.

use kernel::{Position, Reached};

use crate::database::{Database, DatabaseError, Transaction};

/// How far the projection `name` is, and which event it saw there; position 0 before its first event.
///
/// # Errors
/// `Sql`.
pub async fn position(database: &Database, name: &str) -> Result<Reached, DatabaseError> {
    let found: Option<(i64, Option<String>)> = sqlx::query_as(
        "SELECT c.position, e.event FROM checkpoints c
         LEFT JOIN checkpoint_events e ON e.name = c.name AND e.position = c.position WHERE c.name = $1",
    )
    .bind(name)
    .fetch_optional(database.pool())
    .await?;
    Ok(found.map_or_else(Reached::default, |(position, event)| Reached {
        position: Position(position.unsigned_abs()),
        event: event.and_then(|id| id.parse().ok()),
    }))
}

/// Moves the checkpoint over a batch, in the transaction of its effect. `first` is the batch's first position, `last` its last event.
///
/// # Errors
/// `CheckpointMoved` when the checkpoint is at or past `first` already: roll back, the batch was applied by another.
pub async fn advance(
    tx: &mut Transaction,
    name: &str,
    first: Position,
    last: impl Into<Reached>,
) -> Result<(), DatabaseError> {
    let last = last.into();
    let number = |p: Position| i64::try_from(p.0).unwrap_or(i64::MAX);
    let moved = sqlx::query(
        "INSERT INTO checkpoints (name, position) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET position = excluded.position WHERE checkpoints.position < $3",
    )
    .bind(name)
    .bind(number(last.position))
    .bind(number(first))
    .execute(&mut **tx)
    .await?;
    if moved.rows_affected() != 1 {
        return Err(DatabaseError::CheckpointMoved {
            name: name.to_owned(),
            first,
        });
    }
    if let Some(event) = last.event {
        sqlx::query(
            "INSERT INTO checkpoint_events (name, position, event) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET position = excluded.position, event = excluded.event",
        )
        .bind(name)
        .bind(number(last.position))
        .bind(event.to_string())
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// Forgets how far the projection is, so that it is built anew; in the transaction that empties its tables.
///
/// # Errors
/// `Sql`.
pub async fn forget(tx: &mut Transaction, name: &str) -> Result<(), DatabaseError> {
    for forgotten in [
        "DELETE FROM checkpoints WHERE name = $1",
        "DELETE FROM checkpoint_events WHERE name = $1",
    ] {
        sqlx::query(forgotten).bind(name).execute(&mut **tx).await?;
    }
    Ok(())
}
