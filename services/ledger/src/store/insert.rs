//! The hot path: the rows of a batch, written with as few statements as each engine allows.

use sqlx::{PgConnection, QueryBuilder, SqliteConnection};
use uuid::Uuid;

use super::{HeadRow, blob, int};
use crate::error::StoreError;
use crate::event::StoredEvent;

/// Most rows of one statement of SQLite: 17 columns of 64 rows are 1,088 of the 32,766 parameters it takes.
const CHUNK: usize = 64;

/// What a batch adds.
#[derive(Default)]
pub(crate) struct Rows {
    /// By position.
    pub(crate) events: Vec<EventRow>,
    /// Their requests.
    pub(crate) requests: Vec<RequestRow>,
    /// Streams that begin, with their version after the batch.
    pub(crate) new_streams: Vec<StreamRow>,
    /// Streams that go on, with their version after the batch.
    pub(crate) moved_streams: Vec<StreamRow>,
}

/// One event with its stream's number and its ciphertext.
pub(crate) struct EventRow {
    pub(crate) event: StoredEvent,
    pub(crate) stream: u64,
    pub(crate) nonce: Option<Vec<u8>>,
    pub(crate) sealed: Option<Vec<u8>>,
}

pub(crate) struct RequestRow {
    pub(crate) id: Uuid,
    pub(crate) position: u64,
    pub(crate) count: u64,
    pub(crate) digest: Option<Vec<u8>>,
    pub(crate) recorded_at: i64,
}

pub(crate) struct StreamRow {
    pub(crate) number: u64,
    pub(crate) category: String,
    pub(crate) id: Uuid,
    pub(crate) version: u64,
}

/// Rows in chunks of 64, 32, 16 … 1: seven statements a table, each prepared once in the session's life. To prepare one for
/// just the rows at hand takes longer than to run the few more.
pub(super) fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = 1 << rows.len().checked_ilog2()?;
        let (chunk, rest) = rows.split_at(CHUNK.min(size));
        rows = rest;
        Some(chunk)
    })
}

/// Writes a batch and the head row that follows from it.
pub(crate) async fn sqlite(
    conn: &mut SqliteConnection,
    rows: &Rows,
    head: &HeadRow,
) -> Result<(), StoreError> {
    for streams in chunks(&rows.new_streams) {
        let mut query =
            QueryBuilder::<sqlx::Sqlite>::new("INSERT INTO streams (number, category, id, version) ");
        query.push_values(streams, |mut row, stream| {
            row.push_bind(int(stream.number))
                .push_bind(stream.category.clone());
            row.push_bind(blob(stream.id)).push_bind(int(stream.version));
        });
        query.build().execute(&mut *conn).await?;
    }
    for stream in &rows.moved_streams {
        sqlx::query("UPDATE streams SET version = $1 WHERE number = $2")
            .bind(int(stream.version))
            .bind(int(stream.number))
            .execute(&mut *conn)
            .await?;
    }
    for events in chunks(&rows.events) {
        let mut query = QueryBuilder::<sqlx::Sqlite>::new(
            "INSERT INTO events (position, id, stream, version, case_id, name, revision, occurred_at, recorded_at, actor, \
             correlation, causation, traceparent, request_id, data_hash, sealed_hash, leaf) ",
        );
        query.push_values(events, |mut row, EventRow { event, stream, .. }| {
            row.push_bind(int(event.position))
                .push_bind(blob(event.id))
                .push_bind(int(*stream));
            row.push_bind(int(event.version))
                .push_bind(event.case_id.map(blob))
                .push_bind(event.name.clone());
            row.push_bind(i64::from(event.revision))
                .push_bind(event.occurred_at)
                .push_bind(event.recorded_at);
            row.push_bind(event.actor.clone())
                .push_bind(event.correlation.clone());
            row.push_bind(event.causation.map(blob))
                .push_bind(event.traceparent.clone());
            row.push_bind(blob(event.request_id))
                .push_bind(event.data_hash.clone());
            row.push_bind(event.sealed_hash.clone())
                .push_bind(event.leaf.clone());
        });
        query.build().execute(&mut *conn).await?;
        let mut query =
            QueryBuilder::<sqlx::Sqlite>::new("INSERT INTO bodies (position, data, salt, nonce, sealed) ");
        query.push_values(
            events,
            |mut row,
             EventRow {
                 event, nonce, sealed, ..
             }| {
                row.push_bind(int(event.position))
                    .push_bind(event.data.clone())
                    .push_bind(event.salt.clone());
                row.push_bind(nonce.clone()).push_bind(sealed.clone());
            },
        );
        query.build().execute(&mut *conn).await?;
    }
    for requests in chunks(&rows.requests) {
        let sql = "INSERT INTO requests (request_id, position, count, digest, recorded_at) ";
        let mut query = QueryBuilder::<sqlx::Sqlite>::new(sql);
        query.push_values(requests, |mut row, request| {
            row.push_bind(blob(request.id))
                .push_bind(int(request.position))
                .push_bind(int(request.count));
            row.push_bind(request.digest.clone())
                .push_bind(request.recorded_at);
        });
        query.build().execute(&mut *conn).await?;
    }
    sqlx::query("UPDATE head SET position = $1, recorded_at = $2, streams = $3, frontier = $4 WHERE id = 1")
        .bind(head.position)
        .bind(head.recorded_at)
        .bind(head.streams)
        .bind(head.frontier.clone())
        .execute(conn)
        .await?;
    Ok(())
}

/// Everything in one statement, whatever the size of the batch: columns travel as arrays, and one answer instead of six is waited for
/// while the head row is locked. No part reads what another writes. Where another writer has raised the fence, or the record does not
/// end where this batch begins, it divides by zero, and nothing of it is there. Those who
/// listen are told once a batch, when it is committed (see `notice`).
const POSTGRES: &str = "\
    WITH begun AS ( \
      INSERT INTO streams (number, category, id, version) \
      SELECT * FROM UNNEST($1::bigint[], $2::text[], $3::bytea[], $4::bigint[]) \
    ), moved AS ( \
      UPDATE streams s SET version = m.version FROM UNNEST($5::bigint[], $6::bigint[]) AS m (number, version) \
      WHERE s.number = m.number \
    ), envelopes AS ( \
      INSERT INTO events (position, id, stream, version, case_id, name, revision, occurred_at, recorded_at, actor, \
        correlation, causation, traceparent, request_id, data_hash, sealed_hash, leaf) \
      SELECT * FROM UNNEST($7::bigint[], $8::bytea[], $9::bigint[], $10::bigint[], $11::bytea[], $12::text[], $13::bigint[], \
        $14::bigint[], $15::bigint[], $16::text[], $17::text[], $18::bytea[], $19::text[], $20::bytea[], $21::bytea[], \
        $22::bytea[], $23::bytea[]) \
    ), contents AS ( \
      INSERT INTO bodies (position, data, salt, nonce, sealed) \
      SELECT * FROM UNNEST($7::bigint[], $24::bytea[], $25::bytea[], $26::bytea[], $27::bytea[]) \
    ), identities AS ( \
      INSERT INTO requests (request_id, position, count, digest, recorded_at) \
      SELECT * FROM UNNEST($28::bytea[], $29::bigint[], $30::bigint[], $31::bytea[], $32::bigint[]) \
    ) \
    UPDATE head SET position = $33, recorded_at = $34, streams = $35, frontier = $36, \
      fence = fence / (fence = $37 AND position = $38)::int WHERE id = 1 \
    RETURNING pg_notify('hoiam_ledger_head', $33::text)";

const DIVISION_BY_ZERO: &str = "22012";

/// Writes a batch and the head row that follows from it.
pub(crate) async fn postgres(
    conn: &mut PgConnection,
    rows: &Rows,
    head: &HeadRow,
    fence: i64,
) -> Result<(), StoreError> {
    let Rows {
        events,
        requests,
        new_streams,
        moved_streams,
    } = rows;
    let before = head.position - int(events.len() as u64);
    let written = sqlx::query(POSTGRES)
        .bind(column(new_streams, |stream| int(stream.number)))
        .bind(column(new_streams, |stream| stream.category.as_str()))
        .bind(column(new_streams, |stream| stream.id.as_bytes().as_slice()))
        .bind(column(new_streams, |stream| int(stream.version)))
        .bind(column(moved_streams, |stream| int(stream.number)))
        .bind(column(moved_streams, |stream| int(stream.version)))
        .bind(column(events, |row| int(row.event.position)))
        .bind(column(events, |row| row.event.id.as_bytes().as_slice()))
        .bind(column(events, |row| int(row.stream)))
        .bind(column(events, |row| int(row.event.version)))
        .bind(column(events, |row| {
            row.event.case_id.as_ref().map(|id| id.as_bytes().as_slice())
        }))
        .bind(column(events, |row| row.event.name.as_str()))
        .bind(column(events, |row| i64::from(row.event.revision)))
        .bind(column(events, |row| row.event.occurred_at))
        .bind(column(events, |row| row.event.recorded_at))
        .bind(column(events, |row| row.event.actor.as_str()))
        .bind(column(events, |row| row.event.correlation.as_str()))
        .bind(column(events, |row| {
            row.event.causation.as_ref().map(|id| id.as_bytes().as_slice())
        }))
        .bind(column(events, |row| row.event.traceparent.as_str()))
        .bind(column(events, |row| row.event.request_id.as_bytes().as_slice()))
        .bind(column(events, |row| row.event.data_hash.as_slice()))
        .bind(column(events, |row| row.event.sealed_hash.as_slice()))
        .bind(column(events, |row| row.event.leaf.as_slice()))
        .bind(column(events, |row| row.event.data.as_slice()))
        .bind(column(events, |row| row.event.salt.as_slice()))
        .bind(column(events, |row| row.nonce.as_deref()))
        .bind(column(events, |row| row.sealed.as_deref()))
        .bind(column(requests, |request| request.id.as_bytes().as_slice()))
        .bind(column(requests, |request| int(request.position)))
        .bind(column(requests, |request| int(request.count)))
        .bind(column(requests, |request| request.digest.as_deref()))
        .bind(column(requests, |request| request.recorded_at))
        .bind(head.position)
        .bind(head.recorded_at)
        .bind(head.streams)
        .bind(head.frontier.as_slice())
        .bind(fence)
        .bind(before)
        .execute(conn)
        .await;
    match written {
        Ok(_) => Ok(()),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(DIVISION_BY_ZERO) => {
            Err(StoreError::NotLeader)
        }
        Err(error) => Err(error.into()),
    }
}

fn column<'a, Row, T>(rows: &'a [Row], value: impl Fn(&'a Row) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_of_few_sizes_and_leave_no_row_out() {
        for count in [0_usize, 1, 3, 63, 64, 65, 200, 1_000] {
            let rows: Vec<usize> = (0..count).collect();
            assert_eq!(chunks(&rows).flatten().copied().collect::<Vec<_>>(), rows);
            assert!(chunks(&rows).all(|chunk| chunk.len().is_power_of_two() && chunk.len() <= CHUNK));
        }
    }
}
