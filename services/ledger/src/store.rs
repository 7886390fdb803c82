//! Reading what is committed, on either engine. All SQL of the ledger is in this file and the folder beside it.

pub mod backup;
pub mod copy;
mod end;
pub(crate) mod engine;
mod erasures;
pub(crate) mod insert;
pub(crate) mod keys;
pub mod migrate;
pub(crate) mod notice;
pub mod roles;
pub(crate) mod rotations;
mod rows;
mod schema;
pub(crate) mod session;
pub(crate) mod tokens;
mod writing;

use std::ops::RangeInclusive;
use std::sync::Arc;

use sqlx::QueryBuilder;
use tokio::sync::watch;
use uuid::Uuid;

use engine::on;
pub(crate) use engine::{Engine, Pool};
pub(crate) use rows::from_row;

use crate::error::StoreError;
use crate::event::{Filter, StoredEvent};
use crate::merkle::{Frontier, Hash};

/// The committed history, for readers. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    head: Arc<watch::Sender<u64>>,
}

/// The end of the committed history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Of the last event; 0 when there is none.
    pub position: u64,
    /// Of the last event, in microseconds, UTC.
    pub recorded_at: i64,
    /// Of the Merkle tree over all events.
    pub frontier: Frontier,
    /// Raised each time an instance becomes the writer.
    pub fence: u64,
    /// Where the writer's gRPC is reached; empty when it did not say.
    pub leader: String,
}

impl Head {
    /// The RFC 6962 root over `position` leaves.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }
}

/// Sealed content with the envelope it is bound to.
#[derive(Clone, Debug)]
pub struct SealedEvent {
    /// The event.
    pub event: StoredEvent,
    /// Nonce of the cipher, and ciphertext with its tag; `None` when nothing was sealed or it was erased.
    pub sealed: Option<(Vec<u8>, Vec<u8>)>,
}

/// From which end a range is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The oldest first.
    Forwards,
    /// The newest first.
    Backwards,
}

impl Order {
    fn sql(self) -> &'static str {
        match self {
            Self::Forwards => "",
            Self::Backwards => " DESC",
        }
    }
}

/// A part of one stream.
#[derive(Clone, Debug)]
pub struct StreamStretch {
    /// The stream is `<category>/<id>`.
    pub category: String,
    /// See `category`.
    pub id: Uuid,
    /// Which of its versions.
    pub versions: RangeInclusive<u64>,
    /// The last position: what is on record after it is left out.
    pub to: u64,
    /// What happened after this instant is left out.
    pub occurred_until: Option<i64>,
}

/// A reactor's cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCursor {
    /// Whose.
    pub consumer: String,
    /// Of which shard.
    pub shard: u32,
    /// Who holds it; empty: nobody.
    pub holder: String,
    /// Raised each time somebody takes it.
    pub fence: u64,
    /// Highest position with nothing undone before it.
    pub position: u64,
    /// Microseconds, UTC.
    pub updated_at: i64,
    /// Microseconds, UTC.
    pub expires_at: i64,
}

const EVENT: &str = "SELECT e.position, e.id, s.category, s.id AS stream_id, e.version, e.case_id, e.name, e.revision, \
     e.occurred_at, e.recorded_at, e.actor, e.correlation, e.causation, e.traceparent, e.request_id, b.data, b.salt, \
     e.data_hash, e.sealed_hash, e.leaf, b.nonce, b.sealed \
     FROM events e JOIN streams s ON s.number = e.stream JOIN bodies b ON b.position = e.position WHERE ";
/// The same without the sealed part, which only opening needs.
const EVENT_FACTS: &str = "SELECT e.position, e.id, s.category, s.id AS stream_id, e.version, e.case_id, e.name, e.revision, \
     e.occurred_at, e.recorded_at, e.actor, e.correlation, e.causation, e.traceparent, e.request_id, b.data, b.salt, \
     e.data_hash, e.sealed_hash, e.leaf \
     FROM events e JOIN streams s ON s.number = e.stream JOIN bodies b ON b.position = e.position WHERE ";

// Limits are written out, not bound: SQLite prepares a statement anew each time its bound limit may have changed, which took more
// than the reading itself. There are few different ones, so the prepared statements stay few.
impl Store {
    /// Opens a database for reading. It must have been migrated (`migrate::run`).
    ///
    /// # Errors
    /// When it is out of reach.
    pub(crate) async fn open(engine: &Engine) -> Result<Self, StoreError> {
        let pool = Pool::open(engine).await?;
        let store = Self {
            pool,
            head: Arc::new(watch::Sender::new(0)),
        };
        store.refresh().await?;
        Ok(store)
    }

    /// `sqlite` or `postgres`.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        match self.pool {
            Pool::Sqlite(_) => "sqlite",
            Pool::Postgres(_) => "postgres",
        }
    }

    /// The committed head, as it moves. What it shows is readable.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// Called by the writer after a commit.
    pub(crate) fn committed(&self, position: u64) {
        self.head.send_if_modified(|head| {
            let moved = position > *head;
            *head = position.max(*head);
            moved
        });
    }

    /// Looks at the database for a head that another instance moved.
    pub(crate) async fn refresh(&self) -> Result<Head, StoreError> {
        let head = self.head().await?;
        self.committed(head.position);
        Ok(head)
    }

    /// The end of the committed history.
    ///
    /// # Errors
    /// When the database fails or the head row is damaged.
    pub async fn head(&self) -> Result<Head, StoreError> {
        on!(Pool: &self.pool, pool, Db => {
            let row: HeadRow = sqlx::query_as::<Db, _>(HEAD).fetch_one(pool).await?;
            row.head()
        })
    }

    /// At most `limit` events of the positions `from..=to` that match, by position. When fewer come back, there are no
    /// more of them up to `to`. `to` is cut at the committed head.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read_all(
        &self,
        from: u64,
        to: u64,
        limit: usize,
        filter: &Filter,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        self.read_range(from..=to, Order::Forwards, limit, filter).await
    }

    /// The same from either end of the range.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read_range(
        &self,
        positions: RangeInclusive<u64>,
        order: Order,
        limit: usize,
        filter: &Filter,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let (from, to) = (*positions.start(), *positions.end().min(&self.head.borrow()));
        if from > to {
            return Ok(Vec::new());
        }
        on!(Pool: &self.pool, pool, Db => {
            let mut query = QueryBuilder::<Db>::new(EVENT_FACTS);
            query.push("e.position >= ").push_bind(int(from)).push(" AND e.position <= ").push_bind(int(to));
            // All conditions are on `events`: what does not match is never joined.
            if !filter.categories.is_empty() {
                let mut any = " AND (";
                for category in &filter.categories {
                    // A type begins with its category. No LIKE: a category may hold its wild card `_`.
                    query.push(any).push("substr(e.name, 1, ").push(category.len() + 1).push(") = ");
                    query.push_bind(format!("{category}."));
                    any = " OR ";
                }
                query.push(")");
            }
            if !filter.names.is_empty() {
                query.push(" AND e.name IN (");
                let mut list = query.separated(", ");
                filter.names.iter().for_each(|name| { list.push_bind(name.clone()); });
                query.push(")");
            }
            if let Some(case) = filter.case_id {
                query.push(" AND e.case_id = ").push_bind(blob(case));
            }
            if let Some(actor) = &filter.actor {
                query.push(" AND e.actor = ").push_bind(actor.clone());
            }
            if let Some(from) = filter.occurred.from {
                query.push(" AND e.occurred_at >= ").push_bind(from);
            }
            if let Some(until) = filter.occurred.until {
                query.push(" AND e.occurred_at <= ").push_bind(until);
            }
            query.push(" ORDER BY e.position").push(order.sql()).push(" LIMIT ").push(int(limit as u64));
            Ok(query.build_query_as::<StoredEvent>().fetch_all(pool).await?)
        })
    }

    /// At most `limit` events of some cases, by position, as far as is committed.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn read_cases(
        &self,
        cases: &[Uuid],
        limit: usize,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let Some(last) = cases.last() else {
            return Ok(Vec::new());
        };
        let head = int(*self.head.borrow());
        // Powers of two, so that few different statements are prepared.
        let places = cases
            .iter()
            .chain(std::iter::repeat(last))
            .take(cases.len().next_power_of_two());
        on!(Pool: &self.pool, pool, Db => {
            let mut query = QueryBuilder::<Db>::new(EVENT_FACTS);
            query.push("e.position <= ").push_bind(head).push(" AND e.case_id IN (");
            let mut list = query.separated(", ");
            places.for_each(|case| { list.push_bind(blob(*case)); });
            query.push(") ORDER BY e.position LIMIT ").push(int(limit as u64));
            Ok(query.build_query_as::<StoredEvent>().fetch_all(pool).await?)
        })
    }

    /// At most `limit` events of a stretch of one stream, by version. When fewer come back, there are no more of them in it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read_stream(
        &self,
        stretch: &StreamStretch,
        order: Order,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        on!(Pool: &self.pool, pool, Db => {
            let mut query = QueryBuilder::<Db>::new(EVENT_FACTS);
            query.push("s.category = ").push_bind(stretch.category.clone()).push(" AND s.id = ").push_bind(blob(stretch.id));
            query.push(" AND e.version >= ").push_bind(int(*stretch.versions.start()));
            query.push(" AND e.version <= ").push_bind(int(*stretch.versions.end()));
            query.push(" AND e.position <= ").push_bind(int(stretch.to));
            if let Some(until) = stretch.occurred_until {
                query.push(" AND e.occurred_at <= ").push_bind(until);
            }
            query.push(" ORDER BY e.version").push(order.sql()).push(" LIMIT ").push(int(limit as u64));
            Ok(query.build_query_as::<StoredEvent>().fetch_all(pool).await?)
        })
    }

    /// The first position from `from` on that was recorded at or after an instant; one beyond the head when there is none.
    /// Recorded time never goes back, so halving finds it: 24 look-ups by primary key in ten million events.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recorded_from(&self, from: u64, instant: i64) -> Result<u64, StoreError> {
        let (mut low, mut high) = (from.max(1), *self.head.borrow() + 1);
        while low < high {
            let middle = low.midpoint(high);
            let recorded_at: i64 = on!(Pool: &self.pool, pool, Db => {
                sqlx::query_scalar::<Db, i64>("SELECT recorded_at FROM events WHERE position = $1")
                    .bind(int(middle))
                    .fetch_one(pool)
                    .await?
            });
            if recorded_at < instant {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// The last position that was recorded at or before an instant; 0 when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recorded_until(&self, instant: i64) -> Result<u64, StoreError> {
        match instant.checked_add(1) {
            Some(after) => Ok(self.recorded_from(1, after).await? - 1),
            None => Ok(*self.head.borrow()),
        }
    }

    /// The events at these positions with their sealed part, in any order; what does not exist is left out.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn read_sealed(&self, positions: &[u64]) -> Result<Vec<SealedEvent>, StoreError> {
        if positions.is_empty() {
            return Ok(Vec::new());
        }
        on!(Pool: &self.pool, pool, Db => {
            let mut query = QueryBuilder::<Db>::new(EVENT);
            query.push("e.position IN (");
            let mut list = query.separated(", ");
            positions.iter().for_each(|position| { list.push_bind(int(*position)); });
            query.push(")");
            Ok(query.build_query_as::<SealedEvent>().persistent(false).fetch_all(pool).await?)
        })
    }

    /// Positions of events with a sealed part that belong to a case, at most `limit`, by position. What belongs to no case is
    /// policies, and no person's words.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn sealed_of_cases(
        &self,
        positions: RangeInclusive<u64>,
        limit: usize,
    ) -> Result<Vec<u64>, StoreError> {
        on!(Pool: &self.pool, pool, Db => {
            let mut query = QueryBuilder::<Db>::new("SELECT position FROM events WHERE position >= ");
            query.push_bind(int(*positions.start())).push(" AND position <= ").push_bind(int(*positions.end()));
            query.push(" AND case_id IS NOT NULL AND length(sealed_hash) > 0 ORDER BY position LIMIT ").push(int(limit as u64));
            let found: Vec<i64> = query.build_query_scalar().fetch_all(pool).await?;
            Ok(found.into_iter().map(uint).collect())
        })
    }

    /// All cursors.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cursors(&self) -> Result<Vec<StoredCursor>, StoreError> {
        on!(Pool: &self.pool, pool, Db => {
            Ok(sqlx::query_as::<Db, StoredCursor>(
                "SELECT consumer, shard, holder, fence, position, updated_at, expires_at FROM cursors ORDER BY consumer, shard",
            )
            .fetch_all(pool)
            .await?)
        })
    }

    fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Ends all connections, so that the files can be moved.
    pub(crate) async fn close(&self) {
        on!(Pool: &self.pool, pool, _Db => pool.close().await);
    }
}

pub(crate) const HEAD: &str =
    "SELECT position, recorded_at, fence, streams, frontier, leader FROM head WHERE id = 1";

/// The head row.
#[derive(Clone)]
pub(crate) struct HeadRow {
    pub(crate) position: i64,
    pub(crate) recorded_at: i64,
    pub(crate) fence: i64,
    pub(crate) streams: i64,
    pub(crate) frontier: Vec<u8>,
    pub(crate) leader: String,
}

impl HeadRow {
    pub(crate) fn head(&self) -> Result<Head, StoreError> {
        let position = uint(self.position);
        let frontier = Frontier::from_bytes(position, &self.frontier).ok_or(StoreError::Damaged(
            "the Merkle frontier does not fit the head's position",
        ))?;
        Ok(Head {
            position,
            recorded_at: self.recorded_at,
            frontier,
            fence: uint(self.fence),
            leader: self.leader.clone(),
        })
    }
}

/// A number as the databases keep it. Positions and versions count from 1 and never reach 2^63.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number as we keep it; the databases hold no negative one.
pub(crate) fn uint(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(crate) fn blob(id: Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}

fn id(bytes: &[u8]) -> Result<Uuid, sqlx::Error> {
    Uuid::from_slice(bytes).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
