//! The key store: wrapped data keys, in a file (SQLite) or a schema (PostgreSQL) of its own.

use std::collections::HashMap;

use sqlx::QueryBuilder;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::blob;
use super::engine::{Conn, Engine, Pool, on};
use crate::error::StoreError;

/// Owners asked for in one statement.
const CHUNK: usize = 500;

/// Wrapped data keys.
pub(crate) struct KeyStore {
    engine: Engine,
    pool: Pool,
    /// For writing; opened anew after an error.
    conn: Mutex<Option<Conn>>,
}

impl KeyStore {
    pub(crate) async fn open(engine: &Engine) -> Result<Self, StoreError> {
        let engine = engine.keys();
        let pool = Pool::open(&engine).await?;
        Ok(Self {
            engine,
            pool,
            conn: Mutex::new(None),
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
    pub(crate) async fn create(&self, keys: &[(Uuid, Vec<u8>)], now: i64) -> Result<Vec<Uuid>, StoreError> {
        self.write(async |conn| {
            let mut created = Vec::with_capacity(keys.len());
            on!(Conn: conn, conn, Db => {
                sqlx::raw_sql("BEGIN").execute(&mut *conn).await?;
                for keys in keys.chunks(CHUNK) {
                    let mut query = QueryBuilder::<Db>::new("INSERT INTO ");
                    query.push(self.table("data_keys")).push(" (owner, wrapped, created_at) ");
                    query.push_values(keys, |mut row, (owner, wrapped)| {
                        row.push_bind(blob(*owner)).push_bind(wrapped.clone()).push_bind(now);
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

    /// The secret of that name; stores `fresh` if there is none yet.
    pub(crate) async fn secret(&self, name: &str, fresh: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        self.write(async |conn| {
            on!(Conn: conn, conn, Db => {
                let mut query = QueryBuilder::<Db>::new("INSERT INTO ");
                query.push(self.table("secrets")).push(" (name, wrapped) VALUES (");
                query.push_bind(name.to_owned()).push(", ").push_bind(fresh).push(") ON CONFLICT (name) DO NOTHING");
                query.build().execute(&mut *conn).await?;
                let mut query = QueryBuilder::<Db>::new("SELECT wrapped FROM ");
                query.push(self.table("secrets")).push(" WHERE name = ").push_bind(name.to_owned());
                let wrapped: Vec<u8> = query.build_query_scalar().fetch_one(&mut *conn).await?;
                Ok(wrapped)
            })
        })
        .await
    }

    pub(crate) async fn close(&self) {
        on!(Pool: &self.pool, pool, _Db => pool.close().await);
        if let Some(conn) = self.conn.lock().await.take() {
            conn.close().await;
        }
    }

    async fn write<T>(
        &self,
        work: impl AsyncFnOnce(&mut Conn) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut slot = self.conn.lock().await;
        let mut conn = match slot.take() {
            Some(conn) => conn,
            None => Conn::open(&self.engine, true).await?,
        };
        // After an error the connection is dropped, and with it whatever transaction it was in.
        let done = work(&mut conn).await?;
        *slot = Some(conn);
        Ok(done)
    }

    fn table(&self, name: &str) -> String {
        match self.engine {
            Engine::Sqlite(_) => name.to_owned(),
            Engine::Postgres(_) => format!("keys.{name}"),
        }
    }
}

fn id(owner: &[u8]) -> Result<Uuid, StoreError> {
    Uuid::from_slice(owner).map_err(|_| StoreError::Damaged("an owner of a key is not an id"))
}
