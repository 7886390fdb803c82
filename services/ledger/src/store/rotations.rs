//! Rewrapping in the key store: a batch of keys at a time, so that it may stop anywhere and go on.

use sqlx::QueryBuilder;

use super::engine::{Conn, Pool, on};
use super::keys::KeyStore;
use super::uint;
use crate::error::StoreError;
use crate::vault::Fingerprint;

/// A wrapped key with its owner.
pub(crate) type Row = (Vec<u8>, Vec<u8>);

/// A finished rotation that is not on record yet.
pub(crate) struct Finished {
    pub(crate) began_at: i64,
    pub(crate) from: Fingerprint,
    pub(crate) to: Fingerprint,
    pub(crate) ordered_by: String,
    pub(crate) keys: u64,
    pub(crate) at: i64,
}

/// A finished rotation: when it began, the fingerprints from and to, by whose order, how many keys, when it ended.
type FinishedRow = (i64, Vec<u8>, Vec<u8>, String, i64, i64);

impl KeyStore {
    /// From which key to which a rotation was begun and not finished.
    pub(crate) async fn unfinished_rotation(&self) -> Result<Option<(Fingerprint, Fingerprint)>, StoreError> {
        let row: Option<(Vec<u8>, Vec<u8>)> = on!(Pool: &self.pool, pool, Db => {
            let mut query = QueryBuilder::<Db>::new("SELECT from_kek, to_kek FROM ");
            query.push(self.table("rotations")).push(" WHERE finished_at IS NULL");
            query.build_query_as().fetch_optional(pool).await?
        });
        row.map(|(from, to)| Ok((Fingerprint::from_bytes(&from)?, Fingerprint::from_bytes(&to)?)))
            .transpose()
    }

    /// Says that everything wrapped before there were fingerprints is under this key.
    pub(crate) async fn adopt(&self, kek: Fingerprint) -> Result<(), StoreError> {
        self.writing
            .with(async |conn| {
                on!(Conn: conn, conn, Db => {
                    sqlx::raw_sql("BEGIN").execute(&mut *conn).await?;
                    for table in ["data_keys", "secrets"] {
                        let mut query = QueryBuilder::<Db>::new("UPDATE ");
                        query.push(self.table(table)).push(" SET kek = ").push_bind(kek.0.to_vec());
                        query.push(" WHERE kek = ").push_bind(Fingerprint::UNKNOWN.0.to_vec());
                        query.build().execute(&mut *conn).await?;
                    }
                    sqlx::raw_sql("COMMIT").execute(&mut *conn).await?;
                });
                Ok(())
            })
            .await
    }

    /// Begins a rotation.
    pub(crate) async fn begin_rotation(
        &self,
        from: Fingerprint,
        to: Fingerprint,
        ordered_by: &str,
        now: i64,
    ) -> Result<(), StoreError> {
        self.writing
            .with(async |conn| {
                on!(Conn: conn, conn, Db => {
                    let mut query = QueryBuilder::<Db>::new("INSERT INTO ");
                    query.push(self.table("rotations"));
                    query.push(" (from_kek, to_kek, ordered_by, began_at, keys, recorded) VALUES (");
                    let mut list = query.separated(", ");
                    list.push_bind(from.0.to_vec()).push_bind(to.0.to_vec()).push_bind(ordered_by.to_owned());
                    list.push_bind(now).push_bind(0_i64).push_bind(0_i64);
                    query.push(")");
                    query.build().execute(&mut *conn).await?;
                });
                Ok(())
            })
            .await
    }

    /// The next keys after an owner's that another key than `to` wraps.
    pub(crate) async fn to_rewrap(
        &self,
        to: Fingerprint,
        owner: &[u8],
        limit: i64,
    ) -> Result<Vec<Row>, StoreError> {
        on!(Pool: &self.pool, pool, Db => {
            let mut query = QueryBuilder::<Db>::new("SELECT owner, wrapped FROM ");
            query.push(self.table("data_keys")).push(" WHERE wrapped IS NOT NULL AND kek <> ").push_bind(to.0.to_vec());
            query.push(" AND owner > ").push_bind(owner.to_vec()).push(" ORDER BY owner LIMIT ").push(limit);
            Ok(query.build_query_as().fetch_all(pool).await?)
        })
    }

    /// Puts rewrapped keys in the place of the old ones, all or none.
    pub(crate) async fn rewrap(&self, keys: &[Row], to: Fingerprint) -> Result<(), StoreError> {
        self.writing.with(async |conn| {
            on!(Conn: conn, conn, Db => {
                sqlx::raw_sql("BEGIN").execute(&mut *conn).await?;
                for (owner, wrapped) in keys {
                    let mut query = QueryBuilder::<Db>::new("UPDATE ");
                    query.push(self.table("data_keys")).push(" SET wrapped = ").push_bind(wrapped.clone());
                    query.push(", kek = ").push_bind(to.0.to_vec()).push(" WHERE wrapped IS NOT NULL AND owner = ");
                    query.push_bind(owner.clone());
                    query.build().execute(&mut *conn).await?;
                }
                let mut query = QueryBuilder::<Db>::new("UPDATE ");
                query.push(self.table("rotations")).push(" SET keys = keys + ").push_bind(super::int(keys.len() as u64));
                query.push(" WHERE finished_at IS NULL");
                query.build().execute(&mut *conn).await?;
                sqlx::raw_sql("COMMIT").execute(&mut *conn).await?;
            });
            Ok(())
        })
        .await
    }

    /// Every secret by name.
    pub(crate) async fn secrets(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        on!(Pool: &self.pool, pool, Db => {
            let mut query = QueryBuilder::<Db>::new("SELECT name, wrapped FROM ");
            query.push(self.table("secrets"));
            Ok(query.build_query_as().fetch_all(pool).await?)
        })
    }

    /// The last step: the secrets, and that it is finished, in one transaction.
    pub(crate) async fn finish_rotation(
        &self,
        secrets: &[(String, Vec<u8>)],
        to: Fingerprint,
        now: i64,
    ) -> Result<(), StoreError> {
        self.writing.with(async |conn| {
            on!(Conn: conn, conn, Db => {
                sqlx::raw_sql("BEGIN").execute(&mut *conn).await?;
                for (name, wrapped) in secrets {
                    let mut query = QueryBuilder::<Db>::new("UPDATE ");
                    query.push(self.table("secrets")).push(" SET wrapped = ").push_bind(wrapped.clone());
                    query.push(", kek = ").push_bind(to.0.to_vec()).push(" WHERE name = ").push_bind(name.clone());
                    query.build().execute(&mut *conn).await?;
                }
                let mut query = QueryBuilder::<Db>::new("UPDATE ");
                query.push(self.table("rotations")).push(" SET finished_at = ").push_bind(now);
                query.push(" WHERE finished_at IS NULL");
                query.build().execute(&mut *conn).await?;
                sqlx::raw_sql("COMMIT").execute(&mut *conn).await?;
            });
            Ok(())
        })
        .await
    }

    /// Finished rotations that no event tells of yet.
    pub(crate) async fn unrecorded_rotations(&self) -> Result<Vec<Finished>, StoreError> {
        let rows: Vec<FinishedRow> = on!(Pool: &self.pool, pool, Db => {
            let mut query = QueryBuilder::<Db>::new("SELECT began_at, from_kek, to_kek, ordered_by, keys, finished_at FROM ");
            query.push(self.table("rotations")).push(" WHERE recorded = 0 AND finished_at IS NOT NULL ORDER BY began_at");
            query.build_query_as().fetch_all(pool).await?
        });
        rows.into_iter()
            .map(|(began_at, from, to, ordered_by, keys, at)| {
                Ok(Finished {
                    began_at,
                    from: Fingerprint::from_bytes(&from)?,
                    to: Fingerprint::from_bytes(&to)?,
                    ordered_by,
                    keys: uint(keys),
                    at,
                })
            })
            .collect()
    }

    /// An event tells of it now.
    pub(crate) async fn rotation_recorded(&self, began_at: i64) -> Result<(), StoreError> {
        self.writing.with(async |conn| {
            on!(Conn: conn, conn, Db => {
                let mut query = QueryBuilder::<Db>::new("UPDATE ");
                query.push(self.table("rotations")).push(" SET recorded = 1 WHERE began_at = ").push_bind(began_at);
                query.build().execute(&mut *conn).await?;
            });
            Ok(())
        })
        .await
    }
}
