//! A reactor's cursor under a fenced lease: who may move it, and that it never goes back.

use contracts::grpc::ledger as wire;

use crate::error::Refused;
use crate::request::word;
use crate::store::StoredCursor;

/// Longest life of a lease without renewal.
const MAX_TTL_MS: u32 = 600_000;

/// What is asked of a lease.
#[derive(Clone, Debug)]
pub(crate) struct LeaseRequest {
    pub(crate) consumer: String,
    pub(crate) shard: u32,
    holder: String,
    ttl_micros: i64,
    act: Act,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Take,
    Save { fence: u64, position: u64 },
    Release { fence: u64, position: u64 },
}

/// The row to be stored, if it changes, and the answer.
pub(crate) type Decided = (Option<StoredCursor>, wire::Lease);

impl LeaseRequest {
    pub(crate) fn take(request: wire::TakeLeaseRequest) -> Result<Self, Refused> {
        Self::check(
            request.consumer,
            request.shard,
            request.holder,
            request.ttl_ms,
            Act::Take,
        )
    }

    pub(crate) fn save(request: wire::SaveCursorRequest) -> Result<Self, Refused> {
        let act = Act::Save {
            fence: request.fence,
            position: request.position,
        };
        Self::check(
            request.consumer,
            request.shard,
            request.holder,
            request.ttl_ms,
            act,
        )
    }

    pub(crate) fn release(request: wire::SaveCursorRequest) -> Result<Self, Refused> {
        let act = Act::Release {
            fence: request.fence,
            position: request.position,
        };
        Self::check(
            request.consumer,
            request.shard,
            request.holder,
            request.ttl_ms,
            act,
        )
    }

    fn check(consumer: String, shard: u32, holder: String, ttl_ms: u32, act: Act) -> Result<Self, Refused> {
        word("consumer", &consumer)?;
        word("holder", &holder)?;
        if ttl_ms > MAX_TTL_MS {
            return Err(Refused::invalid("ttl_ms", "it must be at most ten minutes"));
        }
        Ok(Self {
            consumer,
            shard,
            holder,
            ttl_micros: i64::from(ttl_ms) * 1_000,
            act,
        })
    }

    /// Decides on what is stored now. A lease that ran out stays with its holder until somebody takes it.
    pub(crate) fn decide(
        &self,
        current: Option<StoredCursor>,
        head: u64,
        now: i64,
    ) -> Result<Decided, Refused> {
        let cursor = current.unwrap_or_else(|| StoredCursor {
            consumer: self.consumer.clone(),
            shard: self.shard,
            holder: String::new(),
            fence: 0,
            position: 0,
            updated_at: now,
            expires_at: 0,
        });
        match self.act {
            Act::Take => {
                let free =
                    cursor.holder.is_empty() || cursor.holder == self.holder || cursor.expires_at <= now;
                if !free {
                    return Ok((None, answer(&cursor, false)));
                }
                let taken = StoredCursor {
                    holder: self.holder.clone(),
                    fence: cursor.fence + 1,
                    updated_at: now,
                    expires_at: now.saturating_add(self.ttl_micros),
                    ..cursor
                };
                let lease = answer(&taken, true);
                Ok((Some(taken), lease))
            }
            Act::Save { fence, position } => {
                let saved = self.moved(cursor, fence, position, head, now)?;
                let renewed = StoredCursor {
                    expires_at: now.saturating_add(self.ttl_micros),
                    ..saved
                };
                let lease = answer(&renewed, true);
                Ok((Some(renewed), lease))
            }
            Act::Release { fence, position } => {
                let saved = self.moved(cursor, fence, position, head, now)?;
                let released = StoredCursor {
                    holder: String::new(),
                    expires_at: 0,
                    ..saved
                };
                let lease = answer(&released, false);
                Ok((Some(released), lease))
            }
        }
    }

    fn moved(
        &self,
        cursor: StoredCursor,
        fence: u64,
        position: u64,
        head: u64,
        now: i64,
    ) -> Result<StoredCursor, Refused> {
        if cursor.fence != fence || cursor.holder != self.holder {
            return Err(Refused::LeaseLost { fence: cursor.fence });
        }
        if position > head {
            return Err(Refused::invalid("position", "it must not be after the head"));
        }
        Ok(StoredCursor {
            position: cursor.position.max(position),
            updated_at: now,
            ..cursor
        })
    }
}

fn answer(cursor: &StoredCursor, held: bool) -> wire::Lease {
    wire::Lease {
        held,
        holder: cursor.holder.clone(),
        fence: cursor.fence,
        position: cursor.position,
        expires_at: cursor.expires_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(holder: &str) -> LeaseRequest {
        let request = wire::TakeLeaseRequest {
            consumer: "c".to_owned(),
            shard: 0,
            holder: holder.to_owned(),
            ttl_ms: 1,
        };
        LeaseRequest::take(request).unwrap()
    }

    fn save(holder: &str, fence: u64, position: u64) -> LeaseRequest {
        let holder = holder.to_owned();
        let request = wire::SaveCursorRequest {
            consumer: "c".to_owned(),
            shard: 0,
            holder,
            fence,
            position,
            ttl_ms: 1,
        };
        LeaseRequest::save(request).unwrap()
    }

    #[test]
    fn a_lease_is_held_by_one_until_it_runs_out_and_the_old_fence_is_then_refused() {
        let (stored, lease) = take("a").decide(None, 9, 0).unwrap();
        assert!(lease.held);
        assert!(!take("b").decide(stored.clone(), 9, 999).unwrap().1.held);
        let (stored, lease) = take("b").decide(stored, 9, 1_000).unwrap();
        assert_eq!((lease.held, lease.fence), (true, 2));
        assert_eq!(
            save("a", 1, 5).decide(stored, 9, 1_001),
            Err(Refused::LeaseLost { fence: 2 })
        );
    }

    #[test]
    fn a_cursor_never_goes_back_and_never_passes_the_head() {
        let (stored, _) = take("a").decide(None, 9, 0).unwrap();
        let (stored, _) = save("a", 1, 7).decide(stored, 9, 0).unwrap();
        let (stored, lease) = save("a", 1, 3).decide(stored, 9, 0).unwrap();
        assert_eq!(lease.position, 7);
        assert!(save("a", 1, 10).decide(stored, 9, 0).is_err());
    }
}
