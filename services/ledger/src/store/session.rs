//! The writer's own connection: leadership, one transaction at a time, look-ups in bulk.

use std::collections::HashMap;
use std::fs::File;
use std::time::Duration;

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::engine::{Conn, Engine, on};
use super::insert::{self, Rows};
use super::{HEAD, HeadRow, StoredCursor, blob, from_row, int, uint};
use crate::error::StoreError;

/// Ids asked for in one statement of SQLite; PostgreSQL takes them all as one array.
const CHUNK: usize = 500;
/// Held by the writer's session as long as it lives. One ledger per database.
const WRITER_LOCK: i64 = 4_711_002;

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
    /// Held while the session lives: no second process writes to the same file.
    _lock: Option<File>,
}

impl Session {
    /// Connects and takes leadership: a lock that ends with the session, and a fence that outlives it.
    /// `stale` is the server's process of our own session before, if one was lost: it is ended first.
    ///
    /// # Errors
    /// `NotLeader` while another instance holds the lock.
    pub(crate) async fn open(engine: &Engine, stale: Option<i32>) -> Result<Self, StoreError> {
        let lock = match engine {
            Engine::Sqlite(path) => Some(lock_file(path)?),
            Engine::Postgres(_) => None,
        };
        let mut conn = Conn::open(engine, false).await?;
        if let Conn::Postgres(conn) = &mut conn {
            if let Some(stale) = stale {
                // A session whose connection broke may still hold the lock, or a COMMIT in flight.
                sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND application_name = 'hoiam-ledger'")
                    .bind(stale)
                    .execute(&mut *conn)
                    .await?;
            }
            let mut taken = false;
            for _ in 0..20 {
                taken = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
                    .bind(WRITER_LOCK)
                    .fetch_one(&mut *conn)
                    .await?;
                if taken || stale.is_none() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            if !taken {
                return Err(StoreError::NotLeader);
            }
        }
        let fence = on!(Conn: &mut conn, conn, Db => {
            sqlx::query_scalar::<Db, i64>("UPDATE head SET fence = fence + 1 WHERE id = 1 RETURNING fence").fetch_one(conn).await?
        });
        Ok(Self {
            conn,
            fence,
            _lock: lock,
        })
    }

    /// The server's process behind the session, to be ended if the session is lost.
    pub(crate) async fn backend(&mut self) -> Result<Option<i32>, StoreError> {
        match &mut self.conn {
            Conn::Sqlite(_) => Ok(None),
            Conn::Postgres(conn) => Ok(Some(
                sqlx::query_scalar("SELECT pg_backend_pid()")
                    .fetch_one(conn)
                    .await?,
            )),
        }
    }

    /// Begins a transaction, locks the head row and checks that nobody took over since.
    pub(crate) async fn begin(&mut self) -> Result<HeadRow, StoreError> {
        let head: HeadRow = match &mut self.conn {
            Conn::Sqlite(conn) => {
                sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *conn).await?;
                sqlx::query_as(HEAD).fetch_one(conn).await?
            }
            Conn::Postgres(conn) => {
                sqlx::raw_sql("BEGIN").execute(&mut *conn).await?;
                let head = "SELECT position, recorded_at, fence, streams, frontier FROM head WHERE id = 1 FOR UPDATE";
                sqlx::query_as(head).fetch_one(conn).await?
            }
        };
        if head.fence == self.fence {
            Ok(head)
        } else {
            Err(StoreError::NotLeader)
        }
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

    /// Which of these requests were stored before.
    pub(crate) async fn requests(
        &mut self,
        ids: &[Uuid],
    ) -> Result<HashMap<Uuid, StoredRequest>, StoreError> {
        let mut rows: Vec<RequestRow> = Vec::new();
        match &mut self.conn {
            Conn::Postgres(conn) => {
                let sql =
                    "SELECT request_id, position, count, digest FROM requests WHERE request_id = ANY($1)";
                let ids: Vec<Vec<u8>> = ids.iter().map(|id| blob(*id)).collect();
                rows = sqlx::query_as(sql).bind(ids).fetch_all(conn).await?;
            }
            Conn::Sqlite(conn) => {
                for ids in ids.chunks(CHUNK) {
                    let sql =
                        "SELECT request_id, position, count, digest FROM requests WHERE request_id IN (";
                    let mut query = QueryBuilder::<sqlx::Sqlite>::new(sql);
                    let mut list = query.separated(", ");
                    ids.iter().for_each(|id| {
                        list.push_bind(blob(*id));
                    });
                    query.push(")");
                    rows.extend(
                        query
                            .build_query_as::<RequestRow>()
                            .persistent(ids.len() == 1)
                            .fetch_all(&mut *conn)
                            .await?,
                    );
                }
            }
        }
        Ok(rows.into_iter().map(|row| (row.id, row.request)).collect())
    }

    /// The rows of these streams; a stream that does not exist is left out.
    pub(crate) async fn streams(
        &mut self,
        keys: &[(String, Uuid)],
    ) -> Result<HashMap<(String, Uuid), StreamRow>, StoreError> {
        let mut rows: Vec<StreamRecord> = Vec::new();
        match &mut self.conn {
            Conn::Postgres(conn) => {
                let sql = "SELECT s.category, s.id, s.number, s.version FROM UNNEST($1::text[], $2::bytea[]) AS k (category, id) \
                           JOIN streams s ON s.category = k.category AND s.id = k.id";
                let categories: Vec<String> = keys.iter().map(|(category, _)| category.clone()).collect();
                let ids: Vec<Vec<u8>> = keys.iter().map(|(_, id)| blob(*id)).collect();
                rows = sqlx::query_as(sql)
                    .bind(categories)
                    .bind(ids)
                    .fetch_all(conn)
                    .await?;
            }
            Conn::Sqlite(conn) => {
                for keys in keys.chunks(CHUNK) {
                    let sql = "SELECT category, id, number, version FROM streams WHERE (category, id) IN (";
                    let mut query = QueryBuilder::<sqlx::Sqlite>::new(sql);
                    query.push_values(keys, |mut row, (category, id)| {
                        row.push_bind(category.clone()).push_bind(blob(*id));
                    });
                    query.push(")");
                    rows.extend(
                        query
                            .build_query_as::<StreamRecord>()
                            .persistent(keys.len() == 1)
                            .fetch_all(&mut *conn)
                            .await?,
                    );
                }
            }
        }
        Ok(rows.into_iter().map(|record| (record.key, record.row)).collect())
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
    pub(crate) async fn write(&mut self, rows: &Rows, head: &HeadRow) -> Result<(), StoreError> {
        match &mut self.conn {
            Conn::Sqlite(conn) => insert::sqlite(conn, rows).await?,
            Conn::Postgres(conn) => insert::postgres(conn, rows).await?,
        }
        on!(Conn: &mut self.conn, conn, Db => {
            sqlx::query::<Db>("UPDATE head SET position = $1, recorded_at = $2, streams = $3, frontier = $4 WHERE id = 1")
                .bind(head.position)
                .bind(head.recorded_at)
                .bind(head.streams)
                .bind(head.frontier.clone())
                .execute(conn)
                .await?;
        });
        Ok(())
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

fn lock_file(database: &std::path::Path) -> Result<File, StoreError> {
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

struct RequestRow {
    id: Uuid,
    request: StoredRequest,
}

from_row!(RequestRow, |row| Ok(Self {
    id: super::id(&row.try_get::<Vec<u8>, _>("request_id")?)?,
    request: StoredRequest {
        position: uint(row.try_get("position")?),
        count: uint(row.try_get("count")?),
        digest: row.try_get("digest")?,
    },
}));

struct StreamRecord {
    key: (String, Uuid),
    row: StreamRow,
}

from_row!(StreamRecord, |row| Ok(Self {
    key: (
        row.try_get("category")?,
        super::id(&row.try_get::<Vec<u8>, _>("id")?)?
    ),
    row: StreamRow {
        number: uint(row.try_get("number")?),
        version: uint(row.try_get("version")?)
    },
}));
