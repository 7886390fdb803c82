//! The key store: wrapped data keys, in a file (SQLite) or a schema (PostgreSQL) of its own.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::blob;
use super::engine::{Conn, Engine, Pool, on};
use super::writing::Writing;
use crate::error::StoreError;
use crate::vault::Fingerprint;

/// Owners asked for in one statement.
const CHUNK: usize = 500;
/// Attempts to cut the log while readers come and go; each waits for them up to the connection's own 10 s.
const PURGES: u32 = 20;

/// Wrapped data keys.
pub(crate) struct KeyStore {
    pub(super) pool: Pool,
    pub(super) writing: Writing,
}

impl KeyStore {
    pub(crate) async fn open(engine: &Engine) -> Result<Self, StoreError> {
        let engine = engine.keys();
        let pool = Pool::open(&engine).await?;
        Ok(Self {
            pool,
            writing: Writing::to(engine),
        })
    }

    /// The wrapped keys of these owners; `None` for one that was destroyed, nothing for one that never was.
    pub(crate) async fn lookup(&self, owners: &[Uuid]) -> Result<HashMap<Uuid, Option<Vec<u8>>>, StoreError> {
        let mut found = HashMap::with_capacity(owners.len());
        for owners in owners.chunks(CHUNK) {
            let rows: Vec<(Vec<u8>, Option<Vec<u8>>)> = on!(Pool: &self.pool, pool, Db => {
                let mut query = QueryBuilder::<Db>::new("SELECT owner, wrapped FROM ");
                query.push(self.table("data_keys")).push(" WHERE owner IN (");
                let mut list = query.separated(", ");
                owners.iter().for_each(|owner| { list.push_bind(blob(*owner)); });
                query.push(")");
                query.build_query_as().persistent(false).fetch_all(pool).await?
            });
            for (owner, wrapped) in rows {
                let owner = id(&owner)?;
                found.insert(owner, wrapped);
            }
        }
        Ok(found)
    }

    /// Stores new keys durably and gives the owners for whom it did. An owner that has one already keeps it.
    pub(crate) async fn create(
        &self,
        keys: &[(Uuid, Vec<u8>)],
        kek: Fingerprint,
        now: i64,
    ) -> Result<Vec<Uuid>, StoreError> {
        self.writing.with(async |conn| {
            let mut created = Vec::with_capacity(keys.len());
            on!(Conn: conn, conn, Db => {
                sqlx::raw_sql("BEGIN").execute(&mut *conn).await?;
                for keys in keys.chunks(CHUNK) {
                    let mut query = QueryBuilder::<Db>::new("INSERT INTO ");
                    query.push(self.table("data_keys")).push(" (owner, wrapped, kek, created_at) ");
                    query.push_values(keys, |mut row, (owner, wrapped)| {
                        row.push_bind(blob(*owner)).push_bind(wrapped.clone()).push_bind(kek.0.to_vec()).push_bind(now);
                    });
                    query.push(" ON CONFLICT (owner) DO NOTHING RETURNING owner");
                    let owners: Vec<Vec<u8>> =
                        query.build_query_scalar().persistent(keys.len() <= 8).fetch_all(&mut *conn).await?;
                    for owner in owners {
                        created.push(id(&owner)?);
                    }
                }
                sqlx::raw_sql("COMMIT").execute(&mut *conn).await?;
            });
            Ok(created)
        })
        .await
    }

    /// Whether there is a secret of that name.
    pub(crate) async fn holds(&self, name: &str) -> Result<bool, StoreError> {
        on!(Pool: &self.pool, pool, Db => {
            let mut query = QueryBuilder::<Db>::new("SELECT COUNT(*) FROM ");
            query.push(self.table("secrets")).push(" WHERE name = ").push_bind(name.to_owned());
            let count: i64 = query.build_query_scalar().fetch_one(pool).await?;
            Ok(count > 0)
        })
    }

    /// The secret of that name and whose key wrapped it; stores `fresh` if there is none yet.
    pub(crate) async fn secret(
        &self,
        name: &str,
        fresh: Vec<u8>,
        kek: Fingerprint,
    ) -> Result<(Vec<u8>, Fingerprint), StoreError> {
        self.writing.with(async |conn| {
            let (wrapped, kek): (Vec<u8>, Vec<u8>) = on!(Conn: conn, conn, Db => {
                let mut query = QueryBuilder::<Db>::new("INSERT INTO ");
                query.push(self.table("secrets")).push(" (name, wrapped, kek) VALUES (");
                query.push_bind(name.to_owned()).push(", ").push_bind(fresh).push(", ").push_bind(kek.0.to_vec());
                query.push(") ON CONFLICT (name) DO NOTHING");
                query.build().execute(&mut *conn).await?;
                let mut query = QueryBuilder::<Db>::new("SELECT wrapped, kek FROM ");
                query.push(self.table("secrets")).push(" WHERE name = ").push_bind(name.to_owned());
                query.build_query_as().fetch_one(&mut *conn).await?
            });
            Ok((wrapped, Fingerprint::from_bytes(&kek)?))
        })
        .await
    }

    /// Puts another secret in the place of the one of that name.
    pub(crate) async fn replace_secret(
        &self,
        name: &str,
        wrapped: Vec<u8>,
        kek: Fingerprint,
    ) -> Result<(), StoreError> {
        self.writing.with(async |conn| {
            on!(Conn: conn, conn, Db => {
                let mut query = QueryBuilder::<Db>::new("INSERT INTO ");
                query.push(self.table("secrets")).push(" (name, wrapped, kek) VALUES (").push_bind(name.to_owned());
                query.push(", ").push_bind(wrapped).push(", ").push_bind(kek.0.to_vec());
                query.push(") ON CONFLICT (name) DO UPDATE SET wrapped = excluded.wrapped, kek = excluded.kek");
                query.build().execute(&mut *conn).await?;
            });
            Ok(())
        })
        .await
    }

    /// Whose key wraps the secret of that name.
    pub(crate) async fn wrapped_by(&self, name: &str) -> Result<Option<Fingerprint>, StoreError> {
        on!(Pool: &self.pool, pool, Db => {
            let mut query = QueryBuilder::<Db>::new("SELECT kek FROM ");
            query.push(self.table("secrets")).push(" WHERE name = ").push_bind(name.to_owned());
            let kek: Option<Vec<u8>> = query.build_query_scalar().fetch_optional(pool).await?;
            kek.as_deref().map(Fingerprint::from_bytes).transpose()
        })
    }

    /// Destroys the keys of these owners, for ever, and leaves the mark; nothing happens to one that is destroyed. True if there was one.
    pub(crate) async fn destroy(&self, owners: &[Uuid], now: i64) -> Result<bool, StoreError> {
        self.writing.with(async |conn| {
            let mut destroyed = 0;
            on!(Conn: conn, conn, Db => {
                for owners in owners.chunks(CHUNK) {
                    let mut query = QueryBuilder::<Db>::new("INSERT INTO ");
                    query.push(self.table("data_keys")).push(" AS k (owner, wrapped, kek, created_at) ");
                    query.push_values(owners, |mut row, owner| {
                        row.push_bind(blob(*owner)).push_bind(None::<Vec<u8>>).push_bind(vec![0_u8; 16]).push_bind(now);
                    });
                    // Never sealed anything: marked all the same, so that nothing is ever sealed for it.
                    query.push(" ON CONFLICT (owner) DO UPDATE SET wrapped = NULL WHERE k.wrapped IS NOT NULL");
                    destroyed += query.build().persistent(false).execute(&mut *conn).await?.rows_affected();
                }
            });
            Ok(destroyed > 0)
        })
        .await
    }

    /// Takes what was destroyed or overwritten out of the files: SQLite writes its log back and cuts it (freed bytes are zeroed by
    /// `secure_delete`), PostgreSQL rewrites the table. What PostgreSQL's log and its archive still hold is under the
    /// key-encryption key and goes with it (`rotate-key`).
    pub(crate) async fn purge(&self) -> Result<(), StoreError> {
        self.writing
            .with(async |conn| match conn {
                Conn::Sqlite(conn) => {
                    for _ in 0..PURGES {
                        let (busy, _, _): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)")
                            .fetch_one(&mut *conn)
                            .await?;
                        if busy == 0 {
                            return Ok(());
                        }
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    Err(StoreError::Unsafe(
                        "readers keep the key store's log from being cut: try again".to_owned(),
                    ))
                }
                Conn::Postgres(conn) => {
                    sqlx::raw_sql("SET statement_timeout = 0")
                        .execute(&mut *conn)
                        .await?;
                    sqlx::raw_sql("SELECT keys.purge()").execute(&mut *conn).await?;
                    sqlx::raw_sql("SET statement_timeout = '5s'")
                        .execute(&mut *conn)
                        .await?;
                    Ok(())
                }
            })
            .await
    }

    pub(crate) async fn close(&self) {
        on!(Pool: &self.pool, pool, _Db => pool.close().await);
        self.writing.close().await;
    }

    pub(super) fn table(&self, name: &str) -> String {
        match self.writing.engine {
            Engine::Sqlite(_) => name.to_owned(),
            Engine::Postgres(_) => format!("keys.{name}"),
        }
    }
}

fn id(owner: &[u8]) -> Result<Uuid, StoreError> {
    Uuid::from_slice(owner).map_err(|_| StoreError::Damaged("an owner of a key is not an id"))
}
