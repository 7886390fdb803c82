//! The hot path: the rows of a batch, written with as few statements as each engine allows.

use sqlx::{PgConnection, QueryBuilder, SqliteConnection};
use uuid::Uuid;

use super::{blob, int};
use crate::error::StoreError;
use crate::event::StoredEvent;

/// Rows of one statement of SQLite: 17 columns of 64 rows are 1,088 of the 32,766 parameters it takes.
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

/// Rows in chunks of a fixed size, so that the statement of a full chunk is prepared once.
pub(crate) async fn sqlite(conn: &mut SqliteConnection, rows: &Rows) -> Result<(), StoreError> {
    for streams in rows.new_streams.chunks(CHUNK) {
        let mut query =
            QueryBuilder::<sqlx::Sqlite>::new("INSERT INTO streams (number, category, id, version) ");
        query.push_values(streams, |mut row, stream| {
            row.push_bind(int(stream.number))
                .push_bind(stream.category.clone());
            row.push_bind(blob(stream.id)).push_bind(int(stream.version));
        });
        query
            .build()
            .persistent(keep(streams.len()))
            .execute(&mut *conn)
            .await?;
    }
    for stream in &rows.moved_streams {
        sqlx::query("UPDATE streams SET version = $1 WHERE number = $2")
            .bind(int(stream.version))
            .bind(int(stream.number))
            .execute(&mut *conn)
            .await?;
    }
    for events in rows.events.chunks(CHUNK) {
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
        query
            .build()
            .persistent(keep(events.len()))
            .execute(&mut *conn)
            .await?;
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
        query
            .build()
            .persistent(keep(events.len()))
            .execute(&mut *conn)
            .await?;
    }
    for requests in rows.requests.chunks(CHUNK) {
        let sql = "INSERT INTO requests (request_id, position, count, digest, recorded_at) ";
        let mut query = QueryBuilder::<sqlx::Sqlite>::new(sql);
        query.push_values(requests, |mut row, request| {
            row.push_bind(blob(request.id))
                .push_bind(int(request.position))
                .push_bind(int(request.count));
            row.push_bind(request.digest.clone())
                .push_bind(request.recorded_at);
        });
        query
            .build()
            .persistent(keep(requests.len()))
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

/// Statements worth keeping prepared: of one row, of a few, and of a full chunk.
fn keep(rows: usize) -> bool {
    rows <= 8 || rows == CHUNK
}

/// One statement per table, whatever the size of the batch: columns travel as arrays.
pub(crate) async fn postgres(conn: &mut PgConnection, rows: &Rows) -> Result<(), StoreError> {
    if !rows.new_streams.is_empty() {
        let streams = &rows.new_streams;
        sqlx::query(
            "INSERT INTO streams (number, category, id, version) \
             SELECT * FROM UNNEST($1::bigint[], $2::text[], $3::bytea[], $4::bigint[])",
        )
        .bind(column(streams, |stream| int(stream.number)))
        .bind(column(streams, |stream| stream.category.clone()))
        .bind(column(streams, |stream| blob(stream.id)))
        .bind(column(streams, |stream| int(stream.version)))
        .execute(&mut *conn)
        .await?;
    }
    if !rows.moved_streams.is_empty() {
        sqlx::query(
            "UPDATE streams s SET version = m.version FROM UNNEST($1::bigint[], $2::bigint[]) AS m (number, version) \
             WHERE s.number = m.number",
        )
        .bind(column(&rows.moved_streams, |stream| int(stream.number)))
        .bind(column(&rows.moved_streams, |stream| int(stream.version)))
        .execute(&mut *conn)
        .await?;
    }
    let events = &rows.events;
    sqlx::query(
        "INSERT INTO events (position, id, stream, version, case_id, name, revision, occurred_at, recorded_at, actor, \
         correlation, causation, traceparent, request_id, data_hash, sealed_hash, leaf) \
         SELECT * FROM UNNEST($1::bigint[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bytea[], $6::text[], $7::bigint[], \
         $8::bigint[], $9::bigint[], $10::text[], $11::text[], $12::bytea[], $13::text[], $14::bytea[], $15::bytea[], \
         $16::bytea[], $17::bytea[])",
    )
    .bind(column(events, |row| int(row.event.position)))
    .bind(column(events, |row| blob(row.event.id)))
    .bind(column(events, |row| int(row.stream)))
    .bind(column(events, |row| int(row.event.version)))
    .bind(column(events, |row| row.event.case_id.map(blob)))
    .bind(column(events, |row| row.event.name.clone()))
    .bind(column(events, |row| i64::from(row.event.revision)))
    .bind(column(events, |row| row.event.occurred_at))
    .bind(column(events, |row| row.event.recorded_at))
    .bind(column(events, |row| row.event.actor.clone()))
    .bind(column(events, |row| row.event.correlation.clone()))
    .bind(column(events, |row| row.event.causation.map(blob)))
    .bind(column(events, |row| row.event.traceparent.clone()))
    .bind(column(events, |row| blob(row.event.request_id)))
    .bind(column(events, |row| row.event.data_hash.clone()))
    .bind(column(events, |row| row.event.sealed_hash.clone()))
    .bind(column(events, |row| row.event.leaf.clone()))
    .execute(&mut *conn)
    .await?;
    let requests = &rows.requests;
    sqlx::query(
        "INSERT INTO requests (request_id, position, count, digest, recorded_at) \
         SELECT * FROM UNNEST($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bigint[])",
    )
    .bind(column(requests, |request| blob(request.id)))
    .bind(column(requests, |request| int(request.position)))
    .bind(column(requests, |request| int(request.count)))
    .bind(column(requests, |request| request.digest.clone()))
    .bind(column(requests, |request| request.recorded_at))
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "INSERT INTO bodies (position, data, salt, nonce, sealed) \
         SELECT * FROM UNNEST($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[])",
    )
    .bind(column(events, |row| int(row.event.position)))
    .bind(column(events, |row| row.event.data.clone()))
    .bind(column(events, |row| row.event.salt.clone()))
    .bind(column(events, |row| row.nonce.clone()))
    .bind(column(events, |row| row.sealed.clone()))
    .execute(conn)
    .await?;
    Ok(())
}

fn column<Row, T>(rows: &[Row], value: impl Fn(&Row) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
