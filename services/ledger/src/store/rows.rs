//! Rows of either engine, read into our types.

use super::{HeadRow, SealedEvent, StoredCursor, StoredEvent, id, uint};

/// What a row must be able to hold for our types to be read from it: both engines' rows are.
macro_rules! from_row {
    ($name:ident, |$row:ident| $body:expr) => {
        impl<'r, R: sqlx::Row> sqlx::FromRow<'r, R> for $name
        where
            for<'a> &'a str: sqlx::ColumnIndex<R>,
            usize: sqlx::ColumnIndex<R>,
            i64: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
            String: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
            Vec<u8>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
        {
            fn from_row($row: &'r R) -> Result<Self, sqlx::Error> {
                $body
            }
        }
    };
}
pub(crate) use from_row;

from_row!(HeadRow, |row| Ok(Self {
    position: row.try_get("position")?,
    recorded_at: row.try_get("recorded_at")?,
    fence: row.try_get("fence")?,
    streams: row.try_get("streams")?,
    frontier: row.try_get("frontier")?,
    leader: row.try_get("leader")?,
}));

// By place, in the order of `EVENT_FACTS` and `EVENT`: twenty names a row need not be looked up in a map.
from_row!(StoredEvent, |row| Ok(Self {
    position: uint(row.try_get(0)?),
    id: id(&row.try_get::<Vec<u8>, _>(1)?)?,
    category: row.try_get(2)?,
    stream_id: id(&row.try_get::<Vec<u8>, _>(3)?)?,
    version: uint(row.try_get(4)?),
    case_id: row
        .try_get::<Option<Vec<u8>>, _>(5)?
        .as_deref()
        .map(id)
        .transpose()?,
    name: row.try_get(6)?,
    revision: u32::try_from(row.try_get::<i64, _>(7)?).unwrap_or(0),
    occurred_at: row.try_get(8)?,
    recorded_at: row.try_get(9)?,
    actor: row.try_get(10)?,
    correlation: row.try_get(11)?,
    causation: row
        .try_get::<Option<Vec<u8>>, _>(12)?
        .as_deref()
        .map(id)
        .transpose()?,
    traceparent: row.try_get(13)?,
    request_id: id(&row.try_get::<Vec<u8>, _>(14)?)?,
    data: row.try_get::<Option<Vec<u8>>, _>(15)?.unwrap_or_default(),
    salt: row.try_get::<Option<Vec<u8>>, _>(16)?.unwrap_or_default(),
    data_hash: row.try_get(17)?,
    sealed_hash: row.try_get(18)?,
    leaf: row.try_get(19)?,
}));

from_row!(SealedEvent, |row| {
    let nonce: Option<Vec<u8>> = row.try_get("nonce")?;
    let sealed: Option<Vec<u8>> = row.try_get("sealed")?;
    Ok(Self {
        event: StoredEvent::from_row(row)?,
        sealed: nonce.zip(sealed),
    })
});

from_row!(StoredCursor, |row| Ok(Self {
    consumer: row.try_get("consumer")?,
    shard: u32::try_from(row.try_get::<i64, _>("shard")?).unwrap_or(0),
    holder: row.try_get("holder")?,
    fence: uint(row.try_get("fence")?),
    position: uint(row.try_get("position")?),
    updated_at: row.try_get("updated_at")?,
    expires_at: row.try_get("expires_at")?,
}));
