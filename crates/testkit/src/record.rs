//! What is on record, read straight from the database, and everything that must be true of it whatever was done to the ledger.

use std::collections::{HashMap, HashSet};

use anyhow::{Context as _, bail, ensure};
use chassis::nats::{Nats, from_headers};
use contracts::grpc::ledger as wire;
use contracts::subjects;
use kernel::Position;
use sha2::{Digest as _, Sha256};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Connection as _, Row as _};

type Hash = [u8; 32];

/// Envelope and body of an event as the database holds them.
struct Row {
    position: i64,
    id: Vec<u8>,
    stream: i64,
    category: String,
    stream_id: Vec<u8>,
    version: i64,
    case_id: Option<Vec<u8>>,
    kind: String,
    occurred_at: i64,
    recorded_at: i64,
    actor: String,
    request_id: Vec<u8>,
    data_hash: Vec<u8>,
    sealed_hash: Vec<u8>,
    leaf: Vec<u8>,
    body: Body,
}

struct Body {
    data: Option<Vec<u8>>,
    salt: Option<Vec<u8>>,
    nonce: Option<Vec<u8>>,
    sealed: Option<Vec<u8>>,
}

/// A whole ledger that was found to be in order.
pub struct Record {
    rows: Vec<Row>,
    root: Hash,
}

const ROWS: &str = "SELECT e.position, e.id, e.stream, s.category, s.id AS stream_id, e.version, e.case_id, e.name, e.revision, \
     e.occurred_at, e.recorded_at, e.actor, e.request_id, e.data_hash, e.sealed_hash, e.leaf, \
     b.position AS body, b.data, b.salt, b.nonce, b.sealed \
     FROM events e LEFT JOIN streams s ON s.number = e.stream LEFT JOIN bodies b ON b.position = e.position ORDER BY e.position";

impl Record {
    /// Reads the whole ledger as of one moment and checks it: positions are dense, versions are dense within each stream, each request
    /// stands there once and covers exactly its events, each hash is of what is stored, each leaf is of its envelope, and head row and
    /// frontier are what follows from the rows. The leaf and the tree are computed here from their published description, by none of
    /// the ledger's code.
    ///
    /// # Errors
    /// The first thing that is not so.
    pub async fn read(database: &str) -> anyhow::Result<Self> {
        sqlx::any::install_default_drivers();
        let mut conn = AnyConnection::connect(database).await.context("the database")?;
        let begin = if database.starts_with("sqlite:") {
            "BEGIN"
        } else {
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        };
        sqlx::raw_sql(begin).execute(&mut conn).await?;
        let rows = sqlx::query(ROWS).fetch_all(&mut conn).await?;
        let rows = rows.iter().map(Row::of).collect::<anyhow::Result<Vec<_>>>()?;
        let streams = sqlx::query("SELECT number, version FROM streams")
            .fetch_all(&mut conn)
            .await?;
        let requests = sqlx::query("SELECT request_id, position, count FROM requests")
            .fetch_all(&mut conn)
            .await?;
        let head = sqlx::query("SELECT position, recorded_at, streams, frontier FROM head WHERE id = 1")
            .fetch_one(&mut conn)
            .await?;
        sqlx::raw_sql("ROLLBACK").execute(&mut conn).await?;
        conn.close().await?;

        dense(&rows)?;
        versions(&rows, &streams)?;
        once(&rows, &requests)?;
        let leaves = rows
            .iter()
            .map(Row::checked_leaf)
            .collect::<anyhow::Result<Vec<_>>>()?;
        let root = tree(&leaves);
        let stored: Vec<u8> = head.try_get("frontier")?;
        ensure!(
            stored == subtrees(&leaves).concat(),
            "the head's frontier is not the tree's"
        );
        ensure!(
            head.try_get::<i64, _>("position")? == rows.len() as i64,
            "the head is not at the last event"
        );
        ensure!(
            head.try_get::<i64, _>("streams")? == streams.len() as i64,
            "the head does not count the streams"
        );
        let last = rows.last().map_or(0, |row| row.recorded_at);
        ensure!(
            head.try_get::<i64, _>("recorded_at")? == last,
            "the head's time is not the last event's"
        );
        Ok(Self { rows, root })
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The RFC 6962 root over all events.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.root
    }

    /// How many requests it took.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.rows
            .iter()
            .map(|row| &row.request_id)
            .collect::<HashSet<_>>()
            .len()
    }

    /// Everything that was acknowledged is on record as it was acknowledged, and nothing of one request more than that.
    ///
    /// # Errors
    /// The first acknowledgement that does not hold.
    pub fn holds<'a>(
        &self,
        acknowledged: impl IntoIterator<Item = &'a wire::Appended>,
    ) -> anyhow::Result<()> {
        let mut counts: HashMap<&[u8], usize> = HashMap::new();
        for row in &self.rows {
            *counts.entry(&row.request_id).or_default() += 1;
        }
        for appended in acknowledged {
            let request = hex::encode(&appended.request_id);
            let count = counts.get(appended.request_id.as_ref()).copied().unwrap_or(0);
            ensure!(
                count == appended.events.len(),
                "request {request} was acknowledged with {} events, {count} are on record",
                appended.events.len()
            );
            for event in &appended.events {
                let place = usize::try_from(event.position)?.checked_sub(1);
                let row = place.and_then(|place| self.rows.get(place));
                let same = row.is_some_and(|row| {
                    row.id == event.id
                        && row.request_id == appended.request_id
                        && row.category == event.category
                        && row.stream_id == event.stream_id
                        && row.version as u64 == event.version
                        && row.recorded_at == event.recorded_at
                });
                ensure!(
                    same,
                    "event {} of request {request} is not on record as it was acknowledged",
                    event.position
                );
            }
        }
        Ok(())
    }

    /// The stream EVENTS holds exactly this record, each event at its own position.
    ///
    /// # Errors
    /// The first message that differs.
    pub async fn is_the_stream(&self, nats: &Nats) -> anyhow::Result<()> {
        let stream = nats.jetstream().get_stream(subjects::EVENTS).await?;
        let state = stream.cached_info().state.clone();
        ensure!(
            state.last_sequence == self.len() as u64 && state.messages == state.last_sequence,
            "the stream has {} messages and ends at {}, the ledger at {}",
            state.messages,
            state.last_sequence,
            self.len()
        );
        for row in &self.rows {
            let sequence = row.position as u64;
            let message = stream
                .direct_get(sequence)
                .await
                .with_context(|| format!("message {sequence}"))?;
            let event = from_headers(&message.headers, &message.payload)
                .with_context(|| format!("message {sequence}"))?;
            let same = event.position == Position(sequence)
                && event.id.0.as_bytes().as_slice() == row.id
                && event.version as i64 == row.version
                && event.stream.id.as_bytes().as_slice() == row.stream_id
                && row
                    .body
                    .data
                    .as_deref()
                    .is_none_or(|data| data == message.payload.as_ref());
            ensure!(same, "message {sequence} is not event {sequence}");
        }
        Ok(())
    }
}

impl Row {
    fn of(row: &AnyRow) -> anyhow::Result<Self> {
        let position = row.try_get("position")?;
        ensure!(
            row.try_get::<Option<i64>, _>("body")? == Some(position),
            "event {position} has no body"
        );
        ensure!(
            row.try_get::<Option<String>, _>("category")?.is_some(),
            "event {position} has no stream"
        );
        let name: String = row.try_get("name")?;
        Ok(Self {
            position,
            id: row.try_get("id")?,
            stream: row.try_get("stream")?,
            category: row.try_get("category")?,
            stream_id: row.try_get("stream_id")?,
            version: row.try_get("version")?,
            case_id: row.try_get("case_id")?,
            kind: format!("{name}.v{}", row.try_get::<i64, _>("revision")?),
            occurred_at: row.try_get("occurred_at")?,
            recorded_at: row.try_get("recorded_at")?,
            actor: row.try_get("actor")?,
            request_id: row.try_get("request_id")?,
            data_hash: row.try_get("data_hash")?,
            sealed_hash: row.try_get("sealed_hash")?,
            leaf: row.try_get("leaf")?,
            body: Body {
                data: row.try_get("data")?,
                salt: row.try_get("salt")?,
                nonce: row.try_get("nonce")?,
                sealed: row.try_get("sealed")?,
            },
        })
    }

    /// The leaf's hash, if everything stored of the event agrees with it.
    fn checked_leaf(&self) -> anyhow::Result<Hash> {
        let position = self.position;
        match &self.body {
            Body {
                data: Some(data),
                salt: Some(salt),
                nonce,
                sealed,
            } => {
                ensure!(
                    hash(&[salt, data]).as_slice() == self.data_hash,
                    "the data of event {position} were changed"
                );
                match (nonce, sealed) {
                    (Some(nonce), Some(sealed)) => ensure!(
                        hash(&[nonce, sealed]).as_slice() == self.sealed_hash,
                        "the sealed part of event {position} was changed"
                    ),
                    (None, None) => {
                        ensure!(
                            self.sealed_hash.is_empty(),
                            "the sealed part of event {position} is gone"
                        );
                    }
                    _ => bail!("half of the sealed part of event {position} is gone"),
                }
            }
            // Erased, as a whole: the hashes stay.
            Body {
                data: None,
                salt: None,
                nonce: None,
                sealed: None,
            } => {}
            _ => bail!("half of the body of event {position} is gone"),
        }
        let leaf = hash(&[&[0], &self.envelope()]);
        ensure!(
            leaf.as_slice() == self.leaf,
            "the envelope of event {position} is not what its leaf says"
        );
        Ok(leaf)
    }

    /// As `services/ledger/src/envelope.rs` publishes it.
    fn envelope(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut bytes = |bytes: &[u8], counted: bool| {
            if counted {
                out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
            }
            out.extend_from_slice(bytes);
        };
        bytes(b"hoiam-event-v1", true);
        bytes(&self.position.to_be_bytes(), false);
        bytes(&self.id, true);
        bytes(self.category.as_bytes(), true);
        bytes(&self.stream_id, true);
        bytes(&self.version.to_be_bytes(), false);
        bytes(self.kind.as_bytes(), true);
        bytes(&self.occurred_at.to_be_bytes(), false);
        bytes(&self.recorded_at.to_be_bytes(), false);
        bytes(self.actor.as_bytes(), true);
        bytes(self.case_id.as_deref().unwrap_or_default(), true);
        bytes(&self.data_hash, true);
        bytes(&self.sealed_hash, true);
        out
    }
}

fn dense(rows: &[Row]) -> anyhow::Result<()> {
    let mut time = i64::MIN;
    for (row, expected) in rows.iter().zip(1..) {
        ensure!(row.position == expected, "position {expected} is missing");
        ensure!(row.recorded_at >= time, "recorded_at goes back at {expected}");
        time = row.recorded_at;
    }
    Ok(())
}

fn versions(rows: &[Row], streams: &[AnyRow]) -> anyhow::Result<()> {
    let mut versions: HashMap<i64, i64> = HashMap::new();
    for row in rows {
        let version = versions.entry(row.stream).or_default();
        *version += 1;
        ensure!(
            row.version == *version,
            "event {} is version {} of its stream where {version} was due",
            row.position,
            row.version
        );
    }
    for stream in streams {
        let number: i64 = stream.try_get("number")?;
        let (stored, counted) = (stream.try_get("version")?, versions.remove(&number));
        ensure!(
            counted == Some(stored),
            "stream {number} is at version {stored}, its events at {counted:?}"
        );
    }
    ensure!(versions.is_empty(), "events belong to streams that do not exist");
    Ok(())
}

fn once(rows: &[Row], requests: &[AnyRow]) -> anyhow::Result<()> {
    let mut covered = 0;
    for request in requests {
        let id: Vec<u8> = request.try_get("request_id")?;
        let (first, count): (i64, i64) = (request.try_get("position")?, request.try_get("count")?);
        let events = usize::try_from(first - 1)
            .ok()
            .and_then(|from| rows.get(from..from.checked_add(usize::try_from(count).ok()?)?));
        ensure!(
            events.is_some_and(|events| events.iter().all(|row| row.request_id == id)),
            "request {} does not cover its {count} events from {first}",
            hex::encode(&id)
        );
        covered += count;
    }
    ensure!(
        covered == rows.len() as i64,
        "an event belongs to no request, or to two"
    );
    Ok(())
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

/// RFC 6962 2.1, word for word: split at the largest power of two smaller than n.
fn tree(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => hash(&[]),
        [one] => *one,
        more => {
            let (left, right) = more.split_at(1 << (more.len() - 1).ilog2());
            hash(&[&[1], &tree(left), &tree(right)])
        }
    }
}

/// The roots of the full subtrees that make up the tree, largest first.
fn subtrees(mut leaves: &[Hash]) -> Vec<Hash> {
    let mut roots = Vec::new();
    while !leaves.is_empty() {
        let (full, rest) = leaves.split_at(1 << leaves.len().ilog2());
        roots.push(tree(full));
        leaves = rest;
    }
    roots
}
