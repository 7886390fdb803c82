//! The writer's own connection: leadership, one transaction at a time, look-ups in bulk.

use std::collections::HashMap;
use std::fs::File;
use std::time::Duration;

use sqlx::{FromRow as _, PgConnection, QueryBuilder};
use uuid::Uuid;

use super::engine::{Conn, Engine, on};
use super::insert::{self, Rows};
use super::{HEAD, HeadRow, StoredCursor, blob, from_row, int, uint};
use crate::error::StoreError;

/// Held by the writer's session as long as it lives. One ledger per database. Less than 2^32, so it is an `objid` of `pg_locks`.
pub(super) const WRITER_LOCK: i64 = 4_711_002;
/// A writer renews every `RENEW`, and the server ends a statement of it after 5 s. One that has been silent for longer is paused or
/// cut off; ending one that was merely slow does no harm, because of the fence.
const SILENT: Duration = Duration::from_secs(6);
/// The database's own clock, so that no two machines' clocks are compared.
const PG_NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// How long a client's request id is known: 400 days. The triggers of migration 7 say the same.
const REMEMBERED: i64 = 400 * 86_400 * 1_000_000;

/// A request stored before.
#[derive(Clone, Debug)]
pub(crate) struct StoredRequest {
    /// Position of its first event.
    pub(crate) position: u64,
    /// Number of its events.
    pub(crate) count: u64,
    /// HMAC of what a client sent; none for a reaction.
    pub(crate) digest: Option<Vec<u8>>,
}

/// A stream's row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamRow {
    pub(crate) number: u64,
    pub(crate) version: u64,
}

/// The writer's connection, with leadership taken.
pub(crate) struct Session {
    conn: Conn,
    fence: i64,
    /// What the last transaction left, on a server: nobody else writes it without raising the fence, and each write checks that.
    head: Option<HeadRow>,
    /// Held while the session lives: no second process writes to the same file.
    _lock: Option<File>,
}

impl Session {
    /// Connects and takes leadership: a lock that ends with the session, and a fence that outlives it.
    /// `stale` is our own session before, if one was lost: it is ended first, and so is that of a writer that fell silent.
    /// `address` is where our gRPC is reached, for those who ask another instance.
    ///
    /// # Errors
    /// `NotLeader` while another instance holds the lock.
    pub(crate) async fn open(
        engine: &Engine,
        stale: Option<Backend>,
        address: &str,
    ) -> Result<Self, StoreError> {
        let lock = match engine {
            Engine::Sqlite(path) => Some(lock_file(path)?),
            Engine::Postgres(_) => None,
        };
        let mut conn = Conn::open(engine, false).await?;
        if let Conn::Postgres(conn) = &mut conn {
            let ended = match stale {
                // A session whose connection broke may still hold the lock, or a COMMIT in flight.
                Some(stale) => end(conn, stale).await?,
                None => false,
            };
            let ended = end_silent(conn).await? || ended;
            if !take_lock(conn, ended).await? {
                return Err(StoreError::NotLeader);
            }
        }
        let now = match conn {
            Conn::Sqlite(_) => "0",
            Conn::Postgres(_) => PG_NOW,
        };
        let fence = on!(Conn: &mut conn, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("UPDATE head SET fence = fence + 1, leader = ");
            query.push_bind(address.to_owned()).push(", renewed_at = ").push(now).push(" WHERE id = 1 RETURNING fence");
            query.build_query_scalar::<i64>().fetch_one(conn).await?
        });
        Ok(Self {
            conn,
            fence,
            head: None,
            _lock: lock,
        })
    }

    /// Raised when this session took leadership.
    pub(crate) fn fence(&self) -> u64 {
        uint(self.fence)
    }

    /// The server's side of the session, to be ended if the session is lost.
    pub(crate) async fn backend(&mut self) -> Result<Option<Backend>, StoreError> {
        let Conn::Postgres(conn) = &mut self.conn else {
            return Ok(None);
        };
        let sql = "SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()";
        let (pid, started) = sqlx::query_as(sql).fetch_one(conn).await?;
        Ok(Some(Backend { pid, started }))
    }

    /// Says that this instance still writes. On SQLite the file lock says so by itself.
    ///
    /// # Errors
    /// `NotLeader` when another has taken over.
    pub(crate) async fn renew(&mut self) -> Result<(), StoreError> {
        let Conn::Postgres(conn) = &mut self.conn else {
            return Ok(());
        };
        let mut query = QueryBuilder::<sqlx::Postgres>::new("UPDATE head SET renewed_at = ");
        query
            .push(PG_NOW)
            .push(" WHERE id = 1 AND fence = ")
            .push_bind(self.fence);
        let renewed = query.build().execute(conn).await?.rows_affected();
        (renewed == 1).then_some(()).ok_or(StoreError::NotLeader)
    }

    /// Begins a transaction, locks the head row and checks that nobody took over since.
    pub(crate) async fn begin(&mut self) -> Result<HeadRow, StoreError> {
        let head: HeadRow = match &mut self.conn {
            Conn::Sqlite(conn) => {
                sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *conn).await?;
                sqlx::query_as(HEAD).fetch_one(conn).await?
            }
            Conn::Postgres(conn) => {
                // Both in one message: one answer less to wait for.
                let begin = "BEGIN; SELECT position, recorded_at, fence, streams, frontier, leader FROM head WHERE id = 1 FOR UPDATE";
                HeadRow::from_row(&sqlx::raw_sql(begin).fetch_one(conn).await?)?
            }
        };
        if head.fence == self.fence {
            Ok(head)
        } else {
            Err(StoreError::NotLeader)
        }
    }

    /// The head as the last batch left it, once: then appends need neither lock nor look, and [`Session::write`] is a transaction by
    /// itself. `None` after anything that went wrong, at the beginning, and in a file, where both cost nothing.
    pub(crate) fn take_head(&mut self) -> Option<HeadRow> {
        self.head.take()
    }

    /// What a batch left, after it was committed.
    pub(crate) fn leave_head(&mut self, head: HeadRow) {
        if matches!(self.conn, Conn::Postgres(_)) {
            self.head = Some(head);
        }
    }

    pub(super) fn conn(&mut self) -> &mut Conn {
        &mut self.conn
    }

    pub(crate) async fn commit(&mut self) -> Result<(), StoreError> {
        on!(Conn: &mut self.conn, conn, _Db => { sqlx::raw_sql("COMMIT").execute(conn).await?; });
        Ok(())
    }

    pub(crate) async fn rollback(&mut self) -> Result<(), StoreError> {
        on!(Conn: &mut self.conn, conn, _Db => { sqlx::raw_sql("ROLLBACK").execute(conn).await?; });
        Ok(())
    }

    /// Ends whatever transaction is open, and tells whether the connection still answers.
    pub(crate) async fn recover(&mut self) -> bool {
        // Without a transaction this is an error of the statement, not of the connection.
        let _ = self.rollback().await;
        on!(Conn: &mut self.conn, conn, _Db => sqlx::raw_sql("SELECT 1").execute(conn).await.is_ok())
    }

    /// Which of these requests were stored before, and the rows of those of these streams that exist.
    pub(crate) async fn look_up(
        &mut self,
        ids: &[Uuid],
        keys: &[(&str, Uuid)],
    ) -> Result<(HashMap<Uuid, StoredRequest>, HashMap<(String, Uuid), StreamRow>), StoreError> {
        let found: Vec<Found> = match &mut self.conn {
            Conn::Postgres(conn) => {
                // One statement, so that one answer is waited for.
                let sql = "SELECT request_id AS id, ''::text AS category, position AS a, count AS b, digest FROM requests \
                           WHERE request_id = ANY($1) \
                           UNION ALL \
                           SELECT s.id, s.category, s.number, s.version, NULL FROM UNNEST($2::text[], $3::bytea[]) AS k (category, id) \
                           JOIN streams s ON s.category = k.category AND s.id = k.id";
                let ids: Vec<&[u8]> = ids.iter().map(|id| id.as_bytes().as_slice()).collect();
                let categories: Vec<&str> = keys.iter().map(|(category, _)| *category).collect();
                let streams: Vec<&[u8]> = keys.iter().map(|(_, id)| id.as_bytes().as_slice()).collect();
                sqlx::query_as(sql)
                    .bind(ids)
                    .bind(categories)
                    .bind(streams)
                    .fetch_all(conn)
                    .await?
            }
            Conn::Sqlite(conn) => {
                let mut found = Vec::new();
                for ids in insert::chunks(ids) {
                    let mut query = QueryBuilder::<sqlx::Sqlite>::new(
                        "SELECT request_id AS id, '' AS category, position AS a, count AS b, digest FROM requests WHERE request_id IN (",
                    );
                    let mut list = query.separated(", ");
                    ids.iter().for_each(|id| {
                        list.push_bind(blob(*id));
                    });
                    query.push(")");
                    found.extend(query.build_query_as::<Found>().fetch_all(&mut *conn).await?);
                }
                for keys in insert::chunks(keys) {
                    let mut query = QueryBuilder::<sqlx::Sqlite>::new(
                        "SELECT id, category, number AS a, version AS b, NULL AS digest FROM streams WHERE (category, id) IN (",
                    );
                    query.push_values(keys, |mut row, (category, id)| {
                        row.push_bind((*category).to_owned()).push_bind(blob(*id));
                    });
                    query.push(")");
                    found.extend(query.build_query_as::<Found>().fetch_all(&mut *conn).await?);
                }
                found
            }
        };
        let mut requests = HashMap::new();
        let mut streams = HashMap::with_capacity(found.len());
        for found in found {
            match found {
                Found::Request(id, request) => drop(requests.insert(id, request)),
                Found::Stream(key, row) => drop(streams.insert(key, row)),
            }
        }
        Ok((requests, streams))
    }

    /// The first event of a case in one of the categories (none: in any) after a position: its position and type.
    pub(crate) async fn moved(
        &mut self,
        case: Uuid,
        after: u64,
        categories: &[String],
    ) -> Result<Option<(u64, String)>, StoreError> {
        on!(Conn: &mut self.conn, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("SELECT e.position, e.name, e.revision FROM events e");
            query.push(" JOIN streams s ON s.number = e.stream WHERE e.case_id = ").push_bind(blob(case));
            query.push(" AND e.position > ").push_bind(int(after));
            if !categories.is_empty() {
                query.push(" AND s.category IN (");
                let mut list = query.separated(", ");
                categories.iter().for_each(|category| { list.push_bind(category.clone()); });
                query.push(")");
            }
            query.push(" ORDER BY e.position LIMIT 1");
            let row: Option<(i64, String, i64)> = query.build_query_as().fetch_optional(conn).await?;
            Ok(row.map(|(position, name, revision)| (uint(position), format!("{name}.v{revision}"))))
        })
    }

    /// Writes what a batch decided, and the head row that follows from it.
    ///
    /// # Errors
    /// `NotLeader` when another has taken over, on a server: then nothing was written.
    pub(crate) async fn write(&mut self, rows: &Rows, head: &HeadRow) -> Result<(), StoreError> {
        match &mut self.conn {
            Conn::Sqlite(conn) => insert::sqlite(conn, rows, head).await,
            Conn::Postgres(conn) => insert::postgres(conn, rows, head, self.fence).await,
        }
    }

    /// What the database's own clock shows; a file has none.
    pub(crate) async fn clock(&mut self) -> Result<Option<i64>, StoreError> {
        match &mut self.conn {
            Conn::Sqlite(_) => Ok(None),
            Conn::Postgres(conn) => {
                let mut query = QueryBuilder::<sqlx::Postgres>::new("SELECT ");
                query.push(PG_NOW);
                Ok(Some(query.build_query_scalar::<i64>().fetch_one(conn).await?))
            }
        }
    }

    /// Forgets at most `most` request ids of clients that are past their time; how many.
    pub(crate) async fn forget_requests(&mut self, most: u32) -> Result<u64, StoreError> {
        let head = self.begin().await?;
        let before = head.recorded_at.saturating_sub(REMEMBERED);
        let forgotten = on!(Conn: &mut self.conn, conn, Db => {
            let mut query = QueryBuilder::<Db>::new(
                "DELETE FROM requests WHERE request_id IN (SELECT request_id FROM requests WHERE digest IS NOT NULL AND recorded_at < ",
            );
            query.push_bind(before).push(" ORDER BY recorded_at LIMIT ").push(most).push(")");
            query.build().execute(conn).await?.rows_affected()
        });
        self.commit().await?;
        Ok(forgotten)
    }

    pub(crate) async fn cursor(
        &mut self,
        consumer: &str,
        shard: u32,
    ) -> Result<Option<StoredCursor>, StoreError> {
        on!(Conn: &mut self.conn, conn, Db => {
            let sql = "SELECT consumer, shard, holder, fence, position, updated_at, expires_at FROM cursors \
                       WHERE consumer = $1 AND shard = $2";
            Ok(sqlx::query_as::<Db, StoredCursor>(sql).bind(consumer.to_owned()).bind(i64::from(shard)).fetch_optional(conn).await?)
        })
    }

    pub(crate) async fn put_cursor(&mut self, cursor: &StoredCursor) -> Result<(), StoreError> {
        on!(Conn: &mut self.conn, conn, Db => {
            let sql = "INSERT INTO cursors (consumer, shard, holder, fence, position, updated_at, expires_at) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (consumer, shard) DO UPDATE SET \
                       holder = excluded.holder, fence = excluded.fence, position = excluded.position, \
                       updated_at = excluded.updated_at, expires_at = excluded.expires_at";
            sqlx::query::<Db>(sql)
                .bind(cursor.consumer.clone())
                .bind(i64::from(cursor.shard))
                .bind(cursor.holder.clone())
                .bind(int(cursor.fence))
                .bind(int(cursor.position))
                .bind(cursor.updated_at)
                .bind(cursor.expires_at)
                .execute(conn)
                .await?;
            Ok(())
        })
    }

    pub(crate) async fn close(self) {
        self.conn.close().await;
    }
}

/// A session as the server knows it. The start tells it from a later one with the same process id.
#[derive(Clone, Debug)]
pub(crate) struct Backend {
    pid: i32,
    started: String,
}

/// Ends a session of ours at the server; whether there was one to end.
async fn end(conn: &mut PgConnection, backend: Backend) -> Result<bool, StoreError> {
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE pid = $1 AND backend_start::text = $2 AND application_name = 'hoiam-ledger'";
    let ended: Option<bool> = sqlx::query_scalar(sql)
        .bind(backend.pid)
        .bind(backend.started)
        .fetch_optional(conn)
        .await?;
    Ok(ended.unwrap_or(false))
}

/// Ends the session of a writer that holds the lock and has not renewed for `SILENT`: it is paused, or cut off. The fence keeps
/// whatever it does when it wakes from counting.
async fn end_silent(conn: &mut PgConnection) -> Result<bool, StoreError> {
    let mut query = QueryBuilder::<sqlx::Postgres>::new(
        "SELECT a.pid, pg_terminate_backend(a.pid) FROM head h, pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.classid = 0 AND l.granted AND l.objsubid = 1 \
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.objid::bigint = ",
    );
    query
        .push_bind(WRITER_LOCK)
        .push(" AND h.renewed_at < ")
        .push(PG_NOW)
        .push(" - ")
        .push_bind(i64::try_from(SILENT.as_micros()).unwrap_or(i64::MAX));
    let ended: Option<(i32, bool)> = query.build_query_as().fetch_optional(conn).await?;
    if let Some((backend, _)) = ended {
        tracing::warn!(backend, "the writer fell silent: its session is ended");
    }
    Ok(ended.is_some_and(|(_, ended)| ended))
}

/// Tries to take the writer's lock; after a session was ended, for as long as its end may take.
async fn take_lock(conn: &mut PgConnection, ended: bool) -> Result<bool, StoreError> {
    for _ in 0..if ended { 20 } else { 1 } {
        let taken = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(WRITER_LOCK)
            .fetch_one(&mut *conn)
            .await?;
        if taken {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(false)
}

pub(super) fn lock_file(database: &std::path::Path) -> Result<File, StoreError> {
    let path = database.with_extension("lock");
    let failed = |source| StoreError::File {
        path: path.display().to_string(),
        source,
    };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::NotLeader),
        Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// A row of `look_up`; only streams have a category.
enum Found {
    Request(Uuid, StoredRequest),
    Stream((String, Uuid), StreamRow),
}

from_row!(Found, |row| {
    let id = super::id(&row.try_get::<Vec<u8>, _>("id")?)?;
    let category: String = row.try_get("category")?;
    let (a, b) = (uint(row.try_get("a")?), uint(row.try_get("b")?));
    Ok(if category.is_empty() {
        let digest = row.try_get("digest")?;
        Self::Request(
            id,
            StoredRequest {
                position: a,
                count: b,
                digest,
            },
        )
    } else {
        Self::Stream(
            (category, id),
            StreamRow {
                number: a,
                version: b,
            },
        )
    })
});
