//! The blind index: tokens by case and position, in a file (SQLite) or a schema (PostgreSQL) of its own, so that filling it never holds up
//! the key store, which the writer waits for.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::engine::{Conn, Engine, Pool, on};
use super::writing::Writing;
use super::{blob, id, int, uint};
use crate::error::StoreError;

/// Rows of one statement: 3 parameters each.
const CHUNK: usize = 1_000;

/// A token of a word or number.
pub(crate) type Token = [u8; 16];

/// One place where a token stands.
pub(crate) struct TokenRow {
    pub(crate) token: Token,
    pub(crate) owner: Uuid,
    pub(crate) position: u64,
}

/// The index.
pub(crate) struct TokenStore {
    pool: Pool,
    writing: Writing,
}

impl TokenStore {
    pub(crate) async fn open(engine: &Engine) -> Result<Self, StoreError> {
        let engine = engine.index();
        Ok(Self {
            pool: Pool::open(&engine).await?,
            writing: Writing::to(engine),
        })
    }

    /// Up to which position everything is in the index.
    pub(crate) async fn progress(&self) -> Result<u64, StoreError> {
        on!(Pool: &self.pool, pool, Db => {
            let mut query = QueryBuilder::<Db>::new("SELECT position FROM ");
            query.push(self.table("progress"));
            let position: i64 = query.build_query_scalar().fetch_one(pool).await?;
            Ok(uint(position))
        })
    }

    /// Empties the index if it was made under another secret, or of a history that went on where this one ends (a restored backup); true
    /// if it did.
    pub(crate) async fn begin(&self, secret: &[u8], head: u64) -> Result<bool, StoreError> {
        self.writing.with(async |conn| {
            on!(Conn: conn, conn, Db => {
                sqlx::raw_sql("BEGIN").execute(&mut *conn).await?;
                let mut query = QueryBuilder::<Db>::new("UPDATE ");
                query.push(self.table("progress")).push(" SET position = 0, dirty = 1, secret = ").push_bind(secret.to_vec());
                query.push(" WHERE secret <> ").push_bind(secret.to_vec()).push(" OR position > ").push_bind(int(head));
                let anew = query.build().execute(&mut *conn).await?.rows_affected() > 0;
                if anew {
                    let mut query = QueryBuilder::<Db>::new("DELETE FROM ");
                    query.push(self.table("tokens"));
                    query.build().execute(&mut *conn).await?;
                }
                sqlx::raw_sql("COMMIT").execute(&mut *conn).await?;
                Ok(anew)
            })
        })
        .await
    }

    /// Adds what was found up to a position. `living` is asked under the lock that erasing takes, so that nothing comes back after it.
    pub(crate) async fn add(
        &self,
        rows: Vec<TokenRow>,
        position: u64,
        living: impl Fn(&Uuid) -> bool,
    ) -> Result<(), StoreError> {
        self.writing.with(async |conn| {
            let rows: Vec<&TokenRow> = rows.iter().filter(|row| living(&row.owner)).collect();
            on!(Conn: conn, conn, Db => {
                sqlx::raw_sql("BEGIN").execute(&mut *conn).await?;
                for rows in rows.chunks(CHUNK) {
                    let mut query = QueryBuilder::<Db>::new("INSERT INTO ");
                    query.push(self.table("tokens")).push(" (token, owner, position) ");
                    query.push_values(rows, |mut values, row| {
                        values.push_bind(row.token.to_vec()).push_bind(blob(row.owner)).push_bind(int(row.position));
                    });
                    query.push(" ON CONFLICT DO NOTHING");
                    query.build().persistent(rows.len() == CHUNK).execute(&mut *conn).await?;
                }
                let mut query = QueryBuilder::<Db>::new("UPDATE ");
                query.push(self.table("progress")).push(" SET position = ").push_bind(int(position));
                query.build().execute(&mut *conn).await?;
                sqlx::raw_sql("COMMIT").execute(&mut *conn).await?;
                Ok(())
            })
        })
        .await
    }

    /// Takes out everything of these owners.
    pub(crate) async fn forget(&self, owners: &[Uuid]) -> Result<(), StoreError> {
        self.writing
            .with(async |conn| {
                on!(Conn: conn, conn, Db => {
                    sqlx::raw_sql("BEGIN").execute(&mut *conn).await?;
                    let mut forgotten = 0;
                    for owner in owners {
                        let mut query = QueryBuilder::<Db>::new("DELETE FROM ");
                        query.push(self.table("tokens")).push(" WHERE owner = ").push_bind(blob(*owner));
                        forgotten += query.build().execute(&mut *conn).await?.rows_affected();
                    }
                    if forgotten > 0 {
                        let mut query = QueryBuilder::<Db>::new("UPDATE ");
                        query.push(self.table("progress")).push(" SET dirty = 1");
                        query.build().execute(&mut *conn).await?;
                    }
                    sqlx::raw_sql("COMMIT").execute(&mut *conn).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Rewrites the index when something was taken out of it, so that no free page or dead row holds it any more. Takes seconds for each
    /// gigabyte; nobody but the indexer waits for it.
    pub(crate) async fn purge(&self) -> Result<(), StoreError> {
        self.writing
            .with(async |conn| {
                let dirty: i64 = on!(Conn: conn, conn, Db => {
                    let mut query = QueryBuilder::<Db>::new("SELECT dirty FROM ");
                    query.push(self.table("progress"));
                    query.build_query_scalar().fetch_one(&mut *conn).await?
                });
                if dirty == 0 {
                    return Ok(());
                }
                match conn {
                    Conn::Sqlite(conn) => {
                        sqlx::raw_sql("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
                            .execute(&mut *conn)
                            .await?;
                    }
                    Conn::Postgres(conn) => {
                        sqlx::raw_sql("SET statement_timeout = 0")
                            .execute(&mut *conn)
                            .await?;
                        sqlx::raw_sql("SELECT blind.purge()").execute(&mut *conn).await?;
                        sqlx::raw_sql("SET statement_timeout = '5s'")
                            .execute(&mut *conn)
                            .await?;
                    }
                }
                on!(Conn: conn, conn, Db => {
                    let mut query = QueryBuilder::<Db>::new("UPDATE ");
                    query.push(self.table("progress")).push(" SET dirty = 0");
                    query.build().execute(&mut *conn).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Owners that have all these (different) tokens, by their newest match before a position, newest first.
    pub(crate) async fn owners(
        &self,
        tokens: &[Token],
        before: u64,
        limit: u32,
    ) -> Result<Vec<(Uuid, u64)>, StoreError> {
        let rows: Vec<(Vec<u8>, i64)> = on!(Pool: &self.pool, pool, Db => {
            let mut query = QueryBuilder::<Db>::new("SELECT owner, MAX(position) AS newest FROM ");
            query.push(self.table("tokens")).push(" WHERE token IN (");
            let mut list = query.separated(", ");
            tokens.iter().for_each(|token| { list.push_bind(token.to_vec()); });
            query.push(") GROUP BY owner HAVING COUNT(DISTINCT token) = ").push_bind(int(tokens.len() as u64));
            query.push(" AND MAX(position) < ").push_bind(int(before));
            query.push(" ORDER BY newest DESC LIMIT ").push(limit);
            query.build_query_as().fetch_all(pool).await?
        });
        rows.iter()
            .map(|(owner, newest)| Ok((id(owner)?, uint(*newest))))
            .collect()
    }

    /// Where in an owner's events one of the tokens stands, newest first.
    pub(crate) async fn positions(
        &self,
        tokens: &[Token],
        owner: Uuid,
        limit: u32,
    ) -> Result<Vec<u64>, StoreError> {
        let positions: Vec<i64> = on!(Pool: &self.pool, pool, Db => {
            let mut query = QueryBuilder::<Db>::new("SELECT DISTINCT position FROM ");
            query.push(self.table("tokens")).push(" WHERE owner = ").push_bind(blob(owner)).push(" AND token IN (");
            let mut list = query.separated(", ");
            tokens.iter().for_each(|token| { list.push_bind(token.to_vec()); });
            query.push(") ORDER BY position DESC LIMIT ").push(limit);
            query.build_query_scalar().fetch_all(pool).await?
        });
        Ok(positions.into_iter().map(uint).collect())
    }

    pub(crate) async fn close(&self) {
        on!(Pool: &self.pool, pool, _Db => pool.close().await);
        self.writing.close().await;
    }

    fn table(&self, name: &str) -> String {
        match self.writing.engine {
            Engine::Sqlite(_) => name.to_owned(),
            Engine::Postgres(_) => format!("blind.{name}"),
        }
    }
}
