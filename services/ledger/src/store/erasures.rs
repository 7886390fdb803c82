//! What was erased: written in the transaction of its event, read by whoever opens the vault.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::engine::{Conn, Pool, on};
use super::session::Session;
use super::{Store, blob, id, int, uint};
use crate::error::StoreError;

impl Session {
    /// Takes the ciphertext of a case out of its bodies, those of this transaction included, and marks it erased. Facts and hashes stay.
    pub(crate) async fn erase(&mut self, case: Uuid, position: u64) -> Result<(), StoreError> {
        on!(Conn: self.conn(), conn, Db => {
            let mut query = QueryBuilder::<Db>::new("UPDATE bodies SET nonce = NULL, sealed = NULL WHERE sealed IS NOT NULL");
            query.push(" AND position IN (SELECT position FROM events WHERE case_id = ").push_bind(blob(case)).push(")");
            query.build().execute(&mut *conn).await?;
            let mut query = QueryBuilder::<Db>::new("INSERT INTO erasures (owner, position) VALUES (");
            query.push_bind(blob(case)).push(", ").push_bind(int(position)).push(") ON CONFLICT (owner) DO NOTHING");
            query.build().execute(conn).await?;
        });
        Ok(())
    }
}

impl Store {
    /// Everybody whose content was erased.
    pub(crate) async fn erased(&self) -> Result<Vec<Uuid>, StoreError> {
        let owners: Vec<Vec<u8>> = on!(Pool: self.pool(), pool, Db => {
            sqlx::query_scalar::<Db, Vec<u8>>("SELECT owner FROM erasures").fetch_all(pool).await?
        });
        owners.iter().map(|owner| Ok(id(owner)?)).collect()
    }

    /// At which position the content of a case was erased, if it was.
    pub(crate) async fn erasure(&self, case: Uuid) -> Result<Option<u64>, StoreError> {
        on!(Pool: self.pool(), pool, Db => {
            let mut query = QueryBuilder::<Db>::new("SELECT position FROM erasures WHERE owner = ");
            query.push_bind(blob(case));
            let position: Option<i64> = query.build_query_scalar().fetch_optional(pool).await?;
            Ok(position.map(uint))
        })
    }
}
