//! One transaction: look up what the batch touches, decide, seal and hash, write, commit.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Instant;

use contracts::grpc::ledger as wire;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::batch::{Batch, Decision, Known, Numbers, Planned};
use super::{Answer, Outcome, Work, Writer};
use crate::envelope;
use crate::error::{Refused, StoreError};
use crate::event::{Filter, StoredEvent, bytes};
use crate::merkle::{Frontier, leaf_hash};
use crate::request::{ACCESS, CONTENT_ERASED, Origin, Request};
use crate::store::insert::{EventRow, Rows};
use crate::store::session::Session;
use crate::store::{HeadRow, int, uint};
use crate::telemetry;
use crate::vault::{KeyState, Vault};

const SALT: usize = 16;

impl Writer {
    /// Commits what the works come to; one outcome each, in their order. On an error nothing is known of the commit:
    /// running it again answers with what was stored, because identity is looked up first.
    pub(super) async fn transact(
        &self,
        session: &mut Session,
        works: &[&Work],
    ) -> Result<Vec<Outcome>, StoreError> {
        let began = Instant::now();
        // Of appends only: leases are taken all the time, and a test that waits for its append would never meet its point.
        let appends = works.iter().any(|work| matches!(work, Work::Append(_)));
        let step = |name| {
            if appends {
                chassis::failpoint::hit(name);
            }
        };
        step("ledger.before_lock");
        // Appends alone are looked up, decided and written without a transaction around: the one statement that writes them checks that
        // nobody else has written since.
        let left = session
            .take_head()
            .filter(|_| works.iter().all(|work| work.only_adds()));
        let alone = left.is_some();
        let mut head = match left {
            Some(head) => head,
            None => session.begin().await?,
        };
        step("ledger.after_lock");
        self.store.committed(uint(head.position));
        let recorded_at = self.time.now().max(head.recorded_at);
        let (known, keys) = self.look_up(session, works).await?;
        let numbers = Numbers {
            position: uint(head.position),
            streams: uint(head.streams),
            recorded_at,
        };
        let mut batch = Batch::new(known, numbers);
        let decisions: Vec<Option<Result<Decision, Refused>>> = works
            .iter()
            .enumerate()
            .map(|(place, work)| match work {
                Work::Append(request) => Some(batch.decide(place, request, self.digest(request))),
                Work::Lease(_) => None,
            })
            .collect();
        let leases = lease_outcomes(session, works, batch.numbers.position, recorded_at).await?;
        let appended = !batch.events.is_empty();
        if alone {
            // Its insert and its commit are one.
            step("ledger.before_commit");
        }
        let events = if appended {
            self.write(session, &mut batch, keys, &mut head).await?
        } else {
            Vec::new()
        };
        let erased: Vec<(Uuid, u64)> = events.iter().filter_map(erasure).collect();
        for (case, position) in &erased {
            session.erase(*case, *position).await?;
        }
        if appended || leases.iter().flatten().any(|(_, stored)| *stored) {
            if !alone {
                step("ledger.before_commit");
                session.commit().await?;
            }
            step("ledger.after_commit_before_reply");
        } else if !alone {
            session.rollback().await?;
        }
        session.leave_head(head.clone());
        self.vault.erased(erased.into_iter().map(|(case, _)| case));
        self.store.committed(uint(head.position));
        metrics::histogram!(telemetry::BATCH).record(works.len() as f64);
        metrics::histogram!(telemetry::COMMIT_SECONDS).record(began.elapsed());
        metrics::counter!(telemetry::APPENDED).increment(events.len() as u64);
        metrics::gauge!(telemetry::HEAD).set(head.position as f64);
        let mut outcomes = Vec::with_capacity(works.len());
        for ((work, decision), lease) in works.iter().zip(decisions).zip(leases) {
            outcomes.push(match (work, decision, lease) {
                (Work::Append(request), Some(decision), _) => self.answer(request, decision, &events).await?,
                (_, _, Some((outcome, _))) => outcome.map(Answer::Lease),
                _ => Err(Refused::Unavailable),
            });
        }
        Ok(outcomes)
    }

    fn digest(&self, request: &Request) -> Option<Vec<u8>> {
        match &request.origin {
            Origin::Reaction => None,
            Origin::Client(sent) => Some(self.vault.digest(request.id, sent)),
        }
    }

    /// Everything the batch needs to know, in a few statements.
    async fn look_up(
        &self,
        session: &mut Session,
        works: &[&Work],
    ) -> Result<(Known, HashMap<Uuid, KeyState>), StoreError> {
        let requests: Vec<(usize, &Request)> = works
            .iter()
            .enumerate()
            .filter_map(|(place, work)| match work {
                Work::Append(request) => Some((place, request.as_ref())),
                Work::Lease(_) => None,
            })
            .collect();
        if requests.is_empty() {
            return Ok((Known::default(), HashMap::new()));
        }
        let ids: Vec<Uuid> = requests.iter().map(|(_, request)| request.id).collect();
        let mut streams: Vec<(&str, Uuid)> = requests
            .iter()
            .flat_map(|(_, request)| &request.streams)
            .map(|stream| (stream.category.as_str(), stream.id))
            .collect();
        streams.sort_unstable();
        streams.dedup();
        let (stored, streams) = session.look_up(&ids, &streams).await?;
        let mut known = Known {
            requests: stored,
            streams,
            ..Known::default()
        };
        let fresh = || {
            requests
                .iter()
                .filter(|(_, request)| !known.requests.contains_key(&request.id))
        };
        let mut owners: Vec<Uuid> = fresh()
            .flat_map(|(_, request)| &request.streams)
            .filter(|stream| stream.events.iter().any(|event| event.sealed.is_some()))
            .map(Request::key_owner)
            .collect();
        owners.sort_unstable();
        owners.dedup();
        let mut moved = HashMap::new();
        for (place, request) in fresh() {
            for guard in &request.unless {
                if let Some(mover) = session.moved(guard.case, guard.after, &guard.categories).await? {
                    moved.insert(*place, mover);
                    break;
                }
            }
        }
        known.moved = moved;
        let keys = self.vault.lookup(&owners).await?;
        let destroyed = keys.iter().filter(|(_, key)| matches!(key, KeyState::Destroyed));
        known.destroyed = destroyed.map(|(owner, _)| *owner).collect();
        Ok((known, keys))
    }

    /// Seals, hashes and writes the batch's events; the head row moves on with them.
    async fn write(
        &self,
        session: &mut Session,
        batch: &mut Batch,
        mut keys: HashMap<Uuid, KeyState>,
        head: &mut HeadRow,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let mut missing: Vec<Uuid> = batch
            .events
            .iter()
            .filter(|it| it.sealed.is_some() && !keys.contains_key(&it.key_owner))
            .map(|it| it.key_owner)
            .collect();
        missing.sort_unstable();
        missing.dedup();
        // On disk before the commit: no committed event is ever without its key.
        keys.extend(self.vault.create(&missing, batch.numbers.recorded_at).await?);
        chassis::failpoint::hit("ledger.after_keys");
        let mut frontier = Frontier::from_bytes(uint(head.position), &head.frontier).ok_or(
            StoreError::Damaged("the Merkle frontier does not fit the head's position"),
        )?;
        let planned = std::mem::take(&mut batch.events);
        let mut salts = vec![0; SALT * planned.len()];
        getrandom::fill(&mut salts).map_err(|error| StoreError::File {
            path: "the system's randomness".to_owned(),
            source: std::io::Error::other(error),
        })?;
        let events = planned
            .into_iter()
            .zip(salts.chunks_exact(SALT))
            .map(|(it, salt)| finish(it, salt, &keys, &mut frontier))
            .collect::<Result<Vec<_>, _>>()?;
        let (new_streams, moved_streams) = batch.stream_rows();
        let rows = Rows {
            events,
            requests: std::mem::take(&mut batch.request_rows),
            new_streams,
            moved_streams,
        };
        head.position = int(batch.numbers.position);
        head.streams = int(batch.numbers.streams);
        head.recorded_at = batch.numbers.recorded_at;
        head.frontier = frontier.to_bytes();
        session.write(&rows, head).await?;
        Ok(rows.events.into_iter().map(|row| row.event).collect())
    }

    async fn answer(
        &self,
        request: &Request,
        decision: Result<Decision, Refused>,
        events: &[StoredEvent],
    ) -> Result<Outcome, StoreError> {
        Ok(match decision {
            Err(refused) => Err(refused),
            Ok(Decision::Appended {
                events: range,
                already,
            }) => Ok(appended(request, &events[range], already)),
            Ok(Decision::Stored { position, count }) => {
                let Range { start, end } = position..position + count;
                let limit = usize::try_from(count).unwrap_or(usize::MAX);
                let stored = self
                    .store
                    .read_all(start, end - 1, limit, &Filter::default())
                    .await?;
                if stored.len() as u64 != count {
                    return Err(StoreError::Damaged("a stored request lacks events"));
                }
                Ok(appended(request, &stored, true))
            }
        })
    }
}

fn appended(request: &Request, events: &[StoredEvent], already: bool) -> Answer {
    let head = events.last().map_or(0, |event| event.position);
    let events = events
        .iter()
        .map(|event| wire::AppendedEvent {
            id: bytes(event.id),
            position: event.position,
            category: event.category.clone(),
            stream_id: bytes(event.stream_id),
            version: event.version,
            recorded_at: event.recorded_at,
        })
        .collect();
    Answer::Appended(wire::Appended {
        request_id: bytes(request.id),
        events,
        already,
        head,
    })
}

/// Seals and hashes one event, and adds its leaf to the tree.
fn finish(
    planned: Planned,
    salt: &[u8],
    keys: &HashMap<Uuid, KeyState>,
    frontier: &mut Frontier,
) -> Result<EventRow, StoreError> {
    let Planned {
        mut event,
        stream,
        sealed,
        key_owner,
    } = planned;
    event.salt = salt.to_vec();
    event.data_hash = Sha256::new()
        .chain_update(salt)
        .chain_update(&event.data)
        .finalize()
        .to_vec();
    let (mut nonce, mut ciphertext) = (None, None);
    if let Some(plaintext) = sealed {
        let Some(KeyState::Key(key)) = keys.get(&key_owner) else {
            return Err(StoreError::Damaged("a key vanished while it was needed"));
        };
        let sealed = Vault::seal(key, &event, &plaintext)?;
        event.sealed_hash = sealed.hash;
        nonce = Some(sealed.nonce);
        ciphertext = Some(sealed.ciphertext);
    }
    let leaf = leaf_hash(&envelope::leaf(&event));
    frontier.push(leaf);
    event.leaf = leaf.to_vec();
    Ok(EventRow {
        event,
        stream,
        nonce,
        sealed: ciphertext,
    })
}

/// The case whose content goes with this event.
fn erasure(event: &StoredEvent) -> Option<(Uuid, u64)> {
    let erases = event.category == ACCESS && event.name == CONTENT_ERASED;
    event
        .case_id
        .filter(|_| erases)
        .map(|case| (case, event.position))
}

/// Decides the leases of a batch in their order; each sees what the one before stored. The flag says whether it stored.
async fn lease_outcomes(
    session: &mut Session,
    works: &[&Work],
    head: u64,
    now: i64,
) -> Result<Vec<Option<(Result<wire::Lease, Refused>, bool)>>, StoreError> {
    let mut outcomes = Vec::with_capacity(works.len());
    for work in works {
        outcomes.push(match work {
            Work::Append(_) => None,
            Work::Lease(request) => {
                let current = session.cursor(&request.consumer, request.shard).await?;
                Some(match request.decide(current, head, now) {
                    Err(refused) => (Err(refused), false),
                    Ok((None, lease)) => (Ok(lease), false),
                    Ok((Some(cursor), lease)) => {
                        session.put_cursor(&cursor).await?;
                        (Ok(lease), true)
                    }
                })
            }
        });
    }
    Ok(outcomes)
}
