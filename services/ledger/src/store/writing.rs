//! One connection for writing beside a pool of readers, opened anew after an error.

use tokio::sync::Mutex;

use super::engine::{Conn, Engine};
use crate::error::StoreError;

/// The connection, and what it leads to. Deleted bytes are overwritten (`secure_delete`).
pub(super) struct Writing {
    pub(super) engine: Engine,
    conn: Mutex<Option<Conn>>,
}

impl Writing {
    pub(super) fn to(engine: Engine) -> Self {
        Self {
            engine,
            conn: Mutex::new(None),
        }
    }

    /// One piece of work at a time.
    pub(super) async fn with<T>(
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

    pub(super) async fn close(&self) {
        if let Some(conn) = self.conn.lock().await.take() {
            conn.close().await;
        }
    }
}
